//! What all connections of a client may owe together.
//!
//! A connection takes from the client's budget by the grain, ahead of need, and gives back what it
//! does not need when its driver comes to rest. So a call that goes through mostly looks at what
//! its connection holds already, under the lock that it has anyway, and not at what all share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use slotway_protocol::{NodeAddr, PipelineFull};

use crate::{
    Error, Limits,
    stats::{Counted, Counters},
};

/// So many grains make up a budget, unless they would be larger than is of use.
const GRAINS: usize = 4096;
const COMMANDS_MAX: usize = 64;
const BYTES_MAX: usize = 64 << 10;

/// The client as a whole has as much to do as it may.
///
/// Connections hold a little in reserve, so that this may come up to a thousandth of the limit
/// early for each connection that is busy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientFull {
    /// [`Limits::in_flight_max`] commands are on their way.
    #[error(
        "{max} commands of this client wait for a reply, and no more may (Limits::in_flight_max)"
    )]
    InFlight {
        /// How many that is.
        max: usize,
    },
    /// [`Limits::unsent_bytes_max`] bytes wait for sockets.
    #[error(
        "{max} bytes of this client wait to be sent, and no more may (Limits::unsent_bytes_max)"
    )]
    Unsent {
        /// How many that is.
        max: usize,
    },
}

/// Which limit kept a command from being put in line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Full {
    Node(PipelineFull),
    Client(ClientFull),
}

/// What is left for all connections of a client.
#[derive(Debug)]
pub(crate) struct Budget {
    commands: Pool,
    bytes: Pool,
}

/// What one connection holds of it.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    commands: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Pool {
    max: usize,
    grain: usize,
    taken: AtomicUsize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        let commands = Pool::new(limits.in_flight_max, COMMANDS_MAX);
        let bytes = Pool::new(limits.unsent_bytes_max, BYTES_MAX);
        Arc::new(Self { commands, bytes })
    }

    /// What a new connection holds: nothing.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { budget: self.clone(), commands: 0, bytes: 0 }
    }
}

impl Share {
    /// Sees to it that another command fits, beside so many that wait for replies, and `len` more
    /// bytes beside so many that are unsent.
    #[inline]
    pub(crate) fn admit(
        &mut self,
        in_flight: usize,
        unsent: usize,
        len: usize,
    ) -> Result<(), ClientFull> {
        if in_flight >= self.commands || unsent.saturating_add(len) > self.bytes {
            return self.grow(in_flight, unsent, len);
        }
        Ok(())
    }

    /// The same, for what the client itself needs to know to get out of trouble: it is counted, and
    /// let in.
    pub(crate) fn insist(&mut self, in_flight: usize, unsent: usize, len: usize) {
        if self.admit(in_flight, unsent, len).is_ok() {
            return;
        }
        let Self { budget, commands, bytes } = self;
        budget.commands.overdraw(commands, in_flight.saturating_add(1));
        budget.bytes.overdraw(bytes, unsent.saturating_add(len));
    }

    /// Gives back what is not needed for so many commands and bytes.
    #[inline]
    pub(crate) fn settle(&mut self, in_flight: usize, unsent: usize) {
        let Self { budget, commands, bytes } = self;
        budget.commands.settle(commands, in_flight);
        budget.bytes.settle(bytes, unsent);
    }

    #[cold]
    fn grow(&mut self, in_flight: usize, unsent: usize, len: usize) -> Result<(), ClientFull> {
        let Self { budget, commands, bytes } = self;
        let Budget { commands: all_commands, bytes: all_bytes } = &**budget;
        if !all_commands.grow(commands, in_flight.saturating_add(1)) {
            return Err(ClientFull::InFlight { max: all_commands.max });
        }
        let needed = unsent.saturating_add(len);
        // One unit may always go, however large, or it could never.
        if all_bytes.grow(bytes, needed) || unsent == 0 && all_bytes.grow_alone(bytes, needed) {
            return Ok(());
        }
        Err(ClientFull::Unsent { max: all_bytes.max })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.settle(0, 0);
    }
}

impl Pool {
    fn new(max: usize, grain_max: usize) -> Self {
        Self { max, grain: (max / GRAINS).clamp(1, grain_max), taken: AtomicUsize::new(0) }
    }

    /// Makes what is held as much as is needed, and a grain if there is one. False if there is not
    /// as much.
    fn grow(&self, held: &mut usize, needed: usize) -> bool {
        let missing = needed.saturating_sub(*held);
        if missing == 0 {
            return true;
        }
        let wanted = missing.max(self.grain);
        let part = |taken: usize| {
            let free = self.max.saturating_sub(taken);
            (free >= missing).then(|| wanted.min(free))
        };
        let change = |taken| Some(taken + part(taken)?);
        // It only counts: nothing else is read by what it says.
        match self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change) {
            Ok(before) => {
                *held += part(before).unwrap_or_default();
                true
            }
            Err(_) => false,
        }
    }

    /// The same beyond the limit, if nobody else holds anything.
    fn grow_alone(&self, held: &mut usize, needed: usize) -> bool {
        let alone = self.taken.compare_exchange(
            *held,
            needed.max(*held),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if alone.is_ok() {
            *held = needed.max(*held);
        }
        alone.is_ok()
    }

    /// The same whatever others hold.
    fn overdraw(&self, held: &mut usize, needed: usize) {
        let missing = needed.saturating_sub(*held);
        self.taken.fetch_add(missing, Ordering::Relaxed);
        *held += missing;
    }

    #[inline]
    fn settle(&self, held: &mut usize, used: usize) {
        let kept = if used == 0 { 0 } else { used.saturating_add(self.grain) };
        // A grain more or less is not worth the trouble, unless all can go.
        if *held > kept + if used == 0 { 0 } else { self.grain } {
            self.taken.fetch_sub(*held - kept, Ordering::Relaxed);
            *held = kept;
        }
    }
}

impl Full {
    /// That a command for this node was not put in line. It is counted.
    pub(crate) fn error(self, node: &NodeAddr, counters: &Counters) -> Error {
        counters.count(Counted::Overloaded);
        match self {
            Self::Node(source) => Error::Overloaded { node: node.clone(), source },
            Self::Client(full) => Error::ClientFull(full),
        }
    }
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node(full) => full.fmt(f),
            Self::Client(full) => full.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(in_flight_max: usize, unsent_bytes_max: usize) -> Arc<Budget> {
        Budget::new(&Limits { in_flight_max, unsent_bytes_max, ..Limits::default() })
    }

    fn taken(budget: &Budget) -> (usize, usize) {
        let read = |pool: &Pool| pool.taken.load(Ordering::Relaxed);
        (read(&budget.commands), read(&budget.bytes))
    }

    #[test]
    fn connections_have_so_many_commands_together_and_no_more() {
        let budget = budget(3, 1_000);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.admit(0, 0, 10), Ok(()));
        assert_eq!(one.admit(1, 0, 10), Ok(()));
        assert_eq!(other.admit(0, 0, 10), Ok(()));
        assert_eq!(other.admit(1, 0, 10), Err(ClientFull::InFlight { max: 3 }));
        one.settle(1, 0);
        one.settle(0, 0);
        assert_eq!(other.admit(1, 0, 10), Ok(()));
        drop((one, other));
        assert_eq!(taken(&budget), (0, 0));
    }

    #[test]
    fn connections_have_so_many_unsent_bytes_together_and_no_more() {
        let budget = budget(100, 1_000);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.admit(0, 0, 900), Ok(()));
        assert_eq!(other.admit(0, 0, 200), Err(ClientFull::Unsent { max: 1_000 }));
        assert_eq!(other.admit(0, 0, 100), Ok(()));
        assert_eq!(one.admit(1, 900, 1), Err(ClientFull::Unsent { max: 1_000 }));
        one.settle(1, 0);
        assert_eq!(other.admit(1, 100, 900), Ok(()));
    }

    #[test]
    fn what_is_larger_than_all_goes_alone() {
        let budget = budget(100, 1_000);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(other.admit(0, 0, 1), Ok(()));
        assert_eq!(one.admit(0, 0, 5_000), Err(ClientFull::Unsent { max: 1_000 }));
        other.settle(1, 0);
        assert_eq!(one.admit(0, 0, 5_000), Ok(()));
        assert_eq!(other.admit(1, 0, 1), Err(ClientFull::Unsent { max: 1_000 }));
        one.settle(1, 0);
        assert_eq!(other.admit(1, 0, 1), Ok(()));
    }

    #[test]
    fn the_client_can_ask_its_way_out_when_it_is_full() {
        let budget = budget(1, 10);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert_eq!(one.admit(0, 0, 10), Ok(()));
        other.insist(0, 0, 30);
        assert_eq!(taken(&budget), (2, 40));
        assert_eq!(other.admit(1, 30, 1), Err(ClientFull::InFlight { max: 1 }));
        drop((one, other));
        assert_eq!(taken(&budget), (0, 0));
    }

    #[test]
    fn a_busy_connection_rarely_looks_at_what_all_share() {
        let budget = Budget::new(&Limits::default());
        let mut share = budget.share();
        share.admit(0, 0, 100).unwrap();
        let before = taken(&budget);
        assert!(before.0 > 10 && before.1 > 10_000, "{before:?}");
        for in_flight in (1..10).chain((0..10).rev()) {
            share.admit(in_flight, 100 * in_flight, 100).unwrap();
            share.settle(in_flight.max(1), 100);
            assert_eq!(taken(&budget), before);
        }
        share.settle(0, 0);
        assert_eq!(taken(&budget), (0, 0));
    }
}
