//! What the nodes say the cluster looks like.

mod draft;
mod newest;
mod nodes;
mod origin;
mod shards;
mod slots;
mod told_apart;

use std::sync::Arc;

pub use newest::Freshness;
pub use origin::{Origin, Transport};

use crate::{NodeAddr, NodeId, Slot};

/// A view of the cluster: its shards, and who owns which slots.
///
/// It is what one node said, or what several said together ([`Topology::newest`]). Its parts are
/// in an order of their own, so that two nodes that say the same give equal views.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Topology {
    /// The groups of nodes that hold the same keys, those with the lowest slots first.
    pub shards: Vec<Shard>,
    /// Nodes that belong to no shard: strangers in the middle of the handshake, and replicas of
    /// nodes that the view does not name. No request ever goes to them.
    pub unplaced: Vec<NodeInfo>,
    /// Slots on their way to another node, as the answering node knows of its own.
    pub moves: Vec<SlotMove>,
    /// How new the view is, if that is known: the highest configuration epoch in it, or what
    /// [`Topology::with_epoch`] was told.
    pub epoch: Option<u64>,
}

/// A primary, its replicas, and the slots that they hold.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Shard {
    /// The node that takes writes, if the view names one.
    pub primary: Option<NodeInfo>,
    /// The other nodes, in the order of their ids and addresses.
    pub replicas: Vec<NodeInfo>,
    /// Its slots, in order, without overlap.
    pub slots: Vec<SlotRange>,
    /// The configuration epoch under which the primary holds them, if the view says so.
    pub epoch: Option<u64>,
}

/// A node, as a view names it.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeInfo {
    /// Its id; very old servers leave it out.
    pub id: Option<NodeId>,
    /// Where it is to be reached, if the view says so. This is its name, too.
    pub addr: Option<NodeAddr>,
    /// Where it is reached from here, if somebody who looks from here said so: no server does.
    pub reach: Option<NodeAddr>,
    /// The IP address that it announced, if that is not the host of `addr`.
    pub ip: Option<Arc<str>>,
    /// The host name that it announced, if that is not the host of `addr`.
    pub hostname: Option<Arc<str>>,
    /// How the answering node thinks it is.
    pub health: Health,
    /// The availability zone that it announced.
    pub zone: Option<Arc<str>>,
    /// How far it has come in the stream of writes.
    pub offset: Option<u64>,
}

/// How a node is, in the eyes of the one that was asked; the better ones come first.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Health {
    /// It answers.
    #[default]
    Online,
    /// It reads its data set, or gets it from its primary.
    Loading,
    /// It did not answer in time, but the cluster has not agreed on that yet.
    Suspected,
    /// The cluster agrees that it is gone.
    Failed,
    /// It has not been accepted yet; its id is a placeholder.
    Handshake,
}

/// Slots from one to another, both included.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SlotRange {
    first: Slot,
    last: Slot,
}

/// A slot that is on its way to another node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SlotMove {
    /// The slot.
    pub slot: Slot,
    /// The node that it leaves.
    pub from: NodeId,
    /// The node that it goes to.
    pub to: NodeId,
}

/// Why an answer is not a view of the cluster.
///
/// An answer with any such fault is refused whole: who errs in one place is not believed in
/// another, and there are other nodes to ask.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The node answered with an error.
    #[error("the node refused to say: {0}")]
    Refused(String),
    /// A part of the answer has not the form that the command promises.
    #[error("the answer is malformed: {0}")]
    Malformed(&'static str),
    /// A range of slots that is reversed, or that goes beyond the last slot.
    #[error("{0}-{1} is no range of slots")]
    BadRange(i64, i64),
    /// A slot is given away twice.
    #[error("slot {0} is given twice")]
    Overlap(Slot),
    /// The view names more nodes than a [`SlotTable`](crate::SlotTable) can hold.
    #[error("the view names more than {max} nodes", max = Topology::NODES_MAX)]
    TooManyNodes,
}

impl Topology {
    /// The most nodes that a view may name.
    pub const NODES_MAX: usize = 65_534;

    /// The same view, known to be as new as this epoch.
    ///
    /// CLUSTER SLOTS and CLUSTER SHARDS carry no epoch. Who asks for `cluster_current_epoch`
    /// (CLUSTER INFO) in the same breath can tell a stale node from the others.
    #[must_use]
    pub fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// All nodes that belong to a shard.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.shards.iter().flat_map(Shard::nodes)
    }

    /// How many slots have an owner.
    pub fn covered(&self) -> usize {
        self.shards.iter().flat_map(|shard| &shard.slots).map(|range| range.len()).sum()
    }
}

impl Shard {
    /// Its nodes, the primary first.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.primary.iter().chain(&self.replicas)
    }
}

impl NodeInfo {
    /// A healthy node at this address, of which nothing else is known.
    pub fn at(addr: NodeAddr) -> Self {
        Self { addr: Some(addr), ..Self::default() }
    }

    /// Every address by which a server may call it in a redirect: the given one, and its port at
    /// the other hosts that it announced.
    pub fn aliases(&self) -> impl Iterator<Item = NodeAddr> + '_ {
        let port = self.addr.as_ref().map(NodeAddr::port);
        let others = [&self.ip, &self.hostname].into_iter().flatten();
        let others = others.filter_map(move |host| Some(NodeAddr::new(host, port?)));
        self.addr.iter().map(NodeAddr::announced).chain(others)
    }

    /// Whether a redirect to `addr` may mean this node.
    pub fn is_called(&self, addr: &NodeAddr) -> bool {
        self.aliases().any(|alias| alias == *addr)
    }
}

impl SlotRange {
    /// Every slot there is.
    pub const ALL: Self = Self { first: Slot::FIRST, last: Slot::LAST };

    /// The slots from `first` to `last`, if they are in order.
    pub fn new(first: Slot, last: Slot) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The lowest slot.
    pub fn first(self) -> Slot {
        self.first
    }

    /// The highest slot; never below the first.
    pub fn last(self) -> Slot {
        self.last
    }

    /// How many slots it has.
    #[expect(clippy::len_without_is_empty, reason = "a range has at least one slot")]
    pub fn len(self) -> usize {
        self.last.index() + 1 - self.first.index()
    }

    /// Its slots, in order.
    pub fn slots(self) -> impl DoubleEndedIterator<Item = Slot> {
        (self.first.number()..=self.last.number()).filter_map(Slot::new)
    }

    /// Its positions in a slot-indexed table.
    pub fn indices(self) -> std::ops::RangeInclusive<usize> {
        self.first.index()..=self.last.index()
    }
}

impl From<Slot> for SlotRange {
    /// This slot alone.
    fn from(slot: Slot) -> Self {
        Self { first: slot, last: slot }
    }
}
