//! A node: its address, and the connection to it while there is one.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use slotway_protocol::NodeAddr;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{debug, info};

use crate::{
    Config,
    connect::connect,
    connection::{Call, Connection, Manner, NotTaken},
    error::ConnectError,
};

/// A node that the cluster named. It is connected to when it is first needed, and again when the
/// connection was lost and it is needed again.
#[derive(Debug)]
pub(crate) struct Node {
    addr: NodeAddr,
    config: Arc<Config>,
    ready: ArcSwapOption<Connection>,
    dial: watch::Sender<Dial>,
}

/// How the last attempt to connect stands.
#[derive(Clone, Debug)]
enum Dial {
    /// There was none, or it succeeded.
    Idle,
    /// It goes on.
    Busy { failures: u32 },
    /// It failed. The next may begin when this time has come.
    Failed { failures: u32, error: Arc<ConnectError>, until: Instant },
}

/// Why a command could not be put in line at a node.
#[derive(Debug)]
pub(crate) enum NotSent {
    /// The node cannot be reached.
    Unreachable(Arc<ConnectError>),
    /// It was not reached in time.
    Late,
    /// It has as much to do as it may.
    Full(slotway_protocol::PipelineFull),
}

impl Node {
    pub(crate) fn new(addr: NodeAddr, config: Arc<Config>) -> Self {
        Self { addr, config, ready: ArcSwapOption::empty(), dial: watch::Sender::new(Dial::Idle) }
    }

    pub(crate) fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// How it is talked to.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Puts an encoded command in line, connecting first if that is needed.
    pub(crate) async fn send(
        self: &Arc<Self>,
        command: &[u8],
        manner: Manner,
        deadline: Instant,
    ) -> Result<Call, NotSent> {
        loop {
            let taken = match &*self.ready.load() {
                Some(connection) => connection.send(command, manner, deadline),
                None => Err(NotTaken::Closed),
            };
            match taken {
                Ok(call) => return Ok(call),
                Err(NotTaken::Full(full)) => return Err(NotSent::Full(full)),
                Err(NotTaken::Closed) => self.connected(deadline).await?,
            }
        }
    }

    /// The connection, if there is one, as soon as none is being made.
    pub(crate) async fn settled(&self) -> Option<Arc<Connection>> {
        let mut dial = self.dial.subscribe();
        // It only fails when the sender is gone, which is this node's.
        let _ = dial.wait_for(|dial| !matches!(dial, Dial::Busy { .. })).await;
        self.ready.load_full()
    }

    /// Lets go of the connection, so that the next command goes over a new one.
    pub(crate) fn disconnect(&self) {
        self.ready.store(None);
    }

    /// Waits until there is a connection; many may wait for the same one.
    async fn connected(self: &Arc<Self>, deadline: Instant) -> Result<(), NotSent> {
        let mut dial = self.dial.subscribe();
        if self.begin() {
            tokio::spawn(self.clone().dial());
        }
        let ended = dial.wait_for(|dial| !matches!(dial, Dial::Busy { .. }));
        match timeout_at(deadline, ended).await {
            Err(_) => Err(NotSent::Late),
            Ok(Ok(dial)) => match &*dial {
                Dial::Failed { error, .. } => Err(NotSent::Unreachable(error.clone())),
                Dial::Idle | Dial::Busy { .. } => Ok(()),
            },
            Ok(Err(_)) => Err(NotSent::Unreachable(Arc::new(ConnectError::Closed))),
        }
    }

    /// Whether this caller is the one to dial: nobody does, nobody has, and it is not too soon.
    fn begin(&self) -> bool {
        self.dial.send_if_modified(|dial| {
            let failures = match dial {
                Dial::Busy { .. } => return false,
                Dial::Failed { until, .. } if Instant::now() < *until => return false,
                Dial::Failed { failures, .. } => *failures,
                Dial::Idle => 0,
            };
            if self.ready.load().as_ref().is_some_and(|connection| !connection.is_closed()) {
                return false;
            }
            *dial = Dial::Busy { failures };
            true
        })
    }

    async fn dial(self: Arc<Self>) {
        // The announced address names the node; this is where it is reached from here.
        let reach = self.config.address_rules.reach(&self.addr);
        let result = connect(&self.addr, &reach, &self.config).await;
        self.dial.send_modify(|dial| {
            let failures = match dial {
                Dial::Busy { failures } | Dial::Failed { failures, .. } => *failures,
                Dial::Idle => 0,
            };
            *dial = match result {
                Ok((connection, negotiated)) => {
                    info!(node = %self.addr, version = negotiated.version, "connected");
                    self.ready.store(Some(Arc::new(connection)));
                    Dial::Idle
                }
                Err(error) => {
                    debug!(node = %self.addr, %error, "not connected");
                    let wait = self.config.limits.backoff.delay(failures, fastrand::u64(..));
                    let failures = failures.saturating_add(1);
                    Dial::Failed { failures, error, until: Instant::now() + wait }
                }
            };
        });
    }
}
