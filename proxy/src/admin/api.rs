//! What `/api/v1/` answers, as values.

use std::collections::BTreeMap;

use serde::Serialize;
use slotway::Counted;
use slotway_protocol::{NodeInfo, Shard, SlotMove, SlotRange};

use crate::{
    overview::{NodeOverview, Overview, health_name},
    placement::{HostLoss, Then},
};

/// `/api/v1/topology`.
#[derive(Debug, Serialize)]
pub(super) struct TopologyView {
    epoch: Option<u64>,
    complete: bool,
    covered_slots: usize,
    shards: Vec<ShardView>,
    unplaced: Vec<NodeView>,
    moves: Vec<MoveView>,
    hosts: Vec<HostView>,
}

#[derive(Debug, Serialize)]
struct ShardView {
    slots: Vec<[u16; 2]>,
    primary: Option<NodeView>,
    replicas: Vec<NodeView>,
}

#[derive(Debug, Serialize)]
struct NodeView {
    id: Option<String>,
    addr: Option<String>,
    reached_at: Option<String>,
    ip: Option<String>,
    hostname: Option<String>,
    zone: Option<String>,
    health: &'static str,
    offset: Option<u64>,
}

#[derive(Debug, Serialize)]
struct MoveView {
    slot: u16,
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
struct HostView {
    host: String,
    primaries: usize,
    if_lost: &'static str,
}

/// `/api/v1/nodes`.
#[derive(Debug, Serialize)]
pub(super) struct NodesView {
    nodes: Vec<NodeOverview>,
    events: BTreeMap<&'static str, u64>,
}

impl TopologyView {
    pub(super) fn of(overview: &Overview) -> Self {
        let topology = overview.topology();
        Self {
            epoch: topology.epoch,
            complete: overview.is_complete(),
            covered_slots: topology.covered(),
            shards: topology.shards.iter().map(ShardView::of).collect(),
            unplaced: topology.unplaced.iter().map(NodeView::of).collect(),
            moves: topology.moves.iter().map(MoveView::of).collect(),
            hosts: HostLoss::of_each(topology).into_iter().map(HostView::of).collect(),
        }
    }
}

impl ShardView {
    fn of(shard: &Shard) -> Self {
        let ends = |range: &SlotRange| [range.first().number(), range.last().number()];
        Self {
            slots: shard.slots.iter().map(ends).collect(),
            primary: shard.primary.as_ref().map(NodeView::of),
            replicas: shard.replicas.iter().map(NodeView::of).collect(),
        }
    }
}

impl NodeView {
    fn of(node: &NodeInfo) -> Self {
        Self {
            id: node.id.map(|id| id.to_string()),
            addr: node.addr.as_ref().map(ToString::to_string),
            reached_at: node.reach.as_ref().map(ToString::to_string),
            ip: node.ip.as_deref().map(str::to_owned),
            hostname: node.hostname.as_deref().map(str::to_owned),
            zone: node.zone.as_deref().map(str::to_owned),
            health: health_name(node.health),
            offset: node.offset,
        }
    }
}

impl MoveView {
    fn of(slot_move: &SlotMove) -> Self {
        let SlotMove { slot, from, to } = slot_move;
        Self { slot: slot.number(), from: from.to_string(), to: to.to_string() }
    }
}

impl HostView {
    fn of(loss: HostLoss) -> Self {
        let if_lost = match loss.then {
            Then::Survives => "survives",
            Then::NoMajority => "no_majority",
            Then::NoReplica => "slots_lost",
        };
        Self { host: loss.host, primaries: loss.primaries, if_lost }
    }
}

impl NodesView {
    pub(super) fn of(overview: Overview) -> Self {
        let events = Counted::ALL.into_iter().map(|event| (event.name(), overview.count(event)));
        Self { events: events.collect(), nodes: overview.nodes }
    }
}
