//! Finds a name in any case, in a few nanoseconds.

use crate::spec::{CommandId, CommandSpec};

/// An open-addressing index of the names of commands without a container.
#[derive(Clone, Debug, Default)]
pub(super) struct NameIndex {
    /// A power of two of them, at most half used, so that a search always meets a free one.
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    name: Folded,
    id: Option<CommandId>,
}

/// A name in lower case, as far as two words hold it: all of up to 16 bytes, and the first and
/// last eight of a longer one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Folded {
    first: u64,
    last: u64,
    len: usize,
}

impl NameIndex {
    pub(super) fn new(commands: &[CommandSpec]) -> Self {
        let names = || commands.iter().filter(|spec| !spec.name.contains('|'));
        let size = (names().count() * 2).next_power_of_two().max(2);
        let mut index = Self { buckets: vec![Bucket::default(); size] };
        for spec in names() {
            let name = Folded::new(spec.name.as_bytes());
            let mut at = name.hash() & (size - 1);
            while index.buckets[at].id.is_some() {
                at = (at + 1) & (size - 1);
            }
            index.buckets[at] = Bucket { name, id: Some(spec.id) };
        }
        index
    }

    #[inline]
    pub(super) fn find(&self, name: &[u8], commands: &[CommandSpec]) -> Option<CommandId> {
        let folded = Folded::new(name);
        let mask = self.buckets.len().wrapping_sub(1);
        let mut at = folded.hash() & mask;
        loop {
            let bucket = self.buckets.get(at)?;
            let id = bucket.id?;
            if bucket.name == folded
                && (name.len() <= 16
                    || commands[id.index()].name.as_bytes().eq_ignore_ascii_case(name))
            {
                return Some(id);
            }
            at = (at + 1) & mask;
        }
    }
}

impl Folded {
    #[inline]
    fn new(name: &[u8]) -> Self {
        let len = name.len();
        let (first, last) =
            if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
                let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
                (u64::from(first) | u64::from(last) << 32, 0)
            } else {
                let byte = |at: usize| u64::from(name.get(at).copied().unwrap_or_default());
                (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
            };
        Self { first: lower(first), last: lower(last), len }
    }

    #[inline]
    fn hash(self) -> usize {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (self.first ^ self.last.rotate_left(29) ^ self.len as u64).wrapping_mul(ODD);
        (mixed >> 40) as usize
    }
}

/// Eight ASCII letters at once to lower case; other bytes stay as they are.
#[inline]
fn lower(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let seven = word & (ONES * 0x7F);
    // The high bit of each byte says: at least `A`; above `Z`.
    let from_a = seven + ONES * u64::from(0x80 - b'A');
    let above_z = seven + ONES * u64::from(0x7F - b'Z');
    let upper = (from_a & !above_z) & !word & (ONES * 0x80);
    word | (upper >> 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_bytes_are_lowered_as_one_by_one(bytes: [u8; 8]) {
            let expected = bytes.map(|byte| byte.to_ascii_lowercase());
            prop_assert_eq!(lower(u64::from_le_bytes(bytes)).to_le_bytes(), expected);
        }

        #[test]
        fn short_names_fold_the_same_exactly_when_they_are_the_same(
            a in "[a-bA-B@`]{0,16}", b in "[a-bA-B@`]{0,16}",
        ) {
            let same = a.eq_ignore_ascii_case(&b);
            prop_assert_eq!(Folded::new(a.as_bytes()) == Folded::new(b.as_bytes()), same);
        }
    }
}
