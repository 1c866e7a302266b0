//! Any answer gives views or errors, and what is a view makes a table; of several views the newest
//! does not depend on who answered first.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use slotway_protocol::{
    NodeAddr, Origin, ReplyLimits, Slot, SlotTable, Topology, Transport, Value,
};

fuzz_target!(|bytes: &[u8]| {
    let origin = Origin { addr: NodeAddr::new("10.9.8.7", 6379), transport: Transport::Tls };
    let bytes = Bytes::copy_from_slice(bytes);
    let mut views = Vec::new();
    if let Ok(answer) = Value::decode(&bytes, &ReplyLimits::default()) {
        views.extend(Topology::from_slots(&answer, &origin));
        views.extend(Topology::from_shards(&answer, &origin));
    }
    // Two views in one text, so that they can disagree.
    for text in bytes.split(|&byte| byte == 0).take(3) {
        let answer = Value::Bulk(Bytes::copy_from_slice(text));
        views.extend(Topology::from_nodes(&answer, &origin));
    }
    for view in &views {
        check(view);
    }
    let newest = Topology::newest(views.clone());
    views.reverse();
    assert_eq!(Topology::newest(views), newest);
    newest.iter().for_each(check);
});

/// Every slot of a view has at most one owner, and the table finds it.
fn check(view: &Topology) {
    assert!(view.covered() <= usize::from(Slot::COUNT));
    let table = SlotTable::new(view.clone()).expect("the reader bounds the number of nodes");
    for shard in &view.shards {
        for slot in shard.slots.iter().flat_map(|range| [range.first(), range.last()]) {
            assert_eq!(table.owner(slot).map(|node| node.info()), shard.primary.as_ref());
        }
    }
}
