//! Everyday use.

use std::collections::BTreeSet;

use slotway::{Client, Config, Error, Event, Protocol};
use slotway_cluster::{Spec, Standalone, TestServer};

use crate::{PATIENCE, config, counts, message, next, start, start_with, subscribed_at};

pub(crate) async fn what_any_node_publishes_arrives_once(server: TestServer) {
    let (cluster, _) = start(server).await;
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut config = config(&cluster);
        config.protocol = protocol;
        let client = Client::connect(config).await.unwrap();
        let sharded: Vec<String> = (0..30).map(|n| format!("sharded:{n}")).collect();
        let mut all = client.subscribe(["plain", "other"]).await.unwrap();
        all.psubscribe("pattern.*").await.unwrap();
        all.ssubscribe(&sharded).await.unwrap();
        let mut expected = BTreeSet::new();
        for node in 0..cluster.nodes().len() {
            for channel in ["plain", "pattern.one"] {
                let payload = format!("{channel} of {node}");
                cluster.command(node, &["PUBLISH", channel, &payload]).await.unwrap();
                expected.insert((channel.to_owned(), payload));
            }
        }
        for channel in &sharded {
            client.spublish(channel, channel).await.unwrap();
            expected.insert((channel.clone(), channel.clone()));
        }
        while !expected.is_empty() {
            let message = message(next(&mut all).await);
            let pattern = message.channel.starts_with(b"pattern").then_some(&b"pattern.*"[..]);
            assert_eq!(message.pattern.as_deref(), pattern);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let got = (text(&message.channel), text(&message.payload));
            assert!(expected.remove(&got), "{got:?} came twice, or was never sent");
        }
        is_dropped_without_a_trace(&cluster, all).await;
    }
}

async fn is_dropped_without_a_trace(
    cluster: &slotway_cluster::TestCluster,
    mut subscription: slotway::Subscription,
) {
    assert_eq!(counts(cluster, "plain", "sharded:0").await, [1, 1, 1]);
    subscription.unsubscribe("plain").unwrap();
    let counted = || async { Ok(counts(cluster, "plain", "sharded:0").await == [0, 1, 1]) };
    cluster.wait_for("one channel to go", PATIENCE, counted).await.unwrap();
    subscription.unsubscribe("other").unwrap();
    subscription.punsubscribe("pattern.*").unwrap();
    subscription.subscribe("last").await.unwrap();
    cluster.command(0, &["PUBLISH", "last", "words"]).await.unwrap();
    assert_eq!(message(next(&mut subscription).await).payload, "words");
    drop(subscription);
    let counted = || async { Ok(counts(cluster, "last", "sharded:0").await == [0, 0, 0]) };
    cluster.wait_for("all channels to go", PATIENCE, counted).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_part_of_no_cluster_has_channels_too() {
    let config = [("notify-keyspace-events", "KEA")];
    let alone = Standalone::start(TestServer::Valkey91.binary(), &config).await.unwrap();
    let client = Client::connect(Config::new([alone.addr().clone()])).await.unwrap();
    let mut subscription = client.subscribe("plain").await.unwrap();
    subscription.ssubscribe("sharded").await.unwrap();
    client.publish("plain", "hello").await.unwrap();
    assert_eq!(message(next(&mut subscription).await).payload, "hello");
    client.spublish("sharded", "hello").await.unwrap();
    assert_eq!(message(next(&mut subscription).await).payload, "hello");
    let mut keys = client.keyspace_events("__keyspace@0__:user:*").await.unwrap();
    client.set("user:1", "value").await.unwrap();
    assert_eq!(message(next(&mut keys).await).payload, "set");
}

pub(crate) async fn keyspace_events_of_all_primaries_arrive(server: TestServer) {
    let spec = Spec::on(server).config("notify-keyspace-events", "KEA");
    let (_cluster, client) = start_with(spec).await;
    let refused = client.keyspace_events("news.*").await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let mut events = client.keyspace_events("__keyevent@0__:set").await.unwrap();
    let mut expected: BTreeSet<String> = (0..100).map(|n| format!("key:{n}")).collect();
    for key in &expected {
        client.set(key, "value").await.unwrap();
    }
    while !expected.is_empty() {
        let message = message(next(&mut events).await);
        assert_eq!(message.channel, "__keyevent@0__:set");
        let key = std::str::from_utf8(&message.payload).unwrap();
        assert!(expected.remove(key), "{key} came twice, or was never set");
    }
}

pub(crate) async fn a_thousand_subscriptions_share_few_connections(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut all = Vec::new();
    for n in 0..250 {
        all.push(client.subscribe(format!("plain:{n}")).await.unwrap());
        all.push(client.psubscribe(format!("pattern:{n}:*")).await.unwrap());
        all.push(client.ssubscribe(format!("sharded:{n}")).await.unwrap());
        all.push(client.clone().subscribe("shared").await.unwrap());
    }
    let at = subscribed_at(&cluster).await;
    // One for each primary, and one for what they have in common.
    assert_eq!(at.len(), 4, "{at:?}");
    assert_eq!(counts(&cluster, "shared", "sharded:7").await, [1, 250, 1]);
    client.publish("shared", "hello").await.unwrap();
    for subscription in all.iter_mut().skip(3).step_by(4) {
        assert_eq!(message(next(subscription).await).payload, "hello");
    }
}

pub(crate) async fn a_channel_that_is_not_permitted_spoils_no_other(server: TestServer) {
    let (cluster, _) = start(server).await;
    for node in 0..cluster.nodes().len() {
        let user = ["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "resetchannels"];
        cluster.command(node, &[&user[..], &["&allowed.*"]].concat()).await.unwrap();
    }
    let config = config(&cluster).with_user("app").with_password("secret");
    let client = Client::connect(config).await.unwrap();
    let mut allowed = client.subscribe(["allowed.1", "allowed.2"]).await.unwrap();
    let noperm = |error: &Error| matches!(error, Error::Server { code, .. } if code == "NOPERM");
    let error = client.subscribe(["allowed.3", "forbidden"]).await.unwrap_err();
    assert!(noperm(&error), "{error:?}");
    let error = allowed.ssubscribe(["forbidden{a}", "allowed.{b}"]).await.unwrap_err();
    assert!(noperm(&error), "{error:?}");
    client.publish("allowed.2", "hello").await.unwrap();
    assert_eq!(message(next(&mut allowed).await).payload, "hello");
    // What is no longer permitted is said once, and the rest is subscribed to again.
    for node in 0..cluster.nodes().len() {
        let less = ["ACL", "SETUSER", "app", "resetchannels", "&allowed.2"];
        cluster.command(node, &less).await.unwrap();
    }
    let mut said = Vec::new();
    loop {
        let event = next(&mut allowed).await;
        if let Event::Refused { channel, error } = &event {
            assert!(noperm(error), "{error:?}");
            said.push(String::from_utf8(channel.to_vec()).unwrap());
        } else if matches!(event, Event::Interrupted) {
            said.push("interrupted".to_owned());
        } else {
            assert!(matches!(event, Event::Resubscribed), "{event:?}");
            break;
        }
    }
    said.sort();
    assert_eq!(said, ["allowed.1", "interrupted"]);
    client.publish("allowed.2", "again").await.unwrap();
    assert_eq!(message(next(&mut allowed).await).payload, "again");
}

pub(crate) async fn a_slow_subscriber_learns_what_it_missed(server: TestServer) {
    let (cluster, _) = start(server).await;
    let mut config = config(&cluster);
    config.limits.messages_max = 100;
    let client = Client::connect(config).await.unwrap();
    let mut slow = client.subscribe("channel").await.unwrap();
    let mut quick = client.subscribe("channel").await.unwrap();
    for n in 0..5_000 {
        client.publish("channel", n).await.unwrap();
        assert_eq!(message(next(&mut quick).await).payload, n.to_string());
    }
    assert!(matches!(next(&mut slow).await, Event::Lagged { missed: 4_900 }));
    for n in 4_900..5_000 {
        assert_eq!(message(next(&mut slow).await).payload, n.to_string());
    }
}
