//! Whatever the nodes say, a request ends in time, and never goes to an address that only an error
//! named.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use slotway_protocol::{
    Learn, Moved, NodeAddr, NodeInfo, Notice, Now, Redirect, RedirectLimits, RetryClass, Shard,
    Slot, SlotRange, SlotTable, Step, Target, Topology,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let class = if first % 2 == 0 { RetryClass::Idempotent } else { RetryClass::Script };
    let limits = RedirectLimits::default();
    let mut redirect = Redirect::new(Slot::new(42), class, limits);
    let (mut table, mut elapsed) = (table(), Duration::ZERO);
    let mut waiting = false;
    // Each line is an error; the last one is repeated until the request ends.
    let errors: Vec<_> = rest.split(|&byte| byte == b'\n').collect();
    for turn in 0..2000 {
        let error = errors[turn.min(errors.len() - 1)];
        let from = addr((error.len() % 3 + 1) as u16);
        let now = Now { table: &table, elapsed, random: error.len() as u64 };
        let step = match Notice::parse(error, &from) {
            _ if waiting => redirect.handle_topology(now),
            Some(notice) => redirect.handle_notice(notice, &from, now),
            None => redirect.handle_unreachable(now),
        };
        waiting = matches!(step, Step::WaitForTopology { .. });
        match step {
            Step::Send { to, after, learn } => {
                elapsed += after;
                let (Target::Node(to) | Target::Asking(to) | Target::Fresh(to)) = to else {
                    continue;
                };
                assert!(to == from || table.node_at(&to).is_some(), "{to} is a stranger");
                if learn == Learn::Patch
                    && let Some(slot) = Slot::new(42)
                    && let Moved::Replaced(patched) = table.learn_moved(slot, &to)
                {
                    table = patched;
                }
            }
            Step::WaitForTopology { after, .. } => elapsed += after,
            Step::Deliver | Step::GiveUp(_) => {
                assert!(elapsed <= limits.deadline);
                return;
            }
        }
    }
    panic!("the request still goes on");
});

fn addr(port: u16) -> NodeAddr {
    NodeAddr::new("10.0.0.1", port)
}

/// Three nodes; the first owns all.
fn table() -> SlotTable {
    let all = Slot::new(0).zip(Slot::new(Slot::COUNT - 1)).and_then(|(a, b)| SlotRange::new(a, b));
    let shard = |port| Shard {
        primary: Some(NodeInfo::at(addr(port))),
        slots: all.into_iter().filter(|_| port == 1).collect(),
        ..Shard::default()
    };
    let shards = (1..4).map(shard).collect();
    SlotTable::new(Topology { shards, ..Topology::default() }).expect("three nodes fit")
}
