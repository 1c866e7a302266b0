//! What can be seen of a client from outside. Every name of a metric is in this file.

use std::{
    array, fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use slotway_protocol::{NodeAddr, Notice, SlotTable};

use crate::{CacheStats, Client, cluster::Cluster};

/// What has happened since the client began, and how its connections are now.
///
/// The same is told to the [`metrics`](https://docs.rs/metrics) facade: each event as a counter
/// named `slotway_client_events_total` with the label `event`, and for each node, labelled `node`,
/// `slotway_client_commands_total`, `slotway_client_in_flight` and `slotway_client_unsent_bytes`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// How often each event has happened, in the order of [`Counted::ALL`].
    events: [u64; Counted::ALL.len()],
    /// The nodes that the client knows.
    pub nodes: Vec<NodeStats>,
    /// How [`Client::cached`] is doing, if it keeps anything.
    pub cache: Option<CacheStats>,
}

/// How the connection to a node is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStats {
    /// Whose.
    pub addr: NodeAddr,
    /// Whether there is one; it is made when it is first needed.
    pub connected: bool,
    /// How many commands were put in line on this connection and those before it.
    pub commands: u64,
    /// How many wait for a reply.
    pub in_flight: usize,
    /// How many bytes wait for the socket.
    pub unsent_bytes: usize,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Counted {
    /// A slot had another owner than was known.
    Moved,
    /// A slot was on its way.
    Asked,
    /// A node asked to try again later: TRYAGAIN, LOADING, CLUSTERDOWN, BUSY and the like.
    Deferred,
    /// A command was sent again after its connection was lost.
    SentAgain,
    /// A call ended without anybody knowing whether it was run.
    Unknown,
    /// A call's time was up.
    Late,
    /// A call was refused since a limit was hit.
    Overloaded,
    /// A replica was asked and did not answer, so the primary was.
    ReplicaFailed,
    /// The topology was asked for.
    Refresh,
    /// A connection was made, for whatever purpose.
    Connected,
    /// A connection could not be made.
    ConnectFailed,
    /// A connection had to wait for its turn ([`Limits::connects_per_second`](crate::Limits)).
    ConnectDelayed,
}

const PUBLISHED_EVERY: Duration = Duration::from_secs(5);
const EVENTS: &str = "slotway_client_events_total";
const COMMANDS: &str = "slotway_client_commands_total";
const IN_FLIGHT: &str = "slotway_client_in_flight";
const UNSENT_BYTES: &str = "slotway_client_unsent_bytes";

impl Counted {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Moved,
        Self::Asked,
        Self::Deferred,
        Self::SentAgain,
        Self::Unknown,
        Self::Late,
        Self::Overloaded,
        Self::ReplicaFailed,
        Self::Refresh,
        Self::Connected,
        Self::ConnectFailed,
        Self::ConnectDelayed,
    ];

    /// The word that stands for it in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Asked => "asked",
            Self::Deferred => "deferred",
            Self::SentAgain => "sent_again",
            Self::Unknown => "unknown_outcome",
            Self::Late => "late",
            Self::Overloaded => "overloaded",
            Self::ReplicaFailed => "replica_failed",
            Self::Refresh => "refresh",
            Self::Connected => "connected",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectDelayed => "connect_delayed",
        }
    }

    pub(crate) fn of(notice: &Notice) -> Self {
        match notice {
            Notice::Moved { .. } => Self::Moved,
            Notice::Ask { .. } => Self::Asked,
            Notice::Garbled
            | Notice::TryAgain
            | Notice::ClusterDown
            | Notice::Loading
            | Notice::MasterDown
            | Notice::ReadOnly
            | Notice::NoAuth
            | Notice::Busy
            | Notice::TooManyClients => Self::Deferred,
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each event has happened.
#[derive(Debug)]
pub(crate) struct Counters([AtomicU64; Counted::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    /// Another one. Nothing that is counted happens to a call that just goes through.
    pub(crate) fn count(&self, event: Counted) {
        self.0[event as usize].fetch_add(1, Ordering::Relaxed);
        metrics::counter!(EVENTS, "event" => event.name()).increment(1);
    }

    fn read(&self) -> [u64; Counted::ALL.len()] {
        array::from_fn(|index| self.0[index].load(Ordering::Relaxed))
    }
}

impl Stats {
    /// How often an event has happened.
    pub fn count(&self, event: Counted) -> u64 {
        self.events[event as usize]
    }
}

impl Client {
    /// What has happened so far, and how the connections are.
    pub fn stats(&self) -> Stats {
        let nodes = self.cluster.routes().nodes().map(|node| node.stats()).collect();
        let cache = self.cluster.cache.as_ref().map(|cache| cache.stats());
        Stats { events: self.cluster.counters.read(), nodes, cache }
    }

    /// Who owns which slot, and who its replicas are, as far as the client knows now.
    pub fn topology(&self) -> SlotTable {
        self.cluster.routes().table.clone()
    }
}

/// Tells the metrics facade now and then how the connections are, for as long as anybody uses the
/// client. Calls themselves tell it nothing: that would cost more than some of them.
pub(crate) async fn publish(cluster: Weak<Cluster>) {
    while let Some(cluster) = cluster.upgrade() {
        for node in cluster.routes().nodes().map(Arc::as_ref) {
            publish_node(node.stats());
        }
        drop(cluster);
        tokio::time::sleep(PUBLISHED_EVERY).await;
    }
}

fn publish_node(stats: NodeStats) {
    let node = stats.addr.to_string();
    metrics::counter!(COMMANDS, "node" => node.clone()).absolute(stats.commands);
    metrics::gauge!(IN_FLIGHT, "node" => node.clone()).set(stats.in_flight as f64);
    metrics::gauge!(UNSENT_BYTES, "node" => node).set(stats.unsent_bytes as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_has_a_place_of_its_own() {
        for (place, event) in Counted::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, place, "{event}");
        }
        let counters = Counters::default();
        counters.count(Counted::Late);
        let stats = Stats { events: counters.read(), nodes: Vec::new(), cache: None };
        assert_eq!((stats.count(Counted::Late), stats.count(Counted::Moved)), (1, 0));
    }
    #[test]
    fn the_metrics_facade_is_told_the_same() {
        let recorder = metrics_util::debugging::DebuggingRecorder::new();
        metrics::with_local_recorder(&recorder, || {
            Counters::default().count(Counted::Moved);
            publish_node(NodeStats {
                addr: NodeAddr::new("10.0.0.1", 7000),
                connected: true,
                commands: 5,
                in_flight: 2,
                unsent_bytes: 3,
            });
        });
        let told = recorder.snapshotter().snapshot().into_vec();
        let mut told: Vec<String> =
            told.into_iter().map(|(key, _, _, value)| format!("{} {value:?}", key.key())).collect();
        told.sort_unstable();
        let expected = [
            "Key(slotway_client_commands_total, [node = 10.0.0.1:7000]) Counter(5)",
            "Key(slotway_client_events_total, [event = moved]) Counter(1)",
            "Key(slotway_client_in_flight, [node = 10.0.0.1:7000]) Gauge(2.0)",
            "Key(slotway_client_unsent_bytes, [node = 10.0.0.1:7000]) Gauge(3.0)",
        ];
        assert_eq!(told, expected);
    }
}
