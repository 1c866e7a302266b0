//! The order of one client's commands for one slot, while some of them are sent again.

use std::collections::VecDeque;

use crate::Slot;

/// Keeps the commands of one client for one slot in the order in which it sent them.
///
/// Commands for a slot travel on one connection and so run in order, until one of them has to be
/// sent again, or the slot's owner changes while some are still on their way to the old one. From
/// then on the slot has a lane: only the oldest command in it may travel, the later ones wait until
/// it is answered. Other slots, and other clients, are not held up. Nearly always there is no lane.
#[derive(Debug, Default)]
pub struct SlotOrder {
    lanes: Vec<Lane>,
}

/// The place of a command among all of its client.
pub type Sequence = u64;

/// Whether a command may travel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Send it now.
    Go,
    /// Keep it until [`SlotOrder::answered`] names it.
    Wait,
}

/// Where a client's earlier commands for the same slot are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Earlier {
    /// Answered, or on the connection that this one would take too.
    InStep,
    /// On their way to another node. This is the latest of them.
    Elsewhere(Sequence),
}

#[derive(Debug)]
struct Lane {
    slot: Slot,
    /// In order.
    line: VecDeque<(Sequence, Turn)>,
}

impl SlotOrder {
    /// A command is about to be sent for the first time.
    #[inline]
    pub fn first_time(&mut self, slot: Slot, sequence: Sequence, earlier: Earlier) -> Turn {
        if self.lanes.is_empty() && earlier == Earlier::InStep {
            return Turn::Go;
        }
        match (self.lane(slot), earlier) {
            (Some(index), _) => self.lanes[index].join(sequence),
            (None, Earlier::InStep) => Turn::Go,
            (None, Earlier::Elsewhere(latest)) => {
                let line = VecDeque::from([(latest, Turn::Go), (sequence, Turn::Wait)]);
                self.lanes.push(Lane { slot, line });
                Turn::Wait
            }
        }
    }

    /// A command that was sent was not run and is to be sent again.
    pub fn again(&mut self, slot: Slot, sequence: Sequence) -> Turn {
        let index = self.lane(slot).unwrap_or_else(|| {
            self.lanes.push(Lane { slot, line: VecDeque::new() });
            self.lanes.len() - 1
        });
        self.lanes[index].join(sequence)
    }

    /// A command was answered, or given up. Returns the one whose turn it is now, if one waited.
    #[inline]
    pub fn answered(&mut self, slot: Slot, sequence: Sequence) -> Option<Sequence> {
        if self.lanes.is_empty() {
            return None;
        }
        let index = self.lane(slot)?;
        let line = &mut self.lanes[index].line;
        line.retain(|&(waiting, _)| waiting != sequence);
        match line.front_mut() {
            None => {
                self.lanes.swap_remove(index);
                None
            }
            Some((_, Turn::Go)) => None,
            Some((oldest, turn @ Turn::Wait)) => {
                *turn = Turn::Go;
                Some(*oldest)
            }
        }
    }

    /// Whether any slot is being kept in order right now.
    pub fn is_idle(&self) -> bool {
        self.lanes.is_empty()
    }

    fn lane(&self, slot: Slot) -> Option<usize> {
        self.lanes.iter().position(|lane| lane.slot == slot)
    }
}

impl Lane {
    /// Puts a command in its place. It may go if that is at the front.
    fn join(&mut self, sequence: Sequence) -> Turn {
        let place = self.line.partition_point(|&(earlier, _)| earlier < sequence);
        let turn = if place == 0 { Turn::Go } else { Turn::Wait };
        match self.line.get_mut(place) {
            Some((same, state)) if *same == sequence => *state = turn,
            _ => self.line.insert(place, (sequence, turn)),
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn without_trouble_everything_goes() {
        let mut order = SlotOrder::default();
        assert_eq!(order.first_time(slot(1), 1, Earlier::InStep), Turn::Go);
        assert_eq!(order.first_time(slot(1), 2, Earlier::InStep), Turn::Go);
        assert_eq!(order.answered(slot(1), 1), None);
        assert!(order.is_idle());
    }

    #[test]
    fn later_commands_for_the_slot_wait_for_one_that_is_sent_again() {
        let mut order = SlotOrder::default();
        assert_eq!(order.again(slot(1), 1), Turn::Go);
        assert_eq!(order.again(slot(1), 2), Turn::Wait, "it was redirected too");
        assert_eq!(order.first_time(slot(1), 3, Earlier::InStep), Turn::Wait);
        assert_eq!(order.first_time(slot(2), 4, Earlier::InStep), Turn::Go, "another slot");
        assert_eq!(order.again(slot(1), 1), Turn::Go, "redirected once more");
        assert_eq!(order.answered(slot(1), 1), Some(2));
        assert_eq!(order.answered(slot(1), 2), Some(3));
        assert_eq!(order.answered(slot(1), 3), None);
        assert!(order.is_idle());
    }

    #[test]
    fn a_new_owner_gets_nothing_before_the_old_one_has_answered() {
        let mut order = SlotOrder::default();
        assert_eq!(order.first_time(slot(1), 3, Earlier::Elsewhere(2)), Turn::Wait);
        assert_eq!(order.again(slot(1), 1), Turn::Go, "the old owner sent the first one away");
        assert_eq!(order.again(slot(1), 2), Turn::Wait);
        assert_eq!(order.answered(slot(1), 1), Some(2));
        assert_eq!(order.answered(slot(1), 2), Some(3));
    }

    #[test]
    fn an_answer_to_a_command_that_was_never_held_up_changes_nothing() {
        let mut order = SlotOrder::default();
        assert_eq!(order.again(slot(1), 2), Turn::Go);
        assert_eq!(order.answered(slot(1), 1), None);
        assert_eq!(order.first_time(slot(1), 3, Earlier::InStep), Turn::Wait);
        assert_eq!(order.answered(slot(1), 2), Some(3));
    }
}
