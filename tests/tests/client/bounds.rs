//! What a client may have on its way and open at once.

use std::time::Duration;

use futures_util::future::join_all;
use slotway::{Client, ClientFull, Config, Counted, Delivery, Error, Limits, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};

async fn start(change: impl FnOnce(&mut Limits)) -> (TestCluster, Client) {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey81)).await.unwrap();
    let mut config = Config::from(cluster.node(0).addr());
    change(&mut config.limits);
    let client = Client::connect(config).await.unwrap();
    (cluster, client)
}

/// How many connections wait for something to be pushed.
async fn blocked(cluster: &TestCluster) -> usize {
    let mut blocked = 0;
    for node in 0..cluster.nodes().len() {
        let info = cluster.command(node, &["INFO", "clients"]).await.unwrap();
        let lines = info.as_str().unwrap().lines();
        let count = lines.filter_map(|line| line.strip_prefix("blocked_clients:")).next();
        blocked += count.unwrap().trim().parse::<usize>().unwrap();
    }
    blocked
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_no_more_commands_on_their_way_than_it_may() {
    let (cluster, client) = start(|limits| limits.in_flight_max = 2).await;
    let mut waiting = Vec::new();
    // To different nodes, on connections of their own.
    for (key, count) in [("a", 1), ("b", 2)] {
        let (client, cmd) = (client.clone(), cmd("BLPOP").arg(key).arg(0));
        waiting.push(tokio::spawn(async move { client.run::<(String, String)>(cmd).await }));
        let blocked = || async { Ok(blocked(&cluster).await == count) };
        cluster.wait_for("it to wait", Duration::from_secs(10), blocked).await.unwrap();
    }
    let error = client.get::<Option<String>>("c").await.unwrap_err();
    assert!(matches!(error, Error::ClientFull(ClientFull::InFlight { max: 2, .. })), "{error}");
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(client.stats().count(Counted::Overloaded) == 1);
    let other = Client::connect(Config::from(cluster.node(0).addr())).await.unwrap();
    for (key, waiting) in ["a", "b"].into_iter().zip(waiting) {
        other.lpush(key, "x").await.unwrap();
        assert_eq!(waiting.await.unwrap().unwrap(), (key.to_owned(), "x".to_owned()));
    }
    assert_eq!(client.get::<Option<String>>("c").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_wait_for_their_turn_within_the_callers_time() {
    let (_cluster, client) = start(|limits| {
        (limits.connects_per_second, limits.connects_burst) = (4, 8);
        limits.deadline = Duration::from_secs(2);
    })
    .await;
    let hold = || async {
        let error = match client.dedicated("key").await {
            Ok(held) => return Ok(held),
            Err(error) => error,
        };
        assert!(matches!(error, Error::Late { delivery: Delivery::NotSent, .. }), "{error}");
        Err(error)
    };
    let held = join_all((0..40).map(|_| hold())).await;
    let made = held.iter().filter(|held| held.is_ok()).count();
    // At most 8 at once and 4 a second: those that were too late waited and took nothing.
    assert!((5..=20).contains(&made), "{made}");
    let stats = client.stats();
    assert!(stats.count(Counted::ConnectDelayed) >= 20, "{stats:?}");
}
