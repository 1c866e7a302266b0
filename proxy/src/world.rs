//! What all sessions of a proxy go by.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use slotway::ScanDesk;
use slotway_protocol::{
    Command, CommandTable, PlanRules, RequestLimits, RequestScan, RequestScanner,
};
use tokio::time::Instant;

use crate::{
    ProxyConfig, ProxyLimits,
    log::EventRing,
    own::{self, Backend, Moment, Settings, TrackingSupport},
    scripts::Scripts,
    subscribe::Audience,
};

/// The commands, the rules and the bounds: the same for all sessions, and as long as the proxy runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) table: Arc<CommandTable>,
    pub(crate) rules: Arc<PlanRules>,
    pub(crate) limits: ProxyLimits,
    /// How long a command may take.
    pub(crate) deadline: Duration,
    /// How many bytes the commands of a transaction may have.
    pub(crate) transaction_bytes_max: usize,
    /// Scripts that were sent whole.
    pub(crate) scripts: Scripts,
    /// Who listens.
    pub(crate) audience: Arc<Audience>,
    /// The walks of SCAN, which a client may go on with at any worker.
    pub(crate) scans: Arc<ScanDesk>,
    /// What connections answer by.
    pub(crate) own: Arc<own::World>,
    /// When the proxy began.
    pub(crate) started: Instant,
}

impl World {
    pub(crate) fn new(
        config: &ProxyConfig,
        table: CommandTable,
        backend: Backend,
        (port, events): (u16, EventRing),
    ) -> Self {
        let (table, rules) = (Arc::new(table), Arc::new(config.rules.clone()));
        let settings = Settings {
            table: table.clone(),
            rules: rules.clone(),
            databases: 1,
            clients_max: config.limits.clients_max,
            port,
            run_id: run_id(),
            tracking: TrackingSupport::Refused,
            events,
        };
        Self {
            table,
            rules,
            limits: config.limits,
            deadline: config.cluster.limits.deadline,
            transaction_bytes_max: config.limits.output_max,
            scripts: Scripts::default(),
            audience: Arc::default(),
            scans: Arc::default(),
            own: Arc::new(own::World::new(settings, backend)),
            started: Instant::now(),
        }
    }

    /// Now, by both clocks.
    pub(crate) fn moment(&self, now: Instant) -> Moment {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // A clock before 1970 is set wrong, and says nothing.
        Moment { run: now.duration_since(self.started), wall: wall.unwrap_or_default() }
    }

    /// Whether two commands, as they were sent, have a key in common.
    pub(crate) fn share_a_key(&self, one: &[u8], other: &[u8]) -> bool {
        let first = self.keys(one);
        self.keys(other).iter().any(|key| first.contains(key))
    }

    fn keys(&self, request: &[u8]) -> Vec<Vec<u8>> {
        let mut scanner = RequestScanner::new(RequestLimits::default());
        let Ok(RequestScan::Command { command, .. }) = scanner.scan(request) else {
            return Vec::new();
        };
        self.keys_of(&command)
    }

    fn keys_of(&self, command: &Command<'_>) -> Vec<Vec<u8>> {
        let found = self.table.lookup(command).ok().and_then(|spec| spec.keys(command).ok());
        let Some(found) = found else { return Vec::new() };
        found.iter().filter_map(|key| command.arg(key.position).map(<[u8]>::to_vec)).collect()
    }
}

/// Forty hexadecimal digits that no other run has.
fn run_id() -> String {
    (0..5).map(|_| format!("{:08x}", fastrand::u32(..))).collect()
}
