//! Connections that one caller has for itself: what waits on one holds up nobody.

use std::sync::Arc;

use slotway_protocol::Access;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{Node, NotSent};
use crate::connection::{Call, Connection, Manner, NotTaken, Unit};

/// A connection that is somebody's own. Dropped, it is closed at once, and the server stops waiting
/// on its behalf.
#[derive(Debug)]
pub(crate) struct Lease {
    node: Arc<Node>,
    /// None once it was given back.
    connection: Option<Connection>,
    /// Counts until the lease ends.
    _permit: OwnedSemaphorePermit,
}

impl Node {
    /// A connection to this node, for one caller alone.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, NotSent> {
        let permit = timeout_at(deadline, self.common.leases.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(NotSent::AllLeased) };
        let idle = std::iter::from_fn(|| self.idle.lock().pop());
        let kept = idle.into_iter().find(|connection| !connection.is_closed());
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let dialled =
                    timeout_at(deadline, self.connect_anew(Access::ReadWrite, None)).await;
                dialled.map_err(|_| NotSent::Late)?.map_err(NotSent::Unreachable)?.0
            }
        };
        Ok(Lease { node: self.clone(), connection: Some(connection), _permit: permit })
    }
}

impl Lease {
    /// Whose connection it is.
    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Puts a unit in line.
    pub(crate) fn send<'a>(
        &self,
        unit: impl Into<Unit<'a>>,
        manner: Manner,
        deadline: Instant,
    ) -> Result<Call, NotTaken> {
        match &self.connection {
            Some(connection) => connection.send(unit, manner, deadline),
            None => Err(NotTaken::Closed),
        }
    }

    /// Ends the lease of a connection that owes nothing and is as it was: others may have it.
    pub(crate) fn give_back(mut self) {
        let Some(connection) = self.connection.take() else { return };
        let mut idle = self.node.idle.lock();
        if idle.len() < self.node.config().limits.idle_leases_max {
            idle.push(connection);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.abort();
        }
    }
}
