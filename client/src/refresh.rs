//! The one task that replaces the table.

#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::{
    future::join_all,
    stream::{FuturesUnordered, StreamExt},
};
use slotway_protocol::{Freshness, NodeAddr, NodeId, NodeInfo, Topology};
use tokio::{
    sync::Notify,
    task::spawn_blocking,
    time::{Instant, sleep_until, timeout_at},
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

/// Those are the ones that seem well of so many that were drawn.
const DRAWN: usize = 12;

/// So many are asked when what they say has been refused again and again.
const ASKED_IN_DOUBT: usize = 64;

/// So many views are refused in a row before that.
const DOUBTS: u32 = 3;

/// So long the others may take when one node has answered.
const GRACE: Duration = Duration::from_millis(50);

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
        // Nobody who rings is forgotten: a bell is heard out before anything else is waited for.
        tokio::select! {
            biased;
            () = self.outage.notified() => {}
            () = self.hint.notified() => tokio::select! {
                biased;
                () = self.outage.notified() => {}
                () = sleep_until(last + jittered(limits.refresh_min)) => return,
            },
            () = sleep_until(last + jittered(limits.refresh_max)) => return,
        }
        sleep_until(last + jittered(limits.refresh_outage)).await;
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
///
/// What is sure to be a gain is published at once; the others are still heard, for what they may add.
/// When one has answered, they have little time left: a frozen node must not hold up a view.
pub(crate) async fn refresh(cluster: &Arc<Cluster>) {
    let asked = choose(cluster);
    let deadline = Instant::now() + cluster.config.limits.connect_timeout;
    let mut end = deadline;
    let ask = async |node: &Arc<Node>| (Answer::of(node, deadline).await, node.addr().clone());
    let mut answers: FuturesUnordered<_> = asked.iter().map(ask).collect();
    let (mut heard, mut count) = (Some(Heard::default()), 0);
    while let Ok(Some((answer, node))) = timeout_at(end, answers.next()).await {
        match answer {
            Ok(answer) => {
                end = end.min(Instant::now() + GRACE);
                count += 1;
                let is_last = answers.is_empty();
                heard = beside(cluster, heard, move |heard, cluster| {
                    heard.add(&answer);
                    if !is_last {
                        heard.publish_gain(cluster);
                    }
                })
                .await;
            }
            Err(error) => debug!(%node, %error, "gave no view"),
        }
    }
    let all = count == asked.len();
    beside(cluster, heard, move |heard, cluster| heard.conclude(cluster, all)).await;
    cluster.counters.count(Counted::Refresh);
}

/// Does it where calls go on meanwhile: with views of a thousand nodes, anything takes milliseconds.
async fn beside(
    cluster: &Arc<Cluster>,
    heard: Option<Heard>,
    work: impl FnOnce(&mut Heard, &Cluster) + Send + 'static,
) -> Option<Heard> {
    let (mut heard, cluster) = (heard?, cluster.clone());
    let done = spawn_blocking(move || {
        work(&mut heard, &cluster);
        heard
    });
    done.await.inspect_err(|_| warn!("a view of the cluster could not be read")).ok()
}

/// What nodes said when they were asked together.
#[derive(Debug, Default)]
struct Heard {
    views: Vec<Topology>,
    /// How many of these have been published, as a gain.
    published: usize,
}

impl Heard {
    fn add(&mut self, answer: &Answer) {
        let view = answer.read();
        self.views.extend(view.inspect_err(|error| debug!(%error, "a view cannot be used")).ok());
    }

    /// Publishes what is known by now, if the view that came last is newer than what was known and
    /// lacks no node of it. What the others may still say is a later change, or the address of a node
    /// that this one cannot name; and neither is worth a wait.
    fn publish_gain(&mut self, cluster: &Cluster) {
        let known = cluster.routes();
        if !self.views.last().is_some_and(|view| is_gain(view, known.table.topology())) {
            return;
        }
        let view = Topology::successor(self.views.clone(), known.table.topology());
        drop(known);
        if let Some(Ok(view)) = view {
            self.published = self.views.len();
            publish(cluster, view);
        }
    }

    /// Publishes what nodes said together, if it is to be believed.
    fn conclude(&mut self, cluster: &Cluster, all: bool) {
        if self.published > 0 && self.published == self.views.len() {
            return cluster.trust();
        }
        let views = std::mem::take(&mut self.views);
        let known = cluster.routes();
        let Some(view) = Topology::successor(views, known.table.topology()) else { return };
        drop(known);
        let in_doubt = cluster.doubts() >= DOUBTS && all;
        match view {
            Ok(view) => {
                cluster.trust();
                publish(cluster, view);
            }
            // A cluster that was restored from a backup is at lower epochs than before.
            Err(refused) if in_doubt => {
                cluster.trust();
                publish(cluster, refused);
            }
            Err(_) => cluster.doubt(),
        }
    }
}

/// Whether a view is newer than what is known, and has a place for each node of it.
fn is_gain(view: &Topology, known: &Topology) -> bool {
    if view.freshness(known) != Freshness::Newer || view.covered() < known.covered() {
        return false;
    }
    let placed = |node: &&NodeInfo| node.addr.is_some();
    let ids: HashSet<_> = view.nodes().filter(placed).map(|node| node.id).collect();
    known.nodes().filter(placed).all(|node| ids.contains(&node.id))
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
    let leaving = routes.table.topology().moves.iter().take(WITNESSES_MAX).map(|step| step.from);
    let leaving = leaving.filter_map(|id| routes.table.node_with_id(id)?.addr());
    let witnesses = cluster.take_witnesses();
    for witness in witnesses.iter().chain(leaving).filter_map(|addr| routes.node_at(addr)) {
        if asked.len() < WITNESSES_MAX && !is_among(witness, &asked) {
            asked.push(witness.clone());
        }
    }
    let in_doubt = cluster.doubts() >= DOUBTS;
    let (count, drawn) = if in_doubt { (ASKED_IN_DOUBT, ASKED_IN_DOUBT) } else { (ASKED, DRAWN) };
    let mut others = routes.drawn(drawn);
    // Those that were drawn are in no order, and stay so where they are equally well.
    others.sort_by_key(|(info, node)| (node.is_failing(), info.health));
    let mut left = count;
    for (_, node) in others {
        if left > 0 && !is_among(node, &asked) {
            asked.push(node.clone());
            left -= 1;
        }
    }
    let seeds = &cluster.config.seeds;
    let seed = seeds.get(fastrand::usize(..seeds.len().max(1))).map(|addr| cluster.seed(addr));
    asked.extend(seed.filter(|seed| !is_among(seed, &asked)));
    asked
}

fn is_among(node: &Arc<Node>, nodes: &[Arc<Node>]) -> bool {
    nodes.iter().any(|other| Arc::ptr_eq(other, node))
}

/// Somewhere between this and half as much again, so that many clients do not ask at once.
fn jittered(duration: Duration) -> Duration {
    duration.mul_f64(1.0 + fastrand::f64() / 2.0)
}
