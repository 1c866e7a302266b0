//! The proxy as one client sees it: one good server, whatever the cluster behind it does.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod change;
mod life;
mod order;
mod transactions;

use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_tests::proxy::Proxy;

async fn start(server: TestServer) -> (TestCluster, Proxy) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let proxy = Proxy::start(cluster.node(0).addr()).await;
    (cluster, proxy)
}

async fn all(server: TestServer) {
    let (cluster, proxy) = start(server).await;
    order::replies_come_in_order_whatever_the_slots(&proxy).await;
    order::more_is_answered_at_once_than_may_wait(&proxy).await;
    order::what_goes_to_many_nodes_waits_for_what_was_sent_before(&proxy).await;
    order::what_waits_holds_up_nobody_else(&proxy).await;
    order::a_client_that_leaves_waits_for_nothing(&cluster, &proxy).await;
    transactions::a_transaction_runs_as_one_or_not_at_all(&proxy).await;
    transactions::eight_clients_count_to_eight_thousand(&proxy).await;
    change::a_planned_failover_is_not_noticed(&cluster, &proxy).await;
    change::slots_that_move_are_not_noticed(&cluster, &proxy).await;
    change::a_primary_that_dies_is_waited_for(&cluster, &proxy).await;
    life::a_client_that_says_no_more_is_answered(&proxy).await;
    life::what_is_no_request_ends_the_connection_behind_the_replies(&proxy).await;
    life::a_proxy_that_is_told_to_stop_answers_first(proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_good_server_on_redis_7_0() {
    all(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_good_server_on_valkey_8_1() {
    all(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_one_good_server_on_valkey_9_1() {
    all(TestServer::Valkey91).await;
}
