//! What the clients of all workers know and do, added up.

use std::collections::BTreeMap;

use serde::Serialize;
use slotway::{Client, Counted, Stats};
use slotway_protocol::{Health, NodeInfo, SlotTable, Topology};

/// The cluster and the way to it, as all workers together see it at one moment.
#[derive(Clone, Debug)]
pub struct Overview {
    table: SlotTable,
    /// Each node that somebody knows or is connected to, in the order of their addresses.
    pub nodes: Vec<NodeOverview>,
    events: [u64; Counted::ALL.len()],
}

/// A node, and what the workers have to do with it.
#[derive(Clone, Debug, Serialize)]
pub struct NodeOverview {
    /// The address by which the cluster calls it.
    pub addr: String,
    /// Its id, if the cluster tells it.
    pub id: Option<String>,
    /// What it is in its shard.
    pub role: Role,
    /// How it is in the eyes of the cluster.
    pub health: &'static str,
    /// The availability zone that it announced.
    pub zone: Option<String>,
    /// How many of the workers' clients are connected to it.
    pub connected: u64,
    /// How many are not; they connect when they have something for it.
    pub disconnected: u64,
    /// How many requests were put in line for it.
    pub requests: u64,
    /// How many of them it has not answered yet.
    pub in_flight: u64,
    /// How many bytes wait for the sockets.
    pub unsent_bytes: u64,
}

/// What a node is in its shard.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows a primary.
    Replica,
    /// The newest view of the cluster does not have it.
    Unknown,
}

impl Overview {
    /// What these clients know: of the cluster, the newest that one of them does.
    pub fn of(clients: &[Client]) -> Self {
        let tables = clients.iter().map(Client::topology);
        let best = |table: &SlotTable| (table.topology().covered(), table.topology().epoch);
        let table = tables.max_by_key(best).unwrap_or_else(SlotTable::empty);
        let mut overview =
            Self { nodes: known(table.topology()), table, events: [0; Counted::ALL.len()] };
        clients.iter().for_each(|client| overview.add(&client.stats()));
        overview
    }

    /// Who owns which slot.
    pub fn topology(&self) -> &Topology {
        self.table.topology()
    }

    /// Whether every slot has an owner.
    pub fn is_complete(&self) -> bool {
        self.topology().covered() == SLOTS
    }

    /// How often something has happened, in all clients.
    pub fn count(&self, event: Counted) -> u64 {
        let place = Counted::ALL.iter().position(|known| *known == event);
        place.map_or(0, |place| self.events[place])
    }

    fn add(&mut self, stats: &Stats) {
        for (sum, event) in self.events.iter_mut().zip(Counted::ALL) {
            *sum = sum.wrapping_add(stats.count(event));
        }
        for node in &stats.nodes {
            let addr = node.addr.to_string();
            let place = match self.nodes.binary_search_by(|known| known.addr.cmp(&addr)) {
                Ok(place) => place,
                Err(place) => {
                    self.nodes.insert(place, NodeOverview::new(addr, Role::Unknown, None));
                    place
                }
            };
            let sum = &mut self.nodes[place];
            sum.connected += u64::from(node.connected);
            sum.disconnected += u64::from(!node.connected);
            sum.requests += node.commands;
            sum.in_flight += node.in_flight as u64;
            sum.unsent_bytes += node.unsent_bytes as u64;
        }
    }
}

const SLOTS: usize = slotway_protocol::Slot::COUNT as usize;

impl NodeOverview {
    fn new(addr: String, role: Role, info: Option<&NodeInfo>) -> Self {
        Self {
            addr,
            id: info.and_then(|info| info.id).map(|id| id.to_string()),
            role,
            health: info.map_or("unknown", |info| health_name(info.health)),
            zone: info.and_then(|info| info.zone.as_deref()).map(str::to_owned),
            connected: 0,
            disconnected: 0,
            requests: 0,
            in_flight: 0,
            unsent_bytes: 0,
        }
    }
}

impl Role {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Unknown => "unknown",
        }
    }
}

/// The word for how a node is.
pub(crate) fn health_name(health: Health) -> &'static str {
    match health {
        Health::Online => "online",
        Health::Loading => "loading",
        Health::Suspected => "suspected",
        Health::Failed => "failed",
        Health::Handshake => "handshake",
    }
}

/// The nodes of a view that have addresses, sorted by those.
fn known(topology: &Topology) -> Vec<NodeOverview> {
    let mut nodes = BTreeMap::new();
    let mut add = |info: &NodeInfo, role| {
        if let Some(addr) = info.addr.as_ref().map(ToString::to_string) {
            nodes.insert(addr.clone(), NodeOverview::new(addr, role, Some(info)));
        }
    };
    topology.unplaced.iter().for_each(|info| add(info, Role::Unknown));
    for shard in &topology.shards {
        shard.replicas.iter().for_each(|info| add(info, Role::Replica));
        shard.primary.iter().for_each(|info| add(info, Role::Primary));
    }
    nodes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use slotway_protocol::{NodeAddr, Shard};

    use super::*;

    #[test]
    fn nodes_come_in_the_order_of_their_addresses_with_their_roles() {
        let node = |port| NodeInfo::at(NodeAddr::new("10.0.0.1", port));
        let shard = Shard {
            primary: Some(node(7002)),
            replicas: vec![node(7001)],
            slots: Vec::new(),
            epoch: None,
        };
        let unplaced = vec![node(7003), NodeInfo::default()];
        let topology = Topology { shards: vec![shard], unplaced, ..Topology::default() };
        let nodes: Vec<_> =
            known(&topology).into_iter().map(|node| (node.addr, node.role)).collect();
        let expected = [
            ("10.0.0.1:7001".to_owned(), Role::Replica),
            ("10.0.0.1:7002".to_owned(), Role::Primary),
            ("10.0.0.1:7003".to_owned(), Role::Unknown),
        ];
        assert_eq!(nodes, expected);
    }

    #[test]
    fn without_a_client_nothing_is_known() {
        let overview = Overview::of(&[]);
        assert!(!overview.is_complete() && overview.nodes.is_empty());
        assert_eq!(overview.count(Counted::Moved), 0);
    }
}
