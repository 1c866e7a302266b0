//! Slots move while their keys are written.

use std::time::Duration;

use slotway::{Slot, Value};
use slotway_cluster::{Node, Spec, TestCluster, TestServer};

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

/// What the nodes said that crashed meanwhile.
fn crashes(cluster: &TestCluster) -> String {
    let said = |node: &Node| {
        let log = node.log_tail(100_000);
        let (_, report) = log.split_once("BUG REPORT START")?;
        let report: Vec<&str> = report.lines().take(60).collect();
        Some(format!("{} crashed: {}\n", node.addr(), report.join("\n")))
    };
    cluster.nodes().iter().filter_map(said).collect()
}

/// Only Valkey 9 can.
#[tokio::test(flavor = "multi_thread")]
async fn moving_slots_as_one_costs_no_error() {
    let (cluster, client) = start(Spec::on(TestServer::Valkey91)).await;
    let ledger = Ledger::start(&client, TASKS);
    ledger.makes_progress().await;
    let owned = owned(&cluster, &ledger).await;
    for from in 0..3 {
        let to = cluster.node((from + 1) % 3).id().to_string();
        let slots = owned.iter().filter(|(_, owner)| *owner == from).map(|(slot, _)| slot);
        let slots: Vec<String> = slots.map(Slot::to_string).collect();
        let mut command = vec!["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"];
        command.extend(slots.iter().flat_map(|slot| [slot.as_str(); 2]));
        command.extend(["NODE", &to]);
        let started = cluster.command(from, &command).await.unwrap();
        assert_eq!(started, Value::Simple("OK".into()));
    }
    let there = || async {
        for &(slot, from) in &owned {
            if cluster.owner(slot).await? != (from + 1) % 3 {
                return Ok(false);
            }
        }
        Ok(true)
    };
    let moved = cluster.wait_for("the slots have moved", Duration::from_secs(60), there).await;
    assert!(moved.is_ok(), "{moved:?}\n{}", crashes(&cluster));
    ledger.makes_progress().await;
    ledger.end(&client).await.is_without_error();
}
