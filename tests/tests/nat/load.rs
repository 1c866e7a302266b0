//! Counters that are counted up, and never wrong by one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use slotway::{Client, Slot};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

/// Tasks that count, each in a key of its own. None of them may ever see an error.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    counted: Arc<Vec<AtomicU64>>,
    stop: Arc<AtomicBool>,
    name: &'static str,
}

impl Load {
    pub(crate) fn start(client: &Client, name: &'static str, tasks: usize) -> Self {
        let counted: Arc<Vec<_>> = Arc::new((0..tasks).map(|_| AtomicU64::new(0)).collect());
        let stop = Arc::new(AtomicBool::new(false));
        let mut set = JoinSet::new();
        for task in 0..tasks {
            set.spawn(count(client.clone(), key(name, task), counted.clone(), task, stop.clone()));
        }
        Self { tasks: set, counted, stop, name }
    }

    /// The slots of the keys.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        let keys = (0..self.counted.len()).map(|task| key(self.name, task));
        keys.map(|key| Slot::of(key.as_bytes())).collect()
    }

    /// Waits until every task has counted on.
    pub(crate) async fn goes_on(&mut self) {
        let now = || self.counted.iter().map(|counted| counted.load(Ordering::Relaxed));
        let goal: Vec<u64> = now().map(|counted| counted + 10).collect();
        let there = async {
            while !now().zip(&goal).all(|(counted, goal)| counted >= *goal) {
                assert_eq!(self.tasks.len(), goal.len());
                if let Some(ended) = self.tasks.try_join_next() {
                    ended.expect("every count is right");
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(Duration::from_secs(60), there).await.expect("every task goes on");
    }

    pub(crate) async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("every count is right");
        }
    }
}

fn key(name: &str, task: usize) -> String {
    format!("{name}:{task}")
}

async fn count(
    client: Client,
    key: String,
    counted: Arc<Vec<AtomicU64>>,
    task: usize,
    stop: Arc<AtomicBool>,
) {
    let mut last = 0;
    while !stop.load(Ordering::Relaxed) {
        let next: i64 = client.incr(&key).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(next, last + 1, "{key}");
        last = next;
        let read: i64 = client.get(&key).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(read, last, "{key}");
        counted[task].fetch_add(1, Ordering::Relaxed);
    }
}
