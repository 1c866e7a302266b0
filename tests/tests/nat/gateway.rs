//! The outside of a NAT: published ports, each of which leads to a node.

use slotway::NodeAddr;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// Published ports, for as long as this is held.
pub(crate) struct Gateway {
    ports: Vec<Port>,
    _listening: JoinSet<()>,
}

struct Port {
    addr: NodeAddr,
    leads_to: watch::Sender<NodeAddr>,
}

impl Gateway {
    /// One port for each node.
    pub(crate) async fn publish(nodes: impl IntoIterator<Item = NodeAddr>) -> Self {
        let (mut ports, mut listening) = (Vec::new(), JoinSet::new());
        for node in nodes {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = NodeAddr::new("127.0.0.1", listener.local_addr().unwrap().port());
            let leads_to = watch::Sender::new(node);
            listening.spawn(listen(listener, leads_to.subscribe()));
            ports.push(Port { addr, leads_to });
        }
        Self { ports, _listening: listening }
    }

    /// The published ports, in the order of their nodes.
    pub(crate) fn ports(&self) -> Vec<NodeAddr> {
        self.ports.iter().map(|port| port.addr.clone()).collect()
    }

    /// Lets a port lead to another node from now on, and cuts its connections.
    pub(crate) fn lead(&self, port: usize, to: &NodeAddr) {
        self.ports[port].leads_to.send_replace(to.clone());
    }
}

async fn listen(listener: TcpListener, leads_to: watch::Receiver<NodeAddr>) {
    let mut relays = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        relays.spawn(relay(client, leads_to.clone()));
    }
}

async fn relay(mut client: TcpStream, mut leads_to: watch::Receiver<NodeAddr>) {
    let node = leads_to.borrow_and_update().clone();
    let Ok(mut node) = TcpStream::connect((node.host(), node.port())).await else { return };
    let _ = client.set_nodelay(true);
    let _ = node.set_nodelay(true);
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut node) => {}
        _ = leads_to.changed() => {}
    }
}
