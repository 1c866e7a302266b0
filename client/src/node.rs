//! A node: its address, and the connections to it while there are any.

mod lease;
mod link;

use std::sync::Arc;

pub(crate) use lease::Lease;
use link::Link;
use parking_lot::Mutex;
use slotway_protocol::{Access, NodeAddr};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    Config,
    connection::{Call, Connection, Manner, NotTaken, Unit},
    error::ConnectError,
    stats::{Counters, NodeStats},
};

/// A node that the cluster named. It is connected to when it is first needed, and again when the
/// connection was lost and it is needed again.
#[derive(Debug)]
pub(crate) struct Node {
    addr: NodeAddr,
    config: Arc<Config>,
    /// The connection that all calls share.
    shared: Link,
    /// The one that reads go over while the node is a replica.
    reading: Link,
    /// Connections that were leased and are in order.
    idle: Mutex<Vec<Connection>>,
    /// How many more connections may be leased, of all nodes together.
    leases: Arc<Semaphore>,
    counters: Arc<Counters>,
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
    /// As many connections are leased as may be.
    AllLeased,
}

impl Node {
    pub(crate) fn new(
        addr: NodeAddr,
        config: Arc<Config>,
        leases: Arc<Semaphore>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            addr,
            config,
            shared: Link::new(Access::ReadWrite),
            reading: Link::new(Access::ReadOnly),
            idle: Mutex::default(),
            leases,
            counters,
        }
    }

    pub(crate) fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// How it is talked to.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Puts a unit in line, connecting first if that is needed.
    pub(crate) async fn send<'a>(
        self: &Arc<Self>,
        unit: impl Into<Unit<'a>>,
        manner: Manner,
        deadline: Instant,
    ) -> Result<Call, NotSent> {
        let unit = unit.into();
        loop {
            let taken = match &*self.link(manner).ready() {
                Some(connection) => connection.send(unit, manner, deadline),
                None => Err(NotTaken::Closed),
            };
            match taken {
                Ok(call) => return Ok(call),
                Err(NotTaken::Full(full)) => return Err(NotSent::Full(full)),
                Err(NotTaken::Closed) => link::connected(self, manner, deadline).await?,
            }
        }
    }

    /// The connection that all calls share, made first if that is needed.
    pub(crate) async fn connection(
        self: &Arc<Self>,
        manner: Manner,
        deadline: Instant,
    ) -> Result<Arc<Connection>, NotSent> {
        loop {
            if let Some(connection) = &*self.link(manner).ready()
                && !connection.is_closed()
            {
                return Ok(connection.clone());
            }
            link::connected(self, manner, deadline).await?;
        }
    }

    /// The shared connections that there are, as soon as none is being made. Those that wait to be
    /// leased are let go.
    pub(crate) async fn settled(&self) -> impl Iterator<Item = Arc<Connection>> {
        self.idle.lock().clear();
        [self.shared.settled().await, self.reading.settled().await].into_iter().flatten()
    }

    /// Lets go of the connections, so that the next command goes over a new one.
    pub(crate) fn disconnect(&self) {
        self.shared.disconnect();
        self.reading.disconnect();
        self.idle.lock().clear();
    }

    /// How its shared connections are.
    pub(crate) fn stats(&self) -> NodeStats {
        let (shared, reading) = (self.shared.load(), self.reading.load());
        NodeStats {
            addr: self.addr.clone(),
            connected: shared.open || reading.open,
            commands: shared.commands + reading.commands,
            in_flight: shared.in_flight + reading.in_flight,
            unsent_bytes: shared.unsent_bytes + reading.unsent_bytes,
        }
    }

    fn link(&self, manner: Manner) -> &Link {
        match manner {
            Manner::Plain | Manner::Asking => &self.shared,
            Manner::Reading => &self.reading,
        }
    }
}
