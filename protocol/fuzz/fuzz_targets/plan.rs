//! Whatever a client asks: a plan is made without a panic, a split one loses and doubles nothing, and
//! a refusal is one line.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use slotway_protocol::{
    Command, CommandBuf, CommandTable, Plan, PlanRules, RequestLimits, RequestScan, RequestScanner,
    Slot, Split,
};

static TABLE: LazyLock<CommandTable> = LazyLock::new(CommandTable::builtin);
static RULES: LazyLock<PlanRules> = LazyLock::new(|| PlanRules::new(&TABLE));

/// Words that mean something to some command.
const WORDS: &[&[u8]] = &[
    b"0",
    b"1",
    b"2",
    b"-1",
    b"KEYS",
    b"STREAMS",
    b"STORE",
    b"BY",
    b"GET",
    b"LIMIT",
    b"BLOCK",
    b"GROUP",
    b"COUNT",
    b"{a}",
    b"{b}",
    b"",
    b"{}",
    b"99999999999999999999",
];

fuzz_target!(|input: &[u8]| {
    let Some((&[high, low], rest)) = input.split_first_chunk() else { return };
    let pick = usize::from(u16::from_be_bytes([high, low]));
    let spec = TABLE.iter().nth(pick % TABLE.iter().len()).expect("the table has commands");
    let mut args: Vec<&[u8]> = spec.name().split('|').map(str::as_bytes).collect();
    // A byte of 128 and more is a word of the list, other bytes up to a space are one of their own.
    for word in rest.split(|&byte| byte == b' ') {
        args.push(match word {
            [index @ 128..=255, ..] => WORDS[usize::from(index - 128) % WORDS.len()],
            word => word,
        });
    }
    let owned = CommandBuf::new(&args).expect("the input is small");
    check(&owned.as_command());
});

fn check(command: &Command<'_>) {
    match Plan::of(command, &TABLE, &RULES) {
        Plan::Split(split) => check_split(&split, command),
        Plan::Refused(refusal) => {
            let text = refusal.text(command);
            assert!(!text.is_empty() && !text.iter().any(|byte| b"\r\n".contains(byte)));
        }
        Plan::Single { .. }
        | Plan::AnyNode { .. }
        | Plan::Broadcast { .. }
        | Plan::Scan(_)
        | Plan::Pinned { .. }
        | Plan::Answer(_) => {}
    }
}

/// Every argument is in exactly one part, and each part has the keys of one slot.
fn check_split(split: &Split, command: &Command<'_>) {
    let mut args = Vec::new();
    for part in split.parts() {
        assert!(split.key_positions(part).len() > 0);
        for position in split.key_positions(part) {
            assert_eq!(command.arg(position).map(Slot::of), Some(part.slot()));
        }
        let mut bytes = Vec::new();
        split.encode_part(part, command, &mut bytes);
        let mut scanner = RequestScanner::new(RequestLimits::default());
        match scanner.scan(&bytes) {
            Ok(RequestScan::Command { command: part, consumed }) => {
                assert_eq!((part.name(), consumed), (command.name(), bytes.len()));
                args.extend(part.args().skip(1).map(<[u8]>::to_vec));
            }
            other => panic!("a part is no command: {other:?}"),
        }
    }
    let mut whole: Vec<_> = command.args().skip(1).map(<[u8]>::to_vec).collect();
    whole.sort();
    args.sort();
    assert_eq!(args, whole);
}
