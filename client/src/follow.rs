//! Sends one request, and follows it through the cluster if that is needed.

mod journey;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
pub(crate) use journey::Journey;
use slotway_protocol::{Notice, RetryClass, Slot};
use tokio::time::Instant;

use crate::{
    Error, ReadFrom,
    cluster::Cluster,
    connection::{Call, Ended},
    node::{Node, NotSent},
    request::{Request, Via},
    stats::Counted,
};

/// A wait that has no end in practice.
pub(crate) const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// Where a request is to go.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// To whoever owns this slot.
    Slot(Slot),
    /// To any primary.
    Any,
    /// To this node and no other.
    Node(Arc<Node>),
}

/// How one attempt ended.
pub(crate) enum Attempt {
    Reply(Bytes, Arc<Node>),
    Ended(Ended, Arc<Node>),
    NotSent(NotSent, Arc<Node>),
    /// Nobody is known to take it.
    Nobody,
}

impl Attempt {
    pub(crate) fn of(ended: Ended, node: Arc<Node>) -> Self {
        match ended {
            Ended::Reply(frame) => Self::Reply(frame, node),
            Ended::Lost(_) | Ended::Late(_) => Self::Ended(ended, node),
        }
    }
}

/// Sends a request and follows it until a node answers.
///
/// Nearly always the owner is connected to and answers at once. All that may be needed otherwise is
/// made when it is needed.
pub(crate) async fn follow(
    cluster: &Cluster,
    request: Request<'_>,
    route: Route,
) -> Result<Bytes, Error> {
    let started = Instant::now();
    let Some((call, node)) = send_at_once(cluster, &request, &route, started) else {
        return Box::pin(set_out(cluster, request, route, started)).await;
    };
    match call.await {
        Ended::Reply(frame) if Notice::of_reply(&frame, node.addr()).is_none() => Ok(frame),
        ended @ (Ended::Reply(_) | Ended::Lost(_) | Ended::Late(_)) => {
            let mut journey = Journey::new(cluster, request, route, started);
            Box::pin(async { journey.resume(Attempt::of(ended, node)).await }).await
        }
    }
}

/// Puts a request in line at the owner of its slot, if that takes no waiting.
fn send_at_once(
    cluster: &Cluster,
    request: &Request<'_>,
    route: &Route,
    started: Instant,
) -> Option<(Call, Arc<Node>)> {
    let (Route::Slot(slot), Via::Shared) = (route, request.via) else { return None };
    if request.class == RetryClass::Read && request.terms.read_from != ReadFrom::Primary {
        return None;
    }
    let routes = cluster.routes();
    let node = routes.owner(*slot)?;
    let call = node.send_at_once(request.unit, started + request.terms.deadline)?;
    Some((call, node.clone()))
}

async fn set_out(
    cluster: &Cluster,
    request: Request<'_>,
    route: Route,
    started: Instant,
) -> Result<Bytes, Error> {
    let mut journey = Journey::new(cluster, request, route, started);
    if let Some(node) = journey.reader() {
        if let Some(frame) = journey.read(node).await {
            return Ok(frame);
        }
        cluster.counters.count(Counted::ReplicaFailed);
    }
    journey.go().await
}
