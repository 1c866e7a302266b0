//! The one task that replaces the table.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::join_all;
use slotway_protocol::{Health, NodeAddr, NodeId, Topology};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep_until},
};
use tracing::{debug, warn};

use crate::{
    Limits,
    cluster::Cluster,
    node::Node,
    stats::Counted,
    view::{Answer, id_of},
};

/// So many nodes are asked at a time for what only they know.
pub(crate) const WITNESSES_MAX: usize = 3;

/// So many nodes are asked at a time beside those: one of them may be behind.
const ASKED: usize = 3;

/// So many are asked when what they say has been refused again and again.
const ASKED_IN_DOUBT: usize = 64;

/// So many views are refused in a row before that.
const DOUBTS: u32 = 3;

/// So many seeds are asked at a time who they are.
const SEEDS_AT_A_TIME: usize = 16;

/// Seeds are not asked more often than this who they are.
const SEEDS_ASKED_EVERY: Duration = Duration::from_secs(1);

/// Rung by those who need a view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bells {
    /// A redirect, or a lost connection: calls find their way meanwhile.
    pub(crate) hint: Arc<Notify>,
    /// Calls wait for a slot whose owner cannot be reached.
    pub(crate) outage: Arc<Notify>,
}

impl Bells {
    /// Waits until a view is needed, and may be asked for again after the last.
    async fn rung(&self, last: Instant, limits: &Limits) {
        let outage = || async {
            self.outage.notified().await;
            sleep_until(last + jittered(limits.refresh_outage)).await;
        };
        tokio::select! {
            () = outage() => {}
            () = self.hint.notified() => {
                tokio::select! {
                    () = outage() => {}
                    () = sleep_until(last + jittered(limits.refresh_min)) => {}
                }
            }
            () = sleep_until(last + jittered(limits.refresh_max)) => {}
        }
    }
}

/// Keeps the table fresh for as long as anybody uses the client.
pub(crate) async fn keep_fresh(cluster: Weak<Cluster>) {
    // What happens before the first refresh is as good as a hint.
    let mut last = Instant::now();
    let mut seeds_asked = None;
    loop {
        let Some(strong) = cluster.upgrade() else { return };
        let limits = strong.config.limits;
        // The bells are kept apart from the cluster, so that waiting for them keeps nobody alive.
        let bells = strong.bells.clone();
        drop(strong);
        bells.rung(last, &limits).await;
        let Some(strong) = cluster.upgrade() else { return };
        last = Instant::now();
        refresh(&strong).await;
        strong.end_round();
        let due = seeds_asked.is_none_or(|asked| last >= asked + SEEDS_ASKED_EVERY);
        if due && strong.has_lost_nodes() {
            seeds_asked = Some(last);
            find_nodes(&strong).await;
            strong.end_round();
        }
    }
}

/// Asks some nodes for their views, and publishes the newest, if it is newer than what is known.
pub(crate) async fn refresh(cluster: &Arc<Cluster>) {
    let asked = choose(cluster);
    let deadline = Instant::now() + cluster.config.limits.connect_timeout;
    let answers = join_all(asked.iter().map(|node| Answer::of(node, deadline))).await;
    let mut heard = Vec::with_capacity(asked.len());
    for (answer, node) in answers.into_iter().zip(&asked) {
        match answer {
            Ok(answer) => heard.push(answer),
            Err(error) => debug!(node = %node.addr(), %error, "gave no view"),
        }
    }
    let all = heard.len() == asked.len();
    let taker = cluster.clone();
    // Reading takes milliseconds where there are a thousand nodes: calls go on meanwhile.
    let taken = spawn_blocking(move || take_in(&taker, &heard, all)).await;
    cluster.counters.count(Counted::Refresh);
    if taken.is_err() {
        warn!("a view of the cluster could not be read");
    }
}

/// Publishes what nodes said together, if it is to be believed.
fn take_in(cluster: &Cluster, heard: &[Answer], all: bool) {
    let views = heard.iter().filter_map(|answer| {
        answer.read().inspect_err(|error| debug!(%error, "a view cannot be used")).ok()
    });
    let known = cluster.routes();
    let Some(view) = Topology::successor(views.collect(), known.table.topology()) else { return };
    drop(known);
    let in_doubt = cluster.doubts() >= DOUBTS && all;
    match view {
        Ok(view) => publish(cluster, view),
        // A cluster that was restored from a backup is at lower epochs than before.
        Err(refused) if in_doubt => publish(cluster, refused),
        Err(_) => cluster.doubt(),
    }
}

fn publish(cluster: &Cluster, view: Topology) {
    if let Err(error) = cluster.publish(view) {
        warn!(%error, "a view of the cluster cannot be used");
    }
}

/// Asks the seeds who they are, so that nodes are found by their ids.
pub(crate) async fn find_nodes(cluster: &Arc<Cluster>) {
    for seeds in cluster.config.seeds.chunks(SEEDS_AT_A_TIME) {
        let answers = join_all(seeds.iter().map(|seed| who_is(cluster, seed))).await;
        cluster.places.learn(answers.into_iter().flatten());
    }
    let mapper = cluster.clone();
    let view = move || {
        let view = mapper.routes().table.topology().clone();
        publish(&mapper, view);
    };
    // It is a view that was read before.
    let _ = spawn_blocking(view).await;
}

async fn who_is(cluster: &Cluster, seed: &NodeAddr) -> Option<(NodeAddr, NodeId)> {
    let deadline = Instant::now() + cluster.config.limits.connect_timeout;
    // A connection that exists may lead to whoever was there before.
    match id_of(&cluster.stranger(seed), deadline).await {
        Ok(id) => Some((seed.clone(), id)),
        Err(error) => {
            debug!(%seed, %error, "did not say who it is");
            None
        }
    }
}

/// The nodes that were asked for, and those that slots are on their way from, since only they know
/// where to; a few more in a random order, those that are thought to be well first; and a seed, which
/// is all there is when every known node is gone.
fn choose(cluster: &Cluster) -> Vec<Arc<Node>> {
    let routes = cluster.routes();
    let mut asked: Vec<Arc<Node>> = Vec::new();
    let leaving = routes.table.topology().moves.iter().map(|step| step.from);
    let leaving = leaving.filter_map(|id| routes.table.node_with_id(id)?.addr());
    let witnesses = cluster.take_witnesses();
    for witness in witnesses.iter().chain(leaving).filter_map(|addr| routes.node_at(addr)) {
        if asked.len() < WITNESSES_MAX && !asked.iter().any(|asked| Arc::ptr_eq(asked, witness)) {
            asked.push(witness.clone());
        }
    }
    let mut others: Vec<(bool, Health, u64, &Arc<Node>)> = routes
        .described()
        .map(|(info, node)| (node.is_failing(), info.health, fastrand::u64(..), node))
        .collect();
    others.sort_unstable_by_key(|(failing, health, random, _)| (*failing, *health, *random));
    let count = if cluster.doubts() >= DOUBTS { ASKED_IN_DOUBT } else { ASKED };
    for (_, _, _, node) in others.into_iter().take(count) {
        if !asked.iter().any(|asked| Arc::ptr_eq(asked, node)) {
            asked.push(node.clone());
        }
    }
    let seeds = &cluster.config.seeds;
    let seed = seeds.get(fastrand::usize(..seeds.len().max(1))).map(|addr| cluster.seed(addr));
    asked.extend(seed.filter(|seed| !asked.iter().any(|asked| Arc::ptr_eq(asked, seed))));
    asked
}

/// Somewhere between this and half as much again, so that many clients do not ask at once.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(1.0 + fastrand::f64() / 2.0)
}
