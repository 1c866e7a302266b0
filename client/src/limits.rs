//! Every bound of the client, with its default.

use std::time::Duration;

use slotway_protocol::{Backoff, PipelineLimits, RedirectLimits, ReplyLimits};

/// How much the client keeps, waits and tries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// How long a call may take from its start to its reply: waiting, redirects and retries
    /// included.
    pub deadline: Duration,
    /// How long a connection may take from its first packet to the end of the handshake.
    pub connect_timeout: Duration,
    /// How many connections may be made a second, to all nodes together and whatever for, once
    /// [`Self::connects_burst`] were made at once. Others wait for their turn, as long as whoever
    /// needs them has time. At least one.
    pub connects_per_second: u32,
    /// How many connections may be made at once after a quiet time: enough for those to all nodes
    /// and for [`Self::leases_max`].
    pub connects_burst: u32,
    /// After this long without a word from a node, the kernel asks whether it is still there; never,
    /// if nothing is given. It also keeps what is in between, such as NAT, from forgetting a
    /// connection that is not used.
    pub keepalive: Option<Duration>,
    /// How long a node may leave what it was sent unacknowledged before the connection is given up:
    /// it is what notices a machine that went away without a word. Nothing means minutes, which is
    /// the kernel's way. It counts on Linux only.
    pub unacknowledged_max: Option<Duration>,
    /// How many redirects a call follows.
    pub redirects_max: u8,
    /// The waits before a call is sent again, and between attempts to connect to a node.
    pub backoff: Backoff,
    /// How much one connection may owe.
    pub pipeline: PipelineLimits,
    /// How many commands may be on their way over all connections of the client together: taken in,
    /// and not answered yet.
    pub in_flight_max: usize,
    /// How many bytes may wait for the sockets of all these connections.
    pub unsent_bytes_max: usize,
    /// How many commands a pipeline or a transaction may have.
    pub batch_max: usize,
    /// How many connections may be leased at a time, to all nodes together: one for each blocking
    /// command that waits, each [`Dedicated`](crate::Dedicated) and each
    /// [`Watch`](crate::Watch).
    pub leases_max: usize,
    /// How many connections to each node are kept for the next blocking command.
    pub idle_leases_max: usize,
    /// How large a reply may be.
    pub reply: ReplyLimits,
    /// The shortest time between two questions after the cluster's topology, while calls find
    /// their way: however many redirects come, there are no more.
    pub refresh_min: Duration,
    /// The shortest time between two such questions while calls wait for a slot whose owner cannot
    /// be reached: it adds to the time that a failover takes.
    pub refresh_outage: Duration,
    /// The longest time between two such questions, if nothing gives reason for one.
    pub refresh_max: Duration,
    /// How many messages wait for a subscriber before the oldest are dropped.
    pub messages_max: usize,
    /// How many bytes these messages may have; the newest stays, whatever its size.
    pub message_bytes_max: usize,
    /// How long a connection for subscriptions may be silent before it is tried, and then before
    /// it is given up.
    pub silence_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(1),
            connects_per_second: 100,
            connects_burst: 500,
            keepalive: Some(Duration::from_secs(15)),
            unacknowledged_max: Some(Duration::from_secs(2)),
            redirects_max: 5,
            backoff: Backoff::default(),
            pipeline: PipelineLimits::default(),
            in_flight_max: 100_000,
            unsent_bytes_max: 256 << 20,
            batch_max: 10_000,
            leases_max: 256,
            idle_leases_max: 8,
            reply: ReplyLimits::default(),
            refresh_min: Duration::from_millis(500),
            refresh_outage: Duration::from_millis(100),
            refresh_max: Duration::from_secs(60),
            messages_max: 4096,
            message_bytes_max: 16 << 20,
            silence_max: Duration::from_secs(5),
        }
    }
}

impl Limits {
    pub(crate) fn redirect(&self, deadline: Duration) -> RedirectLimits {
        let Self { redirects_max: hops_max, backoff, .. } = *self;
        RedirectLimits { hops_max, deadline, backoff }
    }
}
