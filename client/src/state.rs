//! What must not be sent over a connection that others use too.

use slotway_protocol::{Command, CommandTable, Pin};

use crate::Error;

/// Commands that change what the connection is for all that come after, or that speak of it.
///
/// Of CLIENT and the like, only the subcommands that do.
const OF_THE_CONNECTION: [&str; 28] = [
    "asking",
    "auth",
    "client|caching",
    "client|capa",
    "client|getname",
    "client|id",
    "client|import-source",
    "client|info",
    "client|no-evict",
    "client|no-touch",
    "client|reply",
    "client|setinfo",
    "client|setname",
    "client|tracking",
    "client|trackinginfo",
    "discard",
    "exec",
    "hello",
    "multi",
    "psync",
    "quit",
    "readonly",
    "readwrite",
    "replconf",
    "reset",
    "script|debug",
    "select",
    "unwatch",
];

/// Lets a command through that leaves the connection as it was.
pub(crate) fn check(command: &Command<'_>, table: &CommandTable) -> Result<(), Error> {
    let Ok(spec) = table.lookup(command) else { return Ok(()) };
    let name = spec.name();
    let hint = match name {
        "multi" | "exec" | "discard" => "use Client::transaction",
        "unwatch" => "use Client::watch",
        "unsubscribe" | "punsubscribe" | "sunsubscribe" => "use Client::subscribe",
        "auth" | "hello" | "select" | "client|setname" => "set it on Config",
        _ if OF_THE_CONNECTION.contains(&name) => "use Client::dedicated",
        _ => return Ok(()),
    };
    let name = name.replace('|', " ").to_uppercase();
    Err(Error::Refused(format!("{name} concerns one connection, and calls share theirs: {hint}")))
}

/// Why a command cannot go the usual way, and which way it can.
pub(crate) fn needs_its_own(why: Pin) -> Error {
    Error::Refused(match why {
        Pin::Watch => "WATCH needs a connection of its own: use Client::watch".to_owned(),
        Pin::Wait => "it speaks of the writes of one connection: use Client::dedicated".to_owned(),
        Pin::Subscribe => {
            "messages need a connection of their own: use Client::subscribe".to_owned()
        }
        Pin::Monitor => {
            "it would turn the connection into a stream: slotway has no use for it".to_owned()
        }
        Pin::Blocking => "it waits, and whatever is behind it would wait too".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use slotway_protocol::CommandBuf;

    use super::*;

    #[track_caller]
    fn check_says(command: &str, expected: Option<&str>) {
        let words: Vec<&str> = command.split(' ').collect();
        let command = CommandBuf::new(&words).unwrap();
        let said = check(&command.as_command(), &CommandTable::builtin());
        let said = said.err().map(|error| error.to_string());
        assert!(
            match (&said, expected) {
                (Some(said), Some(expected)) => said.contains(expected),
                (said, expected) => said.is_none() && expected.is_none(),
            },
            "{words:?} gave {said:?}"
        );
    }

    #[test]
    fn what_would_change_the_connection_of_others_is_not_sent() {
        check_says(
            "MULTI",
            Some("MULTI concerns one connection, and calls share theirs: use Client::transaction"),
        );
        check_says("client reply OFF", Some("CLIENT REPLY"));
        check_says("SELECT 1", Some("set it on Config"));
        check_says("ASKING", Some("Client::dedicated"));
        for fine in ["PING", "INFO", "CLIENT LIST", "CLIENT KILL ID 1", "CLUSTER NODES", "TIME"] {
            check_says(fine, None);
        }
    }

    #[test]
    fn every_name_is_one_that_servers_know() {
        let table = CommandTable::builtin();
        for name in OF_THE_CONNECTION {
            assert!(table.named(name).is_some(), "{name}");
        }
    }
}
