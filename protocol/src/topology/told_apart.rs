//! Names for nodes that announce the same address.

use std::collections::HashMap;

use super::{NodeInfo, Shard, Topology};
use crate::NodeAddr;

impl Topology {
    /// The same view, with where each node is reached from here.
    ///
    /// Nodes that announce the same address and are reached at different ones are told apart by
    /// their ids from here on: the address alone is the name of none of them.
    #[must_use]
    pub fn reached(mut self, reach: impl Fn(&NodeInfo, &Shard) -> Option<NodeAddr>) -> Self {
        for at in 0..self.shards.len() {
            let shard = &self.shards[at];
            let places: Vec<_> = shard.nodes().map(|node| reach(node, shard)).collect();
            let nodes = self.shards[at].nodes_mut();
            nodes.zip(places).for_each(|(node, place)| node.reach = place);
        }
        self.tell_apart();
        self
    }

    fn tell_apart(&mut self) {
        let mut places: HashMap<NodeAddr, (Option<NodeAddr>, bool)> = HashMap::new();
        for node in self.shards.iter().flat_map(Shard::nodes) {
            let Some(addr) = node.addr.clone() else { continue };
            let (reach, differ) = places.entry(addr).or_insert_with(|| (node.reach.clone(), false));
            *differ |= *reach != node.reach;
        }
        for node in self.shards.iter_mut().flat_map(Shard::nodes_mut) {
            let (Some(addr), Some(id)) = (&node.addr, node.id) else { continue };
            if places.get(addr).is_some_and(|(_, differ)| *differ) {
                node.addr = Some(addr.of_node(id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Health, NodeId, Slot, SlotRange, SlotTable};

    fn id(number: u16) -> NodeId {
        NodeId::parse(format!("{number:0<40}").as_bytes()).unwrap()
    }

    fn seed(port: u16) -> NodeAddr {
        NodeAddr::new("gateway", port)
    }

    /// A cluster of nodes 1, 2, ... that announce these ports of one host.
    fn view(ports: &[u16]) -> Topology {
        let slots = Slot::all().map(SlotRange::from);
        let shards = ports.iter().zip(1..).zip(slots).map(|((&port, number), slot)| Shard {
            primary: Some(NodeInfo {
                id: Some(id(number)),
                ..NodeInfo::at(NodeAddr::new("10.0.0.1", port))
            }),
            slots: vec![slot],
            ..Shard::default()
        });
        Topology { shards: shards.collect(), ..Topology::default() }
    }

    /// What the nodes are called when node N is reached at port N of the gateway.
    #[track_caller]
    fn check(view: Topology, names: &[&str]) {
        let reach = |node: &NodeInfo, _: &Shard| {
            (1..=9).find(|&number| node.id == Some(id(number))).map(seed)
        };
        let table = SlotTable::new(view.reached(reach)).unwrap();
        let nodes = table.nodes().iter();
        let got: Vec<_> = nodes.map(|node| node.addr().unwrap().to_string()).collect();
        assert_eq!(got, names);
        // Whatever they are called, each is found by its name, and nobody by another's.
        for node in table.nodes() {
            assert_eq!(table.node_at(node.addr().unwrap()), Some(node));
        }
        assert_eq!(table.node_at(&seed(1)), None, "where it is reached is not its name");
    }

    #[test]
    fn an_address_of_one_node_is_its_name() {
        check(view(&[7001, 7002]), &["10.0.0.1:7001", "10.0.0.1:7002"]);
    }

    #[test]
    fn an_address_of_several_nodes_is_the_name_of_none() {
        let twins = ["10.0.0.1:6379#10000000", "10.0.0.1:6379#20000000", "10.0.0.1:7001"];
        check(view(&[6379, 6379, 7001]), &twins);
        let mut lame = view(&[6379, 6379, 7001]);
        lame.shards[0].primary.as_mut().unwrap().health = Health::Failed;
        check(lame.clone(), &twins);
        let table = SlotTable::new(
            lame.reached(|node, _| Some(seed(if node.id == Some(id(1)) { 1 } else { 2 }))),
        );
        let shared = NodeAddr::new("10.0.0.1", 6379);
        assert_eq!(table.unwrap().node_at(&shared), None, "it may yet mean the one that failed");
    }

    #[test]
    fn nodes_that_cannot_be_reached_apart_stay_as_they_are() {
        let twins = view(&[6379, 6379]);
        assert_eq!(twins.clone().reached(|_, _| None), twins);
    }
}
