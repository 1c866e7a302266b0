//! Of the nodes and the cluster: what the workers' clients know, as metrics.

use std::collections::BTreeMap;

use slotway::Counted;
use slotway_protocol::{Health, Slot, Topology};

use super::{Exposition, Metric};
use crate::{
    overview::{NodeOverview, Overview, Role},
    placement::{HostLoss, Then},
};

/// All of it.
pub(super) fn write(text: &mut Exposition, overview: &Overview) {
    nodes(text, &overview.nodes);
    events(text, overview);
    cluster(text, overview);
}

fn nodes(text: &mut Exposition, nodes: &[NodeOverview]) {
    let connections = nodes.iter().flat_map(|node| {
        let states = [("up", node.connected), ("down", node.disconnected)];
        states.map(|(state, count)| ([node.addr.as_str(), node.role.name(), state], count as f64))
    });
    text.numbers(&super::UPSTREAM_CONNECTIONS, connections);
    let each = |count: fn(&NodeOverview) -> u64| {
        nodes.iter().map(move |node| ([node.addr.as_str()], count(node) as f64))
    };
    text.numbers(&super::UPSTREAM_IN_FLIGHT, each(|node| node.in_flight));
    let requests =
        nodes.iter().map(|node| ([node.addr.as_str(), node.role.name()], node.requests as f64));
    text.numbers(&super::UPSTREAM_REQUESTS, requests);
    text.numbers(&super::UPSTREAM_UNSENT, each(|node| node.unsent_bytes));
}

/// Under which metric an event of the client is told, with which label.
const PLACES: [(Counted, &Metric, Option<&str>); 11] = [
    (Counted::Moved, &super::REDIRECTS, Some("moved")),
    (Counted::Asked, &super::REDIRECTS, Some("ask")),
    (Counted::Deferred, &super::REDIRECTS, Some("deferred")),
    (Counted::SentAgain, &super::RETRIES, Some("connection_lost")),
    (Counted::ReplicaFailed, &super::RETRIES, Some("replica_failed")),
    (Counted::Refresh, &super::REFRESHES, None),
    (Counted::Connected, &super::UPSTREAM_CONNECTS, None),
    (Counted::ConnectFailed, &super::UPSTREAM_ERRORS, Some("connect_failed")),
    (Counted::Late, &super::UPSTREAM_ERRORS, Some("late")),
    (Counted::Overloaded, &super::UPSTREAM_ERRORS, Some("overloaded")),
    (Counted::Unknown, &super::UPSTREAM_ERRORS, Some("unknown_outcome")),
];

/// The same of any event, also of one that the client did not count when this was written.
fn place(event: Counted) -> (&'static Metric, Option<&'static str>) {
    let known = PLACES.iter().find(|(known, _, _)| *known == event);
    let known = known.map(|(_, metric, label)| (*metric, *label));
    known.unwrap_or_else(|| (&super::UPSTREAM_EVENTS, Some(event.name())))
}

fn events(text: &mut Exposition, overview: &Overview) {
    let of = |metric: &Metric| {
        let name = metric.name;
        let all = Counted::ALL.into_iter().map(|event| (place(event), overview.count(event)));
        all.filter_map(move |((metric, label), count)| {
            (metric.name == name).then_some((label, count))
        })
    };
    for metric in
        [&super::UPSTREAM_ERRORS, &super::UPSTREAM_EVENTS, &super::REDIRECTS, &super::RETRIES]
    {
        let rows = of(metric).filter_map(|(label, count)| Some(([label?], count as f64)));
        text.numbers(metric, rows);
    }
    for metric in [&super::UPSTREAM_CONNECTS, &super::REFRESHES] {
        text.number(metric, of(metric).map(|(_, count)| count).sum::<u64>() as f64);
    }
}

fn cluster(text: &mut Exposition, overview: &Overview) {
    let topology = overview.topology();
    text.number(&super::CLUSTER_UP, f64::from(u8::from(overview.is_complete())));
    text.numbers(
        &super::CLUSTER_SLOTS,
        slots(topology).map(|(state, count)| ([state], count as f64)),
    );
    let mut kinds: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let known = overview.nodes.iter().filter(|node| node.role != Role::Unknown);
    known.for_each(|node| *kinds.entry((node.role.name(), node.health)).or_default() += 1);
    let kinds = kinds.into_iter().map(|((role, health), count)| ([role, health], count as f64));
    text.numbers(&super::CLUSTER_NODES, kinds);
    let shards = topology.shards.iter().filter_map(|shard| {
        let online = shard.replicas.iter().filter(|node| node.health == Health::Online).count();
        Some((shard.slots.first()?.first().number().to_string(), online as f64))
    });
    let shards: Vec<_> = shards.collect();
    let rows = shards.iter().map(|(shard, online)| ([shard.as_str()], *online));
    text.numbers(&super::CLUSTER_REPLICAS, rows);
    let losses = HostLoss::of_each(topology);
    let hosts = losses
        .iter()
        .map(|loss| ([loss.host.as_str()], f64::from(u8::from(loss.then == Then::Survives))));
    text.numbers(&super::CLUSTER_SURVIVES, hosts);
}

/// How many slots are in each state, by the health of their owners.
fn slots(topology: &Topology) -> impl Iterator<Item = (&'static str, usize)> {
    let (mut ok, mut pfail, mut fail) = (0, 0, 0);
    for shard in &topology.shards {
        let count: usize = shard.slots.iter().map(|range| range.len()).sum();
        match shard.primary.as_ref().map(|primary| primary.health) {
            Some(Health::Online | Health::Loading) => ok += count,
            Some(Health::Suspected) => pfail += count,
            Some(Health::Failed | Health::Handshake) | None => fail += count,
        }
    }
    let unassigned = usize::from(Slot::COUNT).saturating_sub(topology.covered());
    [("ok", ok), ("pfail", pfail), ("fail", fail), ("unassigned", unassigned)].into_iter()
}
