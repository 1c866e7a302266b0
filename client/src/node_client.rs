//! One node, for whoever wants an answer of this one and no other.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{
    Block, Command, CommandBuf, Delivery, GiveUp, NodeAddr, Notice, Pin, Plan, Refusal, Value,
};
use tokio::time::Instant;

use crate::{
    Client, Cmd, ConnectError, Error, FromValue,
    connection::{Call, Ended, Manner, NotTaken},
    follow::FOREVER,
    node::{Lease, Node, NotSent},
    reply::{accepted, value_of},
    state,
    stats::Counted,
};

/// A node of the cluster. Cheap to clone; it shares its connections with the client that it came
/// from.
///
/// What is sent to it goes there and nowhere else: it is neither split nor merged, no redirect is
/// followed, and what a node was not ready for is not tried again. A key that lives elsewhere is an
/// error, [`Error::Server`] with the code `MOVED`, and the client learns from it.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::cmd;
///
/// for node in client.nodes() {
///     let keys: u64 = node.run(cmd("DBSIZE")).await?;
///     println!("{}: {keys} keys", node.addr());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct NodeClient {
    client: Client,
    node: Arc<Node>,
    manner: Manner,
}

impl Client {
    /// The node that the cluster announces at this address, if there is one now.
    pub fn node(&self, addr: &NodeAddr) -> Option<NodeClient> {
        let node = self.cluster.routes().node_at(addr)?.clone();
        Some(self.only(node))
    }

    /// All nodes of the cluster, primaries and replicas, as they are known now.
    pub fn nodes(&self) -> Vec<NodeClient> {
        self.cluster.routes().nodes().map(|node| self.only(node.clone())).collect()
    }

    /// The nodes that own slots, as they are known now.
    pub fn primaries(&self) -> Vec<NodeClient> {
        self.cluster.routes().primaries().map(|node| self.only(node.clone())).collect()
    }

    fn only(&self, node: Arc<Node>) -> NodeClient {
        NodeClient { client: self.clone(), node, manner: Manner::Plain }
    }
}

impl NodeClient {
    /// The address that the cluster announces. Behind NAT it may not be where the node is reached
    /// from here.
    pub fn addr(&self) -> &NodeAddr {
        self.node.addr()
    }

    /// The same node as a replica, over a connection that said READONLY: it then answers reads
    /// itself, with what it last heard of its primary, instead of a `MOVED`.
    #[must_use]
    pub fn as_replica(mut self) -> Self {
        self.manner = Manner::Reading;
        self
    }

    /// Sends a command and returns what the node answered, also if that is an error.
    pub async fn call(&self, command: &CommandBuf) -> Result<Value, Error> {
        let frame = self.call_raw(command.as_command()).await?;
        Ok(value_of(&frame, &self.client.cluster.config.limits.reply)?)
    }

    /// Sends a command and returns the reply as a type of one's own.
    ///
    /// An error of the server is an error here, [`Error::Server`].
    pub async fn run<T: FromValue>(&self, cmd: Cmd) -> Result<T, Error> {
        T::from_value(self.reply(&cmd).await?)
    }

    /// The reply to a command, which is no error.
    pub(crate) async fn reply(&self, cmd: &Cmd) -> Result<Value, Error> {
        accepted(self.call(cmd.command()?).await?)
    }

    async fn call_raw(&self, command: Command<'_>) -> Result<Bytes, Error> {
        let block = self.admit(&command)?;
        let started = Instant::now();
        let deadline = started + self.client.terms.deadline;
        let frame = match block {
            Some(block) => self.wait_for(command, block, started, deadline).await?,
            None => self.send(command, started, deadline).await?,
        };
        if let Some(notice) = Notice::of_reply(&frame, self.node.addr()) {
            self.count(Counted::of(&notice));
            if matches!(notice, Notice::Moved { .. }) {
                self.client.cluster.refresh();
            }
        }
        Ok(frame)
    }

    /// Refuses what must not go over a connection that others share. Returns how long the server may
    /// let the command wait, if it may at all.
    fn admit(&self, command: &Command<'_>) -> Result<Option<Block>, Error> {
        let commands = &self.client.commands;
        match Plan::of(command, &commands.table, &commands.rules) {
            Plan::Pinned { why: Pin::Blocking, .. } => return Ok(Some(Block::of(command))),
            Plan::Pinned { why, .. } => return Err(state::needs_its_own(why)),
            // A cursor is the node's own, and so is the word on keys that are elsewhere.
            Plan::Refused(Refusal::InvalidCursor | Refusal::CrossSlot { .. }) => {}
            Plan::Refused(refusal) => {
                let text = refusal.text(command);
                return Err(Error::Refused(String::from_utf8_lossy(&text).into_owned()));
            }
            Plan::Single { .. }
            | Plan::AnyNode { .. }
            | Plan::Split(_)
            | Plan::Broadcast { .. }
            | Plan::Scan(_)
            | Plan::Answer(_) => {}
        }
        state::check(command, &commands.table)?;
        Ok(None)
    }

    /// Over the shared connection; once more over a new one, if the old one was lost before the
    /// command was sent.
    async fn send(
        &self,
        command: Command<'_>,
        started: Instant,
        deadline: Instant,
    ) -> Result<Bytes, Error> {
        let first = self.attempt(command, started, deadline).await;
        match first {
            Err(Error::Unreachable { source, .. }) if matches!(*source, ConnectError::Closed) => {
                self.attempt(command, started, deadline).await
            }
            _ => first,
        }
    }

    async fn attempt(
        &self,
        command: Command<'_>,
        started: Instant,
        deadline: Instant,
    ) -> Result<Bytes, Error> {
        let call = self.node.send(command.bytes(), self.manner, deadline).await;
        self.reply_of(call.map_err(|reason| self.not_sent(reason, started))?, started).await
    }

    /// Over a connection of its own.
    async fn wait_for(
        &self,
        command: Command<'_>,
        block: Block,
        started: Instant,
        deadline: Instant,
    ) -> Result<Bytes, Error> {
        let lease: Lease =
            self.node.lease(deadline).await.map_err(|reason| self.not_sent(reason, started))?;
        let time = match block {
            Block::For(time) => time.min(FOREVER),
            Block::Forever => FOREVER,
        };
        let call = match lease.send(command.bytes(), Manner::Plain, deadline + time) {
            Ok(call) => call,
            Err(NotTaken::Closed) => return Err(self.closed(started)),
            Err(NotTaken::Full(full)) => {
                lease.give_back();
                return Err(self.not_sent(NotSent::Full(full), started));
            }
        };
        let frame = self.reply_of(call, started).await?;
        lease.give_back();
        Ok(frame)
    }

    async fn reply_of(&self, call: Call, started: Instant) -> Result<Bytes, Error> {
        match call.await {
            Ended::Reply(frame) => Ok(frame),
            Ended::Late(delivery) => Err(self.late(started, delivery)),
            Ended::Lost(progress) => {
                self.client.cluster.refresh();
                if progress.delivery() == Delivery::NotSent {
                    return Err(self.closed(started));
                }
                self.count(Counted::Unknown);
                Err(Error::Unknown { node: self.addr().clone() })
            }
        }
    }

    fn not_sent(&self, reason: NotSent, started: Instant) -> Error {
        match reason {
            NotSent::Late => self.late(started, Delivery::NotSent),
            NotSent::Unreachable(source) => {
                self.client.cluster.refresh();
                self.unreachable(started, source)
            }
            NotSent::Full(full) => full.error(self.addr(), &self.client.cluster.counters),
            NotSent::AllLeased => {
                self.count(Counted::Overloaded);
                Error::AllLeased { leases_max: self.client.cluster.config.limits.leases_max }
            }
        }
    }

    fn closed(&self, started: Instant) -> Error {
        self.unreachable(started, Arc::new(ConnectError::Closed))
    }

    fn unreachable(&self, started: Instant, source: Arc<ConnectError>) -> Error {
        let reason = GiveUp::Unreachable { waited: started.elapsed() };
        Error::Unreachable { reason, node: self.addr().clone(), source }
    }

    fn late(&self, started: Instant, delivery: Delivery) -> Error {
        self.count(Counted::Late);
        Error::Late { node: self.addr().clone(), waited: started.elapsed(), delivery }
    }

    fn count(&self, event: Counted) {
        self.client.cluster.counters.count(event);
    }
}
