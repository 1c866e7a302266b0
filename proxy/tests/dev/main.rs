//! `slotway dev` as people use it: the real command, from its first line to its last process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod front;

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use slotway_cluster::{PortPair, PortRange, TestServer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{Instant, sleep, timeout},
};

/// Far more than anything here takes, since the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(60);

fn slotway(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotway"));
    command.arg("dev").args(args).current_dir(folder).stdin(Stdio::null());
    command.env_remove("SLOTWAY_PASSWORD").env_remove("SLOTWAY_SERVER").kill_on_drop(true);
    command
}

/// As on a machine that has no server.
fn without_path(mut command: Command) -> Command {
    command.env("PATH", "");
    command
}

async fn finished(mut command: Command) -> Output {
    timeout(DEADLINE, command.output()).await.unwrap().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running `slotway dev --output json`.
struct Dev {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    ready: Value,
}

impl Dev {
    async fn start(folder: &Path, server: TestServer, args: &[&str]) -> Self {
        let binary = server.binary();
        let server = binary.path().to_str().unwrap();
        let mut command = slotway(folder, &["--server", server, "--output", "json"]);
        if !args.iter().any(|arg| ["--no-proxy", "--proxy-port"].contains(arg)) {
            // Where it is by default, people who use this machine are.
            command.args(["--proxy-port", &base(), "--admin", &base()]);
        }
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(line) = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap() else {
            let mut error = String::new();
            child.stderr.take().unwrap().read_to_string(&mut error).await.unwrap();
            panic!("it ended: {error}");
        };
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["event"], "ready", "{line}");
        Self { child, lines, ready }
    }

    /// Of every node, what `field` says, in the order of ports.
    fn nodes(&self, field: &str) -> Vec<Value> {
        let shards = self.ready["shards"].as_array().unwrap();
        let mut nodes: Vec<_> =
            shards.iter().flat_map(|shard| shard["nodes"].as_array().unwrap()).collect();
        nodes.sort_by_key(|node| node["port"].as_u64());
        nodes.iter().map(|node| node[field].clone()).collect()
    }

    fn ports(&self) -> Vec<u16> {
        let port = |value: &Value| u16::try_from(value.as_u64().unwrap()).unwrap();
        self.nodes("port").iter().map(port).collect()
    }

    fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }

    async fn wait(&mut self) -> Option<i32> {
        timeout(DEADLINE, self.child.wait()).await.unwrap().unwrap().code()
    }

    /// Where the proxy and its admin port are.
    fn front(&self) -> Vec<u16> {
        let proxy = &self.ready["proxy"];
        let admin = proxy["admin"].as_str().and_then(|url| url.rsplit_once(':')?.1.parse().ok());
        let port = proxy["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        port.into_iter().chain(admin).collect()
    }

    /// Waits until nobody listens any more.
    async fn gone(&self) {
        let end = Instant::now() + DEADLINE;
        for port in self.ports().into_iter().chain(self.front()) {
            while TcpStream::connect(("localhost", port)).is_ok() {
                assert!(Instant::now() < end, "{port} is still listened on");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

fn send(child: &Child, signal: Signal) {
    let id = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    kill_process(id, signal).unwrap();
}

/// A base for ports that no other test uses now.
fn base() -> String {
    PortPair::find(PortRange::Any).unwrap().client().to_string()
}

async fn redis(port: u16, command: &str) -> String {
    use tokio::io::AsyncWriteExt as _;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(command.as_bytes()).await.unwrap();
    stream.write_all(b"\r\n").await.unwrap();
    let mut reply = vec![0; 256];
    let length = timeout(DEADLINE, stream.read(&mut reply)).await.unwrap().unwrap();
    text(&reply[..length])
}

async fn resumes_with_its_data_even_after_sigkill(server: TestServer) {
    let folder = TempDir::new().unwrap();
    let mut dev = Dev::start(folder.path(), server, &["--port", &base()]).await;
    let (ports, ids) = (dev.ports(), dev.nodes("id"));
    assert_eq!(ports.len(), 6);
    // `a` is in slot 15495, which the third shard has.
    assert_eq!(redis(ports[2], "SET a kept").await, "+OK\r\n");

    // Not even this leaves a server behind.
    dev.signal(Signal::KILL);
    dev.wait().await;
    dev.gone().await;

    // Meanwhile somebody else takes a port.
    let stranger = TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
    let mut dev = Dev::start(folder.path(), server, &[]).await;
    assert!(!dev.ports().contains(&ports[0]));
    let mut now: Vec<_> = dev.nodes("id").iter().map(Value::to_string).collect();
    let mut before: Vec<_> = ids.iter().map(Value::to_string).collect();
    now.sort();
    before.sort();
    assert_eq!(now, before);
    assert_eq!(redis(ports[2], "GET a").await, "$4\r\nkept\r\n");
    drop(stranger);

    dev.signal(Signal::TERM);
    assert_eq!(dev.wait().await, Some(0));
    dev.gone().await;

    // With other wishes it says what is there, and with --fresh it starts empty.
    let binary = server.binary();
    let flags = ["--server", binary.path().to_str().unwrap(), "--primaries", "4"];
    let refused = finished(slotway(folder.path(), &flags)).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("3 primaries with 1 replicas"), "{refused:?}");
    let shape = ["--fresh", "--primaries", "1", "--replicas", "0", "--port", &base()];
    let mut dev = Dev::start(folder.path(), server, &shape).await;
    assert_eq!(redis(dev.ports()[0], "DBSIZE").await, ":0\r\n");
    dev.signal(Signal::INT);
    assert_eq!(dev.wait().await, Some(0));
    dev.gone().await;
}

macro_rules! on_every_server {
    ($($name:ident $server:ident),+) => {
        $(#[tokio::test]
        async fn $name() {
            resumes_with_its_data_even_after_sigkill(TestServer::$server).await;
        })+
    };
}
on_every_server!(
    redis_7_0_resumes_with_its_data_even_after_sigkill Redis70,
    valkey_8_1_resumes_with_its_data_even_after_sigkill Valkey81,
    valkey_9_1_resumes_with_its_data_even_after_sigkill Valkey91
);

#[tokio::test]
async fn a_second_terminal_can_do_everything() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let flags = ["--port", &base(), "--node-timeout", "1s"];
    let mut dev = Dev::start(here, TestServer::Valkey91, &flags).await;
    let ports = dev.ports();

    let second = finished(without_path(slotway(here, &[]))).await;
    assert_eq!(second.status.code(), Some(2));
    let pid = dev.child.id().unwrap();
    assert!(text(&second.stderr).starts_with(&format!("error: process {pid} already")));

    let typo = finished(slotway(here, &["kill", "shrad1"])).await;
    assert_eq!(typo.status.code(), Some(2));
    assert_eq!(text(&typo.stderr), "error: there is no `shrad1`\nhint:  did you mean `shard1`?\n");

    let killed = finished(slotway(here, &["kill", "shard1"])).await;
    assert_eq!(killed.status.code(), Some(0), "{killed:?}");
    let timeline = text(&killed.stdout);
    for part in [
        format!("killed {} (primary of shard 1)", ports[0]),
        format!("link to {} lost", ports[0]),
        format!("{} marked failing by 2 of 3 primaries", ports[0]),
        format!("{} promoted, serves 0-5460", ports[3]),
    ] {
        assert!(timeline.contains(&part), "{part:?} in {timeline}");
    }
    // The first terminal sees it too.
    let line = timeout(DEADLINE, dev.lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line.contains("killed"), "{line}");

    let back = finished(slotway(here, &["start", "shard1"])).await;
    assert!(text(&back.stdout).contains("is back (replica of shard 1)"), "{back:?}");

    let paused = finished(slotway(here, &["pause", &ports[4].to_string()])).await;
    assert_eq!(paused.status.code(), Some(0), "{paused:?}");
    let status = finished(slotway(here, &["status"])).await;
    assert!(text(&status.stdout).contains(&format!(":{} (paused)", ports[4])), "{status:?}");
    let resumed = finished(slotway(here, &["resume", &ports[4].to_string()])).await;
    assert_eq!(resumed.status.code(), Some(0), "{resumed:?}");

    for (flags, part) in [(&["add"][..], "(replica of shard"), (&["add", "--primary"], "no slots")]
    {
        let added = finished(slotway(here, flags)).await;
        assert!(text(&added.stdout).contains(part), "{added:?}");
    }
    let status = finished(slotway(here, &["status", "--output", "json"])).await;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["shards"].as_array().unwrap().len(), 4);

    let stopped = finished(slotway(here, &["stop"])).await;
    assert_eq!(stopped.status.code(), Some(0), "{stopped:?}");
    assert_eq!(dev.wait().await, Some(0));
    dev.gone().await;

    let nobody = finished(slotway(here, &["status"])).await;
    assert_eq!(nobody.status.code(), Some(3));
    assert!(text(&nobody.stderr).contains("no cluster runs in .slotway/dev"), "{nobody:?}");
}

#[tokio::test]
async fn a_server_that_cannot_read_the_data_is_told_whose_it_is() {
    let folder = TempDir::new().unwrap();
    let shape = ["--port", &base(), "--primaries", "1", "--replicas", "0"];
    let mut dev = Dev::start(folder.path(), TestServer::Valkey91, &shape).await;
    dev.signal(Signal::INT);
    assert_eq!(dev.wait().await, Some(0));
    let binary = TestServer::Redis70.binary();
    let server = binary.path().to_str().unwrap();
    let older = finished(slotway(folder.path(), &["--server", server])).await;
    assert_eq!(older.status.code(), Some(2), "{older:?}");
    assert!(text(&older.stderr).contains("hint:  the data is from valkey-server 9.1"), "{older:?}");
}

#[tokio::test]
async fn a_loss_that_nobody_can_make_good_is_said_at_once() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    // Two primaries cannot outvote the loss of one, so the timeout does not matter.
    let flags = ["--port", &base(), "--primaries", "2", "--node-timeout", "600s"];
    let mut dev = Dev::start(here, TestServer::Valkey91, &flags).await;
    let port = dev.ports()[0];
    let killed = finished(slotway(here, &["kill", "shard1"])).await;
    assert_eq!(killed.status.code(), Some(0), "{killed:?}");
    let expected = format!(
        "  killed {port} (primary of shard 1)\n  nobody takes over, since only 1 of 2 primaries are left \
         to vote: its slots are down until `slotway dev start {port}`\n"
    );
    assert_eq!(text(&killed.stdout), expected);
    let again = finished(slotway(here, &["kill", "shard1"])).await;
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(
        text(&again.stderr).contains(&format!("bring it back with `slotway dev start {port}`"))
    );
    dev.signal(Signal::INT);
    assert_eq!(dev.wait().await, Some(0));
}

#[tokio::test]
async fn a_taken_port_is_passed_over_and_named() {
    let folder = TempDir::new().unwrap();
    let pair = PortPair::find(PortRange::Any).unwrap();
    let port = pair.client();
    drop(pair);
    let _stranger = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let binary = TestServer::Redis70.binary();
    let mut command = slotway(
        folder.path(),
        &["--server", binary.path().to_str().unwrap(), "--primaries", "1", "--replicas", "1"],
    );
    command.args(["--port", &port.to_string(), "--no-proxy"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut seen = String::new();
    // What comes through a pipe is whole lines and no bars.
    while !seen.contains("ready in") {
        let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
        seen.push_str(&line.expect("it ends only when it is told to"));
        seen.push('\n');
    }
    assert!(seen.contains(&format!("note: port {port} is taken")), "{seen}");
    assert!(!seen.contains('\r') && !seen.contains('\x1b'), "{seen:?}");
    // Nobody reads any more, so nobody needs it any more.
    drop(lines);
    send(&child, Signal::INT);
    let status = timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn what_cannot_work_is_said_in_two_lines() {
    let folder = TempDir::new().unwrap();
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.txt"), "all of it").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let binary = TestServer::Redis70.binary();
    let server = binary.path().to_str().unwrap();
    let cases: [(&[&str], i32, &str); 12] = [
        (&["--server", "/nowhere"], 2, "error: /nowhere is not a server"),
        (&["--server", server, "--primaries", "0"], 2, "error: a cluster needs at least one"),
        (&["--server", server, "--hosts", "1"], 2, "error: with one host a replica"),
        (&["--server", server, "--dir", "foreign"], 2, "is not empty, and its files are not"),
        (&["--server", server, "--dir", "foreign", "--fresh"], 2, "is not empty"),
        (&["--server", server, "--dir", "file"], 1, "error: cannot create"),
        (&["status", "--primaries", "3"], 2, "error:"),
        (&["--server", server, "--password-file", "none"], 2, "error: cannot read none"),
        (&["--server", server, "--password", ""], 2, "error: the password is empty"),
        (&["--server", server, "--port", "65533"], 1, "ports from 65533 to 65535"),
        (&["--server", server, "--no-proxy", "--admin", "off"], 2, "cannot be used with"),
        (&["--server", server, "--admin", "on"], 2, "write a port from 1 to 65535, or off"),
    ];
    for (args, code, part) in cases {
        let output = finished(slotway(folder.path(), args)).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        assert!(text(&output.stderr).contains(part), "{args:?}: {output:?}");
        assert!(!text(&output.stderr).contains("panicked"), "{args:?}: {output:?}");
    }
    assert_eq!(fs::read(foreign.join("thesis.txt")).unwrap(), b"all of it");

    let mut lockless = slotway(folder.path(), &["--server", server]);
    lockless.env("TMPDIR", &file);
    let output = finished(lockless).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("hint:  set TMPDIR"), "{output:?}");

    let mut nothing = slotway(folder.path(), &[]);
    nothing.env("PATH", "/nowhere");
    let output = finished(nothing).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: found neither valkey-server nor"));
    assert!(text(&output.stderr).contains("hint:  "), "{output:?}");
}
