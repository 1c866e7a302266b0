//! May a command be sent again when nobody knows if it ran?

use super::CommandFlags;
use crate::{command::Command, retry::RetryClass};

/// How the class of a command is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RetryRule {
    Read,
    Idempotent,
    Never,
    Script,
    /// A read, unless it asks to wait.
    ReadUnlessBlocked,
    /// `SET`: its options tell.
    Set,
    /// Idempotent with exactly this many arguments: more are conditions.
    IfPlain(u8),
    /// Idempotent unless one of the words that make it conditional is among the arguments. A
    /// member of that name is taken for one: that errs to the safe side.
    Unless(&'static [&'static str]),
}

impl RetryRule {
    /// The rule for a command. Commands that are not known, and do not say that they only read,
    /// never run twice.
    pub(crate) fn of(name: &str, flags: CommandFlags) -> Self {
        if flags.contains(CommandFlags::READONLY) {
            return match flags.contains(CommandFlags::BLOCKING) {
                true => Self::ReadUnlessBlocked,
                false => Self::Read,
            };
        }
        match name {
            "eval" | "evalsha" | "fcall" => Self::Script,
            "set" => Self::Set,
            "del" | "unlink" | "mset" | "sadd" | "srem" | "hset" | "hmset" | "hdel" | "zrem"
            | "setbit" | "setrange" | "persist" | "pfadd" | "xack" => Self::Idempotent,
            "sort" => Self::Idempotent,
            "expireat" | "pexpireat" => Self::IfPlain(3),
            "zadd" => Self::Unless(&["nx", "xx", "gt", "lt", "incr"]),
            "geoadd" => Self::Unless(&["nx", "xx"]),
            _ => Self::Never,
        }
    }

    /// The rule in a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Read => "yes",
            Self::ReadUnlessBlocked => "yes, without BLOCK",
            Self::Idempotent => "if asked for",
            Self::Set | Self::IfPlain(_) | Self::Unless(_) => "if asked for, without conditions",
            Self::Never | Self::Script => "no",
        }
    }

    #[inline]
    pub(crate) fn class(self, command: &Command<'_>) -> RetryClass {
        let idempotent = match self {
            Self::Read => return RetryClass::Read,
            Self::Script => return RetryClass::Script,
            Self::ReadUnlessBlocked if super::blocks(command) => false,
            Self::ReadUnlessBlocked => return RetryClass::Read,
            Self::Idempotent => true,
            Self::Never => false,
            Self::Set => sets_plainly(command),
            Self::IfPlain(len) => command.len() == usize::from(len),
            Self::Unless(words) => !command
                .args()
                .skip(2)
                .any(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))),
        };
        if idempotent { RetryClass::Idempotent } else { RetryClass::Never }
    }
}

/// Whether a `SET` has no option, or only one that says when the key expires, and not in how long.
fn sets_plainly(command: &Command<'_>) -> bool {
    let is = |position, word: &[u8]| {
        command.arg(position).is_some_and(|arg: &[u8]| arg.eq_ignore_ascii_case(word))
    };
    command.len() == 3 || command.len() == 5 && (is(3, b"exat") || is(3, b"pxat"))
}
