//! The cluster changes while it is walked.

use std::{collections::BTreeSet, time::Duration};

use slotway::{Client, Slot};
use slotway_cluster::{Durability, Spec, TestCluster, TestServer};

use crate::{KEYS, Names, fill, next, rest, slowly, start};

const PROMPT: Duration = Duration::from_secs(30);

/// The slots of some of the keys that node number `owner` has.
async fn some_slots(cluster: &TestCluster, names: &Names, owner: usize) -> Vec<Slot> {
    let mut found = Vec::new();
    let slots: BTreeSet<Slot> = names.iter().map(|name| Slot::of(name.as_bytes())).collect();
    for slot in slots {
        if found.len() < 8 && cluster.owner(slot).await.unwrap() == owner {
            found.push(slot);
        }
    }
    found
}

async fn move_slot(cluster: &TestCluster, slot: Slot, to: usize) {
    let moving = cluster.open_move(slot, to).await.unwrap();
    while cluster.move_keys(moving, 10).await.unwrap() > 0 {}
    cluster.finish_move(moving).await.unwrap();
}

/// Before every so many keys of a walk, something happens to the cluster.
async fn walks_while(
    cluster: &TestCluster,
    client: &Client,
    names: &Names,
    each: usize,
    mut happens: impl AsyncFnMut(&TestCluster, usize) -> bool,
) {
    let mut keys = client.scan(slowly());
    let mut found = Names::new();
    for step in 0.. {
        for _ in 0..each {
            found.extend(next(&mut keys).await);
        }
        if !happens(cluster, step).await {
            break;
        }
    }
    found.extend(rest(&mut keys).await);
    let missing: Vec<_> = names.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

async fn slots_that_move(server: TestServer) {
    let (cluster, client) = start(Spec::on(server).shape(3, 0)).await;
    let names = fill(&client).await;
    // The first node is walked first: what comes to it is where nobody would look again.
    for (from, to) in [(2, 0), (0, 2), (1, 0)] {
        let slots = some_slots(&cluster, &names, from).await;
        walks_while(&cluster, &client, &names, 200, async |cluster, step| {
            let Some(slot) = slots.get(step) else { return false };
            move_slot(cluster, *slot, to).await;
            true
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_are_found_on_redis_7_0() {
    slots_that_move(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_are_found_on_valkey_8_1() {
    slots_that_move(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_are_found_on_valkey_9_1() {
    slots_that_move(TestServer::Valkey91).await;
}

/// Some keys are at either end all the time, and others go over meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_stays_open_is_found() {
    let (cluster, client) = start(Spec::on(TestServer::Redis70).shape(3, 0)).await;
    let mut names = fill(&client).await;
    for n in 0..50 {
        let name = format!("{{open}}:{n}");
        client.set(&name, n).await.unwrap();
        names.insert(name);
    }
    let slot = Slot::of(b"open");
    let from = cluster.owner(slot).await.unwrap();
    for to in (0..3).filter(|to| *to != from) {
        let moving = cluster.open_move(slot, to).await.unwrap();
        cluster.move_keys(moving, 10).await.unwrap();
        walks_while(&cluster, &client, &names, 100, async |cluster, step| {
            cluster.move_keys(moving, 1).await.unwrap();
            step < 20
        })
        .await;
        let mut tagged = client.scan("{open}*");
        assert_eq!(rest(&mut tagged).await.len(), 50);
        cluster.finish_move(moving).await.unwrap();
        move_slot(&cluster, slot, from).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_as_one_are_found() {
    let (cluster, client) = start(Spec::on(TestServer::Valkey91).shape(3, 0)).await;
    let names = fill(&client).await;
    let to = cluster.node(0).id().to_string();
    walks_while(&cluster, &client, &names, 300, async |cluster, step| {
        let ranges = [("11000", "11500"), ("12000", "13000"), ("14000", "16383")];
        let Some((first, last)) = ranges.get(step) else { return false };
        let command = ["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", &to];
        assert_eq!(cluster.command(2, &command).await.unwrap().as_str(), Some("OK"));
        let last = Slot::new(last.parse().unwrap()).unwrap();
        let there = || async { Ok(cluster.owner(last).await? == 0) };
        cluster.wait_for("the slots have moved", PROMPT, there).await.unwrap();
        true
    })
    .await;
}

async fn failovers(server: TestServer) {
    let (cluster, client) = start(Spec::on(server)).await;
    let names = fill(&client).await;
    walks_while(&cluster, &client, &names, 300, async |cluster, step| {
        if step < 3 {
            cluster.failover(step + 3).await.unwrap();
        }
        step < 3
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_failovers_omit_nothing_on_redis_7_0() {
    failovers(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_failovers_omit_nothing_on_valkey_8_1() {
    failovers(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn planned_failovers_omit_nothing_on_valkey_9_1() {
    failovers(TestServer::Valkey91).await;
}

async fn a_primary_dies(server: TestServer) {
    let (cluster, client) = start(Spec::on(server)).await;
    let client = client.with_deadline(PROMPT);
    let names = fill(&client).await;
    // What was written is with the replicas.
    cluster.wait_ready().await.unwrap();
    let fields: Vec<_> = (0..2_000).map(|n| (format!("f{n}"), n)).collect();
    let key = names.iter().find(|name| Slot::of(name.as_bytes()) <= Slot::new(5460).unwrap());
    let key = format!("{{{}}}:hash", key.unwrap());
    client.hset(&key, fields).await.unwrap();
    cluster.wait_ready().await.unwrap();
    let mut hash = client.hscan::<(String, i64)>(&key, slowly());
    let mut found = BTreeSet::new();
    for _ in 0..500 {
        found.extend(hash.next().await.map(Result::unwrap));
    }
    walks_while(&cluster, &client, &names, 300, async |cluster, step| {
        if step == 0 {
            cluster.kill(0);
        }
        step < 1
    })
    .await;
    while let Some(field) = hash.next().await {
        found.insert(field.unwrap());
    }
    assert_eq!(found.len(), 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_dies_omits_nothing_on_redis_7_0() {
    a_primary_dies(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_dies_omits_nothing_on_valkey_8_1() {
    a_primary_dies(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_dies_omits_nothing_on_valkey_9_1() {
    a_primary_dies(TestServer::Valkey91).await;
}

/// To the process that starts at the same address a cursor of the last one means nothing, although all
/// else is the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_starts_anew_omits_nothing() {
    let spec = Spec { durability: Durability::Log, ..Spec::on(TestServer::Redis70).shape(3, 0) };
    let (cluster, client) = start(spec).await;
    let client = client.with_deadline(PROMPT);
    let names = fill(&client).await;
    walks_while(&cluster, &client, &names, 300, async |cluster, step| {
        cluster.stop(0).await;
        cluster.start(0).await.unwrap();
        cluster.wait_ready().await.unwrap();
        step < 3
    })
    .await;
}

/// The same process is known again over another connection.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_lead_to_no_new_start() {
    let (cluster, client) = start(Spec::on(TestServer::Valkey81).shape(3, 0)).await;
    let names = fill(&client).await;
    let mut keys = client.scan(slowly());
    let mut count = 0;
    while let Some(_key) = next(&mut keys).await {
        count += 1;
        if count % 100 == 0 {
            for node in 0..3 {
                let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
                cluster.command(node, &kill).await.unwrap();
            }
        }
    }
    assert!((KEYS..KEYS + 100).contains(&count), "{count} of {}", names.len());
}
