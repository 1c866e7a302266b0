//! WAIT and WAITAOF through the proxy: they speak of what the session wrote, wherever that went.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::time::Duration;

use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_tests::{proxy::Proxy, wire::Wire};
use tokio::time::Instant;

const ALL_KEYS: usize = 60;
const LOST: &str = "-UNKNOWNOUTCOME slotway: a connection that carried writes";

/// The nodes of the shard that owns a key.
struct Home {
    primary: usize,
    replica: usize,
}

async fn home(cluster: &TestCluster, wire: &mut Wire, key: &str) -> Home {
    let route = wire.ask(&["PROXY", "ROUTE", "SET", key, "1"]).await;
    let route = String::from_utf8_lossy(&route).into_owned();
    let all = || 0..cluster.nodes().len();
    let named = |&index: &usize| route.contains(&cluster.node(index).addr().to_string());
    let primary = all().find(named).unwrap();
    let shard = cluster.node(primary).shard();
    let replica = all().find(|&index| index != primary && cluster.node(index).shard() == shard);
    Home { primary, replica: replica.unwrap() }
}

/// A key that lives in another shard than this one.
async fn elsewhere(cluster: &TestCluster, wire: &mut Wire, home: &Home) -> String {
    for number in 0.. {
        let key = format!("other{number}");
        let other = self::home(cluster, wire, &key).await;
        if other.primary != home.primary {
            return key;
        }
    }
    unreachable!("there are several shards")
}

async fn what_was_written_everywhere_is_waited_for(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    // A primary that has just started may have no replica that it calls online yet.
    assert_eq!(wire.ask(&["WAIT", "1", "0"]).await, ":1\r\n", "nothing was written");
    for number in 0..ALL_KEYS {
        assert_eq!(wire.ask(&["SET", &format!("key{number}"), "1"]).await, "+OK\r\n");
    }
    assert_eq!(wire.ask(&["WAIT", "1", "0"]).await, ":1\r\n");
    assert_eq!(
        wire.ask(&["WAIT", "x", "0"]).await,
        "-ERR value is not an integer or out of range\r\n"
    );
    assert_eq!(wire.ask(&["EXISTS", "key0"]).await, ":1\r\n");
    let found = wire.ask(&["KEYS", "*slotway*"]).await;
    assert_eq!(found, "*0\r\n", "nothing is left behind");
}

/// Whatever wrote, its replica is missed when it is gone.
async fn every_way_to_write_counts(cluster: &TestCluster, proxy: &Proxy) {
    let home = home(cluster, &mut proxy.wire().await, "{a}1").await;
    let mut other = proxy.wire().await;
    let away = elsewhere(cluster, &mut other, &home).await;
    cluster.pause(home.replica);
    for ways in [
        &["SET {a}1 x"][..],
        &["MULTI", "SET {a}1 x", "EXEC"],
        &["WATCH {a}1", "MULTI", "SET {a}1 x", "EXEC"],
        &[&format!("MSET {{a}}1 x {away} x")],
        &["RPUSH {a}list x", "BLPOP {a}list 1"],
        &["EVAL return(redis.call('SET',KEYS[1],'x')) 1 {a}1"],
        &["SCRIPT LOAD return(1)"],
    ] {
        let mut wire = proxy.wire().await;
        for command in ways {
            let words: Vec<&str> = command.split(' ').collect();
            let reply = wire.ask(&words).await;
            assert!(!reply.starts_with(b"-"), "{command}: {reply:?}");
        }
        let started = Instant::now();
        assert_eq!(wire.ask(&["WAIT", "1", "100"]).await, ":0\r\n", "{ways:?}");
        assert!(started.elapsed() >= Duration::from_millis(90), "{ways:?}");
    }
    // What another shard has is no matter of this one.
    assert_eq!(other.ask(&["SET", &away, "y"]).await, "+OK\r\n");
    assert_eq!(other.ask(&["WAIT", "1", "0"]).await, ":1\r\n");
    // Nor do reads make it one.
    assert_eq!(other.ask(&["GET", "{a}1"]).await, "$1\r\nx\r\n");
    assert_eq!(other.ask(&["WAIT", "1", "0"]).await, ":1\r\n");
    cluster.resume_node(home.replica);
}

async fn who_waits_holds_up_nobody_and_can_be_told_to_stop(cluster: &TestCluster, proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    let home = home(cluster, &mut wire, "{a}1").await;
    let id = wire.ask(&["CLIENT", "ID"]).await;
    let id = String::from_utf8_lossy(&id[1..]).trim().to_owned();
    let mut other = proxy.wire().await;
    assert_eq!(wire.ask(&["SET", "{a}1", "x"]).await, "+OK\r\n");
    assert_eq!(wire.ask(&["WAIT", "1", "0"]).await, ":1\r\n", "the replica is back");
    cluster.pause(home.replica);
    for (how, said) in
        [("TIMEOUT", ":0\r\n"), ("ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")]
    {
        assert_eq!(wire.ask(&["SET", "{a}1", "y"]).await, "+OK\r\n");
        wire.send(&["WAIT", "1", "0"]).await;
        assert_eq!(other.ask(&["SET", "{a}1", "z"]).await, "+OK\r\n");
        while other.ask(&["CLIENT", "UNBLOCK", &id, how]).await != ":1\r\n" {}
        assert_eq!(wire.reply().await, said);
    }
    wire.send(&["WAIT", "1", "0"]).await;
    assert_eq!(other.ask(&["SET", "{a}1", "z"]).await, "+OK\r\n");
    cluster.resume_node(home.replica);
    assert_eq!(wire.reply().await, ":1\r\n", "the replica is back");
}

async fn a_slot_that_is_on_its_way_is_at_both_ends(cluster: &TestCluster, proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    let home = home(cluster, &mut wire, "{moves}1").await;
    let away = elsewhere(cluster, &mut wire, &home).await;
    let target = self::home(cluster, &mut wire, &away).await;
    let slot = wire.ask(&["PROXY", "ROUTE", "SET", "{moves}1", "1"]).await;
    let slot = String::from_utf8_lossy(&slot).into_owned();
    let slot = slot.split("slot\r\n:").nth(1).unwrap().split('\r').next().unwrap().to_owned();
    for (node, state, other) in
        [(target.primary, "IMPORTING", home.primary), (home.primary, "MIGRATING", target.primary)]
    {
        let mut node = Wire::connect(cluster.node(node).addr()).await.unwrap();
        let id = cluster.node(other).id().to_string();
        assert_eq!(node.ask(&["CLUSTER", "SETSLOT", &slot, state, &id]).await, "+OK\r\n");
    }
    assert_eq!(wire.ask(&["SET", "{moves}1", "x"]).await, "+OK\r\n");
    assert_eq!(wire.ask(&["WAIT", "1", "0"]).await, ":1\r\n");
    for replica in [home.replica, target.replica] {
        cluster.pause(replica);
        assert_eq!(wire.ask(&["WAIT", "1", "100"]).await, ":0\r\n");
        cluster.resume_node(replica);
        assert_eq!(wire.ask(&["WAIT", "1", "0"]).await, ":1\r\n");
    }
}

async fn what_a_lost_primary_had_is_not_vouched_for(cluster: &TestCluster, proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    let home = home(cluster, &mut wire, "{a}1").await;
    assert_eq!(wire.ask(&["SET", "{a}1", "x"]).await, "+OK\r\n");
    cluster.kill(home.primary);
    let said = wire.ask(&["WAIT", "0", "100"]).await;
    assert!(said.starts_with(LOST.as_bytes()), "{said:?}");
    // It was said; what is written from now on is another matter.
    assert_eq!(wire.ask(&["SET", "{a}1", "y"]).await, "+OK\r\n");
    assert_eq!(wire.ask(&["WAIT", "0", "100"]).await, ":0\r\n");
}

async fn all(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let proxy = Proxy::start(cluster.node(0).addr()).await;
    what_was_written_everywhere_is_waited_for(&proxy).await;
    every_way_to_write_counts(&cluster, &proxy).await;
    who_waits_holds_up_nobody_and_can_be_told_to_stop(&cluster, &proxy).await;
    a_slot_that_is_on_its_way_is_at_both_ends(&cluster, &proxy).await;
    what_a_lost_primary_had_is_not_vouched_for(&cluster, &proxy).await;
}

async fn aof(server: TestServer) {
    let spec = Spec::on(server).config("appendonly", "yes").config("appendfsync", "always");
    let cluster = TestCluster::start(spec).await.unwrap();
    let proxy = Proxy::start(cluster.node(0).addr()).await;
    let mut wire = proxy.wire().await;
    for number in 0..ALL_KEYS {
        assert_eq!(wire.ask(&["SET", &format!("key{number}"), "1"]).await, "+OK\r\n");
    }
    let said = wire.ask(&["WAITAOF", "1", "1", "0"]).await;
    if server == TestServer::Redis70 {
        assert!(said.starts_with(b"-ERR unknown command"), "{said:?}");
        return;
    }
    assert_eq!(said, "*2\r\n:1\r\n:1\r\n");
    let home = home(&cluster, &mut wire, "key0").await;
    cluster.pause(home.replica);
    assert_eq!(wire.ask(&["SET", "key0", "2"]).await, "+OK\r\n");
    assert_eq!(wire.ask(&["WAITAOF", "1", "1", "200"]).await, "*2\r\n:1\r\n:0\r\n");
    assert_eq!(wire.ask(&["WAITAOF", "1", "0", "0"]).await, "*2\r\n:1\r\n:0\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_waited_for_on_redis_7_0() {
    all(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_waited_for_on_valkey_8_1() {
    all(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_waited_for_on_valkey_9_1() {
    all(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_on_disks_are_waited_for_where_the_server_can() {
    aof(TestServer::Redis70).await;
    aof(TestServer::Valkey81).await;
    aof(TestServer::Valkey91).await;
}
