//! `CLIENT PAUSE`: clients wait until a time, or until they are let go.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Whether clients have to wait with their commands.
#[derive(Debug, Default)]
pub struct Pause {
    state: Mutex<State>,
    ended: Notify,
    /// Whether there may be one: nearly always there is none, and nobody has to look.
    begun: AtomicBool,
}

/// Which commands wait.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Paused {
    /// Those that may write.
    #[default]
    Writes,
    /// All.
    All,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    until: Duration,
    paused: Paused,
}

impl Pause {
    /// Makes clients wait until `until`, counted from the start of the proxy. A pause that lasts
    /// longer, or that more commands wait for, stays what it is in that.
    pub fn begin(&self, until: Duration, paused: Paused, now: Duration) {
        let mut state = self.state.lock();
        let old = if state.until > now { *state } else { State::default() };
        *state = State { until: old.until.max(until), paused: old.paused.max(paused) };
        self.begun.store(true, Ordering::Release);
    }

    /// Lets all go.
    pub fn end(&self) {
        *self.state.lock() = State::default();
        self.begun.store(false, Ordering::Release);
        self.ended.notify_waiters();
    }

    /// Whether a pause has begun that nobody ended. It may be over.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Until when a command has to wait, if it has to.
    pub fn holds(&self, command: Paused, now: Duration) -> Option<Duration> {
        let state = *self.state.lock();
        let concerned = state.paused == Paused::All || command == Paused::Writes;
        (concerned && state.until > now).then_some(state.until)
    }

    /// Until when clients wait and which, if they do.
    pub fn state(&self, now: Duration) -> Option<(Duration, Paused)> {
        let state = *self.state.lock();
        (state.until > now).then_some((state.until, state.paused))
    }

    /// Waits until somebody lets all go. Whoever waits for it asks [`holds`](Self::holds) again
    /// after this was made, before it is awaited.
    pub fn ended(&self) -> tokio::sync::futures::Notified<'_> {
        self.ended.notified()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pauses: &[(u64, Paused)], now: u64, writes: Option<u64>, reads: Option<u64>) {
        let pause = Pause::default();
        for &(until, paused) in pauses {
            pause.begin(Duration::from_secs(until), paused, Duration::from_secs(1));
        }
        let now = Duration::from_secs(now);
        assert_eq!(pause.holds(Paused::Writes, now), writes.map(Duration::from_secs));
        assert_eq!(pause.holds(Paused::All, now), reads.map(Duration::from_secs));
    }

    #[test]
    fn a_pause_holds_what_it_is_for_until_its_end() {
        check(&[], 2, None, None);
        check(&[(5, Paused::Writes)], 2, Some(5), None);
        check(&[(5, Paused::All)], 2, Some(5), Some(5));
        check(&[(5, Paused::All)], 5, None, None);
    }

    #[test]
    fn a_second_pause_takes_nothing_from_the_first() {
        check(&[(5, Paused::All), (3, Paused::Writes)], 2, Some(5), Some(5));
        check(&[(3, Paused::Writes), (5, Paused::All)], 2, Some(5), Some(5));
        check(&[(1, Paused::All), (3, Paused::Writes)], 2, Some(3), None);
    }

    #[test]
    fn all_can_be_let_go() {
        let pause = Pause::default();
        pause.begin(Duration::MAX, Paused::All, Duration::ZERO);
        pause.end();
        assert_eq!(pause.holds(Paused::Writes, Duration::ZERO), None);
        assert_eq!(pause.state(Duration::ZERO), None);
    }
}
