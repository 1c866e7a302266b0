//! A command of the redis crate as one of slotway.

use bytes::Bytes;
use redis::{Arg, ErrorKind, RedisError, RedisResult};
use slotway::{Cmd, Value, cmd};
use slotway_protocol::ReplyLimits;

/// The same name and arguments.
pub(crate) fn translate(command: &redis::Cmd) -> RedisResult<Cmd> {
    let plain = |arg| if let Arg::Simple(bytes) = arg { Some(bytes) } else { None };
    let args: Option<Vec<&[u8]>> = command.args_iter().map(plain).collect();
    match args {
        Some(args) => of_args(args.into_iter()),
        None => with_cursor(command),
    }
}

/// A command that walks shows its cursor only as it is sent.
fn with_cursor(command: &redis::Cmd) -> RedisResult<Cmd> {
    let sent = Bytes::from(command.get_packed_command());
    let sent = Value::decode(&sent, &ReplyLimits::default()).map_err(|_| unreadable())?;
    of_args(sent.as_elements().ok_or_else(unreadable)?.iter().filter_map(Value::as_bytes))
}

fn of_args<'a>(mut args: impl Iterator<Item = &'a [u8]>) -> RedisResult<Cmd> {
    let name = args.next().and_then(|name| str::from_utf8(name).ok()).ok_or_else(unreadable)?;
    let mut translated = cmd(name);
    args.for_each(|arg| translated.push(arg));
    Ok(translated)
}

fn unreadable() -> RedisError {
    (ErrorKind::Client, "the command has no name that can be read").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &redis::Cmd, expected: &str) {
        assert_eq!(format!("{:?}", translate(command).unwrap()), expected);
    }

    #[test]
    fn a_command_keeps_its_arguments() {
        check(redis::cmd("SET").arg("k").arg(7), "Cmd(SET, 2 arguments)");
        check(redis::cmd("HSCAN").arg("k").cursor_arg(0), "Cmd(HSCAN, 2 arguments)");
        check(redis::cmd("PING").arg(&[] as &[u8]), "Cmd(PING, 1 arguments)");
    }

    #[test]
    fn a_command_without_a_name_is_refused() {
        assert_eq!(translate(&redis::Cmd::new()).unwrap_err().kind(), ErrorKind::Client);
        let bytes = redis::Cmd::new().arg(b"\xff".as_slice()).to_owned();
        assert_eq!(translate(&bytes).unwrap_err().kind(), ErrorKind::Client);
    }
}
