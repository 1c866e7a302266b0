//! Connections that one caller has for itself: what waits on one holds up nobody.

use std::sync::Arc;

use slotway_protocol::Access;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{Node, NotSent};
use crate::{
    CredentialsProvider,
    connection::{Call, Connection, Manner, NotTaken, Unit},
};

/// A connection that is somebody's own. Dropped, it is closed at once, and the server stops waiting
/// on its behalf.
#[derive(Debug)]
pub(crate) struct Lease {
    node: Arc<Node>,
    /// None once it was given back.
    connection: Option<Connection>,
    /// How often credentials had changed when it logged in.
    login: u64,
    /// Counts until the lease ends.
    _permit: OwnedSemaphorePermit,
}

/// A connection that waits to be leased.
#[derive(Debug)]
pub(super) struct Idle {
    connection: Connection,
    login: u64,
}

impl Node {
    /// A connection to this node, for one caller alone.
    pub(crate) async fn lease(self: &Arc<Self>, deadline: Instant) -> Result<Lease, NotSent> {
        let permit = timeout_at(deadline, self.common.leases.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(NotSent::AllLeased) };
        let login = self.login();
        let idle = std::iter::from_fn(|| self.idle.lock().pop());
        let mut good = idle.filter(|idle| idle.login == login && !idle.connection.is_closed());
        let connection = match good.next() {
            Some(idle) => idle.connection,
            None => {
                let dialled =
                    timeout_at(deadline, self.connect_anew(Access::ReadWrite, None)).await;
                dialled.map_err(|_| NotSent::Late)?.map_err(NotSent::Unreachable)?.0
            }
        };
        Ok(Lease { node: self.clone(), connection: Some(connection), login, _permit: permit })
    }

    /// How often its credentials have changed.
    fn login(&self) -> u64 {
        let provider = self.config().credentials_provider.as_ref();
        provider.map_or(0, CredentialsProvider::change)
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
        // One that logged in with what has changed since then is closed.
        let login = self.login;
        if login != self.node.login() {
            return;
        }
        let mut idle = self.node.idle.lock();
        if idle.len() < self.node.config().limits.idle_leases_max {
            idle.push(Idle { connection, login });
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
