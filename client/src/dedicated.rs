//! A connection of one's own.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use slotway_protocol::{
    Block, CommandBuf, Delivery, GiveUp, NodeAddr, Notice, Pin, Plan, Slot, Value,
};
use tokio::time::Instant;

use crate::{
    Client, Cmd, Error, FromValue, ToArg, cmd,
    connection::{Ended, Manner, NotTaken, Unit},
    node::{Lease, Node, NotSent},
    reply::{accepted, value_of},
};

/// A connection to the node of one slot, for one caller alone: for what concerns the connection
/// itself, such as WAIT, which speaks of the writes that were made on it.
///
/// Nothing is sent again and no redirect is followed, since what a connection stands for does not
/// move with a slot: the error says so, and the caller begins anew. When it is dropped the
/// connection closes.
#[derive(Debug)]
pub struct Dedicated {
    client: Client,
    lease: Lease,
}

impl Client {
    /// A connection to the node that owns this key's slot.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use slotway::cmd;
    ///
    /// let mut own = client.dedicated("order:7").await?;
    /// let _: () = own.run(cmd("SET").arg("order:7").arg("paid")).await?;
    /// let replicas: u64 = own.run(cmd("WAIT").arg(1).arg(500)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn dedicated(&self, key: impl ToArg) -> Result<Dedicated, Error> {
        let key = cmd("").arg(key);
        let slot = Slot::of(key.command()?.as_command().arg(1).unwrap_or_default());
        let deadline = Instant::now() + self.terms.deadline;
        self.lease_owner(slot, deadline).await
    }

    pub(crate) async fn lease_owner(
        &self,
        slot: Slot,
        deadline: Instant,
    ) -> Result<Dedicated, Error> {
        loop {
            let node = self.cluster.routes().owner(slot).cloned();
            let mut views = self.cluster.views();
            let error = match &node {
                Some(node) => match self.lease_at(node, deadline).await {
                    Err(error) if !matches!(error, Error::AllLeased { .. }) => error,
                    done => return done,
                },
                None => Error::Refused(format!("slot {slot} has no owner")),
            };
            self.cluster.refresh_for(None);
            // Another view may name another owner.
            if tokio::time::timeout_at(deadline, views.changed()).await.is_err() {
                return Err(error);
            }
        }
    }

    /// A connection to this node.
    pub(crate) async fn lease_at(
        &self,
        node: &Arc<Node>,
        deadline: Instant,
    ) -> Result<Dedicated, Error> {
        match node.lease(deadline).await {
            Ok(lease) => Ok(Dedicated { client: self.clone(), lease }),
            Err(NotSent::AllLeased) => {
                Err(Error::AllLeased { leases_max: self.cluster.config.limits.leases_max })
            }
            Err(NotSent::Unreachable(source)) => Err(Error::Unreachable {
                reason: GiveUp::Unreachable { waited: self.terms.deadline },
                node: node.addr().clone(),
                source,
            }),
            Err(NotSent::Late | NotSent::Full(_)) => Err(self.late(node, Delivery::NotSent)),
        }
    }

    pub(crate) fn late(&self, node: &Node, delivery: Delivery) -> Error {
        Error::Late { node: node.addr().clone(), waited: self.terms.deadline, delivery }
    }
}

impl Dedicated {
    /// The node at the other end.
    pub fn node(&self) -> &NodeAddr {
        self.lease.node().addr()
    }

    /// Sends a command and returns what it was answered with, also if that is an error of the
    /// server.
    pub async fn call(&mut self, command: &CommandBuf) -> Result<Value, Error> {
        let block = self.admit(command)?;
        let frame = self.send(command.as_command().bytes().into(), block).await;
        self.client.forget_written(&command.as_command());
        self.decode(&frame?)
    }

    /// Sends a command and returns the reply as a type of one's own.
    pub async fn run<T: FromValue>(&mut self, cmd: Cmd) -> Result<T, Error> {
        T::from_value(accepted(self.call(cmd.command()?).await?)?)
    }

    /// Ends what is known to have left the connection as it was: others may have it.
    pub(crate) fn give_back(self) {
        self.lease.give_back();
    }

    pub(crate) fn decode(&self, frame: &Bytes) -> Result<Value, Error> {
        Ok(value_of(frame, &self.client.cluster.config.limits.reply)?)
    }

    /// Refuses what would make replies come that no command asked for, or none come. Returns how
    /// long the server may let the command wait.
    fn admit(&self, command: &CommandBuf) -> Result<Block, Error> {
        let command = command.as_command();
        let commands = &self.client.commands;
        let named =
            |names: &[&[u8]]| names.iter().any(|name| command.name().eq_ignore_ascii_case(name));
        let replies_off = named(&[b"CLIENT"])
            && command.arg(1).is_some_and(|word| word.eq_ignore_ascii_case(b"REPLY"));
        if replies_off || named(&[b"HELLO", b"RESET"]) {
            let why =
                "it changes how replies come on the connection, and they could not be told apart";
            return Err(Error::Refused(why.to_owned()));
        }
        let plan = Plan::of(&command, &commands.table, &commands.rules);
        if let Plan::Pinned { why: why @ (Pin::Subscribe | Pin::Monitor), .. } = plan {
            return Err(crate::state::needs_its_own(why));
        }
        let waits = matches!(plan, Plan::Pinned { why: Pin::Blocking | Pin::Wait, .. });
        Ok(if waits { Block::of(&command) } else { Block::For(Duration::ZERO) })
    }

    /// Sends a unit, and waits for its reply as long as the server may let it wait and the deadline
    /// beyond that.
    pub(crate) async fn send(&self, unit: Unit<'_>, block: Block) -> Result<Bytes, Error> {
        let deadline = Instant::now() + self.client.terms.deadline;
        let deadline = match block {
            Block::For(time) => deadline.checked_add(time).unwrap_or(deadline),
            Block::Forever => deadline + crate::follow::FOREVER,
        };
        let node: &Arc<Node> = self.lease.node();
        let aborted = || Error::Aborted { node: node.addr().clone() };
        let call = self.lease.send(unit, Manner::Plain, deadline).map_err(|error| match error {
            NotTaken::Closed => aborted(),
            NotTaken::Full(full) => full.error(node.addr(), &self.client.cluster.counters),
        })?;
        match call.await {
            Ended::Reply(frame) => {
                if Notice::of_reply(&frame, node.addr()).is_some() {
                    self.client.cluster.refresh();
                }
                Ok(frame)
            }
            Ended::Lost(progress) => {
                self.client.cluster.refresh();
                Err(match progress.delivery() {
                    Delivery::NotSent => aborted(),
                    Delivery::MaybeSent => Error::Unknown { node: node.addr().clone() },
                })
            }
            Ended::Late(delivery) => Err(self.client.late(node, delivery)),
        }
    }
}
