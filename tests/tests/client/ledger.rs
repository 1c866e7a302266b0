//! Load whose every write carries a token and whose every reply is checked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use slotway::{Client, CommandBuf, Delivery, Slot, Value};
use tokio::{task::JoinSet, time::timeout};

/// Tasks that write and read until told to stop.
pub(crate) struct Ledger {
    tasks: JoinSet<Account>,
    progress: Arc<Progress>,
}

struct Progress {
    stop: AtomicBool,
    done: Vec<AtomicU64>,
}

/// What a task sent and what it was told.
struct Account {
    key: String,
    /// The tokens in order, and how each write ended.
    entries: Vec<(String, Entry)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Entry {
    /// It is in the list, so long was the list then.
    Acknowledged(i64),
    /// It is not in the list.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// How many writes ended how.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    pub(crate) acknowledged: usize,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
    /// Acknowledged, and not there any more.
    pub(crate) missing: usize,
}

impl Ledger {
    pub(crate) fn start(client: &Client, tasks: usize) -> Self {
        let done = (0..tasks).map(|_| AtomicU64::new(0)).collect();
        let progress = Arc::new(Progress { stop: AtomicBool::new(false), done });
        let mut set = JoinSet::new();
        for number in 0..tasks {
            set.spawn(keep_writing(client.clone(), number, progress.clone()));
        }
        Self { tasks: set, progress }
    }

    /// The slots that are written to.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        (0..self.progress.done.len()).map(|number| Slot::of(key(number).as_bytes())).collect()
    }

    /// Waits until every task has ended some more writes.
    pub(crate) async fn makes_progress(&self) {
        self.makes_progress_where(|_| true).await;
    }

    /// The same for the tasks that write to such slots.
    pub(crate) async fn makes_progress_where(&self, counts: impl Fn(Slot) -> bool) {
        let counts: Vec<bool> = self.slots().into_iter().map(counts).collect();
        let goal: Vec<u64> =
            self.progress.done.iter().map(|done| done.load(Ordering::Relaxed) + 20).collect();
        let all_there = async {
            let there = || {
                let done = self.progress.done.iter().map(|done| done.load(Ordering::Relaxed));
                done.zip(&goal).zip(&counts).all(|((done, goal), counts)| !counts || done >= *goal)
            };
            while !there() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(60), all_there).await.expect("every task goes on");
    }

    /// Stops the load and holds what each task was told against what is there.
    pub(crate) async fn end(mut self, client: &Client) -> Report {
        self.progress.stop.store(true, Ordering::Relaxed);
        let mut report = Report::default();
        while let Some(account) = self.tasks.join_next().await {
            account.expect("no reply was wrong").check(client, &mut report).await;
        }
        assert!(report.acknowledged > 0, "nothing was written");
        report
    }
}

fn key(number: usize) -> String {
    format!("ledger:{number}")
}

async fn keep_writing(client: Client, number: usize, progress: Arc<Progress>) -> Account {
    let key = key(number);
    let mut entries = Vec::new();
    let mut sequence = 0;
    while !progress.stop.load(Ordering::Relaxed) {
        let token = format!("{number}:{sequence}");
        sequence += 1;
        let push = CommandBuf::new(&["RPUSH", &key, &token]).expect("it is short");
        let entry = match client.call(&push).await {
            Ok(Value::Integer(length)) => Entry::Acknowledged(length),
            Ok(other) if other.as_error().is_some() => Entry::Refused,
            Ok(other) => panic!("RPUSH of {token} was answered by {other:?}"),
            Err(error) if error.delivery() == Delivery::NotSent => Entry::Refused,
            Err(_) => Entry::Unknown,
        };
        entries.push((token, entry));
        let read = CommandBuf::new(&["LINDEX", &key, "0"]).expect("it is short");
        if let Ok(Value::Bulk(first)) = client.call(&read).await {
            let own = format!("{number}:");
            assert!(first.starts_with(own.as_bytes()), "{key} gave {first:?}");
        }
        progress.done[number].fetch_add(1, Ordering::Relaxed);
    }
    Account { key, entries }
}

impl Account {
    async fn check(self, client: &Client, report: &mut Report) {
        let range = CommandBuf::new(&["LRANGE", &self.key, "0", "-1"]).expect("it is short");
        let list = client.call(&range).await.expect("the cluster is well again");
        let list: Vec<&str> =
            list.as_elements().into_iter().flatten().filter_map(Value::as_str).collect();
        for (token, entry) in &self.entries {
            let places: Vec<usize> =
                (0..list.len()).filter(|&place| list[place] == token).collect();
            assert!(places.len() <= 1, "{token} was run {} times", places.len());
            match entry {
                Entry::Acknowledged(length) => {
                    report.acknowledged += 1;
                    match places.first() {
                        Some(&place) => {
                            let length = *length;
                            assert!(
                                (place as i64) < length,
                                "{token} was acknowledged at {length}"
                            );
                        }
                        // A failover may lose the last writes of the old primary.
                        None => report.missing += 1,
                    }
                }
                Entry::Refused => {
                    report.refused += 1;
                    assert!(places.is_empty(), "{token} was refused, and run");
                }
                Entry::Unknown => report.unknown += 1,
            }
        }
        let order: Vec<usize> = list
            .iter()
            .filter_map(|token| self.entries.iter().position(|(sent, _)| sent == token))
            .collect();
        assert!(order.is_sorted(), "{} was written out of order", self.key);
    }
}
