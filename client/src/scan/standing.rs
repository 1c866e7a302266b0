//! What a node says of itself: which slots it holds, and which come and go.

use std::collections::{BTreeMap, BTreeSet};

use slotway_protocol::{NodeId, Slot, Topology};

/// How a node stood all the time from one question to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Standing {
    /// Its id; a standalone server has none.
    id: Option<NodeId>,
    /// The epoch under which it owns its slots: another one once it has got a slot, or has taken
    /// over.
    epoch: Option<u64>,
    owned: Slots,
    /// Slots that were on their way from it, and where to.
    leaving: BTreeMap<Slot, NodeId>,
    /// Slots that were on their way to it.
    arriving: BTreeSet<Slot>,
}

/// Some of the slots.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Slots(Box<[u64]>);

const WORDS: usize = Slot::COUNT as usize / 64;

/// What a node has to do with a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hold {
    /// All its keys are there.
    Whole,
    /// Its keys were there, and some may have gone on to another node.
    Leaving(NodeId),
    /// Some of its keys may have come already.
    Arriving,
    /// None.
    Nothing,
}

impl Slots {
    pub(super) fn all() -> Self {
        Self(vec![u64::MAX; WORDS].into())
    }

    pub(super) fn none() -> Self {
        Self(vec![0; WORDS].into())
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        self.0[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    pub(super) fn add(&mut self, slot: Slot) {
        self.0[slot.index() / 64] |= 1 << (slot.index() % 64);
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.0[slot.index() / 64] &= !(1 << (slot.index() % 64));
    }

    /// The lowest.
    pub(super) fn first(&self) -> Option<Slot> {
        let at = self.0.iter().position(|word| *word != 0)?;
        let number = at * 64 + self.0[at].trailing_zeros() as usize;
        u16::try_from(number).ok().and_then(Slot::new)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        Slot::all().filter(|slot| self.has(*slot))
    }
}

impl Standing {
    /// A server that belongs to no cluster.
    pub(super) fn alone() -> Self {
        let (leaving, arriving) = (BTreeMap::new(), BTreeSet::new());
        Self { id: None, epoch: None, owned: Slots::all(), leaving, arriving }
    }

    /// The part of the node with this id in its own view, unless it is no primary.
    pub(super) fn of(view: &Topology, id: NodeId) -> Option<Self> {
        let is_own = |id_of: Option<NodeId>| id_of == Some(id);
        let shard = view
            .shards
            .iter()
            .find(|shard| is_own(shard.primary.as_ref().and_then(|node| node.id)))?;
        let mut owned = Slots::none();
        shard.slots.iter().flat_map(|range| range.slots()).for_each(|slot| owned.add(slot));
        let leaving = view.moves.iter().filter(|way| way.from == id);
        let leaving = leaving.map(|way| (way.slot, way.to)).collect();
        let arriving = view.moves.iter().filter(|way| way.to == id).map(|way| way.slot).collect();
        Some(Self { id: Some(id), epoch: shard.epoch, owned, leaving, arriving })
    }

    pub(super) fn id(&self) -> Option<NodeId> {
        self.id
    }

    /// What held at this question and the next alike; nothing if slots may have gone and come back in
    /// between, which the node's epoch tells: it changes whenever a slot comes.
    pub(super) fn until(mut self, next: &Self) -> Option<Self> {
        if (self.id, self.epoch) != (next.id, next.epoch) {
            return None;
        }
        for slot in Slot::all() {
            if self.owned.has(slot) && !next.owned.has(slot) {
                self.owned.remove(slot);
            }
        }
        self.leaving.extend(&next.leaving);
        self.arriving.retain(|slot| next.arriving.contains(slot));
        Some(self)
    }

    /// What the node had to do with a slot, all the time.
    pub(super) fn hold(&self, slot: Slot) -> Hold {
        match self.leaving.get(&slot) {
            Some(to) if self.owned.has(slot) => Hold::Leaving(*to),
            None if self.owned.has(slot) => Hold::Whole,
            _ if self.arriving.contains(&slot) => Hold::Arriving,
            _ => Hold::Nothing,
        }
    }
}
