//! Which slots have been walked.
//!
//! A key is missed only if it is in no node at the moment when that node's walk comes by. So a slot
//! is done when one node has been walked from its start to its end and has held the whole slot all
//! the time, in its own words. A slot that is on its way is in two nodes, and its keys go from the
//! first to the second: it is done when the first has been walked, and after that the second.

use std::collections::BTreeMap;

use slotway_protocol::{NodeId, Slot, SlotTable};

use super::standing::{Hold, Slots, Standing};

/// What is left of a walk over all keys.
#[derive(Clone, Debug)]
pub(super) struct Coverage {
    left: Slots,
    count: usize,
    /// Slots of which the node that they leave has been walked, and the node to walk next.
    onward: BTreeMap<Slot, NodeId>,
}

/// What a whole walk through a node came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Settled {
    /// There is less to do.
    Some,
    /// There is as much to do as before.
    Nothing,
}

impl Coverage {
    /// All slots are to be walked, or this one.
    pub(super) fn of(slot: Option<Slot>) -> Self {
        let (mut left, mut count) = (Slots::all(), usize::from(Slot::COUNT));
        if let Some(slot) = slot {
            (left, count) = (Slots::none(), 1);
            left.add(slot);
        }
        Self { left, count, onward: BTreeMap::new() }
    }

    /// The slots from this one on are to be walked.
    pub(super) fn from(first: Slot) -> Self {
        let mut coverage = Self::of(None);
        for slot in Slot::all().take_while(|slot| *slot < first) {
            coverage.left.remove(slot);
            coverage.count -= 1;
        }
        coverage
    }

    /// The first slot that is left, if any is.
    pub(super) fn first_left(&self) -> Option<Slot> {
        self.left.first()
    }

    /// Whether all is done.
    pub(super) fn is_complete(&self) -> bool {
        self.count == 0
    }

    /// Whether keys of this slot are still asked for.
    pub(super) fn wants(&self, slot: Slot) -> bool {
        self.left.has(slot)
    }

    /// A slot that is to be walked next, and the id of the node if it is not the slot's owner.
    pub(super) fn next(&mut self, table: &SlotTable) -> Option<(Slot, Option<NodeId>)> {
        self.onward.retain(|_, to| table.node_with_id(*to).is_some());
        let by_owner = self.left.iter().find(|slot| !self.onward.contains_key(slot));
        let by_way = || self.onward.iter().next().map(|(slot, to)| (*slot, Some(*to)));
        by_owner.map(|slot| (slot, None)).or_else(by_way)
    }

    /// Whether it leads anywhere to walk a node that stands so.
    pub(super) fn gains_from(&self, standing: &Standing) -> bool {
        self.left.iter().any(|slot| self.outcome(slot, standing) != Outcome::Nothing)
    }

    /// Takes in that a node was walked which stood so from the start to the end.
    pub(super) fn settle(&mut self, standing: &Standing) -> Settled {
        let before = self.count;
        for slot in Slot::all().filter(|slot| self.left.has(*slot)).collect::<Vec<_>>() {
            match self.outcome(slot, standing) {
                Outcome::Done => {
                    self.left.remove(slot);
                    self.count -= 1;
                    self.onward.remove(&slot);
                }
                Outcome::Onward(to) => {
                    self.onward.insert(slot, to);
                }
                Outcome::Lost => {
                    self.onward.remove(&slot);
                }
                Outcome::Nothing => {}
            }
        }
        if self.count < before { Settled::Some } else { Settled::Nothing }
    }

    fn outcome(&self, slot: Slot, standing: &Standing) -> Outcome {
        let awaited =
            self.onward.contains_key(&slot) && self.onward.get(&slot).copied() == standing.id();
        match (standing.hold(slot), awaited) {
            (Hold::Whole, _) | (Hold::Arriving, true) => Outcome::Done,
            (Hold::Leaving(to), _) => Outcome::Onward(to),
            (Hold::Nothing, true) => Outcome::Lost,
            (Hold::Arriving | Hold::Nothing, false) => Outcome::Nothing,
        }
    }
}

/// What the walk through a node means for a slot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    Done,
    /// This node is next.
    Onward(NodeId),
    /// The keys are elsewhere than was thought: the slot's walk begins again.
    Lost,
    Nothing,
}

#[cfg(test)]
mod tests {
    use slotway_protocol::{NodeAddr, NodeInfo, Shard, SlotMove, SlotRange, Topology};

    use super::*;

    fn id(digit: u8) -> NodeId {
        NodeId::parse(&[b'0' + digit; 40]).unwrap()
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    /// The standing of node `own`, if it owns slots up to `last` in this epoch.
    fn standing(own: u8, last: u16, epoch: u64, moves: &[(u16, u8, u8)]) -> Standing {
        let addr = NodeAddr::new("h", 1000 + u16::from(own));
        let info = NodeInfo { id: Some(id(own)), ..NodeInfo::at(addr) };
        let slots = SlotRange::new(Slot::FIRST, slot(last)).into_iter().collect();
        let shard = Shard { primary: Some(info), slots, epoch: Some(epoch), ..Shard::default() };
        let moves = moves.iter().map(|&(number, from, to)| SlotMove {
            slot: slot(number),
            from: id(from),
            to: id(to),
        });
        let view = Topology { shards: vec![shard], moves: moves.collect(), ..Topology::default() };
        Standing::of(&view, id(own)).unwrap()
    }

    #[track_caller]
    fn check(coverage: &mut Coverage, visits: &[(Standing, Standing)], left: usize) {
        for (from, to) in visits {
            if let Some(throughout) = from.clone().until(to) {
                coverage.settle(&throughout);
            }
        }
        assert_eq!(coverage.count, left);
        assert_eq!(coverage.left.iter().count(), left);
    }

    #[test]
    fn what_a_node_held_from_start_to_end_is_done() {
        let held = standing(1, 99, 1, &[]);
        check(&mut Coverage::of(None), &[(held.clone(), held.clone())], 16_284);
        check(&mut Coverage::of(Some(slot(7))), &[(held.clone(), held)], 0);
    }

    #[test]
    fn a_walk_that_begins_again_leaves_out_what_was_done_before_its_first_slot() {
        let mut coverage = Coverage::from(slot(100));
        let held = standing(1, 99, 1, &[]);
        assert!(!coverage.gains_from(&held));
        check(&mut coverage, &[(held.clone(), held)], 16_284);
        assert_eq!(coverage.first_left(), Some(slot(100)));
        assert!(!coverage.wants(slot(99)));
    }

    #[test]
    fn what_came_or_went_meanwhile_is_not_done() {
        let (few, many) = (standing(1, 99, 1, &[]), standing(1, 199, 2, &[]));
        check(&mut Coverage::of(None), &[(many.clone(), standing(1, 99, 2, &[]))], 16_284);
        // A slot came, and others may have gone and come back.
        check(&mut Coverage::of(None), &[(few, many)], 16_384);
    }

    #[test]
    fn a_slot_on_its_way_is_walked_at_both_ends_in_its_direction() {
        let way = &[(7, 1, 2)];
        let first = (standing(1, 7, 1, &[]), standing(1, 7, 1, way));
        let second = (standing(2, 3, 2, way), standing(2, 3, 2, way));
        let coverage = || Coverage::of(Some(slot(7)));
        check(&mut coverage(), &[first.clone(), second.clone()], 0);
        check(&mut coverage(), &[second.clone(), first.clone()], 1);
        check(&mut coverage(), std::slice::from_ref(&first), 1);
        // It went on before the second end was walked, or came back.
        let gone = (standing(2, 3, 2, &[]), standing(2, 3, 2, &[]));
        let mut half = coverage();
        check(&mut half, &[first.clone(), gone], 1);
        check(&mut half, std::slice::from_ref(&second), 1);
        check(&mut half, &[first, second], 0);
    }
}
