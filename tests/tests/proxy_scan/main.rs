//! SCAN as plain clients send it, page by page: what is there all the time is found.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod changes;
mod cursors;
mod walker;

use std::{collections::BTreeSet, time::Duration};

use slotway::{Client, Config};
use slotway_cluster::{Spec, TestCluster};

type Names = BTreeSet<String>;

/// Longer than anything takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each scenario on each server.
macro_rules! on_every_server {
    ($($module:ident::$scenario:ident,)*) => {
        on_every_server!(redis_7_0, Redis70, $($module::$scenario,)*);
        on_every_server!(valkey_8_1, Valkey81, $($module::$scenario,)*);
        on_every_server!(valkey_9_1, Valkey91, $($module::$scenario,)*);
    };
    ($name:ident, $server:ident, $($module:ident::$scenario:ident,)*) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    crate::$module::$scenario(slotway_cluster::TestServer::$server).await;
                }
            )*
        }
    };
}

on_every_server! {
    changes::everything_is_found_while_the_cluster_changes,
    cursors::arguments_are_the_servers,
    cursors::a_cursor_can_be_used_again,
    cursors::a_walk_that_was_forgotten_omits_nothing,
    cursors::workers_share_a_walk,
    cursors::processes_that_do_not_share_a_walk_say_so,
}

/// A client as a worker of the proxy has it.
async fn client(cluster: &TestCluster) -> Client {
    let mut config = Config::new([cluster.node(0).addr().clone()]);
    // As much as the slowest machine needs to elect a primary.
    config.limits.deadline = PATIENCE;
    Client::connect(config).await.unwrap()
}

/// A cluster with so many keys.
async fn start(spec: Spec, keys: usize) -> (TestCluster, Client, Names) {
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = client(&cluster).await;
    let names: Names = (0..keys).map(|n| format!("key:{n}")).collect();
    for some in names.iter().collect::<Vec<_>>().chunks(5_000) {
        client.mset(some.iter().map(|name| (*name, "v")).collect::<Vec<_>>()).await.unwrap();
    }
    // What was written is with the replicas.
    cluster.wait_ready().await.unwrap();
    (cluster, client, names)
}
