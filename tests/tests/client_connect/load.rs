//! Calls that go on while something is done to the cluster.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use slotway::{Client, Delivery};
use slotway_cluster::TestCluster;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(30);

/// 64 tasks whose reads must not fail, and whose writes may only fail when their connection ends
/// on the way.
pub(crate) struct Load {
    reads: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Load {
    pub(crate) async fn start(client: &Client) -> Self {
        let (reads, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let mut tasks = JoinSet::new();
        for n in 0..64 {
            let (client, reads, stop) = (client.clone(), reads.clone(), stop.clone());
            client.set(format!("load:{n}"), n).await.unwrap();
            tasks.spawn(async move {
                while !stop.load(Relaxed) {
                    assert_eq!(client.get::<i64>(format!("load:{n}")).await.unwrap(), n);
                    reads.fetch_add(1, Relaxed);
                    // A write may meet the end of its connection, and then says so.
                    if let Err(error) = client.incr(format!("count:{n}")).await {
                        assert_eq!(error.delivery(), Delivery::MaybeSent, "{error}");
                    }
                }
            });
        }
        Self { reads, stop, tasks }
    }

    /// Waits for more reads than there are tasks, so that none started before.
    pub(crate) async fn goes_on(&self, cluster: &TestCluster) {
        let goal = self.reads.load(Relaxed) + 1000;
        let reached = || async { Ok(self.reads.load(Relaxed) >= goal) };
        cluster.wait_for("calls go on", PATIENCE, reached).await.unwrap();
    }

    pub(crate) async fn end(mut self) {
        self.stop.store(true, Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}
