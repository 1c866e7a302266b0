//! What a client that has subscriptions may still ask for.

use slotway::Protocol;
use slotway_protocol::CommandSpec;

/// The commands that a server takes from a subscriber that speaks RESP2: on such a connection,
/// replies and messages could not be told apart.
const TAKEN: [&str; 9] = [
    "subscribe",
    "psubscribe",
    "ssubscribe",
    "unsubscribe",
    "punsubscribe",
    "sunsubscribe",
    "ping",
    "quit",
    "reset",
];

/// The reply to a command of a client that has subscriptions, if a server would not carry it out. A
/// server looks at this after the command's name, its arity and who may use it.
pub fn refused_to_subscriber(spec: &CommandSpec, protocol: Protocol) -> Option<Vec<u8>> {
    let name = spec.name();
    let is_taken =
        protocol == Protocol::Resp3 || TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken));
    let said = || {
        let name = name.to_ascii_lowercase();
        format!(
            "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
             RESET are allowed in this context\r\n"
        )
    };
    (!is_taken).then(|| said().into())
}

#[cfg(test)]
mod tests {
    use slotway_protocol::CommandTable;

    use super::*;

    #[track_caller]
    fn check(name: &str, protocol: Protocol, expected: Option<&str>) {
        let table = CommandTable::builtin();
        let refused = refused_to_subscriber(table.named(name).unwrap(), protocol);
        let refused = refused.map(|reply| String::from_utf8(reply).unwrap());
        let expected = expected.map(|name| {
            format!(
                "-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / \
                 QUIT / RESET are allowed in this context\r\n"
            )
        });
        assert_eq!(refused, expected, "{name}");
    }

    #[test]
    fn a_subscriber_that_speaks_resp2_may_not_do_much() {
        check("GET", Protocol::Resp2, Some("get"));
        check("CLIENT|SETNAME", Protocol::Resp2, Some("client|setname"));
        check("HELLO", Protocol::Resp2, Some("hello"));
        for name in TAKEN {
            check(name, Protocol::Resp2, None);
        }
        check("GET", Protocol::Resp3, None);
    }
}
