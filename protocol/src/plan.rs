//! Where a command goes: the one decision for every command.

mod refusal;
mod rules;
mod scan;
mod split;

use crate::{
    command::Command,
    command_table::{CommandTable, UnknownCommand},
    merge::Merge,
    retry::RetryClass,
    slot::Slot,
    spec::{Audience, CommandSpec, Pin, Route, SessionCommand},
};

pub use refusal::{KeyInSlot, Refusal};
pub use rules::{CrossSlot, PlanRules, UnknownName};
pub use scan::ScanCursor;
pub use split::{Part, Split};

/// What to do with a command.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Plan {
    /// Send it to the node that serves this slot.
    Single {
        /// The slot of all its keys.
        slot: Slot,
        /// Whether it may be sent again.
        class: RetryClass,
    },
    /// Send it to any primary; if it only reads, a replica will do. It has no keys, or none that a
    /// server would accept: then the server's own words say what is wrong.
    AnyNode {
        /// Whether it may be sent again.
        class: RetryClass,
    },
    /// Its keys are in several slots: send each part to its own, and merge the replies.
    Split(Box<Split>),
    /// Send it to many nodes, and merge the replies.
    Broadcast {
        /// To which.
        to: Audience,
        /// How their replies become one.
        merge: Merge,
        /// Whether it may be sent again to a node that did not answer.
        class: RetryClass,
    },
    /// One step of a walk over all keys: send it to the node that the cursor names.
    Scan(ScanCursor),
    /// It needs a connection of its own.
    Pinned {
        /// Why.
        why: Pin,
        /// The slot of its keys, if it has any.
        slot: Option<Slot>,
    },
    /// It concerns the caller's own connection, which has to answer it.
    Answer(SessionCommand),
    /// It is not sent; [`Refusal::text`] says why.
    Refused(Refusal),
}

impl Plan {
    /// Decides about `command`. For a command with keys in one slot nothing is allocated.
    #[inline]
    pub fn of(command: &Command<'_>, table: &CommandTable, rules: &PlanRules) -> Self {
        Self::and_spec(command, table, rules).0
    }

    /// The same, with what is known of the command, if it is known at all: it is looked up once.
    #[inline]
    pub fn and_spec<'a>(
        command: &Command<'_>,
        table: &'a CommandTable,
        rules: &PlanRules,
    ) -> (Self, Option<&'a CommandSpec>) {
        match table.lookup(command) {
            Ok(spec) => (Self::of_spec(spec, command, rules), Some(spec)),
            Err(unknown) => (Self::Refused(Refusal::from_unknown(unknown)), None),
        }
    }

    #[inline]
    fn of_spec(spec: &CommandSpec, command: &Command<'_>, rules: &PlanRules) -> Self {
        if let Err(refusal) = admit(spec, command, rules) {
            return Self::Refused(refusal);
        }
        if let (Route::FirstKey, Some(key)) = (spec.route, command.arg(1)) {
            return Self::Single { slot: Slot::of(key), class: spec.retry_class(command) };
        }
        Self::of_route(spec, command, rules)
    }

    fn of_route(spec: &CommandSpec, command: &Command<'_>, rules: &PlanRules) -> Self {
        let class = spec.retry_class(command);
        match spec.route {
            Route::FirstKey | Route::Keys => Self::by_keys(spec, command),
            Route::AnyNode => Self::AnyNode { class },
            Route::Split { step, merge } => Self::by_parts(spec, command, rules, (step, merge)),
            Route::Broadcast { to, merge } => Self::Broadcast { to, merge, class },
            Route::Scan => ScanCursor::of(command).map_or_else(Self::Refused, Self::Scan),
            Route::Pinned(why) => Self::pinned(why, spec, command),
            Route::PinnedIfBlocking if crate::spec::blocks(command) => {
                Self::pinned(Pin::Blocking, spec, command)
            }
            Route::PinnedIfBlocking => Self::by_keys(spec, command),
            Route::Answer(which) => Self::Answer(which),
        }
    }

    fn by_keys(spec: &CommandSpec, command: &Command<'_>) -> Self {
        let class = spec.retry_class(command);
        match one_slot(spec, command) {
            Ok(Some(slot)) => Self::Single { slot, class },
            Ok(None) => Self::AnyNode { class },
            Err(refusal) => Self::Refused(refusal),
        }
    }

    fn by_parts(
        spec: &CommandSpec,
        command: &Command<'_>,
        rules: &PlanRules,
        (step, merge): (usize, Merge),
    ) -> Self {
        // A part of a command that is not whole would run before anyone says so.
        if !(command.len() - 1).is_multiple_of(step) {
            return Self::Refused(Refusal::Arity { words: 1 });
        }
        match (one_slot(spec, command), rules.cross_slot()) {
            (Err(Refusal::CrossSlot { .. }), CrossSlot::Split) => {
                let class = spec.retry_class(command);
                Self::Split(Box::new(Split::new(command, step, merge, class)))
            }
            _ => Self::by_keys(spec, command),
        }
    }

    fn pinned(why: Pin, spec: &CommandSpec, command: &Command<'_>) -> Self {
        // Whoever listens may do so in many slots.
        if why == Pin::Subscribe {
            return Self::Pinned { why, slot: None };
        }
        match one_slot(spec, command) {
            Ok(slot) => Self::Pinned { why, slot },
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

/// Checks what does not depend on the keys.
#[inline]
fn admit(spec: &CommandSpec, command: &Command<'_>, rules: &PlanRules) -> Result<(), Refusal> {
    let words = || 1 + spec.name().matches('|').count();
    if !spec.arity().admits(command.len()) {
        return Err(Refusal::Arity { words: words() });
    }
    if rules.denies(spec) {
        return Err(Refusal::Denied { words: words() });
    }
    Ok(())
}

/// The slot of all keys of a command: none if it has none, or none that a server would accept.
fn one_slot(spec: &CommandSpec, command: &Command<'_>) -> Result<Option<Slot>, Refusal> {
    let Ok(keys) = spec.keys(command) else { return Ok(None) };
    let mut keys = keys.iter().filter_map(|key| {
        let slot = Slot::of(command.arg(key.position)?);
        Some(KeyInSlot { position: key.position, slot })
    });
    let Some(first) = keys.next() else { return Ok(None) };
    match keys.find(|other| other.slot != first.slot) {
        Some(other) => Err(Refusal::CrossSlot { first, other }),
        None => Ok(Some(first.slot)),
    }
}
