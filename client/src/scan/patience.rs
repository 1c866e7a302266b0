//! How long a page may be waited for.

use std::time::Duration;

use slotway_protocol::{Backoff, GiveUp};
use tokio::time::Instant;

use crate::{Client, Error};

/// The time for one page, from the last success on.
#[derive(Debug)]
pub(super) struct Patience {
    started: Instant,
    whole: Duration,
    backoff: Backoff,
    waits: u32,
}

impl Patience {
    /// As long as a call of this client may take.
    pub(super) fn of(client: &Client) -> Self {
        let backoff = client.cluster.config.limits.backoff;
        Self { started: Instant::now(), whole: client.terms.deadline, backoff, waits: 0 }
    }

    /// When an attempt that begins now has to be answered: at half of the time that is left, so that
    /// another node can still be asked.
    pub(super) fn attempt(&self) -> Instant {
        let left = self.whole.saturating_sub(self.started.elapsed());
        Instant::now() + left / 2
    }

    /// How long to wait before the next attempt; the error of the last one, if the time is up.
    pub(super) fn wait(&mut self, error: Error) -> Result<Duration, Error> {
        let delay = self.backoff.delay(self.waits, fastrand::u64(..));
        self.waits += 1;
        match self.started.elapsed() + delay < self.whole {
            true => Ok(delay),
            false => Err(error),
        }
    }

    /// There was a success: all the time is left.
    pub(super) fn renew(&mut self) {
        (self.started, self.waits) = (Instant::now(), 0);
    }

    /// That no node was the right one all the time.
    pub(super) fn run_out(&self) -> Error {
        Error::GaveUp(GiveUp::Unreachable { waited: self.started.elapsed() })
    }
}
