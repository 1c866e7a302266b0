//! What slotway decides about each command, by name; for commands it does not know, what their
//! server recommends.

use std::fmt;

use super::{CommandFlags, CommandSpec, RequestPolicy, ResponsePolicy};
use crate::merge::Merge;

/// Where a command goes, as far as its name tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// To the node of its first argument, which is its only key.
    FirstKey,
    /// To the node of its keys.
    Keys,
    AnyNode,
    /// To the nodes of its keys. A key every `step` arguments, from the first on.
    Split {
        step: usize,
        merge: Merge,
    },
    Broadcast {
        to: Audience,
        merge: Merge,
    },
    Scan,
    Pinned(Pin),
    PinnedIfBlocking,
    Answer(SessionCommand),
}

/// Which nodes a broadcast is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Audience {
    /// Every primary.
    AllPrimaries,
    /// Every node, replicas too.
    AllNodes,
}

/// Why a command needs a connection of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pin {
    /// It may wait, and whatever is behind it on the connection would wait too.
    Blocking,
    /// It speaks of the writes that the same connection made before.
    Wait,
    /// It watches keys until the transaction that follows.
    Watch,
    /// Messages will come on the connection.
    Subscribe,
    /// The connection becomes a stream of what the server does.
    Monitor,
}

/// What only the connection that the command came on can answer: it concerns its own state, or
/// what it shows to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionCommand {
    /// `ACL WHOAMI`.
    AclWhoami,
    /// `AUTH`.
    Auth,
    /// `CLIENT` with any subcommand.
    Client,
    /// `CLUSTER` with any subcommand that only reads.
    Cluster,
    /// `COMMAND` with any subcommand.
    Command,
    /// `CONFIG GET`.
    ConfigGet,
    /// `DISCARD`.
    Discard,
    /// `ECHO`.
    Echo,
    /// `EXEC`.
    Exec,
    /// `HELLO`.
    Hello,
    /// `INFO`.
    Info,
    /// `LASTSAVE`.
    LastSave,
    /// `MULTI`.
    Multi,
    /// `PING`.
    Ping,
    /// `QUIT`.
    Quit,
    /// `READONLY`.
    Readonly,
    /// `READWRITE`.
    Readwrite,
    /// `RESET`.
    Reset,
    /// `ROLE`.
    Role,
    /// `SELECT`.
    Select,
    /// `TIME`.
    Time,
    /// `UNSUBSCRIBE`, `PUNSUBSCRIBE`, `SUNSUBSCRIBE`.
    Unsubscribe,
    /// `UNWATCH`.
    Unwatch,
}

impl Route {
    /// The route of a command.
    pub(crate) fn of(spec: &CommandSpec) -> Self {
        by_name(spec.name()).or_else(|| session(spec.name())).unwrap_or_else(|| recommended(spec))
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstKey | Self::Keys => "the node of its keys",
            Self::AnyNode => "any node",
            Self::Split { .. } => "the nodes of its keys, in parts",
            Self::Broadcast { to: Audience::AllPrimaries, .. } => "all primaries",
            Self::Broadcast { to: Audience::AllNodes, .. } => "all nodes",
            Self::Scan => "one primary after the other",
            Self::Pinned(_) => "a connection of its own",
            Self::PinnedIfBlocking => "the node of its keys; with BLOCK, a connection of its own",
            Self::Answer(_) => "answered by the connection",
        })?;
        let (Self::Split { merge, .. } | Self::Broadcast { merge, .. }) = self else {
            return Ok(());
        };
        f.write_str(match merge {
            Merge::Sum => ": sum",
            Merge::Min => ": smallest",
            Merge::Max => ": largest",
            Merge::And => ": true where all are",
            Merge::Or => ": true where one is",
            Merge::AllOk => ": OK if all are",
            Merge::Gather => ": in the order of the keys",
            Merge::Concat => ": all lists as one",
            Merge::Union => ": all lists as one, each element once",
            Merge::First => ": OK if one is",
            Merge::FirstFound => ": the first that is found",
        })
    }
}

fn by_name(name: &str) -> Option<Route> {
    const fn primaries(merge: Merge) -> Route {
        Route::Broadcast { to: Audience::AllPrimaries, merge }
    }
    const fn nodes(merge: Merge) -> Route {
        Route::Broadcast { to: Audience::AllNodes, merge }
    }
    Some(match name {
        "mget" => Route::Split { step: 1, merge: Merge::Gather },
        "mset" => Route::Split { step: 2, merge: Merge::AllOk },
        "del" | "unlink" | "exists" | "touch" => Route::Split { step: 1, merge: Merge::Sum },
        // All or nothing, or with a condition over all keys: never in parts.
        "msetnx" | "msetex" => Route::Keys,
        "scan" => Route::Scan,
        "dbsize" => primaries(Merge::Sum),
        "keys" => primaries(Merge::Concat),
        "flushall" | "flushdb" => primaries(Merge::AllOk),
        "randomkey" => primaries(Merge::FirstFound),
        // Replicas learn functions by replication; scripts are not replicated, and a replica that
        // lacks one says so.
        "script|load" | "script|flush" => primaries(Merge::AllOk),
        "script|exists" => primaries(Merge::And),
        "script|kill" | "function|kill" => primaries(Merge::First),
        "function|load" | "function|delete" | "function|flush" | "function|restore" => {
            primaries(Merge::AllOk)
        }
        "function|stats" | "function|list" | "function|dump" => Route::AnyNode,
        "pubsub|channels" => nodes(Merge::Union),
        "pubsub|numsub" | "pubsub|numpat" => nodes(Merge::Sum),
        "pubsub|shardchannels" => nodes(Merge::Union),
        "pubsub|shardnumsub" => nodes(Merge::Sum),
        "slowlog|get" | "commandlog|get" | "latency|latest" | "latency|history" => {
            nodes(Merge::Concat)
        }
        "save" | "bgsave" | "bgrewriteaof" => nodes(Merge::AllOk),
        "xread" | "xreadgroup" => Route::PinnedIfBlocking,
        "wait" | "waitaof" => Route::Pinned(Pin::Wait),
        "watch" => Route::Pinned(Pin::Watch),
        "subscribe" | "psubscribe" | "ssubscribe" => Route::Pinned(Pin::Subscribe),
        "monitor" | "sync" | "psync" => Route::Pinned(Pin::Monitor),
        _ => return None,
    })
}

fn session(name: &str) -> Option<Route> {
    let (word, subcommand) = name.split_once('|').unwrap_or((name, ""));
    // The help of a container is the same everywhere.
    if subcommand == "help" {
        return Some(Route::AnyNode);
    }
    Some(Route::Answer(match word {
        "client" => SessionCommand::Client,
        "cluster" => SessionCommand::Cluster,
        "command" => SessionCommand::Command,
        "acl" if subcommand == "whoami" => SessionCommand::AclWhoami,
        "config" if subcommand == "get" => SessionCommand::ConfigGet,
        "auth" => SessionCommand::Auth,
        "discard" => SessionCommand::Discard,
        "echo" => SessionCommand::Echo,
        "exec" => SessionCommand::Exec,
        "hello" => SessionCommand::Hello,
        "info" => SessionCommand::Info,
        "lastsave" => SessionCommand::LastSave,
        "multi" => SessionCommand::Multi,
        "ping" => SessionCommand::Ping,
        "quit" => SessionCommand::Quit,
        "readonly" => SessionCommand::Readonly,
        "readwrite" => SessionCommand::Readwrite,
        "reset" => SessionCommand::Reset,
        "role" => SessionCommand::Role,
        "select" => SessionCommand::Select,
        "time" => SessionCommand::Time,
        "unsubscribe" | "punsubscribe" | "sunsubscribe" => SessionCommand::Unsubscribe,
        "unwatch" => SessionCommand::Unwatch,
        _ => return None,
    }))
}

/// The route of a command that needs no decision of ours, module commands among them.
///
/// Where the server says that its policy is special, and we do not know the command, one node
/// answers, and for itself alone.
fn recommended(spec: &CommandSpec) -> Route {
    if spec.flags().contains(CommandFlags::BLOCKING) {
        return Route::Pinned(Pin::Blocking);
    }
    if let [place] = spec.key_specs()
        && place.is_first_argument()
    {
        return Route::FirstKey;
    }
    if !spec.key_specs().is_empty() {
        return Route::Keys;
    }
    let to = match spec.request_policy() {
        RequestPolicy::AllNodes => Audience::AllNodes,
        RequestPolicy::AllShards => Audience::AllPrimaries,
        RequestPolicy::Keys | RequestPolicy::MultiShard | RequestPolicy::Special => {
            return Route::AnyNode;
        }
    };
    let merge = match spec.response_policy() {
        ResponsePolicy::Default => Merge::Concat,
        ResponsePolicy::OneSucceeded => Merge::First,
        ResponsePolicy::AllSucceeded => Merge::AllOk,
        ResponsePolicy::LogicalAnd => Merge::And,
        ResponsePolicy::LogicalOr => Merge::Or,
        ResponsePolicy::Min => Merge::Min,
        ResponsePolicy::Max => Merge::Max,
        ResponsePolicy::Sum => Merge::Sum,
        ResponsePolicy::Special => return Route::AnyNode,
    };
    Route::Broadcast { to, merge }
}
