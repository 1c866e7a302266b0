//! For those who pass commands and replies on as bytes, such as a proxy.
//!
//! A [`Client`] gives each call a future. Whoever serves many connections on one thread can do
//! without: [`Engine::forward`] puts the bytes of a command in line at the owner of its slot, and
//! the reply is shown to a [`Sink`] where it was read. What cannot go that way, and what was not
//! answered there, goes on as a future: [`Engine::follow`].

mod wait;
mod written;

use std::{fmt, num::NonZeroU16, sync::Arc, time::Duration};

use arc_swap::Guard;
use bytes::Bytes;
use slotway_protocol::{
    Block, Command, CommandTable, Delivery, NodeAddr, Notice, PlanRules, Progress, RetryClass, Slot,
};
use tokio::time::Instant;
pub use written::Written;

use crate::{
    Client, Config, Dedicated, Error, ScanDesk,
    client::Commands,
    cluster::Routes,
    connection::{Ended, Unit},
    follow::{Attempt, Journey, Route},
    request::Request,
};

/// What a forwarded command is known by when its reply comes. Both numbers are the caller's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// Whose it is.
    pub session: u64,
    /// Which of theirs.
    pub sequence: u64,
}

/// How a forwarded command ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome<'a> {
    /// This reply came. It may be one that sends the command on: see [`Engine::is_answer`].
    Reply(&'a [u8]),
    /// The connection was lost, so far had it come.
    Lost(Progress),
    /// The time was up.
    Late(Delivery),
}

/// Takes the replies to what was forwarded. It is called by the task that read them, and so must
/// neither wait nor forward.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Commands ended that were forwarded to this node, in this order.
    fn take<'a>(&self, node: &NodeAddr, ended: &mut dyn Iterator<Item = (Ticket, Outcome<'a>)>);
}

/// A sink, and the node whose replies it is given.
#[derive(Clone, Debug)]
pub(crate) struct Outlet {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) node: NodeAddr,
}

impl Outlet {
    pub(crate) fn take<'a>(&self, ended: &mut dyn Iterator<Item = (Ticket, Outcome<'a>)>) {
        self.sink.take(&self.node, ended);
    }
}

/// How a command that was forwarded ended without an answer, for whoever follows it from there.
#[derive(Debug)]
pub struct Setback {
    node: NodeAddr,
    ended: Ended,
}

/// The connections and the slot table of a client, for those who pass bytes on.
#[derive(Clone, Debug)]
pub struct Engine {
    client: Client,
}

/// The slot table as of one moment, and the nodes beside it.
pub struct Way {
    routes: Guard<Arc<Routes>>,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way").finish_non_exhaustive()
    }
}

/// A connection that a command was put in line on: commands on the same one run in their order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Line(u64);

impl Engine {
    /// Connects a client whose forwarded replies go to `sink`, and whose walks of SCAN are at `scans`.
    pub async fn connect(
        config: Config,
        table: CommandTable,
        rules: PlanRules,
        (sink, scans): (Arc<dyn Sink>, Arc<ScanDesk>),
    ) -> Result<Self, Error> {
        let commands = Commands { table, rules, scans };
        let client = Client::connect_with(config, commands, Some(sink)).await?;
        Ok(Self { client })
    }

    /// The client whose connections these are.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A number that has changed when the way of any slot, or a connection, has.
    #[inline]
    pub fn epoch(&self) -> u64 {
        self.client.cluster.epoch()
    }

    /// The slot table as of now.
    #[inline]
    pub fn way(&self) -> Way {
        Way { routes: self.client.cluster.routes() }
    }

    /// Puts a command in line at the owner of its slot, if there is a connection that takes it now.
    /// How it ends is told to the sink, once.
    #[inline]
    pub fn forward(
        &self,
        way: &Way,
        slot: Slot,
        bytes: &[u8],
        ticket: Ticket,
        deadline: Instant,
    ) -> Option<Line> {
        way.routes.owner(slot)?.forward(bytes, ticket, deadline).map(Line)
    }

    /// The connection on which [`forward`](Self::forward) would put a command.
    pub fn line(&self, way: &Way, slot: Slot) -> Option<Line> {
        way.routes.owner(slot)?.line().map(Line)
    }

    /// Whether a reply is one for whoever sent the command, and not one that sends it elsewhere.
    #[inline]
    pub fn is_answer(reply: &[u8], node: &NodeAddr) -> bool {
        !matches!(reply, [b'-' | b'!', ..]) || Notice::of_reply(reply, node).is_none()
    }

    /// Sends a command to the owner of its slot, or to any primary, and follows it until it is
    /// answered; from where it was set back, if it was. `started` is when its time began.
    pub async fn follow(
        &self,
        command: &[u8],
        slot: Option<Slot>,
        class: RetryClass,
        setback: Option<Setback>,
        started: Instant,
    ) -> Result<Bytes, Error> {
        self.follow_unit(command.into(), slot, class, (setback, started)).await
    }

    async fn follow_unit(
        &self,
        unit: Unit<'_>,
        slot: Option<Slot>,
        class: RetryClass,
        (setback, started): (Option<Setback>, Instant),
    ) -> Result<Bytes, Error> {
        let cluster = &self.client.cluster;
        let request = Request::new(unit, class, self.client.terms);
        let route = slot.map_or(Route::Any, Route::Slot);
        let mut journey = Journey::new(cluster, request, route, started);
        let Some(Setback { node, ended }) = setback else { return journey.go().await };
        let known = cluster.routes().node_at(&node).cloned();
        let node = known.unwrap_or_else(|| cluster.stranger(&node));
        journey.resume(Attempt::of(ended, node)).await
    }

    /// Sends a block of commands, MULTI first and EXEC last, to the owner of their slot. The reply
    /// is that to EXEC, or the error for which none of them was run.
    pub async fn transaction(
        &self,
        block: &[u8],
        commands: u16,
        slot: Option<Slot>,
    ) -> Result<Bytes, Error> {
        let unit = block_unit(block, commands);
        self.follow_unit(unit, slot, RetryClass::Transaction, (None, Instant::now())).await
    }

    /// Sends a command to where its plan says. The reply is as it came from the socket.
    pub async fn call(&self, command: Command<'_>) -> Result<Bytes, Error> {
        self.client.call_raw(command).await
    }
}

/// A connection that somebody has alone, for what is said of a connection and not of a cluster.
/// Dropped, it closes.
#[derive(Debug)]
pub struct Held {
    own: Dedicated,
}

impl Engine {
    /// Watches keys of one slot by this WATCH: on a connection that watches others of that slot
    /// already, or on a new one. Returns the reply, and the connection. After an error nothing is
    /// watched any more.
    pub async fn watch(
        &self,
        held: Option<Held>,
        command: &[u8],
        slot: Slot,
    ) -> Result<(Bytes, Held), Error> {
        let (own, reply) = match held {
            Some(Held { own }) => {
                let reply = own.send(command.into(), Block::For(Duration::ZERO)).await?;
                if !Self::is_answer(&reply, own.node()) {
                    return Err(Error::Aborted { node: own.node().clone() });
                }
                (own, reply)
            }
            None => self.client.lease_watching(command, slot).await?,
        };
        Ok((reply, Held { own }))
    }
}

impl Held {
    /// Sends a block of so many commands, MULTI first and EXEC last, once. The reply is that to
    /// EXEC, or the error for which none of them was run.
    pub async fn exec(self, block: &[u8], commands: u16) -> Result<Bytes, Error> {
        let frame = self.own.send(block_unit(block, commands), Block::For(Duration::ZERO)).await?;
        if !Engine::is_answer(&frame, self.own.node()) {
            return Err(Error::Aborted { node: self.own.node().clone() });
        }
        // Whatever EXEC says, nothing is watched any more.
        self.own.give_back();
        Ok(frame)
    }
}

fn block_unit(block: &[u8], commands: u16) -> Unit<'_> {
    Unit { bytes: block, replies: NonZeroU16::MIN.saturating_add(commands).saturating_add(1) }
}

impl Setback {
    /// What the sink was told; nothing if that was an answer.
    pub fn of(outcome: Outcome<'_>, node: &NodeAddr) -> Option<Self> {
        let ended = match outcome {
            Outcome::Reply(frame) if Engine::is_answer(frame, node) => return None,
            Outcome::Reply(frame) => Ended::Reply(Bytes::copy_from_slice(frame)),
            Outcome::Lost(progress) => Ended::Lost(progress),
            Outcome::Late(delivery) => Ended::Late(delivery),
        };
        Some(Self { node: node.clone(), ended })
    }

    /// Whether the command may have been run.
    pub fn delivery(&self, class: RetryClass) -> Delivery {
        match (&self.ended, class) {
            (Ended::Reply(_), RetryClass::Script) => Delivery::MaybeSent,
            (Ended::Reply(_), _) => Delivery::NotSent,
            (Ended::Lost(progress), _) => progress.delivery(),
            (Ended::Late(delivery), _) => *delivery,
        }
    }

    /// The node that it was sent to.
    pub fn node(&self) -> &NodeAddr {
        &self.node
    }
}
