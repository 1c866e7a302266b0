//! A key's slot is that of its hash tag, and agrees with a plain reading of the specification.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slotway_protocol::{Slot, hash_tag};

fuzz_target!(|key: &[u8]| {
    let tag = tag_by_the_book(key);
    assert_eq!(hash_tag(key), tag);
    let crc = crc16::State::<crc16::XMODEM>::calculate(tag);
    assert_eq!(Slot::of(key).index(), usize::from(crc % Slot::COUNT));
});

/// What is hashed: the bytes between the first `{` and the first `}` after it, if there are any.
fn tag_by_the_book(key: &[u8]) -> &[u8] {
    let mut halves = key.splitn(2, |&byte| byte == b'{');
    let Some(behind) = halves.nth(1) else { return key };
    let Some(length) = behind.iter().position(|&byte| byte == b'}') else { return key };
    if length == 0 { key } else { &behind[..length] }
}
