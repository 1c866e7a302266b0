//! The client against real clusters, alone and under load while things go wrong.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod ledger;

use std::time::Duration;

use ledger::Ledger;
use slotway::{Client, CommandBuf, Config, Value};
use slotway_cluster::{Spec, TestCluster, TestServer};

async fn start(server: TestServer) -> (TestCluster, Client) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    (cluster, client)
}

async fn call(client: &Client, words: &[&str]) -> Value {
    client.call(&CommandBuf::new(words).unwrap()).await.unwrap()
}

fn bulk(text: &'static str) -> Value {
    Value::Bulk(text.into())
}

async fn reaches_every_slot(server: TestServer) {
    let (_cluster, client) = start(server).await;
    for n in 0..300 {
        let (key, value) = (format!("key:{n}"), format!("value:{n}"));
        assert_eq!(call(&client, &["SET", &key, &value]).await, Value::Simple("OK".into()));
        assert_eq!(call(&client, &["GET", &key]).await, Value::Bulk(value.into()));
    }
    assert_eq!(call(&client, &["DBSIZE"]).await, Value::Integer(300));
    let ok = Value::Simple("OK".into());
    assert_eq!(call(&client, &["MSET", "a", "1", "b", "2", "c", "3"]).await, ok);
    let all = Value::Array(vec![bulk("3"), Value::Null, bulk("1"), bulk("2")]);
    assert_eq!(call(&client, &["MGET", "c", "none", "a", "b"]).await, all);
    assert_eq!(call(&client, &["DEL", "a", "b", "none"]).await, Value::Integer(2));
    let wrong = call(&client, &["LPUSH", "c", "x"]).await;
    assert!(wrong.as_error().is_some_and(|text| text.starts_with(b"WRONGTYPE")), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_of_redis_7_0_is_reached() {
    reaches_every_slot(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_of_valkey_8_1_is_reached() {
    reaches_every_slot(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_of_valkey_9_1_is_reached() {
    reaches_every_slot(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_failover_costs_no_error() {
    let (cluster, client) = start(TestServer::Valkey91).await;
    let ledger = Ledger::start(&client, 64);
    ledger.makes_progress().await;
    cluster.failover(3).await.unwrap();
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.unknown), (0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_doubles_and_loses_nothing() {
    let (cluster, client) = start(TestServer::Redis70).await;
    let ledger = Ledger::start(&client, 64);
    ledger.makes_progress().await;
    cluster.kill(0);
    let deadline = Duration::from_secs(30);
    let promoted = || async { Ok(cluster.primary_of(0).await? != 0) };
    cluster.wait_for("a replica takes over", deadline, promoted).await.unwrap();
    ledger.makes_progress().await;
    ledger.end(&client).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_slots_costs_no_error() {
    let (cluster, client) = start(TestServer::Redis70).await;
    let ledger = Ledger::start(&client, 64);
    ledger.makes_progress().await;
    for slot in ledger.slots().into_iter().take(20) {
        let to = if cluster.owner(slot).await.unwrap() == 0 { 1 } else { 0 };
        let moving = cluster.open_move(slot, to).await.unwrap();
        while cluster.move_keys(moving, 1).await.unwrap() > 0 {}
        cluster.finish_move(moving).await.unwrap();
    }
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.unknown), (0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_calls_shift_no_reply() {
    let (_cluster, client) = start(TestServer::Valkey81).await;
    let ledger = Ledger::start(&client, 16);
    for n in 0..5_000u32 {
        let key = format!("dropped:{}", n % 50);
        let command = CommandBuf::new(&["APPEND", &key, "x"]).unwrap();
        let call = client.call(&command);
        // A random number of polls, often not enough for the reply.
        let patience = Duration::from_micros(u64::from(n % 7) * 20);
        let _ = tokio::time::timeout(patience, call).await;
    }
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.unknown), (0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_double_and_lose_nothing() {
    let (cluster, client) = start(TestServer::Valkey91).await;
    let ledger = Ledger::start(&client, 64);
    for _ in 0..20 {
        ledger.makes_progress().await;
        for primary in 0..3 {
            let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
            cluster.command(primary, &kill).await.unwrap();
        }
    }
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.missing), (0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_holds_up_no_other() {
    let spec = Spec { node_timeout: Duration::from_secs(60), ..Spec::on(TestServer::Redis70) };
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(1).addr().clone()])).await.unwrap();
    let ledger = Ledger::start(&client, 64);
    ledger.makes_progress().await;
    cluster.pause(0);
    let last_of_frozen = 5460;
    for _ in 0..5 {
        ledger.makes_progress_where(|slot| slot.number() > last_of_frozen).await;
    }
    cluster.resume_node(0);
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!(report.missing, 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_costs_no_error() {
    let (cluster, client) = start(TestServer::Valkey81).await;
    let ledger = Ledger::start(&client, 64);
    for primary in 0..3 {
        ledger.makes_progress().await;
        cluster.failover(primary + 3).await.unwrap();
        ledger.makes_progress().await;
        cluster.stop(primary).await;
        ledger.makes_progress().await;
        cluster.start(primary).await.unwrap();
        cluster.wait_ready().await.unwrap();
    }
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.unknown, report.missing), (0, 0, 0), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_slots_as_one_costs_no_error() {
    let (cluster, client) = start(TestServer::Valkey91).await;
    let ledger = Ledger::start(&client, 64);
    ledger.makes_progress().await;
    let to = cluster.node(1).id().to_string();
    let command = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "0", "2000", "NODE", &to];
    let started = cluster.command(0, &command).await.unwrap();
    assert_eq!(started, Value::Simple("OK".into()));
    let slots = [0, 1_000, 2_000].map(|number| slotway::Slot::new(number).unwrap());
    let there = || async {
        for slot in slots {
            if cluster.owner(slot).await? != 1 {
                return Ok(false);
            }
        }
        Ok(true)
    };
    cluster.wait_for("the slots have moved", Duration::from_secs(30), there).await.unwrap();
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.unknown, report.missing), (0, 0, 0), "{report:?}");
}

/// The nodes announce to clients what nobody can reach: a client outside their network sees just
/// that.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_announce_another_network_are_reached_by_a_rule() {
    let spec = Spec::on(TestServer::Valkey81).config("cluster-announce-client-ipv4", "198.18.0.9");
    let cluster = TestCluster::start(spec).await.unwrap();
    let seed = cluster.node(0).addr().clone();
    let rule = "198.18.0.9:* -> 127.0.0.1:*".parse().unwrap();
    let client = Client::connect(Config::new([seed]).with_address_rules([rule])).await.unwrap();
    let ledger = Ledger::start(&client, 16);
    ledger.makes_progress().await;
    cluster.failover(3).await.unwrap();
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    assert_eq!((report.refused, report.unknown, report.missing), (0, 0, 0), "{report:?}");
    // The rule was needed: this is what the nodes say.
    let nodes = cluster.command(0, &["CLUSTER", "SLOTS"]).await.unwrap();
    assert!(format!("{nodes:?}").contains("198.18.0.9"), "{nodes:?}");
}
