//! What all sessions of a proxy go by.

use std::time::Duration;

use slotway_protocol::{
    Command, CommandTable, PlanRules, RequestLimits, RequestScan, RequestScanner,
};

use crate::{ProxyConfig, ProxyLimits};

/// The commands, the rules and the bounds: the same for all sessions, and as long as the proxy runs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) table: CommandTable,
    pub(crate) rules: PlanRules,
    pub(crate) limits: ProxyLimits,
    /// How long a command may take.
    pub(crate) deadline: Duration,
    /// How many bytes the commands of a transaction may have.
    pub(crate) transaction_bytes_max: usize,
}

impl World {
    pub(crate) fn new(config: &ProxyConfig, table: CommandTable) -> Self {
        Self {
            table,
            rules: config.rules.clone(),
            limits: config.limits,
            deadline: config.cluster.limits.deadline,
            transaction_bytes_max: config.limits.output_max,
        }
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
