//! A node: its address, and the connections to it while there are any.

mod lease;
mod link;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lease::Idle;
pub(crate) use lease::Lease;
use link::Link;
use parking_lot::Mutex;
use slotway_protocol::{Access, CommandBuf, Negotiated, NodeAddr, NodeId, ReplyLimits, Value};
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    Config,
    budget::{Budget, Full},
    cache::Cache,
    connect::{connect, open},
    connection::{Call, Connection, Ended, Manner, NotTaken, Unit},
    engine::{Outlet, Sink, Ticket},
    error::ConnectError,
    pace::Pace,
    places::Place,
    stats::{Counted, Counters, NodeStats},
    stream::Stream,
};

/// A node that the cluster named. It is connected to when it is first needed, and again when the
/// connection was lost and it is needed again.
#[derive(Debug)]
pub(crate) struct Node {
    addr: NodeAddr,
    place: Mutex<Place>,
    common: Common,
    /// The connection that all calls share.
    shared: Link,
    /// The one that reads go over while the node is a replica.
    reading: Link,
    /// Connections that were leased and are in order.
    idle: Mutex<Vec<Idle>>,
}

/// What the nodes of a client share.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(crate) config: Arc<Config>,
    /// How many more connections may be leased, of all nodes together.
    pub(crate) leases: Arc<Semaphore>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) budget: Arc<Budget>,
    /// How fast all of them connect.
    pub(crate) pace: Arc<Pace>,
    /// Changes with every connection.
    pub(crate) epoch: Arc<AtomicU64>,
    pub(crate) sink: Option<Arc<dyn Sink>>,
}

/// Why a command could not be put in line at a node.
#[derive(Debug)]
pub(crate) enum NotSent {
    /// The node cannot be reached.
    Unreachable(Arc<ConnectError>),
    /// It was not reached in time.
    Late,
    /// It has as much to do as it may, or the client has.
    Full(Full),
    /// As many connections are leased as may be.
    AllLeased,
}

impl Node {
    pub(crate) fn new(addr: NodeAddr, place: Place, common: Common) -> Self {
        Self {
            addr,
            place: Mutex::new(place),
            common,
            shared: Link::new(Access::ReadWrite),
            reading: Link::new(Access::ReadOnly),
            idle: Mutex::default(),
        }
    }

    /// Where it is reached.
    pub(crate) fn place(&self) -> Place {
        self.place.lock().clone()
    }

    /// Lets it be reached somewhere else from now on.
    pub(crate) fn relocate(&self, place: Place) {
        let mut held = self.place.lock();
        if *held != place {
            *held = place;
            drop(held);
            self.disconnect();
        }
    }

    /// Whether the last attempt to connect failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.shared.is_failing()
    }

    pub(crate) fn addr(&self) -> &NodeAddr {
        &self.addr
    }

    /// How it is talked to.
    pub(crate) fn config(&self) -> &Config {
        &self.common.config
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

    /// Puts a unit in line, if there is a connection that takes it now.
    pub(crate) fn send_at_once(&self, unit: Unit<'_>, deadline: Instant) -> Option<Call> {
        self.shared.ready().as_ref()?.send(unit, Manner::Plain, deadline).ok()
    }

    /// Puts a command in line whose reply goes to the sink, if there is a connection that takes it
    /// now. Returns which that is.
    #[inline]
    pub(crate) fn forward(&self, bytes: &[u8], ticket: Ticket, deadline: Instant) -> Option<u64> {
        let ready = self.shared.ready();
        let connection = ready.as_ref()?;
        connection.forward(bytes, ticket, deadline).ok()?;
        Some(connection.serial())
    }

    /// The connection on which a command would be put in line.
    pub(crate) fn line(&self) -> Option<u64> {
        Some(self.shared.ready().as_ref()?.serial())
    }

    /// The same, if it is open.
    pub(crate) fn open_line(&self) -> Option<u64> {
        let ready = self.shared.ready();
        Some(ready.as_ref().filter(|ready| !ready.is_closed())?.serial())
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
        self.lines_changed();
    }

    fn lines_changed(&self) {
        self.common.epoch.fetch_add(1, Ordering::AcqRel);
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

    /// A connection of its own to this node, when it is the turn of the one who asks.
    async fn connect_anew(
        &self,
        access: Access,
        cache: Option<&Arc<Cache>>,
    ) -> Result<(Connection, Negotiated), Arc<ConnectError>> {
        self.common.pace.turn(&self.common.counters).await;
        self.counted(self.try_connect(access, cache).await)
    }

    async fn try_connect(
        &self,
        access: Access,
        cache: Option<&Arc<Cache>>,
    ) -> Result<(Connection, Negotiated), Arc<ConnectError>> {
        let Place { at, id } = self.place();
        let Some(at) = at else { return Err(Arc::new(ConnectError::NoSeedIs(id))) };
        let config = self.config();
        let share = self.common.budget.share();
        let sink = self.common.sink.clone();
        let outlet = sink.map(|sink| Outlet { sink, node: self.addr.clone() });
        let connected = connect(&self.addr, &at, config, access, cache, share, outlet).await;
        let (connection, negotiated) = connected?;
        if let Some(expected) = id {
            let found = node_id(&connection, config).await?;
            if found != expected {
                return Err(Arc::new(ConnectError::OtherNode { at, expected, found }));
            }
        }
        Ok((connection, negotiated))
    }

    /// A stream to this node that is ready for the first command, for those who read it themselves.
    pub(crate) async fn open_stream(&self) -> Result<(Stream, Negotiated), Arc<ConnectError>> {
        let Place { at, id } = self.place();
        if id.is_some() {
            // That it is the right node is found out on a connection that understands replies.
            self.connect_anew(Access::ReadWrite, None).await?;
        }
        let at = at.ok_or_else(|| ConnectError::NoSeedIs(id))?;
        self.common.pace.turn(&self.common.counters).await;
        let opened = open(&self.addr, &at, self.config(), Access::ReadWrite).await;
        self.counted(opened.map_err(Arc::new))
    }

    fn counted<T>(&self, made: Result<T, Arc<ConnectError>>) -> Result<T, Arc<ConnectError>> {
        let event = if made.is_ok() { Counted::Connected } else { Counted::ConnectFailed };
        self.common.counters.count(event);
        made
    }

    /// Lets calls go over this connection from now on.
    #[cfg(test)]
    pub(crate) fn attach(&self, connection: Connection) {
        self.shared.replace(Some(Arc::new(connection)));
    }

    /// What its connections hold of the client's budget.
    #[cfg(test)]
    pub(crate) fn share(&self) -> crate::budget::Share {
        self.common.budget.share()
    }

    fn link(&self, manner: Manner) -> &Link {
        match manner {
            Manner::Plain | Manner::Urgent | Manner::Asking => &self.shared,
            Manner::Reading => &self.reading,
        }
    }
}

/// The id of the node at the other end.
async fn node_id(connection: &Connection, config: &Config) -> Result<NodeId, Arc<ConnectError>> {
    let deadline = Instant::now() + config.limits.connect_timeout;
    let command = CommandBuf::new(&["CLUSTER", "MYID"]).map_err(|_| ConnectError::Nameless)?;
    let call = connection.send(command.as_command().bytes(), Manner::Urgent, deadline);
    let Ended::Reply(frame) = call.map_err(|_| ConnectError::Closed)?.await else {
        return Err(Arc::new(ConnectError::Closed));
    };
    let answer = Value::decode(&frame, &ReplyLimits::default()).map_err(ConnectError::from)?;
    let id = answer.as_bytes().and_then(NodeId::parse);
    id.ok_or_else(|| Arc::new(ConnectError::Nameless))
}
