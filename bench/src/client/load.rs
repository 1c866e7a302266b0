//! Tasks that call one after another, and what that costs.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use rustix::time::{ClockId, clock_gettime};
use slotway_cluster::{Spec, TestCluster, TestServer};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tokio::{sync::Barrier, task::JoinSet};

use super::{
    Cell, Operation, Options,
    peer::{Failure, Peer},
};

/// Different keys, all of which have a value.
const KEYS: usize = 10_000;
/// More calls in a second than are ever made: the latency of each finds room.
const CALLS_MAX: f64 = 1e6;

/// Keys, and a value for them.
#[derive(Debug)]
pub struct Data {
    keys: Vec<Bytes>,
    value: Bytes,
}

impl Data {
    /// Those for values of this length.
    pub fn new(value_len: usize) -> Self {
        let key = |n| Bytes::from(format!("{value_len}:{n:08}"));
        Self { keys: (0..KEYS).map(key).collect(), value: vec![b'v'; value_len].into() }
    }

    async fn fill(&self, peer: &Peer) -> Result<(), Failure> {
        let cell = Cell { operation: Operation::Set, value_len: self.value.len(), tasks: 1 };
        let calls = self.keys.iter().map(|key| {
            let mut peer = peer.clone();
            async move { peer.call(cell, key, &self.value).await }
        });
        stream::iter(calls).buffer_unordered(64).try_collect().await
    }
}

/// A cluster, and the clients that are connected to it.
#[expect(missing_debug_implementations, reason = "one of the peers has none")]
pub struct Session {
    /// The clients, by name.
    pub peers: Vec<(&'static str, Peer)>,
    /// A node of the cluster.
    pub seed: String,
    _cluster: Option<TestCluster>,
}

impl Session {
    /// Starts a cluster, unless one is given, and connects the clients.
    pub async fn start(options: &Options) -> Result<Self, Failure> {
        let mut cluster = None;
        let seed = match &options.seed {
            Some(seed) => seed.clone(),
            None => {
                let spec = Spec::on(TestServer::Valkey91).shape(3, 0);
                cluster.insert(TestCluster::start(spec).await?).node(0).addr().to_string()
            }
        };
        let mut peers = Vec::new();
        for name in options.names() {
            peers.push((name, Peer::connect(name, &seed).await?));
        }
        Ok(Self { peers, seed, _cluster: cluster })
    }

    /// Gives the keys of these cells their values.
    pub async fn fill(&self, cells: &[Cell]) -> Result<(), Failure> {
        let mut lens: Vec<_> = cells.iter().map(|cell| cell.value_len).collect();
        lens.dedup();
        let (_, peer) = self.peers.first().ok_or("no subject was named that there is")?;
        for len in lens {
            Data::new(len).fill(peer).await?;
        }
        Ok(())
    }
}

/// What one round cost.
#[derive(Clone, Debug)]
pub struct Round {
    calls: u64,
    elapsed: Duration,
    cpu: Duration,
    allocations: usize,
    latencies: Vec<u32>,
}

impl Round {
    /// Microseconds of processor time for each call, of all threads of this process.
    pub fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.calls as f64
    }

    /// Calls in a second.
    pub fn calls_per_s(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// Heap allocations for each call, in a program that counts them.
    pub fn allocations(&self) -> f64 {
        self.allocations as f64 / self.calls as f64
    }

    /// The latency in microseconds that this part of the calls does not exceed.
    pub fn latency_us(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.latencies.get(index).map_or(f64::NAN, |ns| f64::from(*ns) / 1e3)
    }
}

/// Lets the tasks of a cell call `peer` for as long as `length`.
pub async fn round(
    peer: &Peer,
    cell: Cell,
    data: &Arc<Data>,
    length: Duration,
) -> Result<Round, Failure> {
    let gate = Arc::new(Barrier::new(cell.tasks + 1));
    let room = (length.as_secs_f64() * CALLS_MAX) as usize / cell.tasks + 256;
    let mut tasks = JoinSet::new();
    for _ in 0..cell.tasks {
        let (peer, data, gate) = (peer.clone(), data.clone(), gate.clone());
        tasks.spawn(call_on(peer, cell, data, gate, length, room));
    }
    // All are there, with the room they need; then they begin.
    gate.wait().await;
    let (started, cpu) = (Instant::now(), processor_time());
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    gate.wait().await;
    let mut all = Vec::with_capacity(cell.tasks);
    while let Some(task) = tasks.join_next().await {
        all.push(task??);
    }
    let allocations = region.change().allocations;
    let (elapsed, cpu) = (started.elapsed(), processor_time().saturating_sub(cpu));
    let calls = all.iter().map(|(calls, _)| calls).sum();
    let mut latencies: Vec<u32> = all.into_iter().flat_map(|(_, latencies)| latencies).collect();
    latencies.sort_unstable();
    Ok(Round { calls, elapsed, cpu, allocations, latencies })
}

/// One task: calls until the time is up.
async fn call_on(
    mut peer: Peer,
    cell: Cell,
    data: Arc<Data>,
    gate: Arc<Barrier>,
    length: Duration,
    room: usize,
) -> Result<(u64, Vec<u32>), Failure> {
    let mut random = fastrand::Rng::new();
    let mut latencies = Vec::with_capacity(room);
    let mut calls = 0;
    gate.wait().await;
    gate.wait().await;
    let mut now = Instant::now();
    let end = now + length;
    while now < end {
        let key = &data.keys[random.usize(..data.keys.len())];
        peer.call(cell, key, &data.value).await?;
        let before = std::mem::replace(&mut now, Instant::now());
        if latencies.len() < latencies.capacity() {
            latencies.push(u32::try_from((now - before).as_nanos()).unwrap_or(u32::MAX));
        }
        calls += 1;
    }
    Ok((calls, latencies))
}

/// What all threads of this process have run so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
