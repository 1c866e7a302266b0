//! What the admin port looks at.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use parking_lot::{Mutex, RwLock};
use serde_json::Value;
use slotway::Client;
use tokio::time::Instant;

use super::{
    redact::redacted,
    sessions::{Sessions, sums},
};
use crate::{
    log::EventRing,
    metrics::{Closed, Limit, Scrape, WorkerMetrics},
    overview::Overview,
    own::Directory,
};

/// The running proxy, to look at.
///
/// Workers add themselves when they start; whoever runs the proxy says how far it is. Whoever looks takes
/// locks that nobody holds for longer than it takes to copy a list, and none of a worker's own.
#[derive(Debug)]
pub struct AdminView {
    facts: Facts,
    workers: RwLock<Vec<Arc<WorkerMetrics>>>,
    clients: Mutex<Vec<Client>>,
    phase: Mutex<Phase>,
}

/// What does not change while the proxy runs.
#[derive(Debug)]
pub struct Facts {
    /// What the listeners are called in metrics, in the order of their numbers.
    pub listeners: Vec<String>,
    /// Who is connected.
    pub directory: Arc<Directory>,
    /// The configuration that is in force. Passwords in it are not shown.
    pub config: Value,
    /// The newest lines of the log.
    pub log: EventRing,
    /// How many lines of the log were lost.
    pub log_dropped: Arc<AtomicU64>,
    /// When the proxy began: sessions tell their times from there.
    pub began: Instant,
    /// The same by the clock on the wall.
    pub started: SystemTime,
}

/// How far the proxy is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// It has not begun to accept clients.
    Starting,
    /// It accepts clients.
    Serving,
    /// It accepts no more clients, and ends.
    Draining,
}

impl AdminView {
    /// A proxy that starts, and has no worker yet.
    pub fn new(facts: Facts) -> Self {
        let facts = Facts { config: redacted(facts.config), ..facts };
        let (workers, clients) = (RwLock::default(), Mutex::default());
        Self { facts, workers, clients, phase: Mutex::new(Phase::Starting) }
    }

    /// Another worker. It counts in what is returned.
    pub fn add_worker(&self) -> Arc<WorkerMetrics> {
        let metrics = Arc::new(WorkerMetrics::new(self.facts.listeners.len()));
        self.workers.write().push(metrics.clone());
        metrics
    }

    /// Other clients of the cluster, by which a worker finds its way.
    pub fn add_clients(&self, clients: impl IntoIterator<Item = Client>) {
        self.clients.lock().extend(clients);
    }

    /// Says how far the proxy is.
    pub fn set_phase(&self, phase: Phase) {
        *self.phase.lock() = phase;
    }

    /// How far it is.
    pub fn phase(&self) -> Phase {
        *self.phase.lock()
    }

    /// Every worker's counters.
    pub fn workers(&self) -> Vec<Arc<WorkerMetrics>> {
        self.workers.read().clone()
    }

    /// A client came when there were as many as may be.
    pub fn turned_away(&self, listener: usize) {
        // No worker had to do with it, so any of them counts it.
        if let Some(worker) = self.workers.read().first() {
            worker.limited(Limit::Clients);
            if let Some(listener) = worker.listener(listener) {
                listener.turned_away(Closed::ClientLimit);
            }
        }
    }

    /// How many clients are connected, as the workers count.
    pub fn connected(&self) -> u64 {
        self.workers.read().iter().map(|worker| worker.clients()).sum()
    }

    /// The cluster, and the way to it.
    pub fn overview(&self) -> Overview {
        let clients = self.clients.lock().clone();
        Overview::of(&clients)
    }

    /// All metrics, as text.
    pub fn metrics(&self, now: Instant) -> String {
        let scrape = Scrape {
            workers: &self.workers(),
            listeners: &self.facts.listeners,
            overview: &self.overview(),
            sessions: sums(&self.facts.directory),
            log_dropped: self.log_dropped(),
            started: self.facts.started,
        };
        scrape.text(now)
    }

    /// Connected clients, as many as are asked for, those that came first first.
    pub fn sessions(&self, most: usize, now: Instant) -> Sessions {
        let run = now.saturating_duration_since(self.facts.began);
        Sessions::of(&self.facts.directory, run, most)
    }

    /// The configuration without secrets.
    pub fn config(&self) -> &Value {
        &self.facts.config
    }

    /// The newest lines of the log.
    pub fn log(&self) -> &EventRing {
        &self.facts.log
    }

    /// How many lines of the log were lost.
    pub fn log_dropped(&self) -> u64 {
        self.facts.log_dropped.load(Ordering::Relaxed)
    }
}
