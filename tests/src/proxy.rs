//! The real proxy, for as long as a test holds it.

use std::{
    fs::{self, File},
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use slotway_protocol::NodeAddr;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{command, wire::Wire};

/// Longer than the proxy takes to answer the first time, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is asked whether it answers.
const BETWEEN: Duration = Duration::from_millis(20);

/// `slotway proxy` in front of a cluster. It is killed when this goes.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    addr: NodeAddr,
    folder: TempDir,
}

impl Proxy {
    /// Starts it on a free port, and waits until it answers.
    ///
    /// # Panics
    /// When it does not, with what it said.
    pub async fn start(seed: &NodeAddr) -> Self {
        Self::start_with(seed, &[]).await
    }

    /// The same, with more arguments.
    ///
    /// # Panics
    /// When it does not answer, with what it said.
    pub async fn start_with(seed: &NodeAddr, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let addr = NodeAddr::new("127.0.0.1", free_port());
        let log = File::create(folder.path().join("log")).expect("a file can be made");
        let errors = log.try_clone().expect("a file can be written from two places");
        let mut command = Command::new(command::slotway());
        command.args(["proxy", &seed.to_string(), "--listen", &addr.to_string()]);
        if !args.contains(&"--admin") {
            command.args(["--admin", "off"]);
        }
        command.args(args);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let child = command.spawn().expect("the command was built");
        let mut proxy = Self { child, addr, folder };
        proxy.answers().await;
        proxy
    }

    /// Where clients connect.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// A connection to it.
    ///
    /// # Panics
    /// When it accepts none.
    pub async fn wire(&self) -> Wire {
        Wire::connect(&self.addr).await.expect("the proxy listens")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until it has ended, and returns its exit code.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.log());
            sleep(BETWEEN).await;
        }
    }

    async fn answers(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(mut wire) = Wire::connect(&self.addr).await
                && wire
                    .try_ask(&["PING"])
                    .await
                    .is_ok_and(|said| said == "+PONG\r\n" || said.starts_with(b"-NOAUTH"))
            {
                return;
            }
            let ended = self.child.try_wait().expect("it is a child");
            assert!(ended.is_none(), "slotway proxy ended, {ended:?}: {}", self.log());
            assert!(Instant::now() < deadline, "slotway proxy does not answer: {}", self.log());
            sleep(BETWEEN).await;
        }
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

/// A port that is free now.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
