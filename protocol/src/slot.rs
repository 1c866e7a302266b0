//! Where a key lives.

use std::fmt;

/// One of the 16384 parts of the key space.
///
/// A `Slot` is in range by construction, so a slot-indexed table needs no bounds check.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Slot(u16);

impl Slot {
    /// How many slots a cluster has.
    pub const COUNT: u16 = 16_384;
    /// The lowest slot.
    pub const FIRST: Self = Self(0);
    /// The highest slot.
    pub const LAST: Self = Self(Self::COUNT - 1);

    /// The slot of `key`. Only its `{tag}` is hashed, if it has one.
    pub fn of(key: &[u8]) -> Self {
        Self(crc16(hash_tag(key)) % Self::COUNT)
    }

    /// The slot with this number, if there is one.
    pub fn new(number: u16) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its position in a slot-indexed table.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All slots, in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The part of `key` that decides its slot: what stands between the first `{` and the next `}`,
/// or all of it when that is nothing.
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let inner = &key[open + 1..];
    match memchr::memchr(b'}', inner) {
        Some(length) if length > 0 => &inner[..length],
        _ => key,
    }
}

/// CRC-16/XMODEM, the variant that the cluster specification names.
///
/// Eight bytes a step through eight tables: the `crc16` crate's one byte a step was measured at
/// twice this for a key of 16 bytes (`make bench`), a quarter of what the scan of a request costs.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(chunk[0] ^ high)]
            ^ TABLES[6][usize::from(chunk[1] ^ low)]
            ^ TABLES[5][usize::from(chunk[2])]
            ^ TABLES[4][usize::from(chunk[3])]
            ^ TABLES[3][usize::from(chunk[4])]
            ^ TABLES[2][usize::from(chunk[5])]
            ^ TABLES[1][usize::from(chunk[6])]
            ^ TABLES[0][usize::from(chunk[7])];
    }
    chunks
        .remainder()
        .iter()
        .fold(crc, |crc, &byte| (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)])
}

/// `TABLES[n][b]`: the checksum of byte `b` followed by `n` zero bytes.
static TABLES: [[u16; 256]; 8] = tables();

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ (0x1021 * (crc >> 15));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(key: &str, slot: u16) {
        assert_eq!(Slot::of(key.as_bytes()).number(), slot, "slot of {key:?}");
    }

    #[track_caller]
    fn check_tag(key: &str, tag: &str) {
        assert_eq!(hash_tag(key.as_bytes()), tag.as_bytes(), "hash tag of {key:?}");
    }

    #[test]
    fn a_tag_alone_decides_the_slot() {
        check("{user1000}.following", 3443);
        check("{user1000}.followers", 3443);
        check("foo{bar}{zap}", 5061);
        check("foo{{bar}}zap", 4015);
    }

    #[test]
    fn an_empty_or_open_tag_is_no_tag() {
        check("foo{}{bar}", 8363);
        check("foo", 12182);
        check("{foo", 13308);
        check("", 0);
    }

    #[test]
    fn the_tag_is_found_as_the_specification_says() {
        check_tag("{}", "{}");
        check_tag("{}{a}", "{}{a}");
        check_tag("{{a}}", "{a");
        check_tag("{a", "{a");
        check_tag("a}", "a}");
        check_tag("}a{b}", "b");
        check_tag("x{a}y{b}", "a");
        check_tag("{a}", "a");
        check_tag("a{", "a{");
        check_tag("", "");
    }

    #[test]
    fn the_checksum_matches_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    proptest! {
        #[test]
        fn the_checksum_matches_the_crc16_crate(bytes: Vec<u8>) {
            prop_assert_eq!(crc16(&bytes), crc16::State::<crc16::XMODEM>::calculate(&bytes));
        }
    }
}
