//! What is known of each command: how many arguments, where its keys are, what it may do.

mod bits;
mod builtin;
mod flags;
mod keys;
mod options;
mod places;
mod policy;
mod retry;
mod route;
mod row;

use std::{borrow::Cow, fmt};

use crate::{command::Command, retry::RetryClass};

pub(crate) use builtin::BUILTIN;
pub use flags::{Categories, CommandFlags, KeyFlags};
pub use keys::{Key, Keys, KeysError};
pub(crate) use options::{Finder, blocks};
pub use places::{KeyBegin, KeyFind, KeySpec};
pub use policy::{RequestPolicy, ResponsePolicy};
pub(crate) use retry::RetryRule;
pub(crate) use route::Route;
pub use route::{Audience, Pin, SessionCommand};

/// One command, or one subcommand of a container such as `CONFIG`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommandSpec {
    // What a request needs first comes first.
    pub(crate) route: Route,
    pub(crate) id: CommandId,
    pub(crate) arity: Arity,
    pub(crate) retry: RetryRule,
    pub(crate) finder: Finder,
    pub(crate) flags: CommandFlags,
    pub(crate) keys: Cow<'static, [KeySpec]>,
    pub(crate) subcommands: Vec<CommandId>,
    pub(crate) name: Cow<'static, str>,
    pub(crate) categories: Categories,
    pub(crate) request: RequestPolicy,
    pub(crate) response: ResponsePolicy,
    pub(crate) since: Cow<'static, str>,
    pub(crate) first_seen: &'static str,
}

impl CommandSpec {
    /// Its name in lower case; of a subcommand, `container|subcommand`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its place among the commands of its table: a small number to count by. A built-in command has
    /// the same place in every table, before all that servers add.
    #[inline]
    pub fn index(&self) -> usize {
        self.id.index()
    }

    /// How many arguments it takes.
    pub fn arity(&self) -> Arity {
        self.arity
    }

    /// What it does and where it may run.
    pub fn flags(&self) -> CommandFlags {
        self.flags
    }

    /// The groups by which access rules name it.
    pub fn categories(&self) -> Categories {
        self.categories
    }

    /// Where it says that its keys are. To find them in a command, use [`keys`](Self::keys): it
    /// also knows those that options hide.
    pub fn key_specs(&self) -> &[KeySpec] {
        &self.keys
    }

    /// Where servers would have it sent.
    pub fn request_policy(&self) -> RequestPolicy {
        self.request
    }

    /// How servers would have its replies merged.
    pub fn response_policy(&self) -> ResponsePolicy {
        self.response
    }

    /// The version of Redis, or of Valkey for what only Valkey has, that brought it. Empty if
    /// only a connected server knows it.
    pub fn since(&self) -> &str {
        &self.since
    }

    /// The oldest of the servers behind the built-in table that has it. Empty if none has.
    pub fn first_seen(&self) -> &str {
        self.first_seen
    }

    /// Where the keys of this command are. Nothing is allocated unless it names its keys in more
    /// than three places.
    ///
    /// An error says that a server would not find them either. It finds that out by its own
    /// rules, so the command may still go to any node to be answered.
    pub fn keys(&self, command: &Command<'_>) -> Result<Keys, KeysError> {
        keys::find(self, command)
    }

    /// Where it goes, and what becomes of the replies, in a few words for people.
    pub fn destination(&self) -> impl fmt::Display + use<> {
        self.route
    }

    /// Whether it may be sent again when nobody knows if it ran, in a few words for people.
    pub fn sent_again(&self) -> &'static str {
        self.retry.words()
    }

    /// Whether this command may be sent again when nobody knows if it ran.
    pub fn retry_class(&self, command: &Command<'_>) -> RetryClass {
        self.retry.class(command)
    }
}

/// A command's place in its table. It stays the same when a server's commands are laid over it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct CommandId(pub(crate) u16);

impl CommandId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// How many arguments a command takes, its name included: exactly that many, or, if negative,
/// at least as many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arity(i16);

impl Arity {
    pub(crate) const fn new(arity: i16) -> Self {
        Self(arity)
    }

    /// Whether a command with this many arguments is well-formed.
    #[inline]
    pub fn admits(self, arguments: usize) -> bool {
        let bound = usize::from(self.0.unsigned_abs());
        if self.0 < 0 { arguments >= bound } else { arguments == bound }
    }

    /// The number in a server's notation.
    pub fn number(self) -> i16 {
        self.0
    }
}
