//! A view while it is being read, in whatever order the node gave its parts.

use super::{NodeInfo, Shard, SlotRange, Topology, TopologyError};
use crate::{NodeAddr, NodeId, Slot};

/// What tells one node from another.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum NodeKey {
    Id(NodeId),
    At(NodeAddr),
}

impl NodeKey {
    /// A node without id and address cannot be told from others.
    pub(super) fn of(node: &NodeInfo) -> Option<Self> {
        let at = || node.addr.clone().map(Self::At);
        node.id.map(Self::Id).or_else(at)
    }
}

/// Collects a view, checks it, and puts its parts in order.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) topology: Topology,
    given: Box<[bool; Slot::COUNT as usize]>,
    nodes: usize,
}

impl Draft {
    pub(super) fn new() -> Self {
        let given = Box::new([false; Slot::COUNT as usize]);
        Self { topology: Topology::default(), given, nodes: 0 }
    }

    /// Counts a node, so that no answer makes a view of any size.
    pub(super) fn count_node(&mut self) -> Result<(), TopologyError> {
        self.nodes += 1;
        if self.nodes > Topology::NODES_MAX {
            return Err(TopologyError::TooManyNodes);
        }
        Ok(())
    }

    /// Reads a range. Each slot is given once, so the work is bounded whatever the answer says.
    pub(super) fn give(&mut self, first: i64, last: i64) -> Result<SlotRange, TopologyError> {
        let slot = |number: i64| u16::try_from(number).ok().and_then(Slot::new);
        let range = slot(first).zip(slot(last)).and_then(|(a, b)| SlotRange::new(a, b));
        let range = range.ok_or(TopologyError::BadRange(first, last))?;
        let given = &mut self.given[range.indices()];
        match given.iter().zip(range.slots()).find(|(given, _)| **given) {
            Some((_, slot)) => Err(TopologyError::Overlap(slot)),
            None => {
                given.fill(true);
                Ok(range)
            }
        }
    }

    pub(super) fn finish(self) -> Topology {
        in_order(self.topology)
    }
}

/// The view with its parts in the order that [`Topology`] promises.
pub(super) fn in_order(mut topology: Topology) -> Topology {
    for shard in &mut topology.shards {
        shard.slots.sort_unstable();
        shard.slots = joined(&shard.slots);
        shard.replicas.sort_unstable();
        shard.nodes_mut().for_each(NodeInfo::drop_repeated_hosts);
    }
    topology.shards.sort_unstable_by(|one, other| {
        let key = |shard: &Shard| (shard.slots.is_empty(), shard.slots.first().copied());
        key(one).cmp(&key(other)).then_with(|| one.cmp(other))
    });
    topology.unplaced.iter_mut().for_each(NodeInfo::drop_repeated_hosts);
    topology.unplaced.sort_unstable();
    topology.moves.sort_unstable();
    topology.moves.dedup();
    topology
}

/// Sorted ranges, those that touch made one.
fn joined(ranges: &[SlotRange]) -> Vec<SlotRange> {
    let touch = |one: &SlotRange, next: &SlotRange| one.last.index() + 1 == next.first.index();
    ranges
        .chunk_by(touch)
        .map(|chain| SlotRange { first: chain[0].first, last: chain[chain.len() - 1].last })
        .collect()
}

impl Shard {
    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut NodeInfo> {
        self.primary.iter_mut().chain(&mut self.replicas)
    }
}

impl NodeInfo {
    /// The forms of the answer differ in whether they repeat the host of the address.
    fn drop_repeated_hosts(&mut self) {
        let host = self.addr.as_ref().map(NodeAddr::host);
        self.ip = self.ip.take().filter(|ip| Some(&**ip) != host);
        self.hostname = self.hostname.take().filter(|name| Some(&**name) != host);
    }
}
