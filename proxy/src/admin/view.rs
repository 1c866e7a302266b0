//! What the admin port looks at.

use std::{fmt::Debug, sync::Arc, time::SystemTime};

use serde::Serialize;
use slotway::Client;

use crate::{log::EventRing, metrics::WorkerMetrics};

/// The running proxy, to look at.
///
/// It is asked on threads of the admin port alone. What is asked for `/healthz`, [`workers`](Self::workers),
/// must not wait for a worker; everything else may take a lock for a short time.
pub trait AdminView: Debug + Send + Sync + 'static {
    /// Every worker's counters.
    fn workers(&self) -> Vec<Arc<WorkerMetrics>>;

    /// What the listeners are called in metrics, in the order of their numbers.
    fn listeners(&self) -> Vec<String>;

    /// Every worker's clients of the cluster.
    fn clients(&self) -> Vec<Client>;

    /// Whether clients are served.
    fn phase(&self) -> Phase;

    /// Connected clients, as many as are asked for, those with the smallest ids first.
    fn sessions(&self, most: usize) -> Sessions;

    /// The configuration that is in force. Secrets are taken out of it before it is shown, by
    /// [`redacted`](super::redacted); it is better if there are none.
    fn config(&self) -> serde_json::Value;

    /// The newest lines of the log.
    fn log(&self) -> EventRing;

    /// How many lines of the log were lost.
    fn log_dropped(&self) -> u64;

    /// When the process began.
    fn started(&self) -> SystemTime;
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

/// Some of the connected clients.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sessions {
    /// How many there are in all.
    pub connected: u64,
    /// Those that are shown.
    pub clients: Vec<SessionView>,
}

/// A connected client. No key and no value is in it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// The number that `CLIENT ID` gives.
    pub id: u64,
    /// Where it comes from.
    pub addr: String,
    /// The listener that it came to.
    pub listener: String,
    /// The worker that serves it.
    pub worker: usize,
    /// What it called itself with `CLIENT SETNAME`.
    pub name: String,
    /// The user that it logged in as.
    pub user: String,
    /// The database that it selected.
    pub db: u32,
    /// The version of the protocol: 2 or 3.
    pub resp: u8,
    /// The library that it said it is, with `CLIENT SETINFO`.
    pub library: String,
    /// The library's version.
    pub library_version: String,
    /// What it is doing.
    pub state: SessionState,
    /// The last command that it sent, without its arguments.
    pub last_command: String,
    /// For how long it has been connected.
    pub connected_seconds: u64,
    /// For how long it has sent nothing.
    pub idle_seconds: u64,
    /// How many requests it has sent.
    pub requests: u64,
    /// How many of them are not answered.
    pub in_flight: u64,
    /// Bytes that came from it.
    pub received_bytes: u64,
    /// Bytes that went to it.
    pub sent_bytes: u64,
    /// Bytes that it has still to read.
    pub output_bytes: u64,
    /// Channels and patterns that it listens to.
    pub subscriptions: u64,
}

/// What a client is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Nothing: all that it sent is answered.
    Idle,
    /// It waits for replies.
    Waiting,
    /// It waits in a command that blocks.
    Blocked,
    /// It is between MULTI and EXEC.
    Queueing,
    /// It watches keys.
    Watching,
    /// It listens to channels.
    Subscribed,
}
