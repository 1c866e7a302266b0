//! Where each node is, as far as anybody has found out.

use std::collections::HashMap;

use parking_lot::Mutex;
use slotway_protocol::{NodeAddr, NodeId, NodeInfo, Topology};

use crate::AddressMap;

/// Where to reach a node, and how to know that it is the right one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    /// None if no seed is the node.
    pub(crate) at: Option<NodeAddr>,
    /// The id that has to answer there, if that is what led there.
    pub(crate) id: Option<NodeId>,
}

/// Finds the places of nodes.
#[derive(Debug, Default)]
pub(crate) struct Places {
    map: AddressMap,
    /// Which seed is which node.
    seeds: Mutex<HashMap<NodeId, NodeAddr>>,
}

impl Place {
    /// A place at which anybody may answer.
    pub(crate) fn at(addr: NodeAddr) -> Self {
        Self { at: Some(addr), id: None }
    }
}

impl Places {
    pub(crate) fn new(map: AddressMap) -> Self {
        Self { map, seeds: Mutex::default() }
    }

    /// A view with what is known of where its nodes are reached.
    pub(crate) fn reached(&self, view: Topology) -> Topology {
        match &self.map {
            AddressMap::Announced => view,
            AddressMap::Rules(rules) => {
                view.reached(|node, _| node.addr.as_ref().map(|addr| rules.reach(addr)))
            }
            AddressMap::ByNodeId => {
                let seeds = self.seeds.lock();
                view.reached(|node, _| seeds.get(&node.id?).cloned())
            }
            AddressMap::Closure(closure) => view.reached(|node, shard| closure.reach(node, shard)),
        }
    }

    /// The place of a node of such a view.
    pub(crate) fn of(&self, node: &NodeInfo) -> Place {
        match (&self.map, node.id) {
            (AddressMap::ByNodeId, Some(id)) => Place { at: node.reach.clone(), id: Some(id) },
            _ => {
                let announced = || node.addr.as_ref().map(NodeAddr::announced);
                Place { at: node.reach.clone().or_else(announced), id: None }
            }
        }
    }

    /// The place of a seed: whoever answers there.
    pub(crate) fn of_seed(&self, seed: &NodeAddr) -> Place {
        Place::at(self.map.reach_seed(seed))
    }

    /// Whether a node that the table knows at this address is the one that is meant when a person
    /// gives it. Where nodes have other places than names, an address that a person gave is a place.
    pub(crate) fn names_are_places(&self) -> bool {
        match self.map {
            AddressMap::Announced | AddressMap::Rules(_) => true,
            AddressMap::ByNodeId | AddressMap::Closure(_) => false,
        }
    }

    /// Whether seeds have to be asked who they are, to find the node.
    pub(crate) fn is_lost(&self, node: &NodeInfo) -> bool {
        self.is_by_id() && node.id.is_some() && node.reach.is_none()
    }

    pub(crate) fn is_by_id(&self) -> bool {
        matches!(self.map, AddressMap::ByNodeId)
    }

    /// Takes in which seed is which node. A seed that did not answer is still thought to be the
    /// node that it was, unless that was found elsewhere.
    pub(crate) fn learn(&self, answers: impl IntoIterator<Item = (NodeAddr, NodeId)>) {
        let mut seeds = self.seeds.lock();
        let answers: Vec<_> = answers.into_iter().collect();
        seeds.retain(|_, at| !answers.iter().any(|(seed, _)| seed == at));
        for (seed, id) in answers {
            seeds.insert(id, seed);
        }
    }
}

#[cfg(test)]
mod tests {
    use slotway_protocol::{AddressRules, Shard};

    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::parse(format!("{number:0<40}").as_bytes()).unwrap()
    }

    fn seed(port: u16) -> NodeAddr {
        NodeAddr::new("gateway", port)
    }

    fn node(number: u8, announced: &str) -> NodeInfo {
        let addr = announced.parse().unwrap();
        NodeInfo { id: Some(id(number)), ..NodeInfo::at(addr) }
    }

    /// The place of node 1, beside node 2, when they announce these.
    fn place(places: &Places, announced: [&str; 2]) -> Place {
        let nodes = [node(1, announced[0]), node(2, announced[1])];
        let shards = nodes.map(|node| Shard { primary: Some(node), ..Shard::default() });
        let view = Topology { shards: shards.into(), ..Topology::default() };
        let view = places.reached(view);
        let first = view.nodes().find(|node| node.id == Some(id(1)));
        places.of(first.unwrap())
    }

    #[track_caller]
    fn check(map: AddressMap, announced: [&str; 2], at: &str) {
        let place = place(&Places::new(map), announced);
        assert_eq!(place, Place::at(at.parse().unwrap()), "{announced:?}");
    }

    #[test]
    fn a_node_is_where_it_announces_to_be() {
        check(AddressMap::Announced, ["a:1", "b:1"], "a:1");
        check(AddressMap::Announced, ["a:1", "a:1"], "a:1");
    }

    #[test]
    fn a_node_is_where_a_rule_says() {
        let rules = || AddressRules::new(["a:* -> gateway:*".parse().unwrap()]);
        check(AddressMap::Rules(rules()), ["a:1", "b:1"], "gateway:1");
        check(AddressMap::Rules(rules()), ["c:1", "b:1"], "c:1");
    }

    #[test]
    fn a_node_is_where_a_closure_says_also_if_another_announces_the_same() {
        let map = || {
            AddressMap::closure(|node, _| {
                (1..=2).find(|&n| node.id == Some(id(n))).map(|n| seed(n.into()))
            })
        };
        check(map(), ["a:1", "b:1"], "gateway:1");
        check(map(), ["a:1", "a:1"], "gateway:1");
        check(AddressMap::closure(|_, _| None), ["a:1", "b:1"], "a:1");
    }

    #[test]
    fn a_node_is_at_the_seed_with_its_id() {
        let places = Places::new(AddressMap::ByNodeId);
        let lost = Place { at: None, id: Some(id(1)) };
        assert_eq!(place(&places, ["a:1", "b:1"]), lost);
        places.learn([(seed(1), id(1)), (seed(2), id(2))]);
        let found = |port| Place { at: Some(seed(port)), ..lost.clone() };
        assert_eq!(place(&places, ["a:1", "b:1"]), found(1));
        assert_eq!(place(&places, ["a:1", "a:1"]), found(1));
        // The nodes change places.
        places.learn([(seed(1), id(2)), (seed(2), id(1))]);
        assert_eq!(place(&places, ["a:1", "a:1"]), found(2));
        // One moves on, and the others do not answer.
        places.learn([(seed(3), id(1))]);
        assert_eq!(place(&places, ["a:1", "a:1"]), found(3));
        // Somebody else is at its place now.
        places.learn([(seed(3), id(7))]);
        assert_eq!(place(&places, ["a:1", "a:1"]), lost);
    }
}
