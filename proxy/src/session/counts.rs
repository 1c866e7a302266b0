//! What a session counts of its commands.

use std::sync::Arc;

use slotway_protocol::{CommandSpec, Protocol};

use crate::metrics::{Asked, Limit, Outcome, WorkerMetrics};

/// Counts for its worker what one session asks, and what becomes of it.
#[derive(Debug)]
pub(crate) struct Counts {
    metrics: Arc<WorkerMetrics>,
    listener: usize,
    asked: Asked,
    /// How many bytes wait for the client to read.
    waiting: usize,
}

/// Who said it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum By {
    /// A node, or whoever asked one.
    Cluster,
    /// The session itself: an error of its own is a refusal, which no node saw.
    Session,
}

/// A request that waits for its slot to be served, for as long as this lives.
#[derive(Debug)]
pub(crate) struct HeldRequest(Arc<WorkerMetrics>);

impl Counts {
    pub(crate) fn new(metrics: Arc<WorkerMetrics>, listener: usize) -> Self {
        let asked = metrics.ask(None);
        Self { metrics, listener, asked, waiting: 0 }
    }

    /// The next command is this, if that is known.
    #[inline]
    pub(crate) fn ask(&mut self, spec: Option<&CommandSpec>) {
        self.asked = self.metrics.ask(spec);
    }

    /// What was asked last.
    #[inline]
    pub(crate) fn asked(&self) -> Asked {
        self.asked
    }

    /// A command got its reply.
    #[inline]
    pub(crate) fn answered(&self, asked: Asked, reply: &[u8], by: By) {
        let outcome = match (error(reply), by) {
            (None, _) => Outcome::Ok,
            (Some(text), by) => {
                self.metrics.erred(text);
                if by == By::Cluster { Outcome::Error } else { Outcome::Rejected }
            }
        };
        self.metrics.answered(self.listener, asked, outcome);
    }

    /// The command is split into so many.
    pub(crate) fn split(&self, parts: usize) {
        self.metrics.fanout.were(parts);
    }

    /// The client introduced itself.
    pub(crate) fn greeted(&self, protocol: Protocol) {
        if let Some(listener) = self.metrics.listener(self.listener) {
            listener.greeted(protocol);
        }
    }

    /// A bound of the session was met.
    pub(crate) fn limited(&self, limit: Limit) {
        self.metrics.limited(limit);
    }

    /// So many bytes came from the client.
    #[inline]
    pub(crate) fn received(&self, bytes: usize) {
        self.metrics.received_bytes.add(bytes as u64);
    }

    /// So many bytes went to the client.
    #[inline]
    pub(crate) fn sent(&self, bytes: usize) {
        self.metrics.sent_bytes.add(bytes as u64);
    }

    /// So many bytes wait now for the client to read.
    #[inline]
    pub(crate) fn waits(&mut self, bytes: usize) {
        if bytes != self.waiting {
            self.metrics.output_bytes.add(bytes as u64);
            self.metrics.output_bytes.sub(self.waiting as u64);
            self.waiting = bytes;
        }
    }

    /// A request of the session waits.
    pub(crate) fn held(&self) -> HeldRequest {
        self.metrics.held_requests.add(1);
        HeldRequest(self.metrics.clone())
    }
}

impl Drop for Counts {
    fn drop(&mut self) {
        self.waits(0);
    }
}

impl Drop for HeldRequest {
    fn drop(&mut self) {
        self.0.held_requests.sub(1);
    }
}

impl Default for Counts {
    /// For nobody to look at.
    fn default() -> Self {
        Self::new(Arc::new(WorkerMetrics::new(0)), 0)
    }
}

/// The text of an error, on a line or in a bulk.
#[inline]
fn error(reply: &[u8]) -> Option<&[u8]> {
    match reply.first() {
        Some(b'-') => Some(reply),
        Some(b'!') => {
            let text = reply.iter().position(|byte| *byte == b'\n')?;
            reply.get(text + 1..)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_on_a_line_or_in_a_bulk() {
        assert_eq!(error(b"-ERR no\r\n"), Some(&b"-ERR no\r\n"[..]));
        assert_eq!(error(b"!6\r\nERR no\r\n"), Some(&b"ERR no\r\n"[..]));
        assert_eq!(error(b"!6"), None);
        assert_eq!(error(b"$4\r\n-ERR\r\n"), None);
        assert_eq!(error(b""), None);
    }

    #[test]
    fn a_request_is_held_until_its_errand_is_gone() {
        let metrics = Arc::new(WorkerMetrics::new(1));
        let counts = Counts::new(metrics.clone(), 0);
        let held = [counts.held(), counts.held()];
        assert_eq!(metrics.held_requests.read(), 2);
        drop(held);
        assert_eq!(metrics.held_requests.read(), 0);
    }

    #[test]
    fn what_waits_is_what_was_said_last() {
        let metrics = Arc::new(WorkerMetrics::new(1));
        let mut counts = Counts::new(metrics.clone(), 0);
        counts.waits(100);
        counts.waits(30);
        assert_eq!(metrics.output_bytes.read(), 30);
        drop(counts);
        assert_eq!(metrics.output_bytes.read(), 0);
    }
}
