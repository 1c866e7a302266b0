//! From a source to a node.

use std::sync::Arc;

use slotway_protocol::{Health, NodeAddr};

use super::registry::Source;
use crate::{
    cluster::{Cluster, Routes},
    node::Node,
};

/// The node to connect to. If that may be any, it is another than the last one.
pub(super) fn choose(
    cluster: &Cluster,
    source: &Source,
    last: Option<&NodeAddr>,
) -> Option<Arc<Node>> {
    let routes = cluster.routes();
    if let Source::At(node) = source {
        // One that the cluster does not name has nothing: its topics are about to move.
        return routes.node_at(node).cloned();
    }
    let fresh = |node: &&Arc<Node>| is_well(node, &routes) && Some(node.addr()) != last;
    let choices: [Vec<&Arc<Node>>; 3] = [
        routes.primaries().filter(fresh).collect(),
        routes.primaries().collect(),
        routes.nodes().collect(),
    ];
    if let Some(choice) = choices.into_iter().find(|choice| !choice.is_empty()) {
        return choice.get(fastrand::usize(..choice.len())).copied().cloned();
    }
    let seeds = &cluster.config.seeds;
    let seed = seeds.get(fastrand::usize(..seeds.len().max(1)))?;
    Some(cluster.seed(seed))
}

fn is_well(node: &Node, routes: &Routes) -> bool {
    let known = routes.table.node_at(node.addr());
    known.is_some_and(|known| known.info().health == Health::Online)
}
