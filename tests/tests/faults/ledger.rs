//! Load whose every write carries a token and whose every reply is checked.

mod account;
mod report;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use account::Account;
use parking_lot::Mutex;
pub(crate) use report::Report;
use slotway::{Client, Slot};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// The longest pause of a task between two turns: many tasks, and a machine that still has room for
/// what the nodes have to do.
const PAUSE_MAX: Duration = Duration::from_millis(10);
/// How many more turns of a task count as progress.
const TURNS: u64 = 10;
/// How long that may take: longer than any fault lasts.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tasks that write and read until told to stop, each under two keys of its own: a list of tokens
/// and a counter.
pub(crate) struct Ledger {
    tasks: JoinSet<Account>,
    progress: Arc<Progress>,
}

struct Progress {
    /// The number of the first task.
    offset: usize,
    stop: AtomicBool,
    /// The turns of each task.
    turns: Vec<AtomicU64>,
    /// For each task, when a write was acknowledged first that began at this time or later.
    firsts: Mutex<Option<(Instant, Vec<Option<Instant>>)>>,
}

impl Ledger {
    pub(crate) fn start(client: &Client, tasks: usize) -> Self {
        Self::start_from(0, client, tasks)
    }

    /// One beside another, whose tasks have other numbers, and so other keys.
    pub(crate) fn start_from(offset: usize, client: &Client, tasks: usize) -> Self {
        let turns = (0..tasks).map(|_| AtomicU64::new(0)).collect();
        let (stop, firsts) = (AtomicBool::new(false), Mutex::default());
        let progress = Arc::new(Progress { offset, stop, turns, firsts });
        let mut set = JoinSet::new();
        for task in 0..tasks {
            set.spawn(keep_writing(client.clone(), task, progress.clone()));
        }
        Self { tasks: set, progress }
    }

    /// The slots that are written to.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        (0..self.progress.turns.len()).flat_map(|task| self.progress.slots(task)).collect()
    }

    /// Waits until every task has had some more turns.
    pub(crate) async fn makes_progress(&self) {
        self.makes_progress_where(|_| true).await;
    }

    /// The same for the tasks whose slots are all such.
    pub(crate) async fn makes_progress_where(&self, counts: impl Fn(Slot) -> bool) {
        let turns = &self.progress.turns;
        let goals: Vec<Option<u64>> = turns
            .iter()
            .enumerate()
            .map(|(number, turns)| {
                let mut slots =
                    Account::keys(number).map(|key| Slot::of(key.as_bytes())).into_iter();
                slots.all(&counts).then(|| turns.load(Ordering::Relaxed) + TURNS)
            })
            .collect();
        let all_there = async {
            let there = || {
                let turns = turns.iter().map(|turns| turns.load(Ordering::Relaxed));
                turns.zip(&goals).all(|(turns, goal)| goal.is_none_or(|goal| turns >= goal))
            };
            while !there() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, all_there).await.expect("every task goes on");
    }

    /// Notes from now on when each task succeeds first with a list write that began later than now.
    pub(crate) fn watch_firsts(&self) {
        let none = vec![None; self.progress.turns.len()];
        *self.progress.firsts.lock() = Some((Instant::now(), none));
    }

    /// When each task whose list is in such a slot succeeded first, of those that have, since
    /// [`watch_firsts`](Self::watch_firsts).
    pub(crate) fn firsts_where(&self, counts: impl Fn(Slot) -> bool) -> Vec<Instant> {
        let firsts = self.progress.firsts.lock();
        let firsts = firsts.iter().flat_map(|(_, firsts)| firsts).enumerate();
        firsts
            .filter(|(task, _)| counts(self.progress.slots(*task)[0]))
            .filter_map(|(_, first)| *first)
            .collect()
    }

    /// Stops the load and holds what each task was told against what is there.
    pub(crate) async fn end(mut self, client: &Client) -> Report {
        self.progress.stop.store(true, Ordering::Relaxed);
        let mut report = Report::default();
        while let Some(account) = self.tasks.join_next().await {
            account.expect("a task that only takes notes").close(client, &mut report).await;
        }
        assert!(report.acknowledged > 0, "nothing was written: {report:?}");
        report
    }
}

impl Progress {
    /// The slots of a task's list and its counter.
    fn slots(&self, task: usize) -> [Slot; 2] {
        Account::keys(self.offset + task).map(|key| Slot::of(key.as_bytes()))
    }

    fn wrote(&self, task: usize, began: Instant) {
        if let Some((since, firsts)) = &mut *self.firsts.lock()
            && began >= *since
        {
            firsts[task].get_or_insert_with(Instant::now);
        }
    }
}

async fn keep_writing(client: Client, task: usize, progress: Arc<Progress>) -> Account {
    let mut account = Account::new(progress.offset + task);
    while !progress.stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        if account.turn(&client).await {
            progress.wrote(task, began);
        }
        progress.turns[task].fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE_MAX.mul_f64(fastrand::f64())).await;
    }
    account
}
