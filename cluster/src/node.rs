//! One node of a local cluster.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use parking_lot::Mutex;
use slotway_protocol::{NodeAddr, NodeId};
use tokio::time::{Instant, sleep};

use crate::{
    Error, ServerBinary,
    admin::{Admin, Door},
    conf::NodeConf,
    guard::Guard,
    layout::Role,
    ports::PortPair,
    process::{Process, ProcessState},
    tls::write_private,
};

/// One node: where it is, who it is, and its process.
#[derive(Debug)]
pub struct Node {
    pub(crate) name: String,
    pub(crate) shard: usize,
    pub(crate) first_role: Role,
    pub(crate) host: Option<String>,
    pub(crate) addr: NodeAddr,
    pub(crate) ports: PortPair,
    pub(crate) dir: PathBuf,
    pub(crate) id: Option<NodeId>,
    pub(crate) process: Mutex<Process>,
}

impl Node {
    /// How long a server may take until it answers, loading its data included.
    const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
    const POLL: Duration = Duration::from_millis(5);
    pub(crate) const LOG_LINES: usize = 12;

    pub(crate) fn new(dir: PathBuf, name: String, ports: PortPair) -> Self {
        let process = Mutex::new(Process::new(dir.join("server.log")));
        let addr = NodeAddr::new("127.0.0.1", ports.client());
        let (shard, first_role, host, id) = (0, Role::Primary, None, None);
        Self { name, shard, first_role, host, addr, ports, dir, id, process }
    }

    /// Its address for clients.
    pub fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// Its port for clients.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Its port for the cluster bus.
    pub fn bus_port(&self) -> u16 {
        self.ports.bus()
    }

    /// The id that the cluster knows it by.
    pub fn id(&self) -> NodeId {
        self.id.expect("a node is handed out after it has said its id")
    }

    /// The shard it belongs to, counted from 0 in the order of slots.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// What it was started as; a failover changes its role, but not this.
    pub fn first_role(&self) -> Role {
        self.first_role
    }

    /// The label of the host it stands on, where labels are used.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Its folder: configuration, data, and the log as `server.log`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What its process is doing.
    pub fn state(&self) -> ProcessState {
        self.process.lock().state()
    }

    /// Its process id while it is there.
    pub fn process_id(&self) -> Option<u32> {
        self.process.lock().id()
    }

    /// The last lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        self.process.lock().log_tail(lines)
    }

    /// Writes its configuration and starts its process.
    pub(crate) fn start(
        &self,
        binary: &ServerBinary,
        conf: &NodeConf<'_>,
        guard: &Guard,
    ) -> Result<(), Error> {
        std::fs::create_dir_all(&self.dir).map_err(Error::file("create", &self.dir))?;
        let path = self.dir.join("server.conf");
        write_private(&path, conf.render().as_bytes())?;
        self.process.lock().start(binary.path(), &path, guard)
    }

    /// A connection to it as soon as it answers and has loaded its data.
    pub(crate) async fn answering(&self, door: &Door) -> Result<Admin, Error> {
        let end = Instant::now() + Self::ANSWER_DEADLINE;
        loop {
            let error = match self.ping(door).await {
                Ok(admin) => return Ok(admin),
                Err(error) => error,
            };
            self.check_alive()?;
            if Instant::now() >= end {
                let detail = format!(": {error}\n{}", self.log_tail(Self::LOG_LINES));
                let what = format!("{} to answer", self.addr);
                return Err(Error::TimedOut { what, waited: Self::ANSWER_DEADLINE, detail });
            }
            sleep(Self::POLL).await;
        }
    }

    async fn ping(&self, door: &Door) -> Result<Admin, Error> {
        let mut admin = Admin::connect(&self.addr, door, Admin::DEADLINE).await?;
        admin.ask(&["PING"]).await?;
        Ok(admin)
    }

    /// How its process ended, if nobody had asked it to.
    pub(crate) fn ended(&self) -> Option<String> {
        self.process.lock().exited().map(|status| status.to_string())
    }

    /// An error with the end of its log if its process has ended by itself.
    pub(crate) fn check_alive(&self) -> Result<(), Error> {
        let mut process = self.process.lock();
        match process.exited() {
            Some(status) => Err(Error::Exited {
                node: self.addr.clone(),
                status: status.to_string(),
                log: process.log_tail(Self::LOG_LINES),
            }),
            None => Ok(()),
        }
    }
}
