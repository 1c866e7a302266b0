//! Pipelines, transactions, watches, commands that wait, and reads from replicas, on each server.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod own;
mod replicas;
mod together;

use slotway::{Client, Config, Counted};
use slotway_cluster::{Spec, TestCluster, TestServer};

async fn start(server: TestServer, primaries: usize, replicas: usize) -> (TestCluster, Client) {
    let spec = Spec::on(server).shape(primaries, replicas);
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = connect(&cluster).await;
    (cluster, client)
}

async fn connect(cluster: &TestCluster) -> Client {
    Client::connect(Config::from(cluster.node(0).addr())).await.unwrap()
}

async fn all(server: TestServer) {
    let (cluster, client) = start(server, 3, 1).await;
    together::each_command_has_its_reply_in_its_place(&client).await;
    together::a_transaction_runs_as_one(&client).await;
    together::what_cannot_be_one_is_refused_unsent(&client).await;
    own::a_watch_sees_what_others_change(&client).await;
    own::a_command_that_waits_holds_up_no_other(&client).await;
    own::a_dropped_wait_takes_nothing(&client).await;
    own::a_wait_that_is_ended_is_over(&client).await;
    own::there_are_no_more_leases_than_may_be(&cluster).await;
    own::no_more_connections_are_kept_than_may_be(&cluster).await;
    together::there_are_no_more_commands_than_may_be(&cluster).await;
    own::wait_speaks_of_its_own_writes(&client).await;
    replicas::reads_go_to_replicas_and_writes_do_not(&cluster, &client).await;
    together::order_is_kept_while_slots_move(&cluster, &client).await;
    own::a_wait_goes_on_at_the_new_owner(&cluster, &client).await;
    what_happened_is_told(&client);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_on_redis_7_0() {
    all(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_on_valkey_8_1() {
    all(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_works_on_valkey_9_1() {
    all(TestServer::Valkey91).await;
}

fn what_happened_is_told(client: &Client) {
    let stats = client.stats();
    assert_eq!(stats.nodes.len(), 6);
    assert!(stats.nodes.iter().all(|node| node.commands > 0), "{stats:?}");
    assert!(stats.nodes.iter().filter(|node| node.connected).count() >= 3, "{stats:?}");
    for event in [Counted::Moved, Counted::Asked, Counted::Refresh, Counted::Connected] {
        assert!(stats.count(event) > 0, "{event}: {stats:?}");
    }
    assert_eq!(stats.count(Counted::Unknown), 0);
    let topology = client.topology();
    assert_eq!((topology.primaries().len(), topology.nodes().len()), (3, 6));
}
