//! The cluster changes, and clients go on.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use slotway_cluster::TestCluster;
use slotway_protocol::Slot;
use slotway_tests::proxy::Proxy;

const CLIENTS: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);
/// More in one packet than go to one node.
const TOGETHER: usize = 8;

/// What clients met while the cluster changed.
#[derive(Debug, Default)]
struct Met {
    answered: u64,
    /// Errors, none of which may leave it open whether the command ran.
    refused: u64,
    /// Errors that do.
    unknown: u64,
}

/// How much of what was acknowledged must be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kept {
    All,
    /// What a replica had not heard of when its primary died is lost, whoever the client is.
    Most,
}

/// Runs clients, each of which appends numbers to lists of its own, until `change` has happened and
/// for a while after. Each list must hold each number that was acknowledged, once and in order.
async fn meanwhile(
    proxy: &Proxy,
    (name, kept): (&str, Kept),
    change: impl Future<Output = ()>,
) -> Met {
    let over = AtomicBool::new(false);
    let clients = join_all((0..CLIENTS).map(|client| append(proxy, (name, kept), client, &over)));
    let (met, ()) = tokio::join!(clients, async {
        change.await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        over.store(true, Ordering::Relaxed);
    });
    met.into_iter().fold(Met::default(), |sum, met| Met {
        answered: sum.answered + met.answered,
        refused: sum.refused + met.refused,
        unknown: sum.unknown + met.unknown,
    })
}

async fn append(
    proxy: &Proxy,
    (name, kept): (&str, Kept),
    client: usize,
    over: &AtomicBool,
) -> Met {
    let mut wire = proxy.wire().await;
    let mut met = Met::default();
    let keys: Vec<String> = (0..3).map(|key| format!("{name}:{client}:{key}")).collect();
    let mut acknowledged: Vec<Vec<u64>> = vec![Vec::new(); keys.len()];
    let mut maybe: Vec<Vec<u64>> = vec![Vec::new(); keys.len()];
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        let batch: Vec<(usize, u64)> =
            (0..TOGETHER as u64).map(|at| ((at % 3) as usize, number + at)).collect();
        number += TOGETHER as u64;
        for &(key, number) in &batch {
            wire.send(&["RPUSH", &keys[key], &number.to_string()]).await;
        }
        for &(key, number) in &batch {
            let reply = wire.reply().await;
            if reply.starts_with(b":") {
                acknowledged[key].push(number);
                met.answered += 1;
            } else if reply.starts_with(b"-UNKNOWNOUTCOME") {
                maybe[key].push(number);
                met.unknown += 1;
            } else {
                assert!(!reply.starts_with(b"-MOVED") && !reply.starts_with(b"-ASK"), "{reply:?}");
                met.refused += 1;
            }
        }
    }
    for (key, name) in keys.iter().enumerate() {
        let reply = wire.ask(&["LRANGE", name, "0", "-1"]).await;
        let text = String::from_utf8(reply.to_vec()).unwrap();
        let there: Vec<u64> = text
            .split("\r\n")
            .skip(2)
            .step_by(2)
            .filter_map(|number| number.parse().ok())
            .collect();
        assert!(there.is_sorted_by(|one, other| one < other), "{name}: twice or out of order");
        let lost = acknowledged[key].iter().find(|number| !there.contains(number));
        assert!(
            kept == Kept::Most || lost.is_none(),
            "{name}: {lost:?} acknowledged, and not there"
        );
        let foreign = there
            .iter()
            .find(|number| !acknowledged[key].contains(number) && !maybe[key].contains(number));
        assert_eq!(foreign, None, "{name}: there, and said not to be");
    }
    met
}

pub(crate) async fn a_planned_failover_is_not_noticed(cluster: &TestCluster, proxy: &Proxy) {
    let met = meanwhile(proxy, ("failover", Kept::All), async {
        for _ in 0..2 {
            let replica = replica_of_first(cluster).await;
            cluster.failover(replica).await.unwrap();
        }
    })
    .await;
    assert!(met.answered > 0 && met.refused == 0 && met.unknown == 0, "{met:?}");
}

async fn replica_of_first(cluster: &TestCluster) -> usize {
    let primary = cluster.primary_of(0).await.unwrap();
    // A shard's nodes are its primary at the start and, behind all primaries, its replica.
    if primary == 0 { cluster.shards() } else { 0 }
}

pub(crate) async fn slots_that_move_are_not_noticed(cluster: &TestCluster, proxy: &Proxy) {
    let met = meanwhile(proxy, ("move", Kept::All), async {
        for client in 0..CLIENTS {
            let slot = Slot::of(format!("move:{client}:1").as_bytes());
            let from = cluster.owner(slot).await.unwrap();
            let mut to = from;
            for shard in 0..cluster.shards() {
                let primary = cluster.primary_of(shard).await.unwrap();
                if primary != from {
                    to = primary;
                }
            }
            let moving = cluster.open_move(slot, to).await.unwrap();
            while cluster.move_keys(moving, 10).await.unwrap() > 0 {}
            cluster.finish_move(moving).await.unwrap();
        }
    })
    .await;
    assert!(met.answered > 0 && met.refused == 0 && met.unknown == 0, "{met:?}");
}

pub(crate) async fn a_primary_that_dies_is_waited_for(cluster: &TestCluster, proxy: &Proxy) {
    let primary = cluster.primary_of(1).await.unwrap();
    let met = meanwhile(proxy, ("death", Kept::Most), async {
        cluster.kill(primary);
        let gone = || async { Ok(cluster.primary_of(1).await.is_ok_and(|now| now != primary)) };
        cluster.wait_for("a replica takes over", PATIENCE, gone).await.unwrap();
    })
    .await;
    cluster.start(primary).await.unwrap();
    cluster.wait_ready().await.unwrap();
    assert!(met.answered > 0 && met.refused == 0, "{met:?}");
}
