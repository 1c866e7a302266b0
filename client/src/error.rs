//! What can go wrong, sorted by what the caller can do about it.

use std::{convert::Infallible, fmt, sync::Arc, time::Duration};

use slotway_protocol::{
    Delivery, GiveUp, HandshakeError, NodeAddr, NodeId, PipelineFull, ReplyError, TopologyError,
    Value,
};

use crate::{ClientFull, UrlError};

/// A call that got no reply, or none that fits.
///
/// An error that a server sent is here only for calls that asked for a type of their own. For
/// [`Client::call`](crate::Client::call) it is a reply, [`Value::Error`](crate::Value::Error).
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection broke when the command had been sent and might not run twice.
    #[error("the command may have been executed: connection to {node} was lost")]
    Unknown {
        /// The node at the other end.
        node: NodeAddr,
    },
    /// The time was up.
    #[error("no reply of {node} within {waited:?}")]
    Late {
        /// The node that was waited for.
        node: NodeAddr,
        /// How long.
        waited: Duration,
        /// Whether the command may have been executed.
        delivery: Delivery,
    },
    /// A command that goes to several slots or nodes was answered by some of them only.
    #[error("parts of the command may have been executed, another was not answered: {source}")]
    Partly {
        /// What the first part that was not answered came to.
        source: Arc<Self>,
    },
    /// The cluster sent the command around, or had nobody to take it, until the time was up.
    #[error("{0}")]
    GaveUp(GiveUp),
    /// The node that should take it could not be reached until the time was up.
    #[error("{reason}; {node}: {source}")]
    Unreachable {
        /// What was given up.
        reason: GiveUp,
        /// The node that was tried last.
        node: NodeAddr,
        /// Why it was not reached.
        source: Arc<ConnectError>,
    },
    /// A node has as much to do as it may; the command was not sent.
    #[error("{node}: {source}")]
    Overloaded {
        /// The node.
        node: NodeAddr,
        /// Which limit was hit.
        source: PipelineFull,
    },
    /// The client as a whole has as much to do as it may; the command was not sent.
    #[error(transparent)]
    ClientFull(#[from] ClientFull),
    /// As many connections as may be are leased, and none came back in time; the command was not
    /// sent.
    #[error("all {leases_max} connections that may be leased are in use (Limits::leases_max)")]
    AllLeased {
        /// How many that is.
        leases_max: usize,
    },
    /// A connection of the caller's own is lost, and all that it stood for, such as watched keys. The
    /// command was not executed.
    #[error("the command was not executed: the caller's own connection to {node} is lost")]
    Aborted {
        /// The node at the other end.
        node: NodeAddr,
    },
    /// A node turned a command of a pipeline away and ran a later one that has a key in common with
    /// it, because their slot moved in between. Sent now, it would run in the wrong order.
    #[error(
        "the command was not executed: a later one of the pipeline overtook it while its slot moved"
    )]
    Overtaken,
    /// The command cannot be sent as it is.
    #[error("{0}")]
    Refused(String),
    /// The channels were not confirmed in time, and are not listened to.
    #[error("the subscription was not confirmed within {waited:?}")]
    NotSubscribed {
        /// How long that was.
        waited: Duration,
    },
    /// None of the seeds told what the cluster looks like.
    #[error("none of the {} seeds answered; the last, {node}: {source}", .tried)]
    NoSeed {
        /// How many there are.
        tried: usize,
        /// The last one.
        node: NodeAddr,
        /// What it said.
        source: Arc<ConnectError>,
    },
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The server answered with an error.
    #[error("{code} {message}")]
    Server {
        /// Its first word, such as `WRONGTYPE`, for programs.
        code: String,
        /// The rest, for people.
        message: String,
    },
    /// The reply is not what was asked for. It is not quoted, since it may be anything.
    #[error("expected {expected}, and the reply is {found}")]
    Unexpected {
        /// What was asked for.
        expected: &'static str,
        /// What kind of reply came.
        found: &'static str,
    },
    /// The reply is of the kind that was asked for, and does not fit. It is not quoted.
    #[error("the reply does not fit: {why}")]
    Misfit {
        /// Why.
        why: String,
    },
    /// The reply cannot be read at all.
    #[error("the reply cannot be read: {0}")]
    Reply(#[from] ReplyError),
}

/// Why a node could not be talked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Slow(Duration),
    /// The node did not accept us.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The provider of credentials failed, or took too long.
    #[error("the credentials provider gave no credentials: {0}")]
    Credentials(Box<dyn std::error::Error + Send + Sync>),
    /// A function of the application panicked, such as one that maps names.
    #[error("a function of the application panicked while the connection was made")]
    Panicked,
    /// The node does not speak the protocol.
    #[error("the node does not speak the protocol: {0}")]
    Protocol(#[from] ReplyError),
    /// The node closed the connection.
    #[error("the node closed the connection")]
    Closed,
    /// The node closed the connection before it had answered the first words.
    #[error(
        "the node closed the connection before it answered: if it speaks TLS at this port, use \
         rediss://, or `Config::with_tls`"
    )]
    ClosedEarly,
    /// The node speaks TLS, and we do not.
    #[error("the node speaks TLS at this port: use rediss://, or `Config::with_tls`")]
    WantsTls,
    /// TLS failed.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
    /// Nodes are reached by their ids ([`AddressMap::ByNodeId`](crate::AddressMap::ByNodeId)), and
    /// no seed has this one.
    #[error(
        "no seed is the node {}: add the address at which it is reached from here to the seeds",
        id(.0)
    )]
    NoSeedIs(Option<NodeId>),
    /// Nodes are reached by their ids, and another one is at this place now.
    #[error("at {at} is now the node {found}, and no longer {expected}")]
    OtherNode {
        /// Where the node was.
        at: NodeAddr,
        /// Its id.
        expected: NodeId,
        /// The id of the node that is there.
        found: NodeId,
    },
    /// Nodes are reached by their ids, and this one does not tell its own.
    #[error("the node does not answer CLUSTER MYID with an id")]
    Nameless,
    /// What the node says of the cluster makes no sense.
    #[error("what the node says of the cluster cannot be used: {0}")]
    Topology(#[from] TopologyError),
}

/// The same text: a program whose `main` returns this error ends with it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// Whether the command may have been executed.
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Unknown { .. } | Self::Partly { .. } => Delivery::MaybeSent,
            Self::Late { delivery, .. } => *delivery,
            Self::GaveUp(reason) | Self::Unreachable { reason, .. } => reason.delivery(),
            // The command was run, or turned down: a script may have come halfway.
            Self::Server { .. }
            | Self::Unexpected { .. }
            | Self::Misfit { .. }
            | Self::Reply(_) => Delivery::MaybeSent,
            Self::Overloaded { .. }
            | Self::ClientFull(_)
            | Self::AllLeased { .. }
            | Self::Aborted { .. }
            | Self::Overtaken
            | Self::Refused(_)
            | Self::NotSubscribed { .. }
            | Self::NoSeed { .. }
            | Self::Url(_) => Delivery::NotSent,
        }
    }

    /// That a reply is not `expected`, which is written as in "a whole number".
    pub fn unexpected(expected: &'static str, found: &Value) -> Self {
        Self::Unexpected { expected, found: kind(found) }
    }

    /// What a server says when it turns a command down: a code, and a text for people.
    pub(crate) fn from_server(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let (code, message) = text.split_once(' ').unwrap_or((&text, ""));
        Self::Server { code: code.to_owned(), message: message.to_owned() }
    }
}

fn id(id: &Option<NodeId>) -> String {
    id.map_or_else(|| "without an id".to_owned(), |id| id.to_string())
}

/// What a reply is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Simple(_) => "a status",
        Value::Error(_) => "an error",
        Value::Integer(_) => "a whole number",
        Value::Double(_) => "a floating-point number",
        Value::Boolean(_) => "a boolean",
        Value::BigNumber(_) => "a big number",
        Value::Bulk(_) => "a string",
        Value::Verbatim { .. } => "a text",
        Value::Array(_) => "an array",
        Value::Map(_) => "a map",
        Value::Set(_) => "a set",
        Value::Push(_) => "a push",
        Value::Attributed { value, .. } => kind(value),
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
