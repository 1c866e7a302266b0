//! What subscribers are told while things go wrong.

use std::time::Duration;

use slotway::{Client, Slot};
use slotway_cluster::{Spec, TestCluster, TestServer};

use crate::{
    config, message, next,
    numbered::{Numbered, Seen},
    start, start_with, subscribed_at, until_resubscribed,
};

pub(crate) async fn connections_that_are_cut_are_made_again(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut plain = client.subscribe("numbers").await.unwrap();
    let mut sharded = client.ssubscribe("sharded").await.unwrap();
    let plain_numbers = Numbered::plain(&cluster, 0, "numbers").await;
    let sharded_numbers = Numbered::sharded(&client, "sharded");
    let (mut plain_seen, mut sharded_seen) = (Seen::across_nodes(), Seen::at_one_node());
    for _ in 0..5 {
        plain_seen.catch_up(&mut plain, &plain_numbers).await;
        sharded_seen.catch_up(&mut sharded, &sharded_numbers).await;
        for node in 0..cluster.nodes().len() {
            cluster.command(node, &["CLIENT", "KILL", "TYPE", "pubsub"]).await.unwrap();
        }
        plain_seen.interruption(&mut plain).await;
        sharded_seen.interruption(&mut sharded).await;
    }
    plain_seen.catch_up(&mut plain, &plain_numbers).await;
    sharded_seen.catch_up(&mut sharded, &sharded_numbers).await;
}

pub(crate) async fn a_killed_node_hides_no_loss(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut plain = client.subscribe("plain").await.unwrap();
    plain.psubscribe("pattern.*").await.unwrap();
    let at = subscribed_at(&cluster).await;
    assert_eq!(at.len(), 1, "{at:?}");
    cluster.kill(at[0]);
    assert!(matches!(next(&mut plain).await, slotway::Event::Interrupted));
    until_resubscribed(&mut plain).await;
    let elsewhere = (0..3).find(|node| *node != at[0]).unwrap();
    for channel in ["plain", "pattern.x"] {
        cluster.command(elsewhere, &["PUBLISH", channel, "hello"]).await.unwrap();
        assert_eq!(message(next(&mut plain).await).channel, channel);
    }
}

pub(crate) async fn a_killed_owner_hides_no_loss(server: TestServer) {
    let spec = Spec::on(server).config("notify-keyspace-events", "KEA");
    let (cluster, client) = start_with(spec).await;
    let mut sharded = client.ssubscribe("sharded").await.unwrap();
    let mut keys = client.keyspace_events("__keyevent@0__:set").await.unwrap();
    let numbers = Numbered::sharded(&client, "sharded");
    let mut seen = Seen::at_one_node();
    seen.catch_up(&mut sharded, &numbers).await;
    cluster.kill(owner(&cluster, "sharded").await);
    seen.interruption(&mut sharded).await;
    seen.catch_up(&mut sharded, &numbers).await;
    until_resubscribed(&mut keys).await;
    client.set("sharded", "value").await.unwrap();
    assert_eq!(message(next(&mut keys).await).payload, "sharded");
}

pub(crate) async fn a_slot_takes_its_channels_along(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut sharded = client.ssubscribe(["sharded", "{sharded}:2"]).await.unwrap();
    let mut other = client.ssubscribe("other").await.unwrap();
    let numbers = Numbered::sharded(&client, "sharded");
    let mut seen = Seen::at_one_node();
    seen.catch_up(&mut sharded, &numbers).await;
    let home = owner(&cluster, "sharded").await;
    for to in [(home + 1) % 3, (home + 2) % 3, home] {
        let moving = cluster.open_move(Slot::of(b"sharded"), to).await.unwrap();
        seen.catch_up(&mut sharded, &numbers).await;
        cluster.finish_move(moving).await.unwrap();
        seen.interruption(&mut sharded).await;
        seen.catch_up(&mut sharded, &numbers).await;
    }
    drop(numbers);
    let publisher = Client::connect(config(&cluster)).await.unwrap();
    publisher.spublish("{sharded}:2", "hello").await.unwrap();
    while message(next(&mut sharded).await).channel != "{sharded}:2" {}
    // Whose slot stays hears nothing of it.
    publisher.spublish("other", "hello").await.unwrap();
    assert_eq!(message(next(&mut other).await).payload, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_as_a_whole_takes_its_channels_along() {
    let (cluster, client) = start(TestServer::Valkey91).await;
    let mut sharded = client.ssubscribe("sharded").await.unwrap();
    let numbers = Numbered::sharded(&client, "sharded");
    let mut seen = Seen::at_one_node();
    let home = owner(&cluster, "sharded").await;
    for (from, to) in [(home, (home + 1) % 3), ((home + 1) % 3, home)] {
        seen.catch_up(&mut sharded, &numbers).await;
        let (slot, id) = (Slot::of(b"sharded").to_string(), cluster.node(to).id().to_string());
        let command = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", &slot, &slot, "NODE", &id];
        let answer = cluster.command(from, &command).await.unwrap();
        assert_eq!(answer.as_str(), Some("OK"), "{answer:?}");
        seen.interruption(&mut sharded).await;
    }
    seen.catch_up(&mut sharded, &numbers).await;
}

pub(crate) async fn a_planned_failover_hides_no_loss(server: TestServer) {
    let spec = Spec::on(server).config("notify-keyspace-events", "KEA");
    let (cluster, client) = start_with(spec).await;
    let mut plain = client.subscribe("plain").await.unwrap();
    let mut sharded = client.ssubscribe("sharded").await.unwrap();
    let mut keys = client.keyspace_events("__keyevent@0__:set").await.unwrap();
    let shard = owner(&cluster, "sharded").await;
    let plain_numbers = Numbered::plain(&cluster, (shard + 1) % 3, "plain").await;
    let sharded_numbers = Numbered::sharded(&client, "sharded");
    let (mut plain_seen, mut sharded_seen) = (Seen::across_nodes(), Seen::across_nodes());
    for promoted in [shard + 3, shard] {
        plain_seen.catch_up(&mut plain, &plain_numbers).await;
        sharded_seen.catch_up(&mut sharded, &sharded_numbers).await;
        cluster.failover(promoted).await.unwrap();
        plain_seen.catch_up(&mut plain, &plain_numbers).await;
        sharded_seen.catch_up(&mut sharded, &sharded_numbers).await;
        until_resubscribed(&mut keys).await;
        client.set("sharded", "value").await.unwrap();
        assert_eq!(message(next(&mut keys).await).payload, "sharded");
    }
}

pub(crate) async fn a_frozen_node_is_noticed(server: TestServer) {
    let spec = Spec { node_timeout: Duration::from_secs(60), ..Spec::on(server) };
    let (cluster, _) = start_with(spec).await;
    let mut config = config(&cluster);
    config.limits.silence_max = Duration::from_millis(500);
    let client = Client::connect(config).await.unwrap();
    let mut plain = client.subscribe("plain").await.unwrap();
    let at = subscribed_at(&cluster).await[0];
    cluster.pause(at);
    until_resubscribed(&mut plain).await;
    let elsewhere = (0..3).find(|node| *node != at).unwrap();
    cluster.command(elsewhere, &["PUBLISH", "plain", "hello"]).await.unwrap();
    assert_eq!(message(next(&mut plain).await).payload, "hello");
    cluster.resume_node(at);
}

/// The number of the primary that a channel lives at.
async fn owner(cluster: &TestCluster, channel: &str) -> usize {
    cluster.owner(Slot::of(channel.as_bytes())).await.unwrap()
}
