//! A node that is there and does nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use slotway::{Client, CommandBuf, Slot, Value};
use slotway_cluster::{Spec, TestCluster};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{TASKS, ledger::Ledger, on_each_server, start};

/// How long the node is frozen.
const FROZEN: Duration = Duration::from_secs(10);
/// How long it is looked at how fast calls are without that.
const BEFORE: Duration = Duration::from_secs(5);
/// Percentiles are taken of this much time: the median of several says less of the noise of others.
const WINDOW: Duration = Duration::from_secs(1);
/// How many connections are asked without the client, so that it is known how noisy the machine is.
const CONTROLS: usize = 8;
/// The last slot of the first of three shards, whose node freezes.
const FIRST_SHARD: u16 = 5460;

/// How long calls took, and when.
type Samples = Vec<(Instant, Duration)>;

/// Asks for keys of two shards until it is told to stop.
struct Meter {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<Samples>,
}

impl Meter {
    fn new() -> Self {
        Self { stop: Arc::default(), tasks: JoinSet::new() }
    }

    /// The client's calls.
    fn measure(&mut self, client: &Client, key: String) {
        let (client, stop) = (client.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            let get = CommandBuf::new(&["GET", &key]).unwrap();
            let mut samples = Samples::new();
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                assert_eq!(client.call(&get).await.unwrap(), Value::Null);
                samples.push((began, began.elapsed()));
                pause().await;
            }
            samples
        });
    }

    /// The same question, straight to the node.
    async fn measure_directly(&mut self, cluster: &TestCluster, node: usize, key: String) {
        let mut admin = cluster.connect(node).await.unwrap();
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            let mut samples = Samples::new();
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                assert_eq!(admin.call(&["GET", &key]).await.unwrap(), Value::Null);
                samples.push((began, began.elapsed()));
                pause().await;
            }
            samples
        });
    }

    async fn end(self) -> Samples {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

async fn pause() {
    sleep(Duration::from_millis(20).mul_f64(fastrand::f64())).await;
}

/// The median of the 99th percentiles of all windows that lie within this time.
fn p99(samples: &Samples, from: Instant, to: Instant) -> Duration {
    let windows = (to.duration_since(from).as_secs_f64() / WINDOW.as_secs_f64()) as u32;
    let mut percentiles: Vec<Duration> = (0..windows)
        .map(|window| {
            let (begin, end) = (from + WINDOW * window, from + WINDOW * (window + 1));
            let within = samples.iter().filter(|(at, _)| (begin..end).contains(at));
            let mut times: Vec<Duration> = within.map(|(_, took)| *took).collect();
            times.sort_unstable();
            times[times.len() * 99 / 100]
        })
        .collect();
    percentiles.sort_unstable();
    percentiles[percentiles.len() / 2]
}

/// Keys of the shards that do not freeze.
fn keys(count: usize) -> Vec<String> {
    let keys = (0..).map(|number| format!("meter:{number}"));
    keys.filter(|key| Slot::of(key.as_bytes()).number() > FIRST_SHARD).take(count).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_node_slows_calls_to_no_other() {
    on_each_server(|server| async move {
        let spec = Spec { node_timeout: Duration::from_secs(60), ..Spec::on(server) };
        let (cluster, client) = start(spec.shape(3, 0)).await;
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let (mut calls, mut controls) = (Meter::new(), Meter::new());
        keys(TASKS).into_iter().for_each(|key| calls.measure(&client, key));
        for key in keys(CONTROLS) {
            let owner = cluster.owner(Slot::of(key.as_bytes())).await.unwrap();
            controls.measure_directly(&cluster, owner, key).await;
        }
        let began = Instant::now();
        sleep(BEFORE).await;
        cluster.pause(0);
        let frozen = Instant::now();
        sleep(FROZEN).await;
        let over = Instant::now();
        cluster.resume_node(0);
        let (calls, controls) = (calls.end().await, controls.end().await);
        ledger.makes_progress().await;
        ledger.end(&client).await.lost_nothing();

        let (before, after) = (p99(&calls, began, frozen), p99(&calls, frozen, over));
        let noise = (p99(&controls, began, frozen), p99(&controls, frozen, over));
        // As much slower as the nodes themselves have become meanwhile, by others' doing.
        let allowed = before.mul_f64(1.5).mul_f64((noise.1.div_duration_f64(noise.0)).max(1.0));
        let text = format!("{server}: p99 {before:?}, then {after:?}; straight {noise:?}");
        assert!(after <= allowed, "{text}");
    })
    .await;
}
