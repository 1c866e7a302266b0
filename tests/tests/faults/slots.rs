//! Slots move while their keys are written.

use std::time::Duration;

use slotway::{Slot, Value};
use slotway_cluster::{Error, Spec, TestCluster, TestServer};

use crate::{TASKS, ledger::Ledger, on_each_server, start};

/// So many slots move.
const SLOTS: usize = 100;

/// The slots of some load, each with its owner, as the nodes know it.
async fn owned(cluster: &TestCluster, ledger: &Ledger) -> Vec<(Slot, usize)> {
    let mut slots = ledger.slots();
    slots.sort_unstable();
    slots.dedup();
    slots.truncate(SLOTS);
    assert_eq!(slots.len(), SLOTS, "there is a key in each");
    let mut owned = Vec::new();
    for slot in slots {
        owned.push((slot, cluster.owner(slot).await.unwrap()));
    }
    owned
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_slots_key_by_key_costs_no_error() {
    on_each_server(|server| async move {
        let (cluster, client) = start(Spec::on(server)).await;
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        for (slot, from) in owned(&cluster, &ledger).await {
            let moving = cluster.open_move(slot, (from + 1) % 3).await.unwrap();
            while cluster.move_keys(moving, 1).await.unwrap() > 0 {}
            cluster.finish_move(moving).await.unwrap();
        }
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
    })
    .await;
}

/// Whether all that a node ever had to move or take in is where it belongs.
async fn has_moved(cluster: &TestCluster, node: usize) -> Result<bool, Error> {
    let moves = cluster.command(node, &["CLUSTER", "GETSLOTMIGRATIONS"]).await?;
    let moves = moves.as_elements().unwrap();
    Ok(moves.iter().all(|each| format!("{each:?}").contains("\"success\"")))
}

/// Only Valkey 9 can.
#[tokio::test(flavor = "multi_thread")]
async fn moving_slots_as_one_costs_no_error() {
    let (cluster, client) = start(Spec::on(TestServer::Valkey91)).await;
    let ledger = Ledger::start(&client, TASKS);
    ledger.makes_progress().await;
    let owned = owned(&cluster, &ledger).await;
    // One after another: a Valkey 9.1 that gives and takes at once may end over an assertion.
    for from in 0..3 {
        let to = cluster.node((from + 1) % 3).id().to_string();
        let slots: Vec<Slot> =
            owned.iter().filter(|(_, owner)| *owner == from).map(|(slot, _)| *slot).collect();
        let names: Vec<String> = slots.iter().map(Slot::to_string).collect();
        let mut command = vec!["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"];
        command.extend(names.iter().flat_map(|slot| [slot.as_str(); 2]));
        command.extend(["NODE", &to]);
        let started = cluster.command(from, &command).await.unwrap();
        assert_eq!(started, Value::Simple("OK".into()));
        let there = || async {
            for &slot in &slots {
                if cluster.owner(slot).await? != (from + 1) % 3 {
                    return Ok(false);
                }
            }
            Ok(has_moved(&cluster, from).await? && has_moved(&cluster, (from + 1) % 3).await?)
        };
        cluster.wait_for("the slots have moved", Duration::from_secs(30), there).await.unwrap();
    }
    ledger.makes_progress().await;
    ledger.end(&client).await.is_without_error();
}
