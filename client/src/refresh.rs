//! The one task that replaces the table.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use slotway_protocol::{
    CommandBuf, Freshness, Health, NodeAddr, NodeInfo, Origin, Shard, SlotRange, Topology, Value,
};
use tokio::time::{Instant, sleep, timeout};
use tracing::{debug, warn};

use crate::{
    cluster::Cluster,
    connection::{Ended, Manner},
    error::ConnectError,
    node::{Node, NotSent},
    stats::Event,
};

/// So many nodes are asked at a time: one of them may be behind.
const ASKED: usize = 3;

/// Keeps the table fresh for as long as anybody uses the client.
pub(crate) async fn keep_fresh(cluster: Weak<Cluster>) {
    let mut bell = None;
    loop {
        let Some(strong) = cluster.upgrade() else { return };
        let limits = strong.config.limits;
        // The bell is kept apart from the cluster, so that waiting for it keeps nobody alive.
        let bell = bell.get_or_insert_with(|| strong.bell.clone());
        drop(strong);
        // Either way it is time.
        let _ = timeout(limits.refresh_max, bell.notified()).await;
        let Some(strong) = cluster.upgrade() else { return };
        strong.counters.count(Event::Refresh);
        refresh(&strong).await;
        strong.end_round();
        drop(strong);
        sleep(jittered(limits.refresh_min)).await;
    }
}

/// Asks some nodes for their views, and publishes the newest, if it is newer than what is known.
pub(crate) async fn refresh(cluster: &Cluster) {
    let asked = choose(cluster);
    let deadline = Instant::now() + cluster.config.limits.connect_timeout;
    let answers = asked.iter().map(|node| view_of(node, deadline));
    let answers = futures_util::future::join_all(answers).await;
    let views = answers.into_iter().zip(&asked).filter_map(|(answer, node)| {
        answer.inspect_err(|error| debug!(node = %node.addr(), %error, "gave no view")).ok()
    });
    let Some(newest) = Topology::newest(views.collect()) else { return };
    let known = cluster.routes();
    if newest.freshness(known.table.topology()) == Freshness::Older {
        return;
    }
    drop(known);
    if let Err(error) = cluster.publish(newest) {
        warn!(%error, "a view of the cluster cannot be used");
    }
}

/// A few nodes in a random order, those that are thought to be well first; and a seed, which is
/// all there is when every known node is gone.
fn choose(cluster: &Cluster) -> Vec<Arc<Node>> {
    let routes = cluster.routes();
    let mut nodes: Vec<(Health, u64, Arc<Node>)> = routes
        .nodes()
        .map(|node| {
            let known = routes.table.node_at(node.addr());
            let health = known.map_or(Health::Online, |known| known.info().health);
            (health, fastrand::u64(..), node.clone())
        })
        .collect();
    nodes.sort_by_key(|(health, random, _)| (*health, *random));
    let known = nodes.into_iter().map(|(_, _, node)| node).take(ASKED);
    let seeds = &cluster.config.seeds;
    let seed = seeds.get(fastrand::usize(..seeds.len().max(1)));
    known.chain(seed.map(|addr| cluster.node(addr))).collect()
}

/// What a node says of the cluster.
pub(crate) async fn view_of(
    node: &Arc<Node>,
    deadline: Instant,
) -> Result<Topology, Arc<ConnectError>> {
    let answer = ask(node, &["CLUSTER", "NODES"], deadline).await?;
    let origin = Origin { addr: node.addr().clone(), transport: node.config().transport() };
    // A standalone server says so in these words, and serves all slots itself.
    if answer.as_error() == Some(b"ERR This instance has cluster support disabled") {
        return Ok(standalone(node.addr()));
    }
    let nodes = Topology::from_nodes(&answer, &origin).map_err(ConnectError::from)?;
    // CLUSTER NODES names IP addresses even where the cluster prefers other endpoints.
    let shards = ask(node, &["CLUSTER", "SHARDS"], deadline).await?;
    match Topology::from_shards(&shards, &origin) {
        Ok(named) if named.covered() == nodes.covered() => {
            let named = named.with_epoch(nodes.epoch.unwrap_or_default());
            Ok(Topology::newest(vec![named, nodes.clone()]).unwrap_or(nodes))
        }
        // Servers before 7.0 do not know it.
        _ => Ok(nodes),
    }
}

fn standalone(addr: &NodeAddr) -> Topology {
    let shard = Shard {
        primary: Some(NodeInfo::at(addr.clone())),
        slots: vec![SlotRange::ALL],
        ..Shard::default()
    };
    Topology { shards: vec![shard], ..Topology::default() }
}

async fn ask(
    node: &Arc<Node>,
    words: &[&str],
    deadline: Instant,
) -> Result<Value, Arc<ConnectError>> {
    let command = CommandBuf::new(words).map_err(|_| ConnectError::Closed)?;
    let started = Instant::now();
    let late = || Arc::new(ConnectError::Slow(started.elapsed()));
    let call = node.send(command.as_command().bytes(), Manner::Plain, deadline).await;
    let call = call.map_err(|error| match error {
        NotSent::Unreachable(error) => error,
        NotSent::Late | NotSent::Full(_) | NotSent::AllLeased => late(),
    })?;
    match call.await {
        Ended::Reply(frame) => {
            let limits = slotway_protocol::ReplyLimits::default();
            Ok(Value::decode(&frame, &limits).map_err(ConnectError::from)?)
        }
        Ended::Lost(_) => Err(Arc::new(ConnectError::Closed)),
        Ended::Late(_) => Err(late()),
    }
}

/// Somewhere between this and twice this, so that many clients do not ask at once.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(1.0 + fastrand::f64())
}
