//! What can go wrong, sorted by what the caller can do about it.

use std::{sync::Arc, time::Duration};

use slotway_protocol::{
    Delivery, GiveUp, HandshakeError, NodeAddr, PipelineFull, ReplyError, TopologyError,
};

/// A call that got no reply.
///
/// An error that a server sent is not here: it is a reply, [`Value::Error`](crate::Value::Error).
#[derive(Clone, Debug, thiserror::Error)]
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
    /// The cluster sent the command around, or had nobody to take it, until the time was up.
    #[error("{0}")]
    GaveUp(GiveUp),
    /// A node has as much to do as it may; the command was not sent.
    #[error("{node}: {source}")]
    Overloaded {
        /// The node.
        node: NodeAddr,
        /// Which limit was hit.
        source: PipelineFull,
    },
    /// The command cannot be sent as it is.
    #[error("{0}")]
    Refused(String),
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
}

/// Why a node could not be talked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No connection could be made.
    #[error("cannot connect: {0}")]
    Io(#[from] std::io::Error),
    /// It took too long.
    #[error("no connection within {0:?}")]
    Slow(Duration),
    /// The node did not accept us.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The node does not speak the protocol.
    #[error("the node does not speak the protocol: {0}")]
    Protocol(#[from] ReplyError),
    /// The node closed the connection.
    #[error("the node closed the connection")]
    Closed,
    /// What the node says of the cluster makes no sense.
    #[error("what the node says of the cluster cannot be used: {0}")]
    Topology(#[from] TopologyError),
}

impl Error {
    /// Whether the command may have been executed.
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Unknown { .. } => Delivery::MaybeSent,
            Self::Late { delivery, .. } => *delivery,
            Self::GaveUp(reason) => reason.delivery(),
            Self::Overloaded { .. } | Self::Refused(_) | Self::NoSeed { .. } => Delivery::NotSent,
        }
    }
}
