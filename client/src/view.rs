//! Asks a node what the cluster looks like, and which node it is.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{
    CommandBuf, NodeAddr, NodeId, NodeInfo, Origin, Shard, SlotRange, Topology, Transport, Value,
};
use tokio::{task::spawn_blocking, time::Instant};

use crate::{
    connection::{Ended, Manner},
    error::ConnectError,
    node::{Node, NotSent},
};

/// What a node says of the cluster, unread: that takes a while where there are many nodes.
#[derive(Debug)]
pub(crate) struct Answer {
    by: NodeAddr,
    transport: Transport,
    /// To CLUSTER NODES, which alone tells epochs and slots on their way.
    nodes: Bytes,
    /// To CLUSTER SHARDS, which alone tells what the nodes want to be called.
    shards: Bytes,
}

impl Answer {
    /// The answer of a server that knows CLUSTER NODES alone.
    #[cfg(test)]
    pub(crate) fn of_nodes(by: NodeAddr, text: &str) -> Self {
        let nodes = format!("${}\r\n{text}\r\n", text.len()).into();
        let shards = Bytes::from("-ERR unknown subcommand\r\n");
        Self { by, transport: Transport::Plain, nodes, shards }
    }

    /// Asks a node.
    pub(crate) async fn of(node: &Arc<Node>, deadline: Instant) -> Result<Self, Arc<ConnectError>> {
        let nodes = ask(node, &["CLUSTER", "NODES"], deadline);
        let shards = ask(node, &["CLUSTER", "SHARDS"], deadline);
        let (nodes, shards) = futures_util::future::try_join(nodes, shards).await?;
        let (by, transport) = (node.addr().announced(), node.config().transport());
        Ok(Self { by, transport, nodes, shards })
    }

    /// The view in it.
    pub(crate) fn read(&self) -> Result<Topology, ConnectError> {
        let nodes = decode(&self.nodes)?;
        // A standalone server says so in these words, and serves all slots itself.
        if nodes.as_error() == Some(b"ERR This instance has cluster support disabled") {
            return Ok(standalone(&self.by));
        }
        let origin = Origin { addr: self.by.clone(), transport: self.transport };
        let view = Topology::from_nodes(&nodes, &origin)?;
        // Servers before 7.0 do not know CLUSTER SHARDS.
        let shards = decode(&self.shards).map(|shards| Topology::from_shards(&shards, &origin));
        Ok(match shards {
            Ok(Ok(shards)) => view.called_as_in(&shards),
            Ok(Err(_)) | Err(_) => view,
        })
    }
}

/// The view of a node, read where it holds up nobody.
pub(crate) async fn view_of(
    node: &Arc<Node>,
    deadline: Instant,
) -> Result<Topology, Arc<ConnectError>> {
    let answer = Answer::of(node, deadline).await?;
    let read = spawn_blocking(move || answer.read()).await;
    Ok(read.map_err(|_| ConnectError::Closed)??)
}

/// The id of the node.
pub(crate) async fn id_of(
    node: &Arc<Node>,
    deadline: Instant,
) -> Result<NodeId, Arc<ConnectError>> {
    let answer = decode(&ask(node, &["CLUSTER", "MYID"], deadline).await?)?;
    let id = answer.as_bytes().and_then(NodeId::parse);
    id.ok_or_else(|| Arc::new(ConnectError::Nameless))
}

fn standalone(addr: &NodeAddr) -> Topology {
    let shard = Shard {
        primary: Some(NodeInfo::at(addr.clone())),
        slots: vec![SlotRange::ALL],
        ..Shard::default()
    };
    Topology { shards: vec![shard], ..Topology::default() }
}

async fn ask(
    node: &Arc<Node>,
    words: &[&str],
    deadline: Instant,
) -> Result<Bytes, Arc<ConnectError>> {
    let command = CommandBuf::new(words).map_err(|_| ConnectError::Closed)?;
    let started = Instant::now();
    let late = || Arc::new(ConnectError::Slow(started.elapsed()));
    let call = node.send(command.as_command().bytes(), Manner::Urgent, deadline).await;
    let call = call.map_err(|error| match error {
        NotSent::Unreachable(error) => error,
        NotSent::Late | NotSent::Full(_) | NotSent::AllLeased => late(),
    })?;
    match call.await {
        Ended::Reply(frame) => Ok(frame),
        Ended::Lost(_) => Err(Arc::new(ConnectError::Closed)),
        Ended::Late(_) => Err(late()),
    }
}

fn decode(frame: &Bytes) -> Result<Value, ConnectError> {
    Ok(Value::decode(frame, &slotway_protocol::ReplyLimits::default())?)
}
