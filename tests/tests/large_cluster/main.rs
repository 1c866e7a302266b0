//! A cluster of a thousand nodes in which every slot is a range of its own.
//!
//! What is measured is the time that a thread was running, not the time that passed, and of several
//! runs the best: the machine may be busy with other things.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod shape;
mod simulated;

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use shape::{Answers, Shape};
use simulated::Simulated;
use slotway::{Client, Config, Limits, NodeAddr, Slot, Value};
use slotway_protocol::{Origin, ReplyLimits, SlotTable, Topology, Transport};

/// How long this thread has been running.
fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
}

/// What the client makes of the replies of so many nodes.
fn table(answers: &[Answers], known: &Topology) -> SlotTable {
    let origin = Origin { addr: NodeAddr::new("127.0.0.1", 1), transport: Transport::Plain };
    let decode = |frame| Value::decode(frame, &ReplyLimits::default()).unwrap();
    let views = answers.iter().map(|answers| {
        let nodes = Topology::from_nodes(&decode(&answers.nodes), &origin).unwrap();
        nodes.called_as_in(&Topology::from_shards(&decode(&answers.shards), &origin).unwrap())
    });
    let view = Topology::successor(views.collect(), known).unwrap().unwrap();
    SlotTable::new(view).unwrap()
}

#[test]
fn a_view_is_read_and_a_table_made_of_it_within_20_ms() {
    let nodes = (1..=1000).map(|port| NodeAddr::new("127.0.0.1", port)).collect();
    let shape = Shape { nodes };
    let answers = shape.answers();
    let known = table(&[answers.clone()], &Topology::default());
    for slot in Slot::all() {
        assert_eq!(known.owner(slot).unwrap().addr(), Some(&shape.nodes[Shape::owner(slot)]));
    }
    let best = |asked: &[Answers]| {
        let runs = (0..20).map(|_| {
            let before = thread_time();
            let table = table(asked, known.topology());
            let took = thread_time() - before;
            assert_eq!(table.topology(), known.topology());
            took
        });
        runs.min().unwrap()
    };
    let (one, four) = (best(&[answers.clone()]), best(&vec![answers.clone(); 4]));
    println!("a table of one view: {one:?}, of four: {four:?}");
    assert!(one < Duration::from_millis(20), "{one:?}");
}

fn limits(refresh_min: Duration, refresh_max: Duration) -> Limits {
    let mut limits = Limits::default();
    (limits.refresh_min, limits.refresh_max) = (refresh_min, refresh_max);
    limits
}

async fn connect(cluster: &Simulated, limits: Limits) -> Client {
    // A seed may be any node.
    let seeds = [0, 700].map(|number| cluster.shape.nodes[number].clone());
    Client::connect(Config::new(seeds).with_limits(limits)).await.unwrap()
}

const HOUR: Duration = Duration::from_secs(3600);

/// How long the client's thread ran at most while it waited for a reply, in each of some stretches
/// of time, those with least first. Nothing but the client is on this thread, so this is by how
/// much its other work may have held up the call.
async fn longest(client: &Client, stretches: usize) -> Vec<Duration> {
    let mut found = Vec::new();
    for _ in 0..stretches {
        let end = Instant::now() + Duration::from_millis(200);
        let mut longest = Duration::ZERO;
        while Instant::now() < end {
            for number in 0..20 {
                let before = thread_time();
                let _: String = client.get(format!("key:{number}")).await.unwrap();
                longest = longest.max(thread_time() - before);
            }
        }
        found.push(longest);
    }
    found.sort_unstable();
    found
}

#[tokio::test]
async fn a_refresh_adds_no_millisecond_to_any_call() {
    let cluster = Simulated::start();
    let quiet = connect(&cluster, limits(HOUR, HOUR)).await;
    // Connections are made before anything is measured.
    longest(&quiet, 1).await;
    let without = longest(&quiet, 15).await;
    let busy = connect(&cluster, limits(Duration::ZERO, Duration::from_millis(50))).await;
    longest(&busy, 1).await;
    let views = cluster.views();
    let with = longest(&busy, 15).await;
    let views = cluster.views() - views;
    println!("{without:?} without, {with:?} with {views} views");
    assert!(views >= 15, "only {views} views were asked for");
    let (with, without) = (with[7], without[7]);
    assert!(with < without + Duration::from_millis(1), "{with:?} with, {without:?} without");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_redirects_lead_to_two_refreshes_a_second() {
    let cluster = Simulated::start();
    let client = connect(&cluster, Limits::default()).await;
    let (views, started) = (cluster.views(), Instant::now());
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..500 {
        let client = client.clone();
        tasks.spawn(async move {
            for number in 0..200 {
                let key = format!("once:{task}:{number}");
                let value: String = client.get(key).await.unwrap();
                assert_eq!(value, "value");
            }
        });
    }
    tasks.join_all().await;
    let took = started.elapsed();
    assert!(cluster.moved() >= 100_000, "{} were sent on", cluster.moved());
    let views = cluster.views() - views;
    println!("{} redirects, {views} views, {took:?}", cluster.moved());
    // Three nodes and a seed are asked at a time: at once, and then every half second.
    let refreshes = views.div_ceil(4);
    let most = 1 + took.as_millis() / 500;
    assert!(u128::from(refreshes) <= most, "{refreshes} refreshes in {took:?}");
    assert!(refreshes >= 1, "no view was asked for");
}
