//! Reads the answer to CLUSTER SLOTS.

use std::collections::{HashMap, HashSet};

use super::{
    NodeInfo, Origin, Shard, Topology, TopologyError,
    draft::{Draft, NodeKey},
    origin::{port, text},
};
use crate::{NodeId, Value, quote::quoted};

impl Topology {
    /// The view in an answer to CLUSTER SLOTS, RESP2 or RESP3.
    ///
    /// It names only nodes that can serve: no primary without slots, no failed and no loading
    /// replica. The destination of a new shard's first slot is therefore missing from it; CLUSTER
    /// SHARDS and CLUSTER NODES name every node.
    pub fn from_slots(answer: &Value, origin: &Origin) -> Result<Self, TopologyError> {
        let mut draft = Draft::new();
        let mut shards = HashMap::new();
        let mut placed = HashSet::new();
        for entry in elements(answer)? {
            let [first, last, primary, replicas @ ..] = entry.as_elements().unwrap_or_default()
            else {
                return Err(TopologyError::Malformed("a range of slots has no node"));
            };
            let range = draft.give(number(first)?, number(last)?)?;
            let primary = node(primary, origin)?;
            // Ranges whose owner cannot be told from others stay apart.
            let key = NodeKey::of(&primary);
            let at = match key.as_ref().and_then(|key| shards.get(key)) {
                Some(&at) => at,
                None => {
                    draft.count_node()?;
                    let at = draft.topology.shards.len();
                    let primary = Some(primary);
                    draft.topology.shards.push(Shard { primary, ..Shard::default() });
                    shards.extend(key.map(|key| (key, at)));
                    at
                }
            };
            draft.topology.shards[at].slots.push(range);
            for replica in replicas {
                let replica = node(replica, origin)?;
                // Every range of a shard repeats its replicas.
                if NodeKey::of(&replica).is_some_and(|key| placed.insert((at, key))) {
                    draft.count_node()?;
                    draft.topology.shards[at].replicas.push(replica);
                }
            }
        }
        Ok(draft.finish())
    }
}

/// The elements of an answer, unless it is an error.
pub(super) fn elements(answer: &Value) -> Result<&[Value], TopologyError> {
    if let Some(error) = answer.as_error() {
        return Err(TopologyError::Refused(quoted(error)));
    }
    answer.as_elements().ok_or(TopologyError::Malformed("it is not a list"))
}

pub(super) fn number(value: &Value) -> Result<i64, TopologyError> {
    value.as_integer().ok_or(TopologyError::Malformed("a slot is not a number"))
}

/// Reads an id; one in another form than usual is as good as none.
pub(super) fn id(value: &Value) -> Option<NodeId> {
    NodeId::parse(value.as_bytes()?)
}

/// Reads `[endpoint, port, id, metadata]`; the last two are younger than the first two.
fn node(value: &Value, origin: &Origin) -> Result<NodeInfo, TopologyError> {
    let [endpoint, announced_port, rest @ ..] = value.as_elements().unwrap_or_default() else {
        return Err(TopologyError::Malformed("a node has no endpoint and port"));
    };
    let mut node = NodeInfo {
        id: rest.first().and_then(id),
        addr: origin.endpoint(text(endpoint)?, port(announced_port)?)?,
        ..NodeInfo::default()
    };
    for (name, value) in rest.get(1).and_then(Value::as_pairs).into_iter().flatten() {
        node.learn_field(name, value)?;
    }
    Ok(node)
}
