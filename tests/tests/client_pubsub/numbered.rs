//! Numbered messages, so that a loss shows.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use slotway::{Client, Event, Message, Subscription};
use slotway_cluster::TestCluster;
use tokio::{sync::Mutex, task::JoinHandle, time::timeout};

use crate::{PATIENCE, next};

/// Publishes 1, 2, 3 and so on to a channel, each when the one before has been answered.
pub(crate) struct Numbered {
    task: JoinHandle<()>,
    answered: Arc<AtomicU64>,
    /// Those that may not have been published.
    doubtful: Arc<Mutex<BTreeSet<u64>>>,
}

/// What a subscriber saw.
#[derive(Debug)]
pub(crate) struct Seen {
    order: Order,
    last: u64,
    /// What was passed over, although nobody had said that something is missing.
    missing: BTreeSet<u64>,
    /// Whether an interruption goes on.
    interrupted: bool,
    /// Whether a loss was announced since the last new message.
    warned: bool,
    interruptions: u64,
}

/// In which order messages come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    Kept,
    /// After an interruption, the new node may have yet to hear of earlier messages.
    KeptUntilInterrupted,
}

impl Numbered {
    /// To a sharded channel.
    pub(crate) fn sharded(client: &Client, channel: &'static str) -> Self {
        let client = client.clone();
        Self::start(move |n| {
            let client = client.clone();
            async move { client.spublish(channel, n).await.is_ok() }
        })
    }

    /// To a plain channel, always at the same node: a cluster does not order what is published at
    /// different ones.
    pub(crate) async fn plain(cluster: &TestCluster, node: usize, channel: &'static str) -> Self {
        let admin = Arc::new(Mutex::new(cluster.connect(node).await.unwrap()));
        Self::start(move |n| {
            let admin = admin.clone();
            async move {
                let command = ["PUBLISH", channel, &n.to_string()];
                admin.lock().await.call(&command).await.is_ok()
            }
        })
    }

    fn start<F>(publish: impl Fn(u64) -> F + Send + 'static) -> Self
    where
        F: Future<Output = bool> + Send,
    {
        let (answered, doubtful) =
            (Arc::new(AtomicU64::new(0)), Arc::<Mutex<BTreeSet<u64>>>::default());
        let (counter, doubts) = (answered.clone(), doubtful.clone());
        let task = tokio::spawn(async move {
            for n in 1.. {
                if !publish(n).await {
                    doubts.lock().await.insert(n);
                }
                counter.store(n, Ordering::SeqCst);
            }
        });
        Self { task, answered, doubtful }
    }

    /// The last number that has been answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    /// Nothing yet of what is published and listened to at one node.
    pub(crate) fn at_one_node() -> Self {
        Self {
            order: Order::Kept,
            last: 0,
            missing: BTreeSet::new(),
            interrupted: false,
            warned: true,
            interruptions: 0,
        }
    }

    /// Nothing yet of what one node hears from another.
    pub(crate) fn across_nodes() -> Self {
        Self { order: Order::KeptUntilInterrupted, ..Self::at_one_node() }
    }

    /// Reads until a message comes that was published after this was called, and nothing is
    /// missing of which nothing was said.
    pub(crate) async fn catch_up(&mut self, subscription: &mut Subscription, numbered: &Numbered) {
        let goal = numbered.answered() + 1;
        let caught_up = async {
            while self.last <= goal || !self.missing.is_empty() {
                self.take(&next(subscription).await);
                if !self.missing.is_empty() {
                    let doubtful = numbered.doubtful.lock().await;
                    self.missing.retain(|n| !doubtful.contains(n));
                }
            }
        };
        if timeout(PATIENCE, caught_up).await.is_err() {
            panic!("at {}, nothing was ever said of {:?}", self.last, self.missing);
        }
    }

    /// Reads until an interruption is over.
    pub(crate) async fn interruption(&mut self, subscription: &mut Subscription) {
        let before = self.interruptions;
        while self.interruptions == before {
            self.take(&next(subscription).await);
        }
    }

    fn take(&mut self, event: &Event) {
        if let Event::Message(Message { payload, .. }) = event {
            self.take_number(std::str::from_utf8(payload).unwrap().parse().unwrap());
        } else if matches!(event, Event::Interrupted) {
            (self.interrupted, self.warned) = (true, true);
        } else {
            assert!(matches!(event, Event::Resubscribed), "{event:?}");
            self.interrupted = false;
            self.interruptions += 1;
        }
    }

    fn take_number(&mut self, n: u64) {
        let late = self.order == Order::KeptUntilInterrupted && self.interruptions > 0;
        if n <= self.last {
            assert!(late, "{n} came after {}", self.last);
            self.missing.remove(&n);
            return;
        }
        if !self.warned {
            self.missing.extend(self.last + 1..n);
            let hidden = !late && !self.missing.is_empty();
            assert!(!hidden, "nothing was said of {:?}", self.missing);
        }
        (self.last, self.warned) = (n, self.interrupted);
    }
}
