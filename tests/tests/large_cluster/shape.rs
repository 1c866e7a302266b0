//! A cluster of a thousand nodes in which every slot is a range of its own, and what its nodes say
//! of it.

use std::fmt::Write;

use bytes::Bytes;
use slotway::{NodeAddr, Slot};

/// So many shards of a primary and a replica.
pub(crate) const SHARDS: usize = 500;

/// The addresses of all nodes: first the primaries, then their replicas in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) nodes: Vec<NodeAddr>,
}

/// The replies to questions after the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) nodes: Bytes,
    pub(crate) shards: Bytes,
}

impl Shape {
    /// The number of the node that owns a slot. Neighbours have different owners.
    pub(crate) fn owner(slot: Slot) -> usize {
        slot.index() % SHARDS
    }

    fn slots(shard: usize) -> impl Iterator<Item = usize> + Clone {
        (shard..usize::from(Slot::COUNT)).step_by(SHARDS)
    }

    pub(crate) fn answers(&self) -> Answers {
        Answers { nodes: bulk(&self.nodes_text()), shards: self.shards_reply() }
    }

    fn nodes_text(&self) -> String {
        let mut text = String::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let (host, port) = (node.host(), node.port());
            let shard = number % SHARDS;
            let _ = write!(text, "{} {host}:{port}@{},host-{number} ", id(number), port ^ 1);
            if number < SHARDS {
                let _ = write!(text, "master - 0 0 {} connected", shard + 1);
                for slot in Self::slots(shard) {
                    let _ = write!(text, " {slot}");
                }
            } else {
                let _ = write!(text, "slave {} 0 0 {} connected", id(shard), shard + 1);
            }
            text.push('\n');
        }
        text
    }

    fn shards_reply(&self) -> Bytes {
        let mut text = format!("*{SHARDS}\r\n");
        for shard in 0..SHARDS {
            let slots = Self::slots(shard);
            let _ = write!(text, "%2\r\n$5\r\nslots\r\n*{}\r\n", slots.clone().count() * 2);
            slots.for_each(|slot| {
                let _ = write!(text, ":{slot}\r\n:{slot}\r\n");
            });
            text.push_str("$5\r\nnodes\r\n*2\r\n");
            for (number, role) in [(shard, "master"), (shard + SHARDS, "replica")] {
                let node = &self.nodes[number];
                let _ = write!(text, "%7\r\n$4\r\nport\r\n:{}\r\n", node.port());
                let _ = write!(text, "$18\r\nreplication-offset\r\n:123456\r\n");
                for (name, value) in [
                    ("id", &*id(number)),
                    ("ip", node.host()),
                    ("endpoint", node.host()),
                    ("role", role),
                    ("health", "online"),
                ] {
                    for word in [name, value] {
                        let _ = write!(text, "${}\r\n{word}\r\n", word.len());
                    }
                }
            }
        }
        text.into()
    }
}

/// The id of a node.
fn id(number: usize) -> String {
    format!("{number:040x}")
}

fn bulk(text: &str) -> Bytes {
    format!("${}\r\n{text}\r\n", text.len()).into()
}
