//! Subscriptions against real clusters: everyday use, and what is told when messages are lost.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod everyday;
mod numbered;
mod trouble;

use std::time::Duration;

use slotway::{Client, Config, Event, Message, Subscription, Value};
use slotway_cluster::{Spec, TestCluster, TestServer};
use tokio::time::timeout;

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
    everyday::what_any_node_publishes_arrives_once,
    everyday::keyspace_events_of_all_primaries_arrive,
    everyday::a_thousand_subscriptions_share_few_connections,
    everyday::a_channel_that_is_not_permitted_spoils_no_other,
    everyday::a_slow_subscriber_learns_what_it_missed,
    trouble::connections_that_are_cut_are_made_again,
    trouble::a_killed_node_hides_no_loss,
    trouble::a_killed_owner_hides_no_loss,
    trouble::a_slot_takes_its_channels_along,
    trouble::a_planned_failover_hides_no_loss,
    trouble::a_frozen_node_is_noticed,
}

fn config(cluster: &TestCluster) -> Config {
    let mut config = Config::new([cluster.node(0).addr().clone()]);
    // As much as the slowest machine needs to elect a primary.
    config.limits.deadline = PATIENCE;
    // And room for all that is published while nobody reads.
    config.limits.messages_max = 1 << 20;
    config.limits.message_bytes_max = 1 << 30;
    config
}

async fn start(server: TestServer) -> (TestCluster, Client) {
    start_with(Spec::on(server)).await
}

async fn start_with(spec: Spec) -> (TestCluster, Client) {
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = Client::connect(config(&cluster)).await.unwrap();
    (cluster, client)
}

async fn next(subscription: &mut Subscription) -> Event {
    let event = timeout(PATIENCE, subscription.next()).await;
    event.expect("an event comes in time").expect("there are channels left")
}

/// The next event, which has to be a message.
#[track_caller]
fn message(event: Event) -> Message {
    let Event::Message(message) = event else {
        panic!("a message was expected, and not {event:?}");
    };
    message
}

/// Reads on until everything is as it should be again.
async fn until_resubscribed(subscription: &mut Subscription) {
    while !matches!(next(subscription).await, Event::Resubscribed) {}
}

/// The nodes that have connections for subscriptions, once for each.
async fn subscribed_at(cluster: &TestCluster) -> Vec<usize> {
    let mut at = Vec::new();
    for node in 0..cluster.nodes().len() {
        let Ok(list) = cluster.command(node, &["CLIENT", "LIST", "TYPE", "pubsub"]).await else {
            continue;
        };
        let lines = list.as_str().unwrap_or_default().lines().count();
        at.extend(std::iter::repeat_n(node, lines));
    }
    at
}

/// How many subscriptions all nodes have, of each sort.
async fn counts(cluster: &TestCluster, channel: &str, sharded: &str) -> [i64; 3] {
    let mut sums = [0; 3];
    for node in 0..cluster.nodes().len() {
        let questions: [&[&str]; 3] = [
            &["PUBSUB", "NUMSUB", channel],
            &["PUBSUB", "NUMPAT"],
            &["PUBSUB", "SHARDNUMSUB", sharded],
        ];
        for (sum, question) in sums.iter_mut().zip(questions) {
            let answer = cluster.command(node, question).await.unwrap();
            let number = answer.as_elements().and_then(<[Value]>::last).unwrap_or(&answer);
            *sum += number.as_integer().unwrap();
        }
    }
    sums
}
