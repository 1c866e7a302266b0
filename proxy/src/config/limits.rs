//! Every bound of the proxy, with its default.

use std::time::Duration;

use slotway_protocol::RequestLimits;

/// How much the proxy keeps, and how long it waits. What concerns the nodes stands in
/// [`slotway::Limits`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProxyLimits {
    /// How many clients may be connected at a time, to all listeners and workers together.
    pub clients_max: usize,
    /// How large a request may be.
    pub request: RequestLimits,
    /// How many requests of one client may be on their way: with more of them, it is not read from.
    pub pipeline_max: usize,
    /// How many bytes of replies may wait for one client before it is not read from.
    pub output_pause: usize,
    /// How many bytes may wait for one client before it is closed: it does not read.
    pub output_max: usize,
    /// How many bytes of messages may wait for one subscriber before it is closed.
    pub subscriber_output_max: usize,
    /// How many channels and patterns one client may subscribe to.
    pub subscriptions_max: usize,
    /// How long a client may be silent; for ever, if nothing is given. Subscribers, and who waits
    /// for a blocking command, may be.
    pub idle_timeout: Option<Duration>,
    /// How long a client may take to send what stands before its first request: the header of the
    /// PROXY protocol.
    pub handshake_timeout: Duration,
    /// How long requests may take to be answered once the proxy is told to stop.
    pub drain_deadline: Duration,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        Self {
            clients_max: 10_000,
            request: RequestLimits::default(),
            pipeline_max: 1024,
            output_pause: 1 << 20,
            output_max: 256 << 20,
            subscriber_output_max: 32 << 20,
            subscriptions_max: 10_000,
            idle_timeout: None,
            handshake_timeout: Duration::from_secs(5),
            drain_deadline: Duration::from_secs(25),
        }
    }
}
