//! A connection to a node that many calls share, and how it comes to be.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use arc_swap::{ArcSwapOption, Guard};
use slotway_protocol::Access;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tracing::{debug, info};

use super::{Node, NotSent};
use crate::{
    connection::{Connection, Load, Manner},
    error::ConnectError,
};

/// The connection, while there is one, and the way to the next.
#[derive(Debug)]
pub(super) struct Link {
    access: Access,
    ready: ArcSwapOption<Connection>,
    /// How many commands went over the connections before this one.
    earlier: AtomicU64,
    dial: watch::Sender<Dial>,
}

/// How the last attempt to connect stands.
#[derive(Clone, Debug)]
enum Dial {
    /// There was none, or it succeeded.
    Idle,
    /// It goes on.
    Busy { failures: u32 },
    /// It failed. The next may begin when this time has come.
    Failed { failures: u32, error: Arc<ConnectError>, until: Instant },
}

impl Link {
    pub(super) fn new(access: Access) -> Self {
        Self {
            access,
            ready: ArcSwapOption::empty(),
            earlier: AtomicU64::new(0),
            dial: watch::Sender::new(Dial::Idle),
        }
    }

    /// The connection, if there is one.
    pub(super) fn ready(&self) -> Guard<Option<Arc<Connection>>> {
        self.ready.load()
    }

    /// Whether the last attempt to connect failed.
    pub(super) fn is_failing(&self) -> bool {
        matches!(*self.dial.borrow(), Dial::Failed { .. })
    }

    /// The same, as soon as none is being made.
    pub(super) async fn settled(&self) -> Option<Arc<Connection>> {
        let mut dial = self.dial.subscribe();
        // It only fails when the sender is gone, which is this link's.
        let _ = dial.wait_for(|dial| !matches!(dial, Dial::Busy { .. })).await;
        self.ready.load_full()
    }

    pub(super) fn disconnect(&self) {
        self.replace(None);
    }

    /// How much goes over it.
    pub(super) fn load(&self) -> Load {
        let load = self.ready().as_ref().map_or_else(Load::default, |ready| ready.load());
        Load { commands: load.commands + self.earlier.load(Ordering::Relaxed), ..load }
    }

    pub(super) fn replace(&self, connection: Option<Arc<Connection>>) {
        if let Some(old) = self.ready.swap(connection) {
            self.earlier.fetch_add(old.load().commands, Ordering::Relaxed);
        }
    }

    /// Whether this caller is the one to dial: nobody does, nobody has, and it is not too soon.
    fn begin(&self) -> bool {
        self.dial.send_if_modified(|dial| {
            let failures = match dial {
                Dial::Busy { .. } => return false,
                Dial::Failed { until, .. } if Instant::now() < *until => return false,
                Dial::Failed { failures, .. } => *failures,
                Dial::Idle => 0,
            };
            if self.ready.load().as_ref().is_some_and(|connection| !connection.is_closed()) {
                return false;
            }
            *dial = Dial::Busy { failures };
            true
        })
    }
}

/// Waits until there is a connection; many may wait for the same one.
pub(super) async fn connected(
    node: &Arc<Node>,
    manner: Manner,
    deadline: Instant,
) -> Result<(), NotSent> {
    let link = node.link(manner);
    let mut dial = link.dial.subscribe();
    if link.begin() {
        tokio::spawn(dial_link(node.clone(), manner));
    }
    let ended = dial.wait_for(|dial| !matches!(dial, Dial::Busy { .. }));
    match timeout_at(deadline, ended).await {
        Err(_) => Err(NotSent::Late),
        Ok(Ok(dial)) => match &*dial {
            Dial::Failed { error, .. } => Err(NotSent::Unreachable(error.clone())),
            Dial::Idle | Dial::Busy { .. } => Ok(()),
        },
        Ok(Err(_)) => Err(NotSent::Unreachable(Arc::new(ConnectError::Closed))),
    }
}

async fn dial_link(node: Arc<Node>, manner: Manner) {
    let link = node.link(manner);
    // Only owners are read from for the cache.
    let cache = node.common.cache.as_ref().filter(|_| link.access == Access::ReadWrite);
    let result = node.connect_anew(link.access, cache).await;
    link.dial.send_modify(|dial| {
        let failures = match dial {
            Dial::Busy { failures } | Dial::Failed { failures, .. } => *failures,
            Dial::Idle => 0,
        };
        *dial = match result {
            Ok((connection, negotiated)) => {
                info!(node = %node.addr, version = negotiated.version, "connected");
                link.replace(Some(Arc::new(connection)));
                node.lines_changed();
                Dial::Idle
            }
            Err(error) => {
                debug!(node = %node.addr, %error, "not connected");
                let wait = node.config().limits.backoff.delay(failures, fastrand::u64(..));
                let failures = failures.saturating_add(1);
                Dial::Failed { failures, error, until: Instant::now() + wait }
            }
        };
    });
}
