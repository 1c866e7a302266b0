//! The sessions of one worker, and how replies come to them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::{Mutex, MutexGuard};
use slotway::{
    NodeAddr,
    engine::{Outcome, Sink, Ticket},
};

use tokio::time::Instant;

use crate::{
    ProxyLimits,
    metrics::{Closed, WorkerMetrics},
    own::Identity,
    session::{Counts, Session},
    stream::Egress,
};

/// The most that one read takes: then it is the turn of others.
const READ: usize = 64 << 10;

/// The sessions of one worker. Only its thread comes here, so the lock is never waited for.
#[derive(Debug)]
pub(crate) struct Board {
    floor: Mutex<Floor>,
    metrics: Arc<WorkerMetrics>,
}

#[derive(Debug)]
pub(crate) struct Floor {
    seats: Vec<Seat>,
    free: Vec<u32>,
    /// Who was told something that is to be written.
    touched: Vec<u32>,
    /// What is read lies here until it has been looked at.
    pub(crate) scratch: Box<[u8]>,
}

/// Where a session sits. The generation tells it from those that sat there before.
#[derive(Debug, Default)]
struct Seat {
    generation: u32,
    touched: bool,
    session: Option<Box<Session>>,
}

impl Board {
    pub(crate) fn new(metrics: Arc<WorkerMetrics>) -> Self {
        let floor = Floor {
            seats: Vec::new(),
            free: Vec::new(),
            touched: Vec::new(),
            scratch: vec![0; READ].into(),
        };
        Self { floor: Mutex::new(floor), metrics }
    }

    /// What the sessions count in.
    pub(crate) fn metrics(&self) -> &Arc<WorkerMetrics> {
        &self.metrics
    }

    pub(crate) fn floor(&self) -> MutexGuard<'_, Floor> {
        self.floor.lock()
    }
}

impl Floor {
    /// Seats a new session. Returns its key.
    pub(crate) fn seat(
        &mut self,
        egress: Arc<Egress>,
        limits: ProxyLimits,
        me: (Identity, Counts),
    ) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Seat::default());
            (self.seats.len() - 1) as u32
        });
        let seat = &mut self.seats[index as usize];
        let key = u64::from(seat.generation) << 32 | u64::from(index);
        seat.session = Some(Box::new(Session::new(key, egress, limits, me)));
        key
    }

    /// A session is gone: what comes for it is dropped.
    pub(crate) fn leave(&mut self, key: u64) -> Option<Box<Session>> {
        let index = key as u32;
        let seat = self.seats.get_mut(index as usize)?;
        if u64::from(seat.generation) != key >> 32 {
            return None;
        }
        seat.generation = seat.generation.wrapping_add(1);
        self.free.push(index);
        seat.session.take()
    }

    /// Lets every session end as soon as nothing is owed to it.
    pub(crate) fn dismiss(&mut self) {
        for session in self.seats.iter_mut().filter_map(|seat| seat.session.as_deref_mut()) {
            session.desk.leave(Closed::Drained);
            session.wake();
        }
    }

    /// A session, and the room to read into.
    pub(crate) fn reading(&mut self, key: u64) -> Option<(&mut Session, &mut [u8])> {
        let seat = self.seats.get_mut(key as u32 as usize)?;
        if u64::from(seat.generation) != key >> 32 {
            return None;
        }
        Some((seat.session.as_deref_mut()?, &mut self.scratch))
    }

    #[inline]
    fn tell(&mut self, ticket: Ticket, outcome: Outcome<'_>, node: &NodeAddr) {
        let index = ticket.session as u32;
        let Some(seat) = self.seats.get_mut(index as usize) else { return };
        if u64::from(seat.generation) != ticket.session >> 32 {
            return;
        }
        let Some(session) = &mut seat.session else { return };
        // What goes wrong in one session concerns no other.
        let told = catch_unwind(AssertUnwindSafe(|| {
            session.ended(ticket.sequence, outcome, node);
        }));
        if told.is_err() {
            session.wake();
            seat.session = None;
            return;
        }
        if !seat.touched {
            seat.touched = true;
            self.touched.push(index);
        }
    }

    /// Writes to everybody who was told something: all that came in one read goes out in one write
    /// for each client.
    fn flush(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            let Some(seat) = self.seats.get_mut(index as usize) else { continue };
            seat.touched = false;
            let Some(session) = &mut seat.session else { continue };
            match session.flush() {
                Ok(()) => session.call_task(),
                // The task finds out why, and ends.
                Err(_) => session.wake(),
            }
        }
        self.touched = touched;
    }
}

impl Sink for Board {
    fn take<'a>(&self, node: &NodeAddr, ended: &mut dyn Iterator<Item = (Ticket, Outcome<'a>)>) {
        self.metrics.read_clock(Instant::now());
        let mut floor = self.floor.lock();
        for (ticket, outcome) in ended {
            floor.tell(ticket, outcome, node);
        }
        floor.flush();
    }
}
