//! What clients connect to.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use slotway_cluster::{Spec, Standalone, TestCluster, TestServer};
use slotway_protocol::NodeAddr;
use slotway_tests::{command, raw};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// Longer than the proxy takes to answer the first time, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked whether it answers.
const BETWEEN: Duration = Duration::from_millis(20);

/// One address, and what is behind it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    addr: NodeAddr,
    _behind: Behind,
}

#[derive(Debug)]
enum Behind {
    Plain(#[expect(dead_code, reason = "it is held")] Box<Standalone>),
    Slotway(#[expect(dead_code, reason = "it is held")] Box<(Proxy, TestCluster)>),
}

impl Endpoint {
    /// One server that is part of no cluster.
    pub(crate) async fn plain(server: TestServer) -> Self {
        let server = Standalone::start(server.binary(), &[]).await.unwrap();
        Self { addr: server.addr().clone(), _behind: Behind::Plain(Box::new(server)) }
    }

    /// `slotway proxy` in front of three primaries with a replica each.
    pub(crate) async fn slotway(server: TestServer) -> Self {
        let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
        let proxy = Proxy::start(cluster.node(0).addr()).await;
        let addr = proxy.addr.clone();
        Self { addr, _behind: Behind::Slotway(Box::new((proxy, cluster))) }
    }

    /// What is compared with the plain server: until the proxy is there, another of these.
    pub(crate) async fn second(server: TestServer) -> Self {
        let help = Command::new(command::slotway()).args(["proxy", "--help"]).output().unwrap();
        if help.status.success() { Self::slotway(server).await } else { Self::plain(server).await }
    }

    /// As a user of a client writes it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}:{}", self.addr.host(), self.addr.port())
    }
}

/// The real command, for as long as this is held.
#[derive(Debug)]
struct Proxy {
    child: Child,
    addr: NodeAddr,
    folder: TempDir,
}

impl Proxy {
    async fn start(seed: &NodeAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // It is free now, and nobody else asks for a port in between.
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let addr = NodeAddr::new("127.0.0.1", port);
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(command::slotway());
        command.args(["proxy", &seed.to_string(), "--listen", &addr.to_string(), "--admin", "off"]);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap();
        let mut proxy = Self { child, addr, folder };
        proxy.answers().await;
        proxy
    }

    /// Waits until it answers a PING.
    async fn answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let addr = (self.addr.host().to_owned(), self.addr.port());
        while TcpStream::connect(&addr).is_err()
            || raw::exchange(&self.addr, b"*1\r\n$4\r\nPING\r\n") != b"+PONG\r\n"
        {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "slotway proxy ended, {ended:?}: {}", self.log());
            assert!(Instant::now() < deadline, "slotway proxy does not answer: {}", self.log());
            sleep(BETWEEN).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    #[expect(clippy::print_stderr, reason = "the test harness captures it for the test that fails")]
    fn drop(&mut self) {
        // What cannot be killed has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- slotway proxy\n{}", self.log());
        }
    }
}
