//! What can be measured of the proxy: every name, unit and meaning is in this file.
//!
//! A worker counts in cells of its own, [`WorkerMetrics`], and nobody adds them up until somebody looks:
//! that is [`Scrape`]. Latency goes into fixed buckets, so that nothing is kept for a single request.

mod cells;
mod labels;
mod process;
mod scrape;
mod text;
mod upstream;
mod worker;

pub use cells::{Buckets, Distribution, Sizes, Tally};
pub use labels::{Closed, Group, Limit, Outcome};
pub use scrape::{Scrape, SessionSums};
pub use text::{CONTENT_TYPE, Exposition};
pub use worker::{Asked, ListenerMetrics, WorkerMetrics};

/// A metric: what stands before its samples in the text.
#[derive(Debug, Eq, PartialEq)]
pub struct Metric {
    /// How it is called, unit last.
    pub name: &'static str,
    /// What may be done with its numbers.
    pub kind: Kind,
    /// The names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// What may be done with the numbers of a metric.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// They only grow: look at how fast.
    Counter,
    /// They are as they are now.
    Gauge,
    /// How many values there were below each bound.
    Histogram,
}

impl Kind {
    /// The word in a `# TYPE` line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Names each metric once, and puts all of them into [`ALL`].
macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric {
                name: $name,
                kind: Kind::$kind,
                labels: &[$($label),*],
                help: $help,
            };
        )+

        /// Every metric, in the order of the text.
        pub const ALL: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    BUILD_INFO = Gauge "slotway_build_info" ["version"]
        "Always 1; the label says which slotway this is.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" []
        "Processor time of the process, in user and in system mode.";
    PROCESS_MEMORY = Gauge "process_resident_memory_bytes" []
        "Memory of the process that is in RAM.";
    PROCESS_FDS = Gauge "process_open_fds" []
        "Open file descriptors of the process.";
    PROCESS_START = Gauge "process_start_time_seconds" []
        "When the process began, in seconds since 1970.";
    WORKERS = Gauge "slotway_workers" []
        "Threads that serve clients.";
    WORKER_SILENT = Gauge "slotway_worker_silent_seconds" ["worker"]
        "For how long a worker has not said that it is alive; it does so every second.";

    CLIENT_CONNECTIONS = Gauge "slotway_client_connections" ["listener"]
        "Clients that are connected.";
    CLIENT_ACCEPTED = Counter "slotway_client_connections_total" ["listener"]
        "Clients that have connected.";
    CLIENT_CLOSED = Counter "slotway_client_disconnects_total" ["listener", "reason"]
        "Clients that are no longer connected, or were turned away, by reason.";
    CLIENT_HANDSHAKES = Counter "slotway_client_handshakes_total" ["listener", "proto"]
        "HELLO commands that were answered well, by the protocol version that was agreed on.";
    CLIENT_RECEIVED = Counter "slotway_client_receive_bytes_total" []
        "Bytes read from clients.";
    CLIENT_SENT = Counter "slotway_client_transmit_bytes_total" []
        "Bytes written to clients.";
    CLIENT_OUTPUT = Gauge "slotway_client_output_bytes" []
        "Bytes of replies that wait for clients to read.";
    CLIENT_SUBSCRIPTIONS = Gauge "slotway_client_subscriptions" []
        "Channels, patterns and sharded channels listened to, each as often as clients do.";

    COMMANDS = Counter "slotway_commands_total" ["listener", "command", "outcome"]
        "Requests by command and outcome: ok, error, or rejected before any server saw it.";
    COMMAND_DURATION = Histogram "slotway_command_duration_seconds" ["listener", "group"]
        "Time from taking up a request to its reply being ready to be written.";
    COMMAND_FANOUT = Histogram "slotway_command_fanout" []
        "Into how many slots' parts a request was split that had keys of several.";
    ERRORS = Counter "slotway_errors_total" ["prefix"]
        "Errors that clients were given, by their first word.";
    HELD = Gauge "slotway_held_requests" []
        "Requests that wait for a slot to be served again.";
    LIMITS = Counter "slotway_limit_reached_total" ["limit"]
        "How often a bound was met, and something had to wait, was refused or was closed.";

    UPSTREAM_CONNECTIONS = Gauge "slotway_upstream_connections" ["node", "role", "state"]
        "Connections that workers have to a node, and workers that have none: state up or down.";
    UPSTREAM_IN_FLIGHT = Gauge "slotway_upstream_inflight" ["node"]
        "Requests that a node has not answered yet.";
    UPSTREAM_REQUESTS = Counter "slotway_upstream_requests_total" ["node", "role"]
        "Requests that were put in line for a node.";
    UPSTREAM_UNSENT = Gauge "slotway_upstream_unsent_bytes" ["node"]
        "Bytes that wait for the socket to a node.";
    UPSTREAM_ERRORS = Counter "slotway_upstream_errors_total" ["kind"]
        "What went wrong between here and the nodes, and could not be mended unseen.";
    UPSTREAM_CONNECTS = Counter "slotway_upstream_connects_total" []
        "Connections to nodes that were made.";
    UPSTREAM_EVENTS = Counter "slotway_upstream_events_total" ["event"]
        "Whatever else the client library counts.";
    UPSTREAM_LEASES = Gauge "slotway_upstream_leases" []
        "Connections to nodes that are lent to single sessions, which block or watch.";

    REDIRECTS = Counter "slotway_redirects_total" ["kind"]
        "Requests that a node sent away: moved, ask, or deferred to a later time.";
    RETRIES = Counter "slotway_retries_total" ["reason"]
        "Requests that were sent a second time.";
    REFRESHES = Counter "slotway_topology_refreshes_total" []
        "How often nodes were asked who owns which slot.";

    CLUSTER_UP = Gauge "slotway_cluster_up" []
        "Whether at least one worker knows an owner of every slot.";
    CLUSTER_SLOTS = Gauge "slotway_cluster_slots" ["state"]
        "Slots by state: ok, pfail or fail by the health of the owner, or unassigned.";
    CLUSTER_NODES = Gauge "slotway_cluster_nodes" ["role", "health"]
        "Nodes of the cluster, by role and health.";
    CLUSTER_REPLICAS = Gauge "slotway_cluster_shard_replicas" ["shard"]
        "Replicas of a shard that are online; a shard is called by its first slot.";
    CLUSTER_SURVIVES = Gauge "slotway_cluster_survives_host_loss" ["host"]
        "1 if the cluster would go on by itself should this host be lost, 0 if it would stop.";

    LOG_DROPPED = Counter "slotway_log_lines_dropped_total" []
        "Log lines that were lost since nobody took them fast enough.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_well_formed_and_there_once() {
        for (place, metric) in ALL.iter().enumerate() {
            let name = metric.name;
            assert!(!ALL[..place].iter().any(|other| other.name == name), "{name} is there twice");
            let ours = name.starts_with("slotway_") || name.starts_with("process_");
            assert!(ours, "{name}");
            let plain = |char: char| char.is_ascii_lowercase() || char == '_';
            assert!(name.chars().all(plain), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(metric.labels.iter().all(|label| label.chars().all(plain)), "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains('\n'), "{name}");
        }
    }

    #[test]
    fn the_documentation_tells_of_every_metric() {
        let page = include_str!("../../docs/metrics.md");
        for metric in ALL {
            let labels: String = metric.labels.iter().map(|label| format!(" `{label}`")).collect();
            let row = format!(
                "| `{}` | {} |{labels} | {} |",
                metric.name,
                metric.kind.name(),
                metric.help
            );
            assert!(page.contains(&row), "docs/metrics.md has no such row:\n{row}");
        }
        let rows = page
            .lines()
            .filter(|line| line.starts_with("| `slotway_") || line.starts_with("| `process_"));
        assert_eq!(rows.count(), ALL.len(), "docs/metrics.md has a row too many");
    }
}
