//! Errors of slotway as errors of the redis crate.

use std::{error::Error as StdError, io, sync::Arc};

use redis::{ErrorKind, RedisError, ServerError};
use slotway::{Delivery, Error};

/// Codes that slotway words as a server would.
const AS_A_SERVER: [&str; 4] = ["CLUSTERDOWN", "CROSSSLOT", "ERR", "UNKNOWNOUTCOME"];

/// The error that code written for the redis crate expects: of the same kind, and with the code of
/// a server's error kept.
///
/// Time that was up is an I/O error for which [`RedisError::is_timeout`] holds, a lost connection
/// one for which [`RedisError::is_connection_dropped`] does. [`slotway_error`] finds what slotway said.
pub fn into_redis_error(error: Error) -> RedisError {
    let kind = match &error {
        Error::Server { code, message } => return server_error(code, message).into(),
        Error::Refused(text) => return refused(text),
        Error::GaveUp(reason) => return refused(&reason.to_string()),
        Error::Unexpected { .. } => {
            return (ErrorKind::UnexpectedReturnType, "another type", error.to_string()).into();
        }
        Error::Reply(_) => return (ErrorKind::Parse, "bad reply", error.to_string()).into(),
        Error::Url(_) => {
            return (ErrorKind::InvalidClientConfig, "bad URL", error.to_string()).into();
        }
        Error::Late { .. } => io::ErrorKind::TimedOut,
        Error::Unknown { .. } | Error::Partly { .. } => io::ErrorKind::ConnectionReset,
        Error::Aborted { .. } => io::ErrorKind::ConnectionAborted,
        Error::Unreachable { .. } | Error::NoSeed { .. } => io::ErrorKind::NotConnected,
        Error::Overloaded { .. } | Error::AllLeased { .. } | Error::Overtaken | _ => {
            io::ErrorKind::Other
        }
    };
    io::Error::new(kind, error).into()
}

/// What slotway said, if the error came from it and not from a server.
pub fn slotway_error(error: &RedisError) -> Option<&Error> {
    type Shared = Arc<dyn StdError + Send + Sync>;
    let source: &(dyn StdError + 'static) = StdError::source(error)?;
    let io = match source.downcast_ref::<Shared>() {
        Some(shared) => shared.downcast_ref::<io::Error>(),
        None => source.downcast_ref::<io::Error>(),
    };
    io?.get_ref()?.downcast_ref::<Error>()
}

/// Whether the command may have been executed, when it ended with this error.
///
/// Only what is known to have stayed unexecuted is [`Delivery::NotSent`]; any other error, such as
/// one of a server, says nothing about that.
pub fn delivery(error: &RedisError) -> Delivery {
    slotway_error(error).map_or(Delivery::MaybeSent, Error::delivery)
}

/// An error as the redis crate reads it from a server, with a kind of its own for known codes.
pub(crate) fn server_error(code: &str, message: &str) -> ServerError {
    let line = format!("-{code} {message}\r\n");
    if !code.contains(['\r', '\n'])
        && !message.contains(['\r', '\n'])
        && let Ok(redis::Value::ServerError(error)) = redis::parse_redis_value(line.as_bytes())
    {
        return error;
    }
    // The text has lines, as that of a script may: a bulk error carries them.
    let text = format!("{code} {message}");
    let bulk = format!("!{}\r\n{text}\r\n", text.len());
    match redis::parse_redis_value(bulk.as_bytes()) {
        Ok(redis::Value::ServerError(error)) => error,
        _ => unnamed(code, message),
    }
}

/// An error whose code is not known to have a kind.
fn unnamed(code: &str, message: &str) -> ServerError {
    let error = redis::make_extension_error(code.to_owned(), Some(message.to_owned()));
    error.try_into().expect("an extension error is a server's")
}

/// Why slotway did not send a command, as a server would say it.
pub(crate) fn refusal(text: &str) -> ServerError {
    as_a_server(text).unwrap_or_else(|| server_error("ERR", &format!("slotway: {text}")))
}

fn as_a_server(text: &str) -> Option<ServerError> {
    let (code, message) = text.split_once(' ')?;
    AS_A_SERVER.contains(&code).then(|| server_error(code, message))
}

fn refused(text: &str) -> RedisError {
    match as_a_server(text) {
        Some(error) => error.into(),
        None => (ErrorKind::Client, "slotway does not send this", text.to_owned()).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redis::ServerErrorKind;
    use slotway::NodeAddr;

    use super::*;

    fn node() -> NodeAddr {
        NodeAddr::new("a", 1)
    }

    #[track_caller]
    fn check(error: Error, kind: ErrorKind, code: Option<&str>) {
        let said = into_redis_error(error);
        assert_eq!((said.kind(), said.code()), (kind, code), "{said}");
    }

    #[test]
    fn a_server_s_error_keeps_its_code_and_kind() {
        let server = |code: &str, message: &str| Error::Server {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        let known = ErrorKind::Server;
        check(server("NOSCRIPT", "none"), known(ServerErrorKind::NoScript), Some("NOSCRIPT"));
        check(server("ERR", "a\r\nb"), known(ServerErrorKind::ResponseError), Some("ERR"));
        check(server("WRONGTYPE", "of a list"), ErrorKind::Extension, Some("WRONGTYPE"));
        check(server("MYCODE", ""), ErrorKind::Extension, Some("MYCODE"));
        let moved = into_redis_error(server("MOVED", "7 a:1"));
        assert_eq!(moved.redirect_node(), Some(("a:1", 7)));
    }

    #[test]
    fn a_refusal_is_one_of_the_client_unless_a_server_says_the_same() {
        let refused = |text: &str| Error::Refused(text.to_owned());
        let crossslot = ErrorKind::Server(ServerErrorKind::CrossSlot);
        check(refused("CROSSSLOT Keys in request"), crossslot, Some("CROSSSLOT"));
        check(refused("SCAN walks one node at a time"), ErrorKind::Client, None);
    }

    #[test]
    fn what_slotway_said_is_found_again() {
        let late = Error::Late {
            node: node(),
            waited: Duration::from_secs(1),
            delivery: Delivery::NotSent,
        };
        let late = into_redis_error(late);
        assert!(late.is_timeout() && !late.is_connection_dropped(), "{late}");
        assert!(matches!(slotway_error(&late), Some(Error::Late { .. })));
        assert_eq!(delivery(&late), Delivery::NotSent);
        let lost = into_redis_error(Error::Unknown { node: node() });
        assert!(lost.is_connection_dropped() && !lost.is_timeout(), "{lost}");
        assert_eq!(delivery(&lost), Delivery::MaybeSent);
        let server = RedisError::from(server_error("ERR", "no"));
        assert!(slotway_error(&server).is_none());
        assert_eq!(delivery(&server), Delivery::MaybeSent);
    }
}
