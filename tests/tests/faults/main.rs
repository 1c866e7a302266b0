//! The client under load while things go wrong, against real clusters of every server.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod connections;
mod down;
mod failover;
mod frozen;
mod ledger;
mod password;
mod proof;
mod relay;
mod slots;

use slotway::{Client, Config};
use slotway_cluster::{Spec, TestCluster, TestServer};

/// How many tasks are at work in every one of these.
const TASKS: usize = 64;

/// Does the same on every server, on all of them at once: most of the time is spent waiting.
async fn on_each_server<F>(row: impl Fn(TestServer) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runs = TestServer::ALL.map(|server| (server, tokio::spawn(row(server))));
    let mut failed = Vec::new();
    for (server, run) in runs {
        if run.await.is_err() {
            failed.push(server.to_string());
        }
    }
    assert!(failed.is_empty(), "it failed on {}: see above", failed.join(", "));
}

async fn start(spec: Spec) -> (TestCluster, Client) {
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    (cluster, client)
}
