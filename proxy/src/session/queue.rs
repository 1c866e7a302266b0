//! The commands between MULTI and EXEC.

use slotway_protocol::{
    Command, CommandTable, Pin, Plan, PlanRules, Refusal, SessionCommand, Slot,
};

use crate::reply;

const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";
/// MULTI and EXEC have replies of their own, and a connection counts them in sixteen bits.
const COMMANDS_MAX: u16 = u16::MAX - 2;

/// A transaction that is being put together. It goes out as one block, once it is whole.
#[derive(Debug)]
pub(crate) struct Queue {
    block: Vec<u8>,
    commands: u16,
    slot: Option<Slot>,
    spoilt: bool,
}

/// What was said to a command of a transaction.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Queued {
    /// It is part of it.
    Yes,
    /// It is not, and nothing will be run: why, as a server words it.
    No(Vec<u8>),
}

impl Default for Queue {
    fn default() -> Self {
        Self { block: MULTI.to_vec(), commands: 0, slot: None, spoilt: false }
    }
}

impl Queue {
    /// Takes a command up.
    pub(crate) fn push(
        &mut self,
        command: &Command<'_>,
        table: &CommandTable,
        rules: &PlanRules,
        bytes_max: usize,
    ) -> Queued {
        let queued = match self.slot_of(command, table, rules) {
            Err(text) => Queued::No(text),
            Ok(_) if self.commands == COMMANDS_MAX => {
                Queued::No(b"ERR slotway: a transaction takes at most 65533 commands".to_vec())
            }
            Ok(_) if self.block.len() + command.bytes().len() > bytes_max => Queued::No(
                format!("ERR slotway: a transaction takes at most {bytes_max} bytes").into(),
            ),
            Ok(slot) => {
                self.slot = self.slot.or(slot);
                self.commands += 1;
                self.block.extend_from_slice(command.bytes());
                return Queued::Yes;
            }
        };
        self.spoilt = true;
        queued
    }

    fn slot_of(
        &self,
        command: &Command<'_>,
        table: &CommandTable,
        rules: &PlanRules,
    ) -> Result<Option<Slot>, Vec<u8>> {
        let slot = match Plan::of(command, table, rules) {
            Plan::Single { slot, .. } => Some(slot),
            // In a transaction it does not wait.
            Plan::Pinned { why: Pin::Blocking, slot } => slot,
            Plan::AnyNode { .. } => None,
            Plan::Answer(which) if is_harmless(which) => None,
            Plan::Refused(refusal) => return Err(refusal.text(command)),
            Plan::Split(split) => return Err(across_slots(command, &split)),
            Plan::Broadcast { .. } | Plan::Scan(_) | Plan::Pinned { .. } | Plan::Answer(_) => {
                return Err(reply::not_in_transaction(command));
            }
        };
        match (self.slot, slot) {
            (Some(slot), Some(other)) if slot != other => Err(format!(
                "CROSSSLOT Keys in request don't hash to the same slot; the transaction began in \
                 slot {slot}, and this command is for slot {other}; keys with the same {{tag}} \
                 share a slot"
            )
            .into()),
            (_, slot) => Ok(slot),
        }
    }

    /// The slot of its keys.
    pub(crate) fn slot(&self) -> Option<Slot> {
        self.slot
    }

    /// How many commands it has.
    pub(crate) fn len(&self) -> u16 {
        self.commands
    }

    /// Sees to it that none is run.
    pub(crate) fn spoil(&mut self) {
        self.spoilt = true;
    }

    /// Whether a command was turned down, so that none may be run.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// All of it, from MULTI to EXEC.
    pub(crate) fn into_block(mut self) -> Vec<u8> {
        self.block.extend_from_slice(EXEC);
        self.block
    }
}

/// A command that a server would split for nobody.
fn across_slots(command: &Command<'_>, split: &slotway_protocol::Split) -> Vec<u8> {
    let mut keys = split.parts().iter().filter_map(|part| {
        let position = split.key_positions(part).next()?;
        Some(slotway_protocol::KeyInSlot { position, slot: part.slot() })
    });
    match (keys.next(), keys.next()) {
        (Some(first), Some(other)) => Refusal::CrossSlot { first, other }.text(command),
        _ => reply::not_in_transaction(command),
    }
}

/// What says the same on any node's connection, and changes nothing there.
fn is_harmless(which: SessionCommand) -> bool {
    matches!(
        which,
        SessionCommand::Ping
            | SessionCommand::Echo
            | SessionCommand::Time
            | SessionCommand::LastSave
            | SessionCommand::Command
    )
}
