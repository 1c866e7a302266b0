//! From a source to a connection of its own.

use std::sync::Arc;

use slotway_protocol::{Access, CommandBuf, Health, NodeAddr, NodeId};
use tokio::time::timeout;

use super::registry::Source;
use crate::{
    cluster::{Cluster, Routes},
    connect::{ask, open},
    error::ConnectError,
    node::Node,
    places::Place,
    stats,
    stream::Stream,
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

/// A stream to a node, on which nothing has been asked for yet.
pub(super) async fn dial(cluster: &Cluster, node: &Node) -> Result<Stream, ConnectError> {
    let dialed = dial_place(node, node.place()).await;
    cluster.counters.count(match dialed {
        Ok(_) => stats::Event::Connected,
        Err(_) => stats::Event::ConnectFailed,
    });
    dialed
}

async fn dial_place(node: &Node, place: Place) -> Result<Stream, ConnectError> {
    let Place { at, id } = place;
    let at = at.ok_or(ConnectError::NoSeedIs(id))?;
    let (mut stream, _) = open(node.addr(), &at, node.config(), Access::ReadWrite).await?;
    let Some(expected) = id else { return Ok(stream) };
    let within = node.config().limits.connect_timeout;
    let found = timeout(within, id_of(&mut stream, node)).await;
    let found = found.map_err(|_| ConnectError::Slow(within))??;
    if found == expected {
        return Ok(stream);
    }
    Err(ConnectError::OtherNode { at, expected, found })
}

/// The id of the node at the other end.
async fn id_of(stream: &mut Stream, node: &Node) -> Result<NodeId, ConnectError> {
    let question = CommandBuf::new(&["CLUSTER", "MYID"]).map_err(|_| ConnectError::Nameless)?;
    let answer = ask(stream, &question, node.config()).await?;
    answer.as_bytes().and_then(NodeId::parse).ok_or(ConnectError::Nameless)
}

fn is_well(node: &Node, routes: &Routes) -> bool {
    let known = routes.table.node_at(node.addr());
    known.is_some_and(|known| known.info().health == Health::Online)
}
