//! What the cursor of a walk over all keys says by itself.

use std::fmt;

use super::Refusal;
use crate::{Slot, command::Command, number::parse_u64};

/// How far a walk over all keys has come, as far as one number can tell.
///
/// Clients see a decimal number below 2^53, since many keep it in a double. A node's own cursor is not
/// in it: that is a position in the hash table of one process, and to the one that takes over it is
/// a random number. Where exactly a walk is has to be remembered by whoever gave the cursor, who finds
/// it by the [`tag`](Self::tag). Should that be forgotten, or should another process be asked on, the
/// walk can begin again at the first slot that was not finished: keys are found twice then, and none
/// is omitted.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ScanCursor {
    number: u64,
}

const TAG_BITS: u32 = 36;
const RESTART_BITS: u32 = 3;
const SLOT_BITS: u32 = 14;
const CURSOR_BITS: u32 = SLOT_BITS + RESTART_BITS + TAG_BITS;

impl ScanCursor {
    /// Where a walk starts.
    pub const START: Self = Self { number: 0 };
    /// So often at most a walk may begin again at one slot.
    pub const RESTARTS_MAX: u8 = (1 << RESTART_BITS) - 1;

    /// One of a walk that has found all keys of the slots before this one, and began again there so
    /// often. Of the tag, the low 36 bits count. None is like [`START`](Self::START).
    pub fn new(unfinished: Slot, restarts: u8, tag: u64) -> Self {
        let restarts = u64::from(restarts.min(Self::RESTARTS_MAX));
        let tag = (tag & ((1 << TAG_BITS) - 1)).max(1);
        let slot = u64::from(unfinished.number());
        Self { number: (slot << RESTART_BITS | restarts) << TAG_BITS | tag }
    }

    /// The cursor in a `SCAN`.
    pub(super) fn of(command: &Command<'_>) -> Result<Self, Refusal> {
        command.arg(1).and_then(Self::parse).ok_or(Refusal::InvalidCursor)
    }

    /// Reads a cursor as clients send it back.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let number = parse_u64(text).filter(|number| number >> CURSOR_BITS == 0)?;
        Some(Self { number })
    }

    /// The first slot of which keys may be left.
    pub fn unfinished(self) -> Slot {
        let number = self.number >> (TAG_BITS + RESTART_BITS) & ((1 << SLOT_BITS) - 1);
        u16::try_from(number).ok().and_then(Slot::new).unwrap_or(Slot::FIRST)
    }

    /// How often the walk has begun again at this slot.
    pub fn restarts(self) -> u8 {
        (self.number >> TAG_BITS) as u8 & Self::RESTARTS_MAX
    }

    /// By what the one who gave it remembers the rest.
    pub fn tag(self) -> u64 {
        self.number & ((1 << TAG_BITS) - 1)
    }
}

impl fmt::Display for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u16, u8, u64)>) {
        let cursor = ScanCursor::parse(text.as_bytes());
        let parts =
            cursor.map(|cursor| (cursor.unfinished().number(), cursor.restarts(), cursor.tag()));
        assert_eq!(parts, expected, "{text}");
    }

    #[test]
    fn a_cursor_is_a_decimal_below_two_to_the_53rd() {
        check("0", Some((0, 0, 0)));
        check("1", Some((0, 0, 1)));
        check("68719476736", Some((0, 1, 0)));
        check("549755813888", Some((1, 0, 0)));
        check("9007199254740991", Some((16_383, 7, (1 << 36) - 1)));
        check("9007199254740992", None);
        check("-1", None);
        check("01", None);
        check("", None);
        assert_eq!(ScanCursor::parse(b"0"), Some(ScanCursor::START));
    }

    proptest! {
        #[test]
        fn what_a_cursor_says_comes_back(slot in 0u16..16_384, restarts in 0u8..8, tag: u64) {
            let cursor = ScanCursor::new(Slot::new(slot).unwrap(), restarts, tag);
            prop_assert_ne!(cursor, ScanCursor::START);
            let back = ScanCursor::parse(cursor.to_string().as_bytes()).unwrap();
            prop_assert_eq!(back, cursor);
            prop_assert_eq!((back.unfinished().number(), back.restarts()), (slot, restarts));
            prop_assert_eq!(back.tag(), (tag & ((1 << 36) - 1)).max(1));
        }
    }
}
