//! The order of one client's commands for one slot, while some of them are sent again.

use std::collections::VecDeque;

use crate::Slot;

/// Keeps the commands of one client for one slot in the order in which it sent them.
///
/// Commands for a slot travel on one connection and so run in order, until one of them has to be
/// sent again, or the slot's owner changes while some are still on their way to the old one. From
/// then on the slot has a lane, in which one command at a time travels: the oldest, once all that
/// were on their way have come back. Other slots, and other clients, are not held up. Nearly always
/// there is no lane.
///
/// One thing no order of sending can mend: a server turns a command away and runs a later one that
/// was right behind it, because the slot came back to it in between. Whoever sends a command again
/// checks, when its turn has come, that no later one has run that has a key in common with it, and
/// refuses it otherwise.
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
    /// Keep it until [`SlotOrder::answered`] or [`SlotOrder::again`] names it.
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
            (Some(index), _) => {
                self.lanes[index].place(sequence, Turn::Wait);
                Turn::Wait
            }
            (None, Earlier::InStep) => Turn::Go,
            (None, Earlier::Elsewhere(latest)) => {
                let line = VecDeque::from([(latest, Turn::Go), (sequence, Turn::Wait)]);
                self.lanes.push(Lane { slot, line });
                Turn::Wait
            }
        }
    }

    /// A command that was sent was not run and is to be sent again. `travelling` are all commands
    /// of this client for the slot that are on their way: they too may come back.
    ///
    /// Returns the command whose turn it is now, if it is anyone's: this one, or an older one that
    /// waited for this to come back.
    pub fn again(
        &mut self,
        slot: Slot,
        sequence: Sequence,
        travelling: impl IntoIterator<Item = Sequence>,
    ) -> Option<Sequence> {
        let index = self.lane(slot).unwrap_or_else(|| {
            self.lanes.push(Lane { slot, line: VecDeque::new() });
            self.lanes.len() - 1
        });
        let lane = &mut self.lanes[index];
        for other in travelling {
            lane.place(other, Turn::Go);
        }
        lane.place(sequence, Turn::Wait);
        lane.release()
    }

    /// A command was answered, or given up. Returns the one whose turn it is now, if one waited.
    #[inline]
    pub fn answered(&mut self, slot: Slot, sequence: Sequence) -> Option<Sequence> {
        if self.lanes.is_empty() {
            return None;
        }
        let index = self.lane(slot)?;
        let lane = &mut self.lanes[index];
        lane.line.retain(|&(other, _)| other != sequence);
        if lane.line.is_empty() {
            self.lanes.swap_remove(index);
            return None;
        }
        lane.release()
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
    fn place(&mut self, sequence: Sequence, turn: Turn) {
        let place = self.line.partition_point(|&(earlier, _)| earlier < sequence);
        match self.line.get_mut(place) {
            Some((same, state)) if *same == sequence => *state = turn,
            _ => self.line.insert(place, (sequence, turn)),
        }
    }

    /// Lets the oldest go, if none is on its way.
    fn release(&mut self) -> Option<Sequence> {
        if self.line.iter().any(|&(_, turn)| turn == Turn::Go) {
            return None;
        }
        let (oldest, turn) = self.line.front_mut()?;
        *turn = Turn::Go;
        Some(*oldest)
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
        assert_eq!(order.again(slot(1), 1, []), Some(1));
        assert_eq!(order.first_time(slot(1), 2, Earlier::InStep), Turn::Wait);
        assert_eq!(order.first_time(slot(2), 3, Earlier::InStep), Turn::Go, "another slot");
        assert_eq!(order.again(slot(1), 1, []), Some(1), "redirected once more");
        assert_eq!(order.answered(slot(1), 1), Some(2));
        assert_eq!(order.answered(slot(1), 2), None);
        assert!(order.is_idle());
    }

    #[test]
    fn all_that_travel_come_back_before_the_oldest_goes_again() {
        let mut order = SlotOrder::default();
        assert_eq!(order.again(slot(1), 1, [2, 3]), None);
        assert_eq!(order.first_time(slot(1), 4, Earlier::InStep), Turn::Wait);
        assert_eq!(order.again(slot(1), 2, [3]), None);
        assert_eq!(order.answered(slot(1), 3), Some(1));
        assert_eq!(order.answered(slot(1), 1), Some(2));
        assert_eq!(order.answered(slot(1), 2), Some(4));
        assert_eq!(order.answered(slot(1), 4), None);
        assert!(order.is_idle());
    }

    #[test]
    fn a_new_owner_gets_nothing_before_the_old_one_has_answered() {
        let mut order = SlotOrder::default();
        assert_eq!(order.first_time(slot(1), 3, Earlier::Elsewhere(2)), Turn::Wait);
        assert_eq!(order.again(slot(1), 1, [2]), None, "the old owner sent the first one away");
        assert_eq!(order.again(slot(1), 2, []), Some(1));
        assert_eq!(order.answered(slot(1), 1), Some(2));
        assert_eq!(order.answered(slot(1), 2), Some(3));
    }

    #[test]
    fn an_answer_to_a_command_that_was_never_held_up_changes_nothing() {
        let mut order = SlotOrder::default();
        assert_eq!(order.again(slot(1), 2, []), Some(2));
        assert_eq!(order.answered(slot(1), 1), None);
        assert_eq!(order.first_time(slot(1), 3, Earlier::InStep), Turn::Wait);
        assert_eq!(order.answered(slot(1), 2), Some(3));
    }
}
