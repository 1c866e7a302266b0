//! One command as several, each for one slot.

use std::ops::Range;

use crate::{
    command::Command,
    encode::{encode_bulk, encode_header},
    merge::{Merge, Merger},
    retry::RetryClass,
    slot::Slot,
};

/// A command whose keys are in several slots, as one command per slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Split {
    class: RetryClass,
    merge: Merge,
    step: usize,
    /// The positions of all keys, those of one part together and in the order of the command.
    positions: Vec<u32>,
    parts: Vec<Part>,
}

/// The part of a split command that goes to one slot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Part {
    slot: Slot,
    positions: Range<usize>,
}

impl Part {
    /// Where it goes.
    pub fn slot(&self) -> Slot {
        self.slot
    }
}

impl Split {
    /// The parts of a command with a key every `step` arguments, in the order of their slots.
    pub(super) fn new(command: &Command<'_>, step: usize, merge: Merge, class: RetryClass) -> Self {
        let mut keys: Vec<(Slot, u32)> = command
            .args()
            .enumerate()
            .skip(1)
            .step_by(step)
            .map(|(position, key)| (Slot::of(key), position as u32))
            .collect();
        keys.sort_unstable();
        let mut end = 0;
        let parts = keys.chunk_by(|a, b| a.0 == b.0).map(|chunk| {
            let start = end;
            end += chunk.len();
            Part { slot: chunk[0].0, positions: start..end }
        });
        let parts = parts.collect();
        let positions = keys.into_iter().map(|(_, position)| position).collect();
        Self { class, merge, step, positions, parts }
    }

    /// Whether a part may be sent again.
    pub fn class(&self) -> RetryClass {
        self.class
    }

    /// The parts. Numbers of parts are positions in this list.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Puts the parts in another order: those with the same node together, when `node` tells the
    /// node of a slot. To be called before anything that takes the number of a part.
    pub fn order_by<N: Ord>(&mut self, mut node: impl FnMut(Slot) -> N) {
        self.parts.sort_by_cached_key(|part| (node(part.slot), part.slot));
    }

    /// The positions in the whole command of the keys of a part.
    pub fn key_positions(&self, part: &Part) -> impl ExactSizeIterator<Item = usize> + '_ {
        let positions = self.positions.get(part.positions.clone()).unwrap_or_default();
        positions.iter().map(|&position| position as usize)
    }

    /// Appends the command for one part. `command` is the whole that was planned.
    pub fn encode_part(&self, part: &Part, command: &Command<'_>, out: &mut Vec<u8>) {
        let keys = self.key_positions(part);
        encode_header(out, b'*', 1 + keys.len() * self.step);
        encode_bulk(out, command.name());
        for position in keys.flat_map(|key| key..key + self.step) {
            encode_bulk(out, command.arg(position).unwrap_or_default());
        }
    }

    /// Collects the replies of the parts.
    pub fn merger(&self) -> Merger {
        if self.merge != Merge::Gather {
            return Merger::new(self.merge, self.parts.len());
        }
        let mut sources = vec![0; self.positions.len()];
        for (number, part) in self.parts.iter().enumerate() {
            for position in self.key_positions(part) {
                sources[(position - 1) / self.step] = number as u32;
            }
        }
        Merger::gathering(sources, self.parts.len())
    }
}
