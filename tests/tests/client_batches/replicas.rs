//! Reads from replicas.

use std::time::Duration;

use slotway::{Client, Config, ReadFrom, Value, cmd};
use slotway_cluster::TestCluster;
use tokio::time::timeout;

pub(crate) async fn reads_go_to_replicas_and_writes_do_not(cluster: &TestCluster, client: &Client) {
    for n in 0..50 {
        client.set(format!("r:{n}"), n).await.unwrap();
    }
    let replicas = client.reading_from(ReadFrom::PreferReplica);
    let caught_up = async {
        // A replica may be behind for a moment; when it has caught up it stays so.
        while replicas.get::<Option<i64>>("r:49").await.unwrap() != Some(49) {}
    };
    timeout(Duration::from_secs(20), caught_up).await.unwrap();
    let before = gets(cluster).await;
    for n in 0..50 {
        assert_eq!(replicas.get::<i64>(format!("r:{n}")).await.unwrap(), n);
    }
    let after = gets(cluster).await;
    let asked = |node: usize| after[node] - before[node];
    assert_eq!((0..3).map(asked).sum::<u64>(), 0, "no primary was asked: {before:?} {after:?}");
    assert_eq!((3..6).map(asked).sum::<u64>(), 50);
    // A write in between, and a pipeline with one, go to the primary.
    let pipeline = replicas.pipeline().then(cmd("INCR").arg("r:1")).then(cmd("GET").arg("r:1"));
    assert_eq!(pipeline.all::<(i64, i64)>().await.unwrap(), (2, 2));
    let before = gets(cluster).await;
    let reads = (0..50)
        .fold(replicas.pipeline(), |pipeline, n| pipeline.then(cmd("GET").arg(format!("r:{n}"))));
    let _: Vec<Value> = reads.all().await.unwrap();
    let both = client.reading_from(ReadFrom::Any);
    for _ in 0..100 {
        let _: i64 = both.get("r:2").await.unwrap();
    }
    let after = gets(cluster).await;
    let primaries: u64 = (0..3).map(|node| after[node] - before[node]).sum();
    assert!((10..90).contains(&primaries), "{primaries} of 100 went to the primary");
    without_replicas(cluster).await;
}

/// Where no replica answers, or none can be reached, the primary does.
async fn without_replicas(cluster: &TestCluster) {
    let config = Config::from(cluster.node(0).addr()).with_read_from(ReadFrom::PreferReplica);
    let client = Client::connect(config).await.unwrap();
    let _: i64 = client.get("r:3").await.unwrap();
    for node in 3..6 {
        cluster.pause(node);
    }
    for _ in 0..3 {
        let quarter = client.with_deadline(Duration::from_secs(4));
        assert_eq!(quarter.get::<i64>("r:3").await.unwrap(), 3);
        let reads = quarter.pipeline().then(cmd("GET").arg("r:4")).then(cmd("GET").arg("r:5"));
        assert_eq!(reads.all::<(i64, i64)>().await.unwrap(), (4, 5));
    }
    for node in 3..6 {
        cluster.kill(node);
    }
    assert_eq!(client.get::<i64>("r:3").await.unwrap(), 3);
    for node in 3..6 {
        cluster.start(node).await.unwrap();
    }
    cluster.wait_ready().await.unwrap();
}

/// How many GETs each node has run.
async fn gets(cluster: &TestCluster) -> Vec<u64> {
    let mut counts = Vec::new();
    for node in 0..6 {
        let reply = cluster.command(node, &["INFO", "commandstats"]).await.unwrap();
        let text = String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()).into_owned();
        let count = text.lines().find_map(|line| {
            line.strip_prefix("cmdstat_get:calls=")?.split(',').next()?.parse().ok()
        });
        counts.push(count.unwrap_or_default());
    }
    counts
}
