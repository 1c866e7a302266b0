//! A transaction that runs only if nobody changed what it was decided on.

use std::time::Duration;

use bytes::Bytes;
use slotway_protocol::{Block, CommandBuf, NodeAddr, Notice, Plan, Slot, Value};
use tokio::time::{Instant, timeout_at};

use crate::{Client, Cmd, Dedicated, Error, FromValue, ToArgs, cmd, reply::accepted};

/// Keys that are being watched, on a connection of their own.
///
/// Read what is needed with [`run`](Self::run), then [`exec`](Self::exec) the commands that depend
/// on it: they run only if none of the keys has changed since.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::cmd;
///
/// loop {
///     let mut watch = client.watch("stock").await?;
///     let stock: i64 = watch.run(cmd("GET").arg("stock")).await?;
///     if stock == 0 {
///         break;
///     }
///     let done: Option<(i64,)> = watch.exec([cmd("DECR").arg("stock")]).await?;
///     if done.is_some() {
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Watch {
    client: Client,
    connection: Dedicated,
    slot: Slot,
}

impl Client {
    /// Watches these keys, which are in one slot.
    pub async fn watch(&self, keys: impl ToArgs) -> Result<Watch, Error> {
        let command = cmd("WATCH").arg(keys);
        let command = command.command()?;
        let slot = self.watched_slot(command)?;
        let bytes = command.as_command().bytes();
        let (connection, frame) = self.lease_watching(bytes, slot).await?;
        accepted(connection.decode(&frame)?)?;
        Ok(Watch { client: self.clone(), connection, slot })
    }

    /// A connection to the owner of a slot, on which this WATCH was sent, and the reply.
    pub(crate) async fn lease_watching(
        &self,
        command: &[u8],
        slot: Slot,
    ) -> Result<(Dedicated, Bytes), Error> {
        let deadline = Instant::now() + self.terms.deadline;
        loop {
            let mut views = self.cluster.views();
            let connection = self.lease_owner(slot, deadline).await?;
            let error = match connection.send(command.into(), Block::For(Duration::ZERO)).await {
                Ok(frame) if Notice::of_reply(&frame, connection.node()).is_none() => {
                    return Ok((connection, frame));
                }
                Ok(frame) => server_error(&connection, &frame),
                // Nothing depends on a watch that was not confirmed.
                Err(error) => error,
            };
            self.cluster.refresh_for(None);
            if timeout_at(deadline, views.changed()).await.is_err() {
                return Err(error);
            }
        }
    }

    fn watched_slot(&self, command: &CommandBuf) -> Result<Slot, Error> {
        let command = command.as_command();
        let plan = Plan::of(&command, &self.commands.table, &self.commands.rules);
        if let Plan::Pinned { slot: Some(slot), .. } = plan {
            return Ok(slot);
        }
        let Plan::Refused(refusal) = plan else {
            return Err(Error::Refused("a watch needs a key".to_owned()));
        };
        Err(Error::Refused(String::from_utf8_lossy(&refusal.text(&command)).into_owned()))
    }
}

impl Watch {
    /// The node that watches.
    pub fn node(&self) -> &NodeAddr {
        self.connection.node()
    }

    /// Sends a command on the watching connection, and returns the reply.
    pub async fn run<T: FromValue>(&mut self, cmd: Cmd) -> Result<T, Error> {
        self.connection.run(cmd).await
    }

    /// Runs these commands as one, if no watched key has changed; otherwise returns `None`, and
    /// nothing was run.
    ///
    /// It is never sent again: [`Error::Aborted`] says that it was not run, since the watch was
    /// lost with its connection or its slot.
    pub async fn exec<T: FromValue>(
        self,
        commands: impl IntoIterator<Item = Cmd>,
    ) -> Result<Option<T>, Error> {
        let commands: Vec<Cmd> = commands.into_iter().collect();
        let block = self.client.block(&commands)?;
        if let Some(slot) = block.slot
            && slot != self.slot
        {
            return Err(Error::Refused(format!(
                "the watched keys are in slot {}, those of the transaction in slot {slot}",
                self.slot
            )));
        }
        let frame = self.connection.send(block.unit(), Block::For(Duration::ZERO)).await;
        self.client.forget_all_written(&commands);
        let frame = frame?;
        if Notice::of_reply(&frame, self.connection.node()).is_some() {
            return Err(Error::Aborted { node: self.connection.node().clone() });
        }
        let replies = accepted(self.connection.decode(&frame)?)?;
        if replies == Value::Null { Ok(None) } else { T::from_value(replies).map(Some) }
    }
}

pub(crate) fn server_error(connection: &Dedicated, frame: &Bytes) -> Error {
    match connection.decode(frame) {
        Ok(value) => Error::from_server(value.as_error().unwrap_or_default()),
        Err(error) => error,
    }
}
