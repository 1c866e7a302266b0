//! Commands that are run as one.

use std::num::NonZeroU16;

use slotway_protocol::{CommandBuf, Pin, Plan, RetryClass, Slot, Value};

use crate::{
    Client, Cmd, Error, FromValue, cmd,
    connection::Unit,
    follow::{Route, follow},
    pipeline::too_many,
    reply::{accepted, value_of},
    request::Request,
};

/// Commands that run one after another with nobody's in between, or not at all: MULTI to EXEC.
///
/// All their keys are in one slot, which `{a tag}` in each sees to; a transaction over several is
/// refused before anything is sent. It travels as one block, so that redirects concern all of it or
/// nothing. It takes the connection for its own time only and holds up nobody.
///
/// A command that fails while it runs, such as one for another type, stops none of the others; its
/// error is in its place.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::cmd;
///
/// let (left, sold): (i64, i64) = client
///     .transaction()
///     .then(cmd("DECR").arg("{shop}:left"))
///     .then(cmd("INCR").arg("{shop}:sold"))
///     .run()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Transaction {
    client: Client,
    commands: Vec<Cmd>,
}

/// A transaction as it is sent.
pub(crate) struct Block {
    bytes: Vec<u8>,
    replies: NonZeroU16,
    pub(crate) slot: Option<Slot>,
}

impl Client {
    /// A transaction without commands yet.
    pub fn transaction(&self) -> Transaction {
        Transaction { client: self.clone(), commands: Vec::new() }
    }

    /// MULTI, these commands, EXEC.
    pub(crate) fn block(&self, commands: &[Cmd]) -> Result<Block, Error> {
        // Each has a reply, and so have MULTI and EXEC.
        let max = self.cluster.config.limits.batch_max.min(usize::from(u16::MAX) - 2);
        if commands.len() > max {
            return Err(too_many(commands.len(), max));
        }
        let replies = NonZeroU16::MIN.saturating_add(commands.len() as u16 + 1);
        let mut block = Block { bytes: Vec::new(), replies, slot: None };
        block.push(cmd("MULTI").command()?);
        for cmd in commands {
            let command = cmd.command()?;
            let slot = self.slot_in_block(command)?;
            if let (Some(slot), Some(other)) = (slot, block.slot)
                && slot != other
            {
                return Err(Error::Refused(format!(
                    "the transaction has keys in slots {other} and {slot}: \
                     the same {{tag}} in all of them puts them into one"
                )));
            }
            block.slot = block.slot.or(slot);
            block.push(command);
        }
        block.push(cmd("EXEC").command()?);
        Ok(block)
    }

    fn slot_in_block(&self, command: &CommandBuf) -> Result<Option<Slot>, Error> {
        let command = command.as_command();
        match Plan::of(&command, &self.commands.table, &self.commands.rules) {
            Plan::Single { slot, .. } => Ok(Some(slot)),
            Plan::AnyNode { .. } => {
                crate::state::check(&command, &self.commands.table).map(|()| None)
            }
            // Within a transaction it does not wait.
            Plan::Pinned { why: Pin::Blocking, slot } => Ok(slot),
            Plan::Refused(refusal) => {
                let text = refusal.text(&command);
                Err(Error::Refused(String::from_utf8_lossy(&text).into_owned()))
            }
            Plan::Split(_)
            | Plan::Broadcast { .. }
            | Plan::Scan(_)
            | Plan::Pinned { .. }
            | Plan::Answer(_) => {
                let name = String::from_utf8_lossy(command.name()).to_uppercase();
                Err(Error::Refused(format!(
                    "{name} with these arguments is not for one node alone, and a transaction is"
                )))
            }
        }
    }
}

impl Block {
    fn push(&mut self, command: &CommandBuf) {
        self.bytes.extend_from_slice(command.as_command().bytes());
    }

    pub(crate) fn unit(&self) -> Unit<'_> {
        Unit { bytes: &self.bytes, replies: self.replies }
    }
}

impl Transaction {
    /// Adds a command at the end.
    pub fn then(mut self, cmd: Cmd) -> Self {
        self.commands.push(cmd);
        self
    }

    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Runs the commands and returns their replies as a tuple, a list, or what else of that length
    /// there is.
    ///
    /// If one of them cannot be queued, none is run, and that is the error.
    pub async fn run<T: FromValue>(self) -> Result<T, Error> {
        if self.commands.is_empty() {
            return T::from_value(Value::Array(Vec::new()));
        }
        let client = &self.client;
        let block = client.block(&self.commands)?;
        let request = Request::new(block.unit(), RetryClass::Transaction, client.terms);
        let route = block.slot.map_or(Route::Any, Route::Slot);
        let frame = follow(&client.cluster, request, route).await;
        client.forget_all_written(&self.commands);
        let frame = frame?;
        let replies = value_of(&frame, &client.cluster.config.limits.reply)?;
        T::from_value(accepted(replies)?)
    }
}
