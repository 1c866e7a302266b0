//! One connection to a node, shared by all calls.
//!
//! A call puts its bytes into the write buffer under a short lock, takes a place, and waits. One
//! task, the driver, writes whatever has come together, reads, and gives each reply to the call
//! whose turn it is. A call that is dropped leaves its turn behind, so no reply is ever given to
//! another.

mod calls;
mod driver;
#[cfg(test)]
mod tests;

use std::{
    num::NonZeroU16,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

pub(crate) use calls::Ended;
use calls::{Calls, Told, Waiter};
use parking_lot::Mutex;
use slotway_protocol::{Abandoned, Delivery, Pipeline, Progress, UnitId};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use crate::{
    Limits,
    budget::{Full, Share},
    cache::{Cache, ConnectionId},
    engine::{Outlet, Ticket},
};

const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

/// A connection that is ready for commands. When it is dropped, the connection closes as soon as
/// nothing is owed on it.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    tracked: Option<ConnectionId>,
    serial: u64,
}

/// Tells connections apart, whatever became of those before.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// The cache that wants to hear what changes, and the connection's name there. Dropped, it says
/// that nothing will be heard any more.
#[derive(Debug)]
pub(crate) struct Tracked {
    cache: Arc<Cache>,
    id: ConnectionId,
}

impl Tracked {
    pub(crate) fn new(cache: Arc<Cache>) -> Self {
        let id = cache.opened();
        Self { cache, id }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.cache.closed(self.id);
    }
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pipeline: Pipeline<u32>,
    share: Share,
    /// What is to be written next.
    unsent: Vec<u8>,
    calls: Calls,
    /// The driver, while it sleeps and nobody has woken it.
    driver: Option<Waker>,
    life: Life,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Open,
    /// Nobody will send any more.
    Closing,
    /// Nobody wants what it still owes.
    Aborting,
    Closed,
}

/// How a node is addressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// As the owner of a slot.
    Plain,
    /// The same, to learn what the client needs to go on: it is let in even if the client as a whole
    /// owes as much as it may.
    Urgent,
    /// With ASKING before it, in one unit: as the one that a slot is on its way to.
    Asking,
    /// As a replica, over a connection that said READONLY. Never used for the owner: should it
    /// become a replica meanwhile, it would go on answering, with what it last heard.
    Reading,
}

/// What stays together on a connection, and how many replies it is owed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) replies: NonZeroU16,
}

/// One command.
impl<'a, B: AsRef<[u8]> + ?Sized> From<&'a B> for Unit<'a> {
    fn from(bytes: &'a B) -> Self {
        Self { bytes: bytes.as_ref(), replies: NonZeroU16::MIN }
    }
}

/// How much goes over a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) open: bool,
    /// How many units were ever put in line.
    pub(crate) commands: u64,
    pub(crate) in_flight: usize,
    pub(crate) unsent_bytes: usize,
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum NotTaken {
    /// The connection is gone.
    Closed,
    /// It owes as much as it may, or all connections together do.
    Full(Full),
}

impl Connection {
    /// Takes over a stream on which the handshake is done.
    pub(crate) fn start<S>(
        stream: S,
        limits: &Limits,
        tracked: Option<Tracked>,
        share: Share,
        outlet: Option<Outlet>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let state = State {
            pipeline: Pipeline::new(limits.pipeline),
            share,
            unsent: Vec::new(),
            calls: Calls::default(),
            driver: None,
            life: Life::Open,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let id = tracked.as_ref().map(|tracked| tracked.id);
        let driver = driver::Driver::new(shared.clone(), stream, limits, tracked, outlet);
        tokio::spawn(driver.run());
        Self { shared, tracked: id, serial: SERIAL.fetch_add(1, Ordering::Relaxed) }
    }

    /// Puts a command in line whose reply goes to the sink.
    #[inline]
    pub(crate) fn forward(
        &self,
        bytes: &[u8],
        ticket: Ticket,
        deadline: Instant,
    ) -> Result<(), NotTaken> {
        let mut state = self.shared.state.lock();
        state.put([&[], bytes], NonZeroU16::MIN, Waiter::Sink(ticket), Manner::Plain, deadline)?;
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(())
    }

    /// What tells it from every other connection.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// Puts a unit in line. It is on its way when this returns; its last reply is awaited with what
    /// is returned.
    pub(crate) fn send<'a>(
        &self,
        unit: impl Into<Unit<'a>>,
        manner: Manner,
        deadline: Instant,
    ) -> Result<Call, NotTaken> {
        let Unit { bytes, replies } = unit.into();
        let (prefix, replies) = match manner {
            Manner::Plain | Manner::Urgent | Manner::Reading => (&[][..], replies),
            Manner::Asking => (ASKING, replies.saturating_add(1)),
        };
        let mut state = self.shared.state.lock();
        let (place, unit) =
            state.put([prefix, bytes], replies, Waiter::Task(None), manner, deadline)?;
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(Call { shared: Some(self.shared.clone()), place, unit })
    }

    /// Closes it at once, whatever it owes: the server stops waiting on behalf of whoever is gone.
    pub(crate) fn abort(&self) {
        let mut state = self.shared.state.lock();
        if state.life != Life::Closed {
            state.life = Life::Aborting;
        }
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
    }

    /// Its name at the cache, if the server tells what changes on it.
    pub(crate) fn tracked(&self) -> Option<ConnectionId> {
        self.tracked
    }

    /// How much goes over it.
    pub(crate) fn load(&self) -> Load {
        let state = self.shared.state.lock();
        Load {
            open: state.life == Life::Open,
            commands: state.pipeline.entered(),
            in_flight: state.pipeline.len(),
            unsent_bytes: state.pipeline.unsent(),
        }
    }

    /// Whether it is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.state.lock().life != Life::Open
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        if state.life == Life::Open {
            state.life = Life::Closing;
        }
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
    }
}

/// A command that was sent and whose reply is awaited. Dropped, it is taken back if it has not left
/// yet; otherwise its reply is dropped when it comes.
#[derive(Debug)]
#[must_use]
pub(crate) struct Call {
    /// None once it has ended.
    shared: Option<Arc<Shared>>,
    place: u32,
    unit: UnitId,
}

impl Future for Call {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let Some(shared) = &self.shared else { return Poll::Pending };
        let ended = shared.state.lock().calls.take(self.place, cx.waker());
        match ended {
            Some(ended) => {
                self.shared = None;
                Poll::Ready(ended)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some(shared) = &self.shared else { return };
        let mut state = shared.state.lock();
        if state.calls.leave(self.place) {
            state.abandon(self.unit);
        }
    }
}

impl State {
    /// Sees to it that neither this connection nor all of them owe more than they may.
    #[inline]
    fn admit(&mut self, len: usize, manner: Manner) -> Result<(), NotTaken> {
        let Self { pipeline, share, .. } = self;
        pipeline.admit(len).map_err(|full| NotTaken::Full(Full::Node(full)))?;
        if manner == Manner::Urgent {
            share.insist(pipeline.len(), pipeline.unsent(), len);
            return Ok(());
        }
        let admitted = share.admit(pipeline.len(), pipeline.unsent(), len);
        admitted.map_err(|full| NotTaken::Full(Full::Client(full)))
    }

    #[inline]
    fn put(
        &mut self,
        [prefix, bytes]: [&[u8]; 2],
        replies: NonZeroU16,
        waiter: Waiter,
        manner: Manner,
        deadline: Instant,
    ) -> Result<(u32, UnitId), NotTaken> {
        if self.life != Life::Open {
            return Err(NotTaken::Closed);
        }
        let len = prefix.len() + bytes.len();
        self.admit(len, manner)?;
        self.unsent.extend_from_slice(prefix);
        self.unsent.extend_from_slice(bytes);
        let place = self.calls.enter(waiter, deadline);
        let unit = self.pipeline.push(place, len, replies);
        self.calls.name(place, unit);
        Ok((place, unit))
    }

    /// Takes a unit back, or sees to it that its reply is dropped.
    fn abandon(&mut self, unit: UnitId) -> Delivery {
        match self.pipeline.abandon(unit) {
            Abandoned::Cut(range) => {
                self.unsent.drain(range);
                Delivery::NotSent
            }
            Abandoned::Ignored | Abandoned::Gone => Delivery::MaybeSent,
        }
    }

    /// Ends all calls: the connection is gone.
    fn close(&mut self, partial_reply: bool) -> Vec<Told> {
        self.life = Life::Closed;
        self.unsent = Vec::new();
        let lost: Vec<(u32, Progress)> = self.pipeline.lost(partial_reply).collect();
        self.share.settle(0, 0);
        let ends = lost.into_iter();
        ends.map(|(place, progress)| self.calls.end(place, Ended::Lost(progress))).collect()
    }
}
