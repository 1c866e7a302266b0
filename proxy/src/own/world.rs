//! What all sessions share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use slotway::{Client, Error, cmd};
use slotway_protocol::{CommandBuf, CommandTable, PlanRules};

use super::{Backend, Directory, Pause};
use crate::log::EventRing;

/// What all sessions share: who else is there, what the cluster is, what the operator decided.
#[derive(Debug)]
pub struct World {
    settings: Settings,
    backend: Mutex<Arc<Backend>>,
    directory: Arc<Directory>,
    pause: Pause,
    rejected: AtomicU64,
}

/// What the operator decided, and what was found out at the start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The commands that are known.
    pub table: Arc<CommandTable>,
    /// Which of them are allowed.
    pub rules: Arc<PlanRules>,
    /// How many databases the cluster has; 1 for most.
    pub databases: u32,
    /// How many clients may be there at a time.
    pub clients_max: usize,
    /// The port that clients connect to, as `INFO` shows it.
    pub port: u16,
    /// Forty hexadecimal digits that no other run of the proxy has.
    pub run_id: String,
    /// What becomes of `CLIENT TRACKING ON`.
    pub tracking: TrackingSupport,
    /// What `PROXY LOG` shows.
    pub events: EventRing,
}

/// What becomes of `CLIENT TRACKING ON`.
///
/// A client that believes to be told of changes, and is not, works with stale values. So where
/// nobody passes invalidations on, tracking has to be refused.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TrackingSupport {
    /// It is refused.
    #[default]
    Refused,
    /// It is accepted: whoever runs the session delivers.
    Served,
}

/// A point in time, by both clocks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Moment {
    /// Since the proxy started, by a clock that nobody sets.
    pub run: Duration,
    /// Since 1970, by the clock on the wall.
    pub wall: Duration,
}

impl World {
    /// The shared state of a proxy in front of these servers.
    pub fn new(settings: Settings, backend: Backend) -> Self {
        Self {
            settings,
            backend: Mutex::new(Arc::new(backend)),
            directory: Arc::default(),
            pause: Pause::default(),
            rejected: AtomicU64::new(0),
        }
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the servers behind are.
    pub fn backend(&self) -> Arc<Backend> {
        self.backend.lock().clone()
    }

    /// Notes that the servers behind are others now.
    pub fn take_backend(&self, backend: Backend) {
        *self.backend.lock() = Arc::new(backend);
    }

    /// All sessions.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Whether clients have to wait, after `CLIENT PAUSE`.
    pub fn pause(&self) -> &Pause {
        &self.pause
    }

    /// What happened lately, for `PROXY LOG`.
    pub fn log(&self) -> &EventRing {
        &self.settings.events
    }

    /// Counts a connection that was not taken.
    pub fn count_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were not taken.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }
}

impl Backend {
    /// Asks a node what it is.
    pub async fn ask(client: &Client) -> Result<Self, Error> {
        let info: String = client.run(cmd("INFO").arg("server")).await?;
        let backend = Self::of_info(&info)
            .ok_or_else(|| Error::Refused("a node does not say which server it is".to_owned()))?;
        let Ok(modules) = CommandBuf::new(&["MODULE", "LIST"]) else { return Ok(backend) };
        // A user that may not ask for the modules sees none.
        let modules = client.call(&modules).await?;
        Ok(if modules.as_error().is_some() { backend } else { backend.with_modules(modules) })
    }
}
