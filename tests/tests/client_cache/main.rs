//! Reads from memory, on each server, while others write and the cluster changes.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::time::Duration;

use slotway::{CacheLimits, CacheStats, Client, Config, Protocol, Slot, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};
use tokio::time::timeout;

async fn connect(cluster: &TestCluster, protocol: Protocol) -> Client {
    let mut config = Config::from(cluster.node(0).addr()).with_cache(CacheLimits::default());
    config.protocol = protocol;
    Client::connect(config).await.unwrap()
}

fn stats(client: &Client) -> CacheStats {
    client.stats().cache.unwrap()
}

async fn all(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let other = Client::connect(Config::from(cluster.node(0).addr())).await.unwrap();
    let client = connect(&cluster, Protocol::Resp3).await;
    what_does_not_change_is_not_asked_again(&client).await;
    one_reads_what_one_wrote(&client).await;
    what_others_write_is_seen(&client, &other).await;
    a_moved_slot_is_read_at_its_new_owner(&cluster, &client, &other).await;
    a_planned_failover_keeps_nothing_old(&cluster, &client, &other).await;
    a_lost_connection_keeps_nothing(&cluster, &client, &other).await;
    without_tracking_nothing_is_kept(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_old_is_read_on_redis_7_0() {
    all(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_old_is_read_on_valkey_8_1() {
    all(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_old_is_read_on_valkey_9_1() {
    all(TestServer::Valkey91).await;
}

async fn what_does_not_change_is_not_asked_again(client: &Client) {
    let cached = client.cached();
    client.set("still", 1).await.unwrap();
    let before = stats(client);
    for _ in 0..100 {
        assert_eq!(cached.get::<i64>("still").await.unwrap(), 1);
    }
    let after = stats(client);
    assert_eq!((after.hits - before.hits, after.misses - before.misses), (99, 1));
    // What has time or chance in it is asked each time, and so is everything without `cached`.
    client.run::<bool>(cmd("EXPIRE").arg(("still", 100))).await.unwrap();
    for _ in 0..3 {
        let _ = cached.ttl("still").await.unwrap();
        let _: i64 = client.get("still").await.unwrap();
    }
    assert_eq!(stats(client).hits, after.hits);
    assert!(cached.get::<Option<String>>("none").await.unwrap().is_none());
    assert!(cached.get::<Option<String>>("none").await.unwrap().is_none());
    assert_eq!(stats(client).hits, after.hits + 1, "that there is nothing is known too");
}

async fn one_reads_what_one_wrote(client: &Client) {
    let cached = client.cached();
    for n in 0..300_i64 {
        let own: i64 = match n % 4 {
            0 => cached.set("{own}n", n).await.map(|()| n).unwrap(),
            1 => client.run(cmd("INCR").arg("{own}n")).await.unwrap(),
            2 => {
                client
                    .transaction()
                    .then(cmd("INCR").arg("{own}n"))
                    .run::<(i64,)>()
                    .await
                    .unwrap()
                    .0
            }
            _ => client.pipeline().then(cmd("INCR").arg("{own}n")).all::<(i64,)>().await.unwrap().0,
        };
        assert_eq!(cached.get::<i64>("{own}n").await.unwrap(), own);
        assert_eq!(cached.get::<i64>("{own}n").await.unwrap(), own);
    }
    let _: () = client.run(cmd("FLUSHALL")).await.unwrap();
    assert_eq!(cached.get::<Option<i64>>("{own}n").await.unwrap(), None);
}

/// A counter that others count up never goes back, and is soon at its end.
async fn what_others_write_is_seen(client: &Client, other: &Client) {
    let readers: Vec<_> = (0..8).map(|_| tokio::spawn(read_up(client.cached(), 500))).collect();
    for n in 1..=500_i64 {
        assert_eq!(other.run::<i64>(cmd("INCR").arg("counter")).await.unwrap(), n);
    }
    for reader in readers {
        reader.await.unwrap();
    }
    assert!(stats(client).invalidations > 0);
}

async fn read_up(cached: Client, end: i64) {
    let reads = async {
        let mut last = 0;
        while last < end {
            let next = cached.get::<Option<i64>>("counter").await.unwrap().unwrap_or_default();
            assert!(next >= last, "{next} after {last}");
            last = next;
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), reads).await.expect("the last value is seen");
}

/// Another value than before is read soon, and from then on without a server.
async fn soon_reads(client: &Client, key: &str, value: i64) {
    let cached = client.cached();
    let reads = async { while cached.get::<Option<i64>>(key).await.ok() != Some(Some(value)) {} };
    timeout(Duration::from_secs(20), reads).await.expect("the new value is seen");
    let warm = async {
        let hits = stats(client).hits;
        while stats(client).hits == hits {
            assert_eq!(cached.get::<i64>(key).await.unwrap(), value);
        }
    };
    timeout(Duration::from_secs(20), warm).await.expect("it is kept again");
}

async fn a_moved_slot_is_read_at_its_new_owner(
    cluster: &TestCluster,
    client: &Client,
    other: &Client,
) {
    other.set("moved", 1).await.unwrap();
    soon_reads(client, "moved", 1).await;
    let slot = Slot::of(b"moved");
    let to = if cluster.owner(slot).await.unwrap() == 0 { 1 } else { 0 };
    let moving = cluster.open_move(slot, to).await.unwrap();
    while cluster.move_keys(moving, 1).await.unwrap() > 0 {}
    cluster.finish_move(moving).await.unwrap();
    other.set("moved", 2).await.unwrap();
    soon_reads(client, "moved", 2).await;
}

async fn a_planned_failover_keeps_nothing_old(
    cluster: &TestCluster,
    client: &Client,
    other: &Client,
) {
    let keys: Vec<String> = (0..20).map(|n| format!("failover:{n}")).collect();
    for key in &keys {
        other.set(key, 1).await.unwrap();
        soon_reads(client, key, 1).await;
    }
    cluster.failover(3).await.unwrap();
    for key in &keys {
        other.set(key, 2).await.unwrap();
        soon_reads(client, key, 2).await;
    }
}

async fn a_lost_connection_keeps_nothing(cluster: &TestCluster, client: &Client, other: &Client) {
    let cached = client.cached();
    for n in 0..20_i64 {
        other.set("lost", n).await.unwrap();
        soon_reads(client, "lost", n).await;
        for node in 0..6 {
            let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
            cluster.command(node, &kill).await.unwrap();
        }
        other.set("lost", n + 100).await.unwrap();
        soon_reads(client, "lost", n + 100).await;
        let _ = cached.get::<i64>("lost").await;
    }
}

async fn without_tracking_nothing_is_kept(cluster: &TestCluster) {
    let client = connect(cluster, Protocol::Resp2).await;
    for _ in 0..5 {
        let _: Option<i64> = client.cached().get("lost").await.unwrap();
    }
    assert_eq!(stats(&client).hits, 0);
}
