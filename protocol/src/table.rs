//! Who owns a slot: one look into an array.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering::Relaxed},
};

use crate::{Health, NodeAddr, NodeId, NodeInfo, Shard, Slot, SlotRange, Topology, TopologyError};

/// Which node owns each slot, and which nodes there are.
///
/// An attempt at a request takes one table and keeps to it, so that no refresh can make the
/// attempt disagree with itself. A copy costs three reference counts. All that ever changes in a
/// table is the owner of single slots ([`SlotTable::learn_moved`]), in all copies at once: a storm
/// of redirects must not copy a table for each.
#[derive(Clone, Debug)]
pub struct SlotTable {
    /// The position of each slot's owner in `known.nodes`, or [`UNOWNED`].
    owners: Arc<Owners>,
    primaries: Arc<Primaries>,
    known: Arc<Known>,
}

type Owners = [AtomicU16; Slot::COUNT as usize];

/// The nodes that own slots; at most one of each shard.
#[derive(Debug)]
struct Primaries {
    /// Their positions, those with the lowest slots first.
    order: Vec<u16>,
    /// By position, whether a node is one of them.
    members: Vec<bool>,
}

const UNOWNED: u16 = u16::MAX;

/// What stays the same when a slot changes its owner.
#[derive(Debug)]
struct Known {
    topology: Topology,
    nodes: Vec<Node>,
    /// Every address that means exactly one node, sorted.
    aliases: Vec<(NodeAddr, u16)>,
}

/// A node in a table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Node {
    info: NodeInfo,
    index: u16,
    /// The position of its shard in the view.
    shard: usize,
}

impl Node {
    /// Its position in [`SlotTable::nodes`], for those who keep something beside each node.
    pub fn index(&self) -> usize {
        usize::from(self.index)
    }

    /// Where it is to be reached, if anybody said.
    pub fn addr(&self) -> Option<&NodeAddr> {
        self.info.addr.as_ref()
    }

    /// What else is known of it.
    pub fn info(&self) -> &NodeInfo {
        &self.info
    }
}

/// What a MOVED makes of a table.
#[derive(Clone, Debug)]
pub enum Moved {
    /// The slot is at its new owner in this table, and in all its copies.
    Patched,
    /// More than one slot changes: this table is to take the other's place.
    Replaced(SlotTable),
    /// The table already says so.
    Unchanged,
    /// The address is not that of exactly one node of the table. It must not be dialled: anybody
    /// who can run a script can write such an error. Ask the known nodes for a fresh view.
    UnknownNode,
}

impl Default for SlotTable {
    fn default() -> Self {
        Self::empty()
    }
}

impl SlotTable {
    /// A table in which no slot has an owner.
    pub fn empty() -> Self {
        let known = Known { topology: Topology::default(), nodes: Vec::new(), aliases: Vec::new() };
        Self::with_owners([UNOWNED; Slot::COUNT as usize], known.into())
    }

    /// The table of this view.
    ///
    /// Where two shards of a view that was put together by hand claim a slot, the higher epoch
    /// wins, then the earlier shard.
    pub fn new(topology: Topology) -> Result<Self, TopologyError> {
        if topology.nodes().nth(Topology::NODES_MAX).is_some() {
            return Err(TopologyError::TooManyNodes);
        }
        let mut nodes = Vec::new();
        let mut claims = Vec::new();
        for (shard, said) in topology.shards.iter().enumerate() {
            let first = nodes.len() as u16;
            if said.primary.is_some() {
                claims.push((said, first));
            }
            nodes.extend(said.nodes().zip(first..).map(|(info, index)| Node {
                info: info.clone(),
                index,
                shard,
            }));
        }
        // Later claims overwrite earlier ones, so the strongest goes last.
        claims.reverse();
        claims.sort_by_key(|(shard, _)| shard.epoch);
        let mut owners = [UNOWNED; Slot::COUNT as usize];
        for (shard, primary) in claims {
            shard.slots.iter().for_each(|range| owners[range.indices()].fill(primary));
        }
        let aliases = aliases(&nodes);
        Ok(Self::with_owners(owners, Arc::new(Known { topology, nodes, aliases })))
    }

    fn with_owners(owners: [u16; Slot::COUNT as usize], known: Arc<Known>) -> Self {
        let mut members = vec![false; known.nodes.len()];
        let mut order = Vec::new();
        for owner in owners {
            // UNOWNED lies beyond the last node.
            if let Some(seen @ false) = members.get_mut(usize::from(owner)) {
                *seen = true;
                order.push(owner);
            }
        }
        let owners = Arc::new(owners.map(AtomicU16::new));
        Self { owners, primaries: Arc::new(Primaries { order, members }), known }
    }

    /// The node that takes writes for a slot, if one is known.
    #[inline]
    pub fn owner(&self, slot: Slot) -> Option<&Node> {
        self.known.nodes.get(usize::from(self.owner_index(slot)))
    }

    #[inline]
    fn owner_index(&self, slot: Slot) -> u16 {
        // A slot's owner is all that is read at a time, so no order is needed.
        self.owners[slot.index()].load(Relaxed)
    }

    /// The shard that a slot's owner belongs to, as the view had it before any MOVED.
    pub fn shard(&self, slot: Slot) -> Option<&Shard> {
        self.known.topology.shards.get(self.owner(slot)?.shard)
    }

    /// The nodes that hold a slot beside its owner.
    pub fn replicas(&self, slot: Slot) -> impl Iterator<Item = &Node> + Clone {
        let owner = self.owner(slot);
        let first = owner.map_or(&[][..], |owner| self.shard_of(owner));
        first.iter().filter(move |node| Some(node.index) != owner.map(|owner| owner.index))
    }

    /// The nodes that own at least one slot, each once. Together they hold every key.
    pub fn primaries(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.primaries.order.iter().map(|&index| &self.known.nodes[usize::from(index)])
    }

    /// All nodes that belong to a shard.
    pub fn nodes(&self) -> &[Node] {
        &self.known.nodes
    }

    /// The node at this address, however it is written; none if several answer to it.
    pub fn node_at(&self, addr: &NodeAddr) -> Option<&Node> {
        let aliases = &self.known.aliases;
        let found = aliases.binary_search_by(|(alias, _)| alias.cmp(addr)).ok()?;
        self.known.nodes.get(usize::from(aliases[found].1))
    }

    /// The node with this id.
    pub fn node_with_id(&self, id: NodeId) -> Option<&Node> {
        self.known.nodes.iter().find(|node| node.info.id == Some(id))
    }

    /// How new the view is that the table was made of, if that is known.
    pub fn epoch(&self) -> Option<u64> {
        self.known.topology.epoch
    }

    /// The view that the table was made of, as it was before any MOVED.
    pub fn topology(&self) -> &Topology {
        &self.known.topology
    }

    /// The unbroken range around a slot whose slots all have the same owner, or none: what an
    /// error names, so that its reader sees how much is concerned.
    pub fn range_around(&self, slot: Slot) -> SlotRange {
        let owner = self.owner_index(slot);
        let same = |slot: &Slot| self.owner_index(*slot) == owner;
        let below = (0..=slot.number()).rev().filter_map(Slot::new).take_while(same);
        let above = (slot.number()..Slot::COUNT).filter_map(Slot::new).take_while(same);
        let (first, last) = (below.last().unwrap_or(slot), above.last().unwrap_or(slot));
        SlotRange::new(first, last).unwrap_or_else(|| slot.into())
    }

    /// Takes in a MOVED: the slot goes to the named node, if the table knows it.
    ///
    /// A node that owns a slot is the primary of its shard. If the table thought otherwise there
    /// was a failover, or the node had no slots: then it takes another table, which happens at most
    /// once for each node.
    #[must_use]
    pub fn learn_moved(&self, slot: Slot, addr: &NodeAddr) -> Moved {
        let Some(node) = self.node_at(addr) else { return Moved::UnknownNode };
        if self.owner_index(slot) == node.index {
            return Moved::Unchanged;
        }
        // The usual case: the nodes that own slots stay the same.
        if self.primaries.members[node.index()] {
            self.owners[slot.index()].store(node.index, Relaxed);
            return Moved::Patched;
        }
        let same_shard = |other: &Node| other.shard == node.shard;
        let mut owners = std::array::from_fn(|at| {
            let owner = self.owners[at].load(Relaxed);
            let follows = self.known.nodes.get(usize::from(owner)).is_some_and(same_shard);
            if follows { node.index } else { owner }
        });
        owners[slot.index()] = node.index;
        Moved::Replaced(Self::with_owners(owners, self.known.clone()))
    }

    /// The nodes of a shard lie side by side.
    fn shard_of(&self, node: &Node) -> &[Node] {
        let nodes = &self.known.nodes;
        let first = nodes.partition_point(|other| other.shard < node.shard);
        let end = nodes.partition_point(|other| other.shard <= node.shard);
        &nodes[first..end]
    }
}

/// The addresses that mean exactly one node.
///
/// Several nodes may answer to one address: after a restart under a new id the old entry lingers,
/// so the healthiest wins; behind one shared name none does, since a guess could be wrong. Nodes
/// that were told apart are all there, well or not.
fn aliases(nodes: &[Node]) -> Vec<(NodeAddr, u16)> {
    let mut all = Vec::with_capacity(nodes.len() * 2);
    for node in nodes {
        let name = node.addr().filter(|name| name.node().is_some());
        let rank = if name.is_some() { Health::Online } else { node.info.health };
        all.extend(name.map(|name| (name.clone(), rank, node.index)));
        all.extend(node.info.aliases().map(|addr| (addr, rank, node.index)));
    }
    all.sort_unstable();
    all.dedup();
    all.chunk_by(|one, other| one.0 == other.0)
        .filter(|same| same.get(1).is_none_or(|second| second.1 != same[0].1))
        .map(|same| (same[0].0.clone(), same[0].2))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> NodeAddr {
        NodeAddr::new("10.0.0.1", port)
    }

    fn shard(ports: &[u16], slots: &[(u16, u16)]) -> Shard {
        let mut nodes = ports.iter().map(|&port| NodeInfo::at(addr(port)));
        Shard {
            primary: nodes.next(),
            replicas: nodes.collect(),
            slots: slots.iter().map(|&(a, b)| SlotRange::new(slot(a), slot(b)).unwrap()).collect(),
            epoch: None,
        }
    }

    fn topology(shards: Vec<Shard>) -> Topology {
        Topology { shards, ..Topology::default() }
    }

    fn table(shards: Vec<Shard>) -> SlotTable {
        SlotTable::new(topology(shards)).unwrap()
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    fn ports<'a>(nodes: impl Iterator<Item = &'a Node>) -> Vec<u16> {
        nodes.map(|node| node.addr().unwrap().port()).collect()
    }

    fn three() -> SlotTable {
        table(vec![
            shard(&[1, 4, 7], &[(0, 99), (200, 299)]),
            shard(&[2, 5], &[(100, 199)]),
            shard(&[3], &[]),
        ])
    }

    #[track_caller]
    fn check(table: &SlotTable, number: u16, owner: Option<u16>, replicas: &[u16]) {
        assert_eq!(table.owner(slot(number)).map(|node| node.addr().unwrap().port()), owner);
        assert_eq!(ports(table.replicas(slot(number))), replicas, "replicas of {number}");
    }

    #[track_caller]
    fn moved(table: &SlotTable, number: u16, port: u16) -> SlotTable {
        match table.learn_moved(slot(number), &addr(port)) {
            Moved::Replaced(table) => table,
            Moved::Patched => table.clone(),
            other @ (Moved::Unchanged | Moved::UnknownNode) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_slot_has_the_owner_and_the_replicas_of_its_shard() {
        let table = three();
        check(&table, 0, Some(1), &[4, 7]);
        check(&table, 99, Some(1), &[4, 7]);
        check(&table, 100, Some(2), &[5]);
        check(&table, 299, Some(1), &[4, 7]);
        check(&table, 300, None, &[]);
        assert_eq!(ports(table.primaries()), [1, 2]);
        assert_eq!(ports(table.nodes().iter()), [1, 4, 7, 2, 5, 3]);
        assert!(table.nodes().iter().enumerate().all(|(at, node)| node.index() == at));
        check(&SlotTable::empty(), 0, None, &[]);
    }

    #[test]
    fn moved_to_another_shard_takes_one_slot_along() {
        let patched = moved(&three(), 42, 3);
        check(&patched, 42, Some(3), &[]);
        check(&patched, 41, Some(1), &[4, 7]);
        assert_eq!(ports(patched.primaries()), [1, 3, 2]);
        check(&three(), 42, Some(1), &[4, 7]);
    }

    #[test]
    fn moved_to_a_node_that_has_slots_is_known_to_all_copies() {
        let table = three();
        let copy = table.clone();
        assert!(matches!(table.learn_moved(slot(42), &addr(2)), Moved::Patched));
        check(&copy, 42, Some(2), &[5]);
        check(&copy, 41, Some(1), &[4, 7]);
        assert_eq!(ports(copy.primaries()), [1, 2]);
    }

    #[test]
    fn moved_to_a_replica_is_a_failover_of_its_whole_shard() {
        let patched = moved(&three(), 42, 4);
        check(&patched, 42, Some(4), &[1, 7]);
        check(&patched, 250, Some(4), &[1, 7]);
        assert_eq!(ports(patched.primaries()), [4, 2], "no key is counted twice");
        let patched = moved(&three(), 42, 5);
        check(&patched, 42, Some(5), &[2]);
        check(&patched, 150, Some(5), &[2]);
        check(&patched, 41, Some(1), &[4, 7]);
    }

    #[test]
    fn moved_to_a_stranger_changes_nothing() {
        assert!(matches!(three().learn_moved(slot(1), &addr(99)), Moved::UnknownNode));
        assert!(matches!(three().learn_moved(slot(1), &addr(1)), Moved::Unchanged));
    }

    #[test]
    fn a_node_answers_to_each_of_its_names() {
        let node = NodeInfo {
            ip: Some("10.0.0.9".into()),
            hostname: Some("nine.example".into()),
            ..NodeInfo::at(NodeAddr::new("proxy.example", 6379))
        };
        let named = Shard { primary: Some(node), ..Shard::default() };
        let table = table(vec![shard(&[1], &[(0, 9)]), named]);
        for host in ["proxy.example", "10.0.0.9", "nine.example"] {
            assert_eq!(table.node_at(&NodeAddr::new(host, 6379)).unwrap().index(), 1, "{host}");
            assert!(table.node_at(&NodeAddr::new(host, 6380)).is_none());
        }
    }

    #[test]
    fn an_address_of_several_nodes_is_that_of_the_healthiest_or_of_none() {
        let mut twins = vec![shard(&[1], &[(0, 9)]), shard(&[1], &[(10, 19)])];
        assert!(table(twins.clone()).node_at(&addr(1)).is_none());
        twins[0].primary.as_mut().unwrap().health = Health::Failed;
        assert_eq!(table(twins).node_at(&addr(1)).unwrap().index(), 1);
    }

    #[test]
    fn of_two_claims_the_higher_epoch_wins_then_the_earlier_shard() {
        let mut claims = vec![shard(&[1], &[(0, 9)]), shard(&[2], &[(5, 20)])];
        check(&table(claims.clone()), 7, Some(1), &[]);
        claims[1].epoch = Some(3);
        check(&table(claims.clone()), 7, Some(2), &[]);
        claims[0].epoch = Some(4);
        check(&table(claims), 7, Some(1), &[]);
    }

    #[test]
    fn slots_of_a_shard_without_a_primary_have_no_owner() {
        let orphan = Shard { primary: None, ..shard(&[1], &[(0, 9)]) };
        let table = table(vec![orphan, shard(&[2], &[(10, 19)])]);
        check(&table, 5, None, &[]);
        check(&table, 15, Some(2), &[]);
    }

    #[test]
    fn a_range_around_a_slot_ends_where_the_owner_changes() {
        let range = |number| {
            let range = three().range_around(slot(number));
            (range.first().number(), range.last().number())
        };
        assert_eq!(range(0), (0, 99));
        assert_eq!(range(150), (100, 199));
        assert_eq!(range(16_383), (300, 16_383));
    }

    #[test]
    fn there_may_be_as_many_nodes_as_an_index_can_name() {
        let with = |count: usize| {
            let replicas = vec![NodeInfo::default(); count - 1];
            SlotTable::new(topology(vec![Shard { replicas, ..shard(&[1], &[(0, 16_383)]) }]))
        };
        let most = with(Topology::NODES_MAX).unwrap();
        check_len(&most, Topology::NODES_MAX);
        assert_eq!(with(Topology::NODES_MAX + 1).unwrap_err(), TopologyError::TooManyNodes);
    }

    #[track_caller]
    fn check_len(table: &SlotTable, nodes: usize) {
        assert_eq!(table.nodes().len(), nodes);
        assert_eq!(table.owner(slot(16_383)).unwrap().index(), 0);
    }
}
