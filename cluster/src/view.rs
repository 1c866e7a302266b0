//! How one node sees the cluster, as the launcher looks at it: node by node, by id.

use std::time::Duration;

use slotway_protocol::{Health, NodeId, NodeInfo, Origin, Shard, SlotRange, Topology, Transport};

use crate::{Admin, Error};

/// The cluster, as one node sees it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct View(Topology);

impl View {
    /// Asks a node how it sees the cluster.
    pub(crate) async fn of(admin: &mut Admin, deadline: Duration) -> Result<Self, Error> {
        let reply = admin.ask_within(&["CLUSTER", "NODES"], deadline).await?;
        let origin = Origin { addr: admin.node().clone(), transport: Transport::Plain };
        Topology::from_nodes(&reply, &origin).map(Self).map_err(|error| Error::Refused {
            node: origin.addr,
            command: "CLUSTER NODES".into(),
            text: error.to_string(),
        })
    }

    /// All nodes, also those that are no members yet.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeInfo> {
        self.0.nodes().chain(&self.0.unplaced)
    }

    pub(crate) fn shards(&self) -> &[Shard] {
        &self.0.shards
    }

    pub(crate) fn health(&self, id: NodeId) -> Option<Health> {
        self.nodes().find(|node| node.id == Some(id)).map(|node| node.health)
    }

    /// Whether the node is a member that answers, at an address.
    pub(crate) fn is_fine(&self, id: NodeId) -> bool {
        self.nodes().any(|node| node.id == Some(id) && is_fine(node))
    }

    /// The shard that the node is the primary of.
    pub(crate) fn led_by(&self, id: NodeId) -> Option<&Shard> {
        self.shards().iter().find(|shard| primary_id(shard) == Some(id))
    }

    /// The shard that the node is a replica in.
    pub(crate) fn followed_by(&self, id: NodeId) -> Option<&Shard> {
        let follows = |shard: &&Shard| shard.replicas.iter().any(|node| node.id == Some(id));
        self.shards().iter().find(follows)
    }

    /// Who owns what and who copies whom: equal when two nodes agree.
    pub(crate) fn roles(&self) -> Vec<(Vec<Option<NodeId>>, &[SlotRange])> {
        let role = |shard: &'_ Shard| shard.nodes().map(|node| node.id).collect();
        self.shards().iter().map(|shard| (role(shard), shard.slots.as_slice())).collect()
    }
}

/// Whether a node is a member that answers, at an address.
pub(crate) fn is_fine(node: &NodeInfo) -> bool {
    node.health == Health::Online && node.addr.is_some()
}

pub(crate) fn primary_id(shard: &Shard) -> Option<NodeId> {
    shard.primary.as_ref()?.id
}

/// The slots of a shard, first and last of each range.
pub(crate) fn slots(shard: &Shard) -> Vec<(u16, u16)> {
    shard.slots.iter().map(|range| (range.first().number(), range.last().number())).collect()
}

/// A field of `INFO` or `CLUSTER INFO`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "cluster_state_x:no\r\ncluster_state:ok\r\n";
        assert_eq!(field(text, "cluster_state"), Some("ok"));
        assert_eq!(field(text, "cluster"), None);
    }
}
