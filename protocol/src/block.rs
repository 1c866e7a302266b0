//! How long a server may let a command wait.

use std::time::Duration;

use crate::{Command, number::parse_u64};

/// The time that a blocking command gives the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Block {
    /// This long at most. Nothing, for a time that no server would accept: it says so at once.
    For(Duration),
    /// Until there is something.
    Forever,
}

impl Block {
    /// The time in `command`, which is known to be one that blocks.
    pub fn of(command: &Command<'_>) -> Self {
        let is =
            |names: &[&[u8]]| names.iter().any(|name| command.name().eq_ignore_ascii_case(name));
        let last = command.args().next_back();
        let time = if is(&[b"XREAD", b"XREADGROUP"]) {
            let args = command.args();
            millis(args.skip_while(|arg| !arg.eq_ignore_ascii_case(b"BLOCK")).nth(1))
        } else if is(&[b"WAIT", b"WAITAOF"]) {
            millis(last)
        } else if is(&[b"BLMPOP", b"BZMPOP"]) {
            seconds(command.arg(1))
        } else {
            // BLPOP, BRPOP, BRPOPLPUSH, BLMOVE, BZPOPMIN, BZPOPMAX, and modules after their model.
            seconds(last)
        };
        if time == Some(Duration::ZERO) {
            Self::Forever
        } else {
            Self::For(time.unwrap_or_default())
        }
    }
}

/// Whether this reply says that the node stopped waiting because it is no longer the one to wait at.
/// It gave nothing away, so the command may be sent to whoever is.
///
/// The same code stands before other words too, as when somebody sent CLIENT UNBLOCK: those are for
/// whoever waits.
pub fn lost_its_place(reply: &[u8]) -> bool {
    reply.starts_with(b"-UNBLOCKED force unblock from blocking operation, instance state changed")
}

fn millis(arg: Option<&[u8]>) -> Option<Duration> {
    parse_u64(arg?).map(Duration::from_millis)
}

fn seconds(arg: Option<&[u8]>) -> Option<Duration> {
    let seconds: f64 = std::str::from_utf8(arg?).ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandBuf;

    #[track_caller]
    fn check(command: &str, expected: Block) {
        let words: Vec<&str> = command.split(' ').collect();
        let command = CommandBuf::new(&words).unwrap();
        assert_eq!(Block::of(&command.as_command()), expected, "{words:?}");
    }

    #[test]
    fn the_time_is_where_each_command_has_it() {
        let millis = |count| Block::For(Duration::from_millis(count));
        check("BLPOP a b 1.5", millis(1500));
        check("blmove a b LEFT RIGHT 2", millis(2000));
        check("BZMPOP 3 1 key MIN", millis(3000));
        check("XREAD COUNT 1 BLOCK 250 STREAMS s $", millis(250));
        check("XREADGROUP GROUP g c block 0 STREAMS s >", Block::Forever);
        check("WAIT 1 100", millis(100));
        check("BRPOP a 0", Block::Forever);
        check("BRPOP a 0.0", Block::Forever);
    }

    #[test]
    fn only_a_node_that_changed_its_state_is_left() {
        let changed = "-UNBLOCKED force unblock from blocking operation, instance state changed \
                       (master -> replica?)\r\n";
        assert!(lost_its_place(changed.as_bytes()));
        for other in [
            "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n",
            "-UNBLOCKED the stream key no longer exists\r\n",
            "*-1\r\n",
        ] {
            assert!(!lost_its_place(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_by_the_server_without_a_wait() {
        for command in ["BLPOP a x", "BLPOP a -1", "BLPOP a inf", "XREAD BLOCK x STREAMS s $"] {
            check(command, Block::For(Duration::ZERO));
        }
    }
}
