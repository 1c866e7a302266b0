//! The proxy in front of the cluster that `slotway dev` starts.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;
use slotway_cluster::TestServer;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::TcpStream,
    process::ChildStdout,
    time::timeout,
};

use super::{DEADLINE, Dev, Stdio, base, finished, send, slotway, text};

/// So many keys that every part of a cluster gets thousands.
const KEYS: usize = 16_384;

/// A client that knows nothing of clusters.
struct Plain(BufReader<TcpStream>);

impl Plain {
    /// Connects to what a person reads on the screen.
    async fn at(url: &str) -> Self {
        let address = url.strip_prefix("redis://").unwrap();
        Self(BufReader::new(timeout(DEADLINE, TcpStream::connect(address)).await.unwrap().unwrap()))
    }

    async fn send(&mut self, text: &str) {
        timeout(DEADLINE, self.0.get_mut().write_all(text.as_bytes())).await.unwrap().unwrap();
    }

    /// The next line; nothing, if there is none any more.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        timeout(DEADLINE, self.0.read_line(&mut line)).await.unwrap().ok()?;
        Some(line.trim_end().to_owned()).filter(|_| !line.is_empty())
    }

    async fn check(&mut self, command: &str, replies: &[&str]) {
        self.send(&format!("{command}\r\n")).await;
        for reply in replies {
            assert_eq!(self.line().await.as_deref(), Some(*reply), "{command}");
        }
    }

    /// Sets as many keys as there are slots, and reads each, in one go.
    async fn use_all_slots(&mut self) {
        let sets: String = (0..KEYS).map(|number| format!("SET k{number} v{number}\r\n")).collect();
        let gets: String = (0..KEYS).map(|number| format!("GET k{number}\r\n")).collect();
        self.send(&sets).await;
        for number in 0..KEYS {
            assert_eq!(self.line().await.as_deref(), Some("+OK"), "SET k{number}");
        }
        self.send(&gets).await;
        for number in 0..KEYS {
            let value = format!("v{number}");
            assert_eq!(self.line().await, Some(format!("${}", value.len())), "GET k{number}");
            assert_eq!(self.line().await, Some(value), "GET k{number}");
        }
        self.check("DBSIZE", &[&format!(":{KEYS}")]).await;
    }
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap();
    line.expect("it goes on until it is told to end")
}

/// The words of the line that starts with this, from where it says who may connect.
fn words<'a>(screen: &'a str, who: &str) -> Vec<&'a str> {
    let line = screen.lines().find_map(|line| line.trim_start().strip_prefix(who));
    line.unwrap_or_else(|| panic!("no {who} in {screen}")).split_whitespace().collect()
}

#[tokio::test]
async fn the_screen_shows_where_any_client_finds_every_slot() {
    let folder = TempDir::new().unwrap();
    let binary = TestServer::Valkey91.binary();
    let server = ["--server", binary.path().to_str().unwrap(), "--port", &base()];
    let mut command = slotway(folder.path(), &server);
    command.args(["--proxy-port", &base(), "--admin", &base()]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut screen = String::new();
    while !screen.contains("Ctrl-C") {
        screen.push_str(&next(&mut lines).await);
        screen.push('\n');
    }
    let any = words(&screen, "any client ");
    let port = any[0].strip_prefix("redis://localhost:").unwrap();
    // The command beside it is for the same place.
    assert_eq!(any[any.len() - 5..], ["-p", port, "set", "hello", "world"], "{screen}");
    assert!(words(&screen, "cluster clients ")[0].starts_with("redis://127.0.0.1:"), "{screen}");

    let admin = words(&screen, "admin ")[0].strip_prefix("http://").unwrap();
    let mut operator = Plain::at(&format!("redis://{admin}")).await;
    operator.check("GET /readyz HTTP/1.0\r\n", &["HTTP/1.0 200 OK"]).await;

    let mut client = Plain::at(any[0]).await;
    client.use_all_slots().await;
    client.check("MSET a 1 b 2 c 3", &["+OK"]).await;

    send(&child, Signal::INT);
    // Its client is told that it was the end, and is not left waiting.
    assert_eq!(client.line().await, None);
    let status = timeout(DEADLINE, child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_client_of_the_proxy_survives_a_failover_and_nothing_survives_the_end() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let flags = ["--port", &base(), "--node-timeout", "1s"];
    let mut dev = Dev::start(here, TestServer::Valkey91, &flags).await;
    let url = dev.ready["proxy"]["url"].as_str().unwrap().to_owned();
    let mut client = Plain::at(&url).await;
    // `b` is in slot 3300, which the first shard has.
    client.check("SET b 1", &["+OK"]).await;
    let killed = finished(slotway(here, &["kill", "shard1"])).await;
    assert_eq!(killed.status.code(), Some(0), "{killed:?}");
    client.check("SET b 2", &["+OK"]).await;
    client.check("GET b", &["$1", "2"]).await;

    let status = finished(slotway(here, &["status"])).await;
    assert!(text(&status.stdout).contains(&url), "{status:?}");

    // One that waits for what never comes does not hold up the end.
    let mut waiting = Plain::at(&url).await;
    waiting.send("BLPOP nothing 0\r\n").await;
    dev.signal(Signal::INT);
    assert_eq!(dev.wait().await, Some(0));
    while waiting.line().await.is_some() {}
    dev.gone().await;
}

#[tokio::test]
async fn a_taken_port_gives_way_to_the_next_one() {
    let folder = TempDir::new().unwrap();
    let wanted = base();
    let _stranger = TcpListener::bind(("127.0.0.1", wanted.parse().unwrap())).unwrap();
    let shape = ["--port", &base(), "--primaries", "1", "--replicas", "0"];
    let flags = [&shape[..], &["--proxy-port", &wanted, "--admin", "off"]].concat();
    let mut dev = Dev::start(folder.path(), TestServer::Redis70, &flags).await;
    let port = dev.ready["proxy"]["port"].as_u64().unwrap();
    assert!(port > wanted.parse().unwrap(), "{port}");
    assert_eq!(dev.ready["proxy"]["admin"], Value::Null);
    Plain::at(dev.ready["proxy"]["url"].as_str().unwrap()).await.check("PING", &["+PONG"]).await;
    dev.signal(Signal::TERM);
    assert_eq!(dev.wait().await, Some(0));
    dev.gone().await;
}

#[tokio::test]
async fn the_cluster_can_be_had_alone() {
    let folder = TempDir::new().unwrap();
    let here = folder.path();
    let flags = ["--port", &base(), "--primaries", "1", "--replicas", "0", "--no-proxy"];
    let mut dev = Dev::start(here, TestServer::Redis70, &flags).await;
    assert_eq!(dev.ready["proxy"], Value::Null);
    let status = finished(slotway(here, &["status", "--output", "json"])).await;
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["proxy"], Value::Null);
    dev.signal(Signal::INT);
    assert_eq!(dev.wait().await, Some(0));
    dev.gone().await;
}

#[tokio::test]
async fn the_password_of_the_cluster_is_that_of_the_proxy_too() {
    let folder = TempDir::new().unwrap();
    let shape = ["--port", &base(), "--primaries", "3", "--replicas", "0"];
    std::fs::write(folder.path().join("secret"), "open sesame\n").unwrap();
    let flags = [&shape[..], &["--user", "app", "--password-file", "secret", "--tls"]].concat();
    let mut dev = Dev::start(folder.path(), TestServer::Redis70, &flags).await;
    let url = dev.ready["proxy"]["url"].as_str().unwrap();
    let mut client = Plain::at(url).await;
    client.check("GET a", &["-NOAUTH Authentication required."]).await;
    client
        .check(
            "AUTH \"open barley\"",
            &["-WRONGPASS invalid username-password pair or user is disabled."],
        )
        .await;
    client.check("AUTH \"open sesame\"", &["+OK"]).await;
    client.use_all_slots().await;
    dev.signal(Signal::INT);
    assert_eq!(dev.wait().await, Some(0));
    dev.gone().await;
}

#[tokio::test]
async fn a_proxy_that_cannot_be_is_told_in_two_lines_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    // It may be another one who has it.
    let _stranger = TcpListener::bind(("127.0.0.1", u16::MAX));
    let binary = TestServer::Redis70.binary();
    let server = ["--server", binary.path().to_str().unwrap(), "--proxy-port", "65535"];
    let failed = finished(slotway(folder.path(), &server)).await;
    assert_eq!(failed.status.code(), Some(3), "{failed:?}");
    let expected = "error: there is no free port from 65535 to 65535 for the proxy\nhint:  choose \
                    others with --proxy-port and --admin, or leave it out with --no-proxy\n";
    assert_eq!(text(&failed.stderr), expected);
}
