//! What it costs to find a request's end and slot, and a reply's end; redis-protocol beside it.
#![expect(clippy::print_stdout, reason = "a table for people")]

use std::{alloc::System, hint::black_box, io};

use bytes::Bytes;
use redis_protocol::{redis_keyslot, resp2};
use slotway_bench::{Subject, measure, save};
use slotway_protocol::{
    CommandTable, Plan, PlanRules, ReplyLimits, ReplyScan, ReplyScanner, RequestLimits,
    RequestScan, RequestScanner, Slot, Value, encode_command,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const COUNT: u64 = 10_000;
const ROUNDS: usize = 200;

fn main() -> io::Result<()> {
    let sets = requests(64);
    let large_sets = requests(16 << 10);
    let bulks = replies(64);
    let table = CommandTable::builtin();
    let rules = PlanRules::new(&table);
    let keys: Vec<_> = (0..COUNT).map(|n| format!("key:{n:012}")).collect();
    let mut subjects = [
        Subject::new("SET 64 B: end and plan", "slotway", COUNT, || {
            plan_requests(&sets, &table, &rules);
        }),
        Subject::new("SET 64 B: end and slot", "slotway", COUNT, || scan_requests(&sets)),
        Subject::new("SET 64 B: end and slot", "redis-protocol", COUNT, || decode_requests(&sets)),
        Subject::new("SET 16 KiB: end and slot", "slotway", COUNT, || scan_requests(&large_sets)),
        Subject::new("SET 16 KiB: end and slot", "redis-protocol", COUNT, || {
            decode_requests(&large_sets);
        }),
        Subject::new("bulk reply 64 B: end", "slotway", COUNT, || scan_replies(&bulks)),
        Subject::new("bulk reply 64 B: end", "redis-protocol", COUNT, || decode_replies(&bulks)),
        Subject::new("bulk reply 64 B: value", "slotway", COUNT, || read_replies(&bulks)),
        Subject::new("bulk reply 64 B: value", "redis-protocol", COUNT, || {
            read_replies_elsewhere(&bulks);
        }),
        Subject::new("slot of a 16 B key", "slotway", COUNT, || {
            keys.iter().for_each(|key| {
                black_box(Slot::of(key.as_bytes()));
            });
        }),
        Subject::new("slot of a 16 B key", "crc16", COUNT, || {
            keys.iter().for_each(|key| {
                black_box(crc16::State::<crc16::XMODEM>::calculate(key.as_bytes()) % 16_384);
            });
        }),
    ];
    let rows = measure(ROUNDS, &mut subjects);
    println!("{:<28}{:<18}{:>10}{:>14}", "", "", "ns each", "allocations");
    for row in &rows {
        let ns = row.cpu_us_per_op.unwrap_or_default() * 1e3;
        let allocations = row.allocs_per_op.unwrap_or_default();
        println!("{:<28}{:<18}{ns:>10.1}{allocations:>14.3}", row.case, row.subject);
    }
    println!(
        "\nquietest of {ROUNDS} rounds of {COUNT}; written to {}",
        save("scan", &rows)?.display()
    );
    Ok(())
}

fn requests(value_len: usize) -> Bytes {
    let value = vec![b'v'; value_len];
    let mut stream = Vec::new();
    for n in 0..COUNT {
        let key = format!("key:{n:012}");
        encode_command(&mut stream, &[b"SET", key.as_bytes(), value.as_slice()]);
    }
    stream.into()
}

fn replies(len: usize) -> Bytes {
    let reply = [format!("${len}\r\n").as_bytes(), &vec![b'v'; len], b"\r\n"].concat();
    reply.repeat(COUNT as usize).into()
}

fn scan_requests(stream: &[u8]) {
    let mut scanner = RequestScanner::new(RequestLimits::default());
    let mut at = 0;
    while let Ok(RequestScan::Command { command, consumed }) = scanner.scan(&stream[at..]) {
        black_box(command.arg(1).map(Slot::of));
        at += consumed;
    }
    assert_eq!(at, stream.len(), "every request was scanned");
}

/// All that a proxy does with a request before it is sent: its end, its command, its rules, its keys
/// and their slot.
fn plan_requests(stream: &[u8], table: &CommandTable, rules: &PlanRules) {
    let mut scanner = RequestScanner::new(RequestLimits::default());
    let mut at = 0;
    while let Ok(RequestScan::Command { command, consumed }) = scanner.scan(&stream[at..]) {
        black_box(Plan::of(&command, table, rules));
        at += consumed;
    }
    assert_eq!(at, stream.len(), "every request was planned");
}

fn decode_requests(stream: &[u8]) {
    let mut at = 0;
    while let Ok(Some((frame, consumed))) = resp2::decode::decode_range(&stream[at..]) {
        let resp2::types::RangeFrame::Array(args) = frame else { break };
        if let Some(resp2::types::RangeFrame::BulkString((from, to))) = args.get(1) {
            black_box(redis_keyslot(&stream[at + from..at + to]));
        }
        at += consumed;
    }
    assert_eq!(at, stream.len(), "every request was decoded");
}

fn scan_replies(stream: &[u8]) {
    let mut scanner = ReplyScanner::new(ReplyLimits::default());
    let mut at = 0;
    while let Ok(ReplyScan::Complete(reply)) = scanner.scan(&stream[at..]) {
        at += black_box(reply).len;
    }
    assert_eq!(at, stream.len(), "every reply was scanned");
}

fn decode_replies(stream: &[u8]) {
    let mut at = 0;
    while let Ok(Some((frame, consumed))) = resp2::decode::decode_range(&stream[at..]) {
        black_box(frame);
        at += consumed;
    }
    assert_eq!(at, stream.len(), "every reply was decoded");
}

fn read_replies(stream: &Bytes) {
    let mut scanner = ReplyScanner::new(ReplyLimits::default());
    let mut at = 0;
    while let Ok(ReplyScan::Complete(reply)) = scanner.scan(&stream[at..]) {
        let frame = stream.slice(at..at + reply.len);
        black_box(Value::decode(&frame, &ReplyLimits::default()).ok());
        at += reply.len;
    }
}

fn read_replies_elsewhere(stream: &Bytes) {
    let mut rest = stream.clone();
    while let Ok(Some((frame, consumed))) = resp2::decode::decode_bytes(&rest) {
        black_box(frame);
        rest = rest.slice(consumed..);
    }
}
