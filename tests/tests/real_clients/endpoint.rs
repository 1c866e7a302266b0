//! What clients connect to.

use slotway_cluster::{Spec, Standalone, TestCluster, TestServer};
use slotway_protocol::NodeAddr;
use slotway_tests::proxy::Proxy;

/// One address, and what is behind it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    addr: NodeAddr,
    _behind: Behind,
}

#[derive(Debug)]
enum Behind {
    Plain(#[expect(dead_code, reason = "it is held")] Box<Standalone>),
    // Dropped in this order: the proxy sees no node go.
    Slotway(#[expect(dead_code, reason = "it is held")] Box<(Proxy, TestCluster)>),
}

impl Endpoint {
    /// One server that is part of no cluster.
    pub(crate) async fn plain(server: TestServer) -> Self {
        let server = Standalone::start(server.binary(), &[]).await.unwrap();
        Self { addr: server.addr().clone(), _behind: Behind::Plain(Box::new(server)) }
    }

    /// `slotway proxy` in front of three primaries with a replica each.
    pub(crate) async fn slotway(server: TestServer) -> Self {
        let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
        let proxy = Proxy::start(cluster.node(0).addr()).await;
        let addr = proxy.addr().clone();
        Self { addr, _behind: Behind::Slotway(Box::new((proxy, cluster))) }
    }

    /// As a user of a client writes it.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}:{}", self.addr.host(), self.addr.port())
    }
}
