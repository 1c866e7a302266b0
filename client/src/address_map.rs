//! Where nodes are reached that announce addresses of another network.

use std::{fmt, sync::Arc};

use slotway_protocol::{AddressRules, NodeAddr, NodeInfo, Shard};

/// Where each node is reached from here.
///
/// Inside their network nodes are reached where they say. Elsewhere they are not, and every view
/// of the cluster and every redirect speaks of addresses that lead nowhere: this says where they
/// lead.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum AddressMap {
    /// Where they announce to be.
    #[default]
    Announced,
    /// Where rules say; where it announces to be, if none fits a node.
    Rules(AddressRules),
    /// At the seed that has the node's id, whatever it announces.
    ///
    /// The seeds are then all addresses at which nodes are reached from here, such as the published
    /// ports of their containers, in any order. Each is asked `CLUSTER MYID`, and again when a node
    /// cannot be reached.
    ByNodeId,
    /// Where a function of the application says.
    Closure(AddressClosure),
}

/// A function from nodes to where they are reached.
#[derive(Clone)]
pub struct AddressClosure(Arc<Closure>);

type Closure = dyn Fn(&NodeInfo, &Shard) -> Option<NodeAddr> + Send + Sync;

impl AddressMap {
    /// Asks this function for every node of every view of the cluster. It is told what the node
    /// announced, and its shard; none means that the node is reached where it announces to be.
    ///
    /// It should be quick, and answer the same when it is asked again.
    ///
    /// ```
    /// use slotway::{AddressMap, Config, NodeAddr};
    ///
    /// let map = AddressMap::closure(|node, _shard| {
    ///     let host = node.hostname.as_deref()?;
    ///     Some(NodeAddr::new(format!("{host}.example.com"), 6379))
    /// });
    /// let config = Config::new([NodeAddr::new("valkey-1.example.com", 6379)]).with_address_map(map);
    /// ```
    pub fn closure<F>(reach: F) -> Self
    where
        F: Fn(&NodeInfo, &Shard) -> Option<NodeAddr> + Send + Sync + 'static,
    {
        Self::Closure(AddressClosure(Arc::new(reach)))
    }

    /// Where a seed is reached. Rules are for seeds as well, so that a list of announced addresses
    /// can serve as seeds.
    pub(crate) fn reach_seed(&self, seed: &NodeAddr) -> NodeAddr {
        match self {
            Self::Rules(rules) => rules.reach(seed),
            Self::Announced | Self::ByNodeId | Self::Closure(_) => seed.clone(),
        }
    }
}

impl AddressClosure {
    pub(crate) fn reach(&self, node: &NodeInfo, shard: &Shard) -> Option<NodeAddr> {
        (self.0)(node, shard)
    }
}

impl fmt::Debug for AddressMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announced => f.write_str("Announced"),
            Self::Rules(rules) => f.debug_tuple("Rules").field(rules).finish(),
            Self::ByNodeId => f.write_str("ByNodeId"),
            Self::Closure(closure) => closure.fmt(f),
        }
    }
}

impl fmt::Debug for AddressClosure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closure(..)")
    }
}
