//! What a proxy's client hears that subscribes: frame for frame what one plain server sends.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod ears;
mod scripts;
mod trouble;

use std::time::Duration;

use slotway::{Client, Config};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_tests::proxy::Proxy;

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
    scripts::frames_are_those_of_one_server,
    trouble::a_thousand_sessions_share_few_connections,
    trouble::a_failover_is_not_heard,
    trouble::a_slot_that_moves_is_not_heard,
    trouble::one_that_reads_too_slowly_is_closed,
    trouble::one_that_does_not_read_is_told_to_close,
    trouble::what_is_subscribed_and_published_in_one_breath_is_heard,
    trouble::a_channel_that_is_not_permitted_is_refused_with_all_of_its_request,
    trouble::what_nobody_confirms_is_an_error_in_its_place,
    trouble::more_subscriptions_than_allowed_are_refused,
}

/// A client as a worker of the proxy has it.
async fn client(cluster: &TestCluster, change: impl FnOnce(&mut Config)) -> Client {
    let mut config = Config::new([cluster.node(0).addr().clone()]);
    // As much as the slowest machine needs to elect a primary.
    config.limits.deadline = PATIENCE;
    change(&mut config);
    Client::connect(config).await.unwrap()
}

async fn start(server: TestServer) -> (TestCluster, Proxy) {
    let spec = Spec::on(server).config("notify-keyspace-events", "KEA");
    let cluster = TestCluster::start(spec).await.unwrap();
    let proxy = Proxy::start(cluster.node(0).addr()).await;
    (cluster, proxy)
}
