//! Reads the answer to CLUSTER SHARDS.

use std::cmp::Reverse;

use super::{
    Health, NodeInfo, Origin, Shard, Topology, TopologyError,
    draft::Draft,
    origin::{checked_host, port, text},
    slots::{elements, id, number},
};
use crate::Value;

impl Topology {
    /// The view in an answer to CLUSTER SHARDS: flat lists in RESP2, maps in RESP3.
    pub fn from_shards(answer: &Value, origin: &Origin) -> Result<Self, TopologyError> {
        let mut draft = Draft::new();
        for entry in elements(answer)? {
            let shard = shard(entry, origin, &mut draft)?;
            draft.topology.shards.push(shard);
        }
        Ok(draft.finish())
    }
}

fn shard(entry: &Value, origin: &Origin, draft: &mut Draft) -> Result<Shard, TopologyError> {
    let fields = entry.as_pairs().ok_or(TopologyError::Malformed("a shard is not a map"))?;
    let mut shard = Shard::default();
    let mut primaries = Vec::new();
    for (name, value) in fields {
        match name.as_bytes() {
            Some(b"slots") => {
                let ends = elements(value)?.chunks_exact(2);
                if !ends.remainder().is_empty() {
                    return Err(TopologyError::Malformed("a range of slots has no end"));
                }
                for ends in ends {
                    shard.slots.push(draft.give(number(&ends[0])?, number(&ends[1])?)?);
                }
            }
            Some(b"nodes") => {
                for value in elements(value)? {
                    draft.count_node()?;
                    match node(value, origin)? {
                        (Role::Primary, node) => primaries.push(node),
                        (Role::Replica, node) => shard.replicas.push(node),
                    }
                }
            }
            _ => {}
        }
    }
    // After a failover the shard names its former primary beside the new one until that is back.
    // The one that serves is the healthier; of two, the one that has come further.
    primaries.sort_unstable_by_key(|node| (node.health, Reverse(node.offset), node.id));
    let mut primaries = primaries.into_iter();
    shard.primary = primaries.next();
    shard.replicas.extend(primaries);
    Ok(shard)
}

#[derive(Clone, Copy)]
enum Role {
    Primary,
    Replica,
}

fn node(value: &Value, origin: &Origin) -> Result<(Role, NodeInfo), TopologyError> {
    let fields = value.as_pairs().ok_or(TopologyError::Malformed("a node is not a map"))?;
    let mut node = NodeInfo::default();
    let (mut role, mut endpoint, mut plain, mut tls) = (None, None, None, None);
    for (name, value) in fields {
        match name.as_bytes().unwrap_or_default() {
            b"id" => node.id = id(value),
            b"endpoint" => endpoint = text(value)?,
            b"port" => plain = Some(port(value)?),
            b"tls-port" => tls = Some(port(value)?),
            b"role" => {
                role = Some(match value.as_bytes() {
                    Some(b"master" | b"primary") => Role::Primary,
                    Some(b"replica" | b"slave") => Role::Replica,
                    _ => return Err(TopologyError::Malformed("a role is not known")),
                });
            }
            b"health" => node.health = health(value.as_bytes().unwrap_or_default()),
            b"replication-offset" => {
                node.offset = value.as_integer().and_then(|offset| offset.try_into().ok());
            }
            _ => node.learn_field(name, value)?,
        }
    }
    let role = role.ok_or(TopologyError::Malformed("a node has no role"))?;
    node.addr = origin.endpoint(endpoint, origin.port(plain, tls))?;
    Ok((role, node))
}

fn health(text: &[u8]) -> Health {
    match text {
        b"online" => Health::Online,
        b"loading" => Health::Loading,
        b"fail" | b"failed" => Health::Failed,
        // A word from a future server: do not count on the node, and do not give it up.
        _ => Health::Suspected,
    }
}

impl NodeInfo {
    /// Takes in a field that means the same in all forms of the answer.
    pub(super) fn learn_field(&mut self, name: &Value, value: &Value) -> Result<(), TopologyError> {
        let field = match name.as_bytes().unwrap_or_default() {
            b"ip" => &mut self.ip,
            b"hostname" => &mut self.hostname,
            b"availability-zone" => &mut self.zone,
            _ => return Ok(()),
        };
        // Some servers write `?` for a name that they have not got.
        let text = text(value)?.filter(|text| *text != "?");
        *field = text.map(checked_host).transpose()?.map(Into::into);
        Ok(())
    }
}
