//! Why a command is not sent, in the words of a server.

use super::UnknownCommand;
use crate::{command::Command, slot::Slot};

/// Why a command is not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// No command has this name.
    UnknownCommand,
    /// The container has no such subcommand.
    UnknownSubcommand,
    /// It has too many or too few arguments.
    Arity {
        /// How many of the first arguments name the command.
        words: usize,
    },
    /// Its keys are in different slots, and it cannot or may not be split.
    CrossSlot {
        /// The first key.
        first: KeyInSlot,
        /// A key that is elsewhere.
        other: KeyInSlot,
    },
    /// The rules do not allow it.
    Denied {
        /// How many of the first arguments name the command.
        words: usize,
    },
    /// The cursor of a `SCAN` is not one that an earlier one gave.
    InvalidCursor,
}

/// A key of the command in question, and its slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeyInSlot {
    /// Its position among the arguments.
    pub position: usize,
    /// Where it lives.
    pub slot: Slot,
}

/// How many bytes of a name or of the list of arguments an error repeats.
const ECHO_MAX: usize = 128;
/// How many bytes of a key an error repeats.
const KEY_MAX: usize = 64;

impl Refusal {
    pub(super) fn from_unknown(unknown: UnknownCommand) -> Self {
        match unknown {
            UnknownCommand::Command => Self::UnknownCommand,
            UnknownCommand::Subcommand => Self::UnknownSubcommand,
        }
    }

    /// The error as a server words it, without the leading `-` and the line end. It repeats parts
    /// of the command, keys among them, so it is for the sender of the command and for nobody
    /// else.
    pub fn text(&self, command: &Command<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(192);
        match *self {
            Self::UnknownCommand => unknown_command(&mut out, command),
            Self::UnknownSubcommand => unknown_subcommand(&mut out, command),
            Self::Arity { words } => {
                out.extend_from_slice(b"ERR wrong number of arguments for '");
                name(&mut out, command, words);
                out.extend_from_slice(b"' command");
            }
            Self::CrossSlot { first, other } => {
                out.extend_from_slice(b"CROSSSLOT Keys in request don't hash to the same slot; ");
                key(&mut out, command, first);
                out.extend_from_slice(b" and ");
                key(&mut out, command, other);
                out.extend_from_slice(b"; keys with the same {tag} share a slot");
            }
            Self::Denied { words } => {
                out.extend_from_slice(b"ERR '");
                name(&mut out, command, words);
                out.extend_from_slice(
                    b"' is not allowed here; the list of allowed commands can name it",
                );
            }
            Self::InvalidCursor => out.extend_from_slice(b"ERR invalid cursor"),
        }
        // A line end in a name would end the error early.
        out.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
        out
    }
}

/// As much of an argument as servers repeat: it ends at a zero byte, since they print C strings.
fn echo(arg: &[u8], max: usize) -> &[u8] {
    let text = &arg[..arg.len().min(max)];
    memchr::memchr(0, text).map_or(text, |end| &text[..end])
}

fn unknown_command(out: &mut Vec<u8>, command: &Command<'_>) {
    out.extend_from_slice(b"ERR unknown command '");
    out.extend_from_slice(echo(command.name(), ECHO_MAX));
    out.extend_from_slice(b"', with args beginning with: ");
    let start = out.len();
    for arg in command.args().skip(1) {
        let Some(left) = ECHO_MAX.checked_sub(out.len() - start).filter(|&left| left > 0) else {
            break;
        };
        out.push(b'\'');
        out.extend_from_slice(echo(arg, left));
        out.extend_from_slice(b"' ");
    }
}

fn unknown_subcommand(out: &mut Vec<u8>, command: &Command<'_>) {
    out.extend_from_slice(b"ERR unknown subcommand '");
    out.extend_from_slice(echo(command.arg(1).unwrap_or_default(), ECHO_MAX));
    out.extend_from_slice(b"'. Try ");
    out.extend(command.name().iter().map(u8::to_ascii_uppercase));
    out.extend_from_slice(b" HELP.");
}

/// The name of a known command.
fn name(out: &mut Vec<u8>, command: &Command<'_>, words: usize) {
    for (nth, word) in command.args().take(words).enumerate() {
        if nth > 0 {
            out.push(b'|');
        }
        out.extend(word.iter().map(u8::to_ascii_lowercase));
    }
}

fn key(out: &mut Vec<u8>, command: &Command<'_>, key: KeyInSlot) {
    let arg = command.arg(key.position).unwrap_or_default();
    out.push(b'\'');
    out.extend_from_slice(&arg[..arg.len().min(KEY_MAX)]);
    out.extend_from_slice(if arg.len() > KEY_MAX { b"...' is in slot " } else { b"' is in slot " });
    out.extend_from_slice(key.slot.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use crate::{CommandBuf, CommandTable, Plan, PlanRules};

    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        let table = CommandTable::builtin();
        let command = CommandBuf::new(args).unwrap();
        let plan = Plan::of(&command.as_command(), &table, &PlanRules::new(&table));
        let Plan::Refused(refusal) = plan else { panic!("{args:?} gives {plan:?}") };
        let text = refusal.text(&command.as_command());
        assert_eq!(String::from_utf8_lossy(&text), expected, "{args:?}");
    }

    #[test]
    fn an_unknown_command_is_told_in_the_words_of_a_server() {
        check(&["foo"], "ERR unknown command 'foo', with args beginning with: ");
        check(&["Foo", "a", "b"], "ERR unknown command 'Foo', with args beginning with: 'a' 'b' ");
        check(&["a\r\nb", "c\nd"], "ERR unknown command 'a  b', with args beginning with: 'c d' ");
        check(&["f\0oo", "a\0b"], "ERR unknown command 'f', with args beginning with: 'a' ");
        check(&["CONFIG", "foo"], "ERR unknown subcommand 'foo'. Try CONFIG HELP.");
        check(&["config", "a\r\nb"], "ERR unknown subcommand 'a  b'. Try CONFIG HELP.");
    }

    #[test]
    fn what_an_unknown_command_repeats_is_bounded() {
        let long = "x".repeat(200);
        let cut = "x".repeat(128);
        check(&[&long], &format!("ERR unknown command '{cut}', with args beginning with: "));
        check(
            &["foo", &long],
            &format!("ERR unknown command 'foo', with args beginning with: '{cut}' "),
        );
        let x = "x".repeat(60);
        check(
            &["foo", &x, &x, &x, "y"],
            &format!("ERR unknown command 'foo', with args beginning with: '{x}' '{x}' 'xx' "),
        );
        check(&["config", &long], &format!("ERR unknown subcommand '{cut}'. Try CONFIG HELP."));
    }

    #[test]
    fn a_wrong_number_of_arguments_names_the_command() {
        check(&["GET"], "ERR wrong number of arguments for 'get' command");
        check(&["CONFIG"], "ERR wrong number of arguments for 'config' command");
        check(&["CONFIG", "GET"], "ERR wrong number of arguments for 'config|get' command");
        check(&["mset", "a", "1", "b"], "ERR wrong number of arguments for 'mset' command");
    }

    #[test]
    fn keys_in_different_slots_are_named_with_their_slots() {
        check(
            &["RENAME", "foo", "{user1000}.following"],
            "CROSSSLOT Keys in request don't hash to the same slot; 'foo' is in slot 12182 and \
             '{user1000}.following' is in slot 3443; keys with the same {tag} share a slot",
        );
    }

    #[test]
    fn a_denied_command_says_so() {
        check(
            &["CONFIG", "SET", "a", "b"],
            "ERR 'config|set' is not allowed here; the list of allowed commands can name it",
        );
    }
}
