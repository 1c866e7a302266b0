//! Nodes go, and others take their place.

use std::time::Duration;

use slotway::{Client, Config, Slot, Value};
use slotway_cluster::{Role, Spec, TestCluster, TestServer};
use tokio::{
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

use crate::{TASKS, ledger::Ledger, on_each_server, start};

/// How much later than at the new primary itself a client may succeed.
const GAP_MAX: Duration = Duration::from_millis(300);
/// The same where nothing tells a client that the old one is gone: its calls' time has to run out
/// first, and one node that it asks may be the one that is silent.
const SILENCE_MAX: Duration = Duration::from_secs(4);
/// The same where a silent node is noticed before a call's time has run out.
const NOTICED_MAX: Duration = Duration::from_secs(2);
/// The last slot of the first of three shards.
const FIRST_SHARD: u16 = 5460;

fn in_first_shard(slot: Slot) -> bool {
    slot.number() <= FIRST_SHARD
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_failover_costs_no_error() {
    on_each_server(|server| async move {
        let (cluster, client) = start(Spec::on(server)).await;
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        cluster.failover(3).await.unwrap();
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
    })
    .await;
}

/// When a node took a write first that was sent straight to it, as soon as it is a primary.
async fn taking_writes(cluster: &TestCluster, node: usize, key: &str) -> Instant {
    let mut admin = cluster.connect(node).await.unwrap();
    let mut promoted = false;
    loop {
        if !promoted {
            let role = admin.call(&["ROLE"]).await.unwrap();
            promoted = role.as_elements().unwrap()[0].as_str() == Some("master");
        }
        let taken = promoted && admin.call(&["SET", key, "x"]).await.unwrap() == ok();
        if taken {
            return Instant::now();
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Fails over to a node of a cluster whose shape is no longer the one that it began with.
async fn promote(cluster: &TestCluster, node: usize) {
    assert_eq!(cluster.command(node, &["CLUSTER", "FAILOVER"]).await.unwrap(), ok());
    let promoted = || async {
        let role = cluster.command(node, &["ROLE"]).await?;
        Ok(role.as_elements().unwrap()[0].as_str() == Some("master"))
    };
    cluster.wait_for("its promotion", Duration::from_secs(30), promoted).await.unwrap();
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

async fn kill_a_primary(server: TestServer) {
    let (cluster, client) = start(Spec::on(server)).await;
    let ledger = Ledger::start(&client, TASKS);
    ledger.makes_progress().await;
    // What is sent to it from now on is in flight when it dies.
    cluster.pause(0);
    ledger.makes_progress_where(|slot| !in_first_shard(slot)).await;
    cluster.kill(0);
    ledger.watch_firsts();
    // The slot of this key is 3300.
    let direct = taking_writes(&cluster, 3, "b");
    let direct = timeout(Duration::from_secs(30), direct).await.expect("a replica takes over");
    ledger.makes_progress().await;
    let firsts = ledger.firsts_where(in_first_shard);
    let first = firsts.iter().min().unwrap().saturating_duration_since(direct);
    let last = firsts.iter().max().unwrap().saturating_duration_since(direct);
    let report = ledger.end(&client).await;
    report.doubled_nothing();
    assert!(report.unknown > 0, "some writes were in flight: {report:#?}");
    let text = format!("{server}: {first:?}, at last {last:?} later than straight at the node");
    assert!(first <= GAP_MAX, "{text}");
    // Whoever was told to wait goes on as soon as there is somebody to go on with.
    assert!(last <= 2 * GAP_MAX, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_doubles_nothing_and_is_replaced_at_once() {
    on_each_server(kill_a_primary).await;
}

/// A node whose machine is gone closes no connection: only that it does not answer tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_falls_silent_is_left_when_calls_run_out_of_time() {
    on_each_server(|server| async move {
        // Otherwise the other nodes would say that something is wrong.
        let spec = Spec::on(server).config("cluster-require-full-coverage", "no");
        let (cluster, client) = start(spec).await;
        let hurried = client.with_deadline(Duration::from_secs(1));
        let ledger = Ledger::start(&hurried, TASKS);
        ledger.makes_progress().await;
        cluster.pause(0);
        ledger.watch_firsts();
        let direct = taking_writes(&cluster, 3, "b");
        let direct = timeout(Duration::from_secs(30), direct).await.expect("a replica takes over");
        ledger.makes_progress().await;
        let firsts = ledger.firsts_where(in_first_shard);
        let last = firsts.iter().max().unwrap().saturating_duration_since(direct);
        cluster.resume_node(0);
        ledger.makes_progress().await;
        let report = ledger.end(&client).await;
        report.doubled_nothing();
        assert!(last <= SILENCE_MAX, "{server}: {last:?} later than straight at the node");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_calls_leave_a_silent_primary_before_the_time_of_the_first_is_up() {
    on_each_server(|server| async move {
        let spec = Spec::on(server).config("cluster-require-full-coverage", "no");
        let (cluster, client) = start(spec).await;
        let patient = client.with_deadline(Duration::from_secs(60));
        patient.set("b", "before").await.unwrap();
        cluster.pause(0);
        // One a while, each with all the time in the world: the first that succeeds tells.
        let (done, mut first) = tokio::sync::mpsc::channel(1);
        let calls = tokio::spawn(async move {
            loop {
                let (client, done) = (patient.clone(), done.clone());
                tokio::spawn(async move {
                    if client.set("b", "after").await.is_ok() {
                        let _ = done.try_send(Instant::now());
                    }
                });
                sleep(Duration::from_millis(20)).await;
            }
        });
        let direct = taking_writes(&cluster, 3, "b");
        let direct = timeout(Duration::from_secs(30), direct).await.expect("a replica takes over");
        let first = timeout(Duration::from_secs(30), first.recv()).await.unwrap().unwrap();
        calls.abort();
        let later = first.saturating_duration_since(direct);
        assert!(later <= NOTICED_MAX, "{server}: {later:?} later than straight at the node");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_all_nodes_one_by_one_costs_no_error() {
    on_each_server(|server| async move {
        let (cluster, client) = start(Spec::on(server)).await;
        let ledger = Ledger::start(&client, TASKS);
        for shard in 0..3 {
            // Whoever is restarted is a replica then.
            for (stays, goes) in [(shard, shard + 3), (shard + 3, shard)] {
                if cluster.primary_of(shard).await.unwrap() != stays {
                    cluster.failover(stays).await.unwrap();
                }
                cluster.stop(goes).await;
                ledger.makes_progress().await;
                cluster.start(goes).await.unwrap();
                cluster.wait_ready().await.unwrap();
            }
        }
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
    })
    .await;
}

/// The seed that the client began with is the one that goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_replaced_at_another_address_costs_no_error() {
    on_each_server(|server| async move {
        let (mut cluster, client) = start(Spec::on(server)).await;
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let new = cluster.add(Role::Replica).await.unwrap();
        assert_eq!(cluster.node(new).shard(), 0);
        cluster.failover(new).await.unwrap();
        let old = cluster.node(0).id().to_string();
        cluster.stop(0).await;
        for node in 1..=new {
            assert_eq!(cluster.command(node, &["CLUSTER", "FORGET", &old]).await.unwrap(), ok());
        }
        ledger.makes_progress().await;
        // What it learnt from the first view is of no use any more.
        promote(&cluster, 4).await;
        promote(&cluster, 5).await;
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
    })
    .await;
}

/// It keeps its id, its slots and its data; nobody listens where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_moves_to_another_port_is_found_there() {
    on_each_server(|server| async move {
        let (cluster, client) = start(Spec::on(server)).await;
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let mut admin = cluster.connect(0).await.unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        drop(free);
        admin.ask(&["CONFIG", "SET", "port", &port]).await.unwrap();
        ledger.makes_progress().await;
        admin.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await.unwrap();
        ledger.makes_progress().await;
        let report = ledger.end(&client).await;
        report.lost_nothing();
        assert_eq!((report.refused, report.reads_failed), (0, 0), "{report:#?}");
    })
    .await;
}

/// The nodes announce to clients what nobody can reach: a client outside their network sees just
/// that.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_announce_another_network_fail_over_behind_a_rule() {
    on_each_server(|server| async move {
        // Redis 7.0 knows one announced address only, which the nodes would use themselves.
        if server == TestServer::Redis70 {
            return;
        }
        let spec = Spec::on(server).config("cluster-announce-client-ipv4", "198.18.0.9");
        let cluster = TestCluster::start(spec).await.unwrap();
        let rule = "198.18.0.9:* -> 127.0.0.1:*".parse().unwrap();
        let config = Config::new([cluster.node(0).addr().clone()]).with_address_rules([rule]);
        let client = Client::connect(config).await.unwrap();
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        cluster.failover(3).await.unwrap();
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
        // The rule was needed: this is what the nodes say.
        let nodes = cluster.command(0, &["CLUSTER", "SLOTS"]).await.unwrap();
        assert!(format!("{nodes:?}").contains("198.18.0.9"), "{nodes:?}");
    })
    .await;
}
