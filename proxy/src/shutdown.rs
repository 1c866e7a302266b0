//! How the proxy ends: what follows from signals, from time, and from the last client's leaving.

use std::time::Duration;

use tokio::time::Instant;

/// How far the end is.
///
/// Whoever runs the proxy tells it what happens, and acts when the state changes: when it becomes
/// [`Draining`](Self::Draining) no more clients are taken, what is in flight is answered, and those that wait or listen are
/// told; when it becomes [`Over`](Self::Over) the process exits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shutdown {
    /// Clients come and go.
    Running,
    /// No more come.
    Draining {
        /// Those that are still here then are cut off.
        until: Instant,
        /// Why.
        since: Signal,
    },
    /// All are gone, or must go.
    Over {
        /// What the process exits with.
        code: u8,
    },
}

/// What asks the proxy to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// SIGTERM: a service manager wants it to end, in its own time.
    Terminate,
    /// SIGINT: a person does. One who says it twice does not want to wait.
    Interrupt,
}

impl Signal {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}

/// The code that tells of an interruption.
pub const INTERRUPTED: u8 = 130;

/// Whoever wants to wait for longer wants to wait for ever.
const DRAIN_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

impl Shutdown {
    /// A signal came; clients get this long to end.
    pub fn handle_signal(self, signal: Signal, now: Instant, drain: Duration) -> Self {
        match (self, signal) {
            (Self::Running, since) => Self::Draining { until: now + drain.min(DRAIN_MAX), since },
            (Self::Draining { since: Signal::Interrupt, .. }, Signal::Interrupt) => {
                Self::Over { code: INTERRUPTED }
            }
            (Self::Draining { until, since: Signal::Terminate }, Signal::Interrupt) => {
                Self::Draining { until, since: Signal::Interrupt }
            }
            (Self::Draining { .. }, Signal::Terminate) | (Self::Over { .. }, _) => self,
        }
    }

    /// So many clients are connected.
    pub fn handle_clients(self, clients: u64) -> Self {
        match self {
            Self::Draining { .. } if clients == 0 => Self::Over { code: 0 },
            Self::Running | Self::Draining { .. } | Self::Over { .. } => self,
        }
    }

    /// It is so late.
    pub fn handle_time(self, now: Instant) -> Self {
        match self {
            Self::Draining { until, .. } if now >= until => Self::Over { code: 0 },
            Self::Running | Self::Draining { .. } | Self::Over { .. } => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(10);

    #[test]
    fn a_signal_drains_until_the_last_client_is_gone() {
        let now = Instant::now();
        let state = Shutdown::Running.handle_clients(0).handle_time(now + DRAIN);
        assert_eq!(state, Shutdown::Running);
        let state = state.handle_signal(Signal::Terminate, now, DRAIN).handle_clients(3);
        let draining = Shutdown::Draining { until: now + DRAIN, since: Signal::Terminate };
        assert_eq!(state, draining);
        assert_eq!(state.handle_clients(0), Shutdown::Over { code: 0 });
    }

    #[test]
    fn a_time_without_end_is_a_long_one() {
        let now = Instant::now();
        let state = Shutdown::Running.handle_signal(Signal::Interrupt, now, Duration::MAX);
        assert_eq!(state.handle_time(now + DRAIN), state);
    }

    #[test]
    fn clients_that_stay_are_cut_off() {
        let now = Instant::now();
        let state = Shutdown::Running.handle_signal(Signal::Interrupt, now, DRAIN);
        assert_eq!(state.handle_time(now + DRAIN / 2), state);
        assert_eq!(state.handle_time(now + DRAIN), Shutdown::Over { code: 0 });
    }

    #[test]
    fn a_second_interrupt_does_not_wait() {
        let now = Instant::now();
        let once = Shutdown::Running.handle_signal(Signal::Interrupt, now, DRAIN);
        let twice = once.handle_signal(Signal::Interrupt, now, DRAIN);
        assert_eq!(twice, Shutdown::Over { code: INTERRUPTED });
        assert_eq!(twice.handle_signal(Signal::Interrupt, now, DRAIN), twice);
    }

    #[test]
    fn a_manager_that_repeats_itself_gains_nothing() {
        let now = Instant::now();
        let state = Shutdown::Running.handle_signal(Signal::Terminate, now, DRAIN);
        let later = now + DRAIN / 2;
        assert_eq!(state.handle_signal(Signal::Terminate, later, DRAIN), state);
        // A person who interrupts what a manager began has still to do it twice.
        let state = state.handle_signal(Signal::Interrupt, later, DRAIN);
        assert_eq!(state, Shutdown::Draining { until: now + DRAIN, since: Signal::Interrupt });
        let state = state.handle_signal(Signal::Interrupt, later, DRAIN);
        assert_eq!(state, Shutdown::Over { code: INTERRUPTED });
    }
}
