//! One thing to be sent, and how.

use slotway_protocol::{Block, RetryClass};

use crate::{connection::Unit, terms::Terms};

/// What [`follow`](crate::follow::follow) takes through the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) unit: Unit<'a>,
    pub(crate) class: RetryClass,
    pub(crate) terms: Terms,
    pub(crate) via: Via,
}

/// Over which connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Via {
    /// The one that all calls share.
    Shared,
    /// One of its own, since the server may let it wait.
    Lease(Block),
}

impl<'a> Request<'a> {
    /// A command, or what else is in `unit`, over the shared connection.
    pub(crate) fn new(unit: impl Into<Unit<'a>>, class: RetryClass, terms: Terms) -> Self {
        Self { unit: unit.into(), class, terms, via: Via::Shared }
    }

    /// The same over a connection of its own.
    pub(crate) fn blocking(self, block: Block) -> Self {
        Self { via: Via::Lease(block), ..self }
    }
}
