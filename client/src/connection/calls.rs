//! The calls that wait for a reply of one connection.

use std::task::Waker;

use bytes::Bytes;
use slotway_protocol::{Delivery, Progress, UnitId};
use tokio::time::Instant;

use crate::engine::Ticket;

/// How a call on a connection ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// This reply came. For a unit that was not run it is the first error in it, which says why.
    Reply(Bytes),
    /// The connection was lost.
    Lost(Progress),
    /// The time was up. The command was taken back, or its reply will be dropped when it comes.
    Late(Delivery),
}

/// Places for waiting calls, used again and again: a call in the steady state allocates nothing
/// here.
#[derive(Debug, Default)]
pub(super) struct Calls {
    places: Vec<Place>,
    free: Vec<u32>,
    waiting: usize,
    /// How many of those that wait are tasks.
    tasks: usize,
}

#[derive(Debug)]
enum Place {
    Free,
    Waiting {
        waiter: Waiter,
        deadline: Instant,
        unit: Option<UnitId>,
        /// The first error among the replies to its unit.
        refused: Option<Bytes>,
    },
    Ended(Ended),
}

/// Who waits for a reply.
#[derive(Debug)]
pub(super) enum Waiter {
    /// A task; none before it has asked for the first time.
    Task(Option<Waker>),
    /// Whoever the connection hands over to all that was forwarded.
    Sink(Ticket),
}

/// Who is to hear that a call has ended.
#[derive(Debug)]
pub(super) enum Told {
    Nobody,
    /// It looks for itself.
    Task(Waker),
    Sink(Ticket, Ended),
}

impl Calls {
    /// Takes a place for a call that has until `deadline`.
    pub(super) fn enter(&mut self, waiter: Waiter, deadline: Instant) -> u32 {
        self.waiting += 1;
        self.tasks += usize::from(matches!(waiter, Waiter::Task(_)));
        let place = Place::Waiting { waiter, deadline, unit: None, refused: None };
        match self.free.pop() {
            Some(index) => {
                self.places[index as usize] = place;
                index
            }
            None => {
                self.places.push(place);
                (self.places.len() - 1) as u32
            }
        }
    }

    /// Notes which unit of the pipeline the call waits for.
    pub(super) fn name(&mut self, index: u32, name: UnitId) {
        if let Some(Place::Waiting { unit, .. }) = self.places.get_mut(index as usize) {
            *unit = Some(name);
        }
    }

    /// Notes a reply to a part of the unit that the call waits for.
    pub(super) fn note(&mut self, index: u32, reply: Bytes) {
        if let Some(Place::Waiting { refused: refused @ None, .. }) =
            self.places.get_mut(index as usize)
            && is_error(&reply)
        {
            *refused = Some(reply);
        }
    }

    /// Ends a call of the sink whose reply has come: its place is free again. None if it is a
    /// task's.
    #[inline]
    pub(super) fn forwarded(&mut self, index: u32) -> Option<Ticket> {
        let place = self.places.get_mut(index as usize)?;
        let Place::Waiting { waiter: Waiter::Sink(ticket), .. } = *place else { return None };
        *place = Place::Free;
        self.free.push(index);
        self.waiting -= 1;
        Some(ticket)
    }

    /// Ends a call with the last reply to its unit. Returns who is to hear of it.
    pub(super) fn answer(&mut self, index: u32, reply: Bytes) -> Told {
        let Some(Place::Waiting { refused, .. }) = self.places.get_mut(index as usize) else {
            return Told::Nobody;
        };
        // EXEC only says that it did not run; the error of a queued command says why.
        let reply = match refused.take() {
            Some(reason) if is_error(&reply) => reason,
            Some(_) | None => reply,
        };
        self.end(index, Ended::Reply(reply))
    }

    /// Ends a call. Returns who is to hear of it.
    pub(super) fn end(&mut self, index: u32, ended: Ended) -> Told {
        if let Some(ticket) = self.forwarded(index) {
            return Told::Sink(ticket, ended);
        }
        let Some(place) = self.places.get_mut(index as usize) else { return Told::Nobody };
        match std::mem::replace(place, Place::Ended(ended)) {
            Place::Waiting { waiter: Waiter::Task(waker), .. } => {
                self.waiting -= 1;
                self.tasks -= 1;
                waker.map_or(Told::Nobody, Told::Task)
            }
            // It had ended before; what it was told first counts.
            other @ (Place::Free | Place::Ended(_) | Place::Waiting { .. }) => {
                *place = other;
                Told::Nobody
            }
        }
    }

    /// How the call ended, if it did, and its place is free again; else `waker` is woken then.
    pub(super) fn take(&mut self, index: u32, waker: &Waker) -> Option<Ended> {
        let place = &mut self.places[index as usize];
        if let Place::Waiting { waiter, .. } = place {
            match waiter {
                Waiter::Task(Some(kept)) => kept.clone_from(waker),
                Waiter::Task(kept @ None) => *kept = Some(waker.clone()),
                Waiter::Sink(_) => {}
            }
            return None;
        }
        match std::mem::replace(place, Place::Free) {
            Place::Ended(ended) => {
                self.free.push(index);
                Some(ended)
            }
            Place::Free | Place::Waiting { .. } => None,
        }
    }

    /// Nobody waits for this call any more. True if it had not ended.
    pub(super) fn leave(&mut self, index: u32) -> bool {
        let place = std::mem::replace(&mut self.places[index as usize], Place::Free);
        self.free.push(index);
        let waited = matches!(place, Place::Waiting { .. });
        self.waiting -= usize::from(waited);
        self.tasks -= usize::from(waited);
        waited
    }

    /// Whether any of those that have not ended is a task.
    pub(super) fn has_tasks(&self) -> bool {
        self.tasks > 0
    }

    /// How many have not ended.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether more than one of them is.
    pub(super) fn several_tasks(&self) -> bool {
        self.tasks > 1
    }

    /// The calls whose time was up before `now`, and the units they wait for.
    pub(super) fn late(&self, now: Instant) -> impl Iterator<Item = (u32, UnitId)> + '_ {
        (0u32..).zip(&self.places).filter_map(move |(index, place)| match place {
            Place::Waiting { deadline, unit: Some(unit), .. } if *deadline <= now => {
                Some((index, *unit))
            }
            Place::Waiting { .. } | Place::Free | Place::Ended(_) => None,
        })
    }
}

fn is_error(reply: &[u8]) -> bool {
    matches!(reply, [b'-' | b'!', ..])
}
