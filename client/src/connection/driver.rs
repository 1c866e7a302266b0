//! The task behind a connection: it alone reads and writes the socket.

use std::{
    io,
    ops::Range,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use slotway_protocol::{Answered, ReplyKind, ReplyLimits, ReplyScan, ReplyScanner};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    task::yield_now,
    time::{Instant, Sleep, sleep},
};
use tracing::debug;

use super::{Ended, Life, Shared, State, Told, Tracked};
use crate::{
    Limits,
    engine::{Outcome, Outlet, Ticket},
};

/// How often it is looked for calls whose time is up.
const TICK: Duration = Duration::from_millis(10);
/// The most that one read takes. When it took so much, it is the turn of other connections: a node of a
/// large cluster describes it in a megabyte.
const READ: usize = 32 << 10;
/// The least room that is worth a read.
const READ_MIN: usize = 16 << 10;
/// A write buffer above this is not kept when it has been written.
const WRITE_KEPT: usize = 256 << 10;

pub(super) struct Driver<S> {
    shared: Arc<Shared>,
    stream: S,
    /// What is being written, and how much of it has been.
    writing: Vec<u8>,
    written: usize,
    read: BytesMut,
    scanner: ReplyScanner,
    limits: ReplyLimits,
    tracked: Option<Tracked>,
    outlet: Option<Outlet>,
    /// Where the whole replies are in what was read.
    cuts: Vec<Range<usize>>,
    /// Which of them are for the sink.
    forwarded: Vec<(Ticket, Range<usize>)>,
    ends: Vec<(Ticket, Ended)>,
    wakers: Vec<Waker>,
    tick: Pin<Box<Sleep>>,
    /// Whether the driver has stood back, so that calls to come leave in the same write.
    stood_back: bool,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("nobody needs it")]
    Idle,
    #[error("the node closed it")]
    Eof,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Reply(#[from] slotway_protocol::ReplyError),
    #[error(transparent)]
    Unexpected(#[from] slotway_protocol::UnexpectedReply),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: S,
        limits: &Limits,
        tracked: Option<Tracked>,
        outlet: Option<Outlet>,
    ) -> Self {
        Self {
            shared,
            stream,
            writing: Vec::new(),
            written: 0,
            read: BytesMut::new(),
            scanner: ReplyScanner::new(limits.reply),
            limits: limits.reply,
            tracked,
            outlet,
            cuts: Vec::new(),
            forwarded: Vec::new(),
            ends: Vec::new(),
            wakers: Vec::new(),
            tick: Box::pin(sleep(TICK)),
            stood_back: false,
        }
    }

    pub(super) async fn run(mut self) {
        let end = std::future::poll_fn(|cx| self.poll(cx)).await;
        debug!(%end, "connection ended");
    }

    /// Writes what there is, reads what there is, and looks at the clock.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        if self.stand_back(cx) {
            return Poll::Pending;
        }
        let step = self.poll_write(cx).and_then(|()| self.poll_read(cx)).and_then(|()| {
            self.poll_tick(cx);
            self.rest(cx)
        });
        match step {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    /// Lets other tasks run before it writes, once: a task that sends wakes the driver to run next, and
    /// each command would be a write of its own while others are about to send too. Who is alone does
    /// not wait.
    fn stand_back(&mut self, cx: &Context<'_>) -> bool {
        if self.stood_back {
            self.stood_back = false;
            return false;
        }
        let state = self.shared.state.lock();
        if state.unsent.is_empty()
            || !state.calls.several_tasks()
            || self.written < self.writing.len()
        {
            return false;
        }
        drop(state);
        self.stood_back = true;
        cx.waker().wake_by_ref();
        true
    }

    /// Writes until the socket takes no more, or nothing is left.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            if self.written == self.writing.len() && !self.next_batch() {
                return Ok(());
            }
            let rest = &self.writing[self.written..];
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(0)) => return Err(End::Eof),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.shared.state.lock().pipeline.wrote(count);
                }
                Poll::Ready(Err(error)) => return Err(error.into()),
            }
        }
    }

    /// Takes over what calls have put together meanwhile. False if that is nothing.
    fn next_batch(&mut self) -> bool {
        self.written = 0;
        self.writing.clear();
        if self.writing.capacity() > WRITE_KEPT {
            self.writing = Vec::new();
        }
        let mut state = self.shared.state.lock();
        std::mem::swap(&mut self.writing, &mut state.unsent);
        state.pipeline.took(self.writing.len());
        !self.writing.is_empty()
    }

    /// Reads until the socket has nothing more, or it is the turn of other connections.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        loop {
            // Replies that nobody has taken yet hold the buffer: what is left of it is used first.
            if self.read.capacity() - self.read.len() < READ_MIN {
                self.read.reserve(READ);
            }
            let mut room = (&mut self.read).limit(READ);
            let count = match pin!(self.stream.read_buf(&mut room)).poll(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(count) => count?,
            };
            if count == 0 {
                return Err(End::Eof);
            }
            let scanned = self.cut_replies();
            self.deliver()?;
            scanned?;
            if count == READ {
                // It asks to be woken once the runtime has looked at all sockets.
                let _ = pin!(yield_now()).poll(cx);
                return Ok(());
            }
        }
    }

    /// Finds the whole replies in what was read, and hears the messages between them.
    fn cut_replies(&mut self) -> Result<(), End> {
        let mut at = self.cuts_end();
        while let ReplyScan::Complete(reply) = self.scanner.scan(&self.read[at..])? {
            let cut = at..at + reply.len;
            at = cut.end;
            if reply.kind != ReplyKind::Push {
                self.cuts.push(cut);
                continue;
            }
            if let Some(tracked) = &self.tracked {
                // Before the replies that came with it: none of them is kept that it speaks of.
                tracked.cache.heard(&Bytes::copy_from_slice(&self.read[cut]), &self.limits);
            }
            self.cuts.push(at..at);
        }
        Ok(())
    }

    /// How much of what was read are whole replies.
    fn cuts_end(&self) -> usize {
        self.cuts.last().map_or(0, |cut| cut.end)
    }

    /// Gives the replies to those whose turn it is.
    fn deliver(&mut self) -> Result<(), End> {
        if self.cuts.is_empty() {
            return Ok(());
        }
        let total = self.cuts_end();
        let mut state = self.shared.state.lock();
        // Tasks share the buffer among them; the sink looks at it where it is.
        let shared = state.calls.has_tasks().then(|| self.read.split_to(total).freeze());
        let bytes = shared.as_deref().unwrap_or_else(|| &self.read[..total]);
        let frame = |cut: Range<usize>| match &shared {
            Some(shared) => shared.slice(cut),
            None => Bytes::copy_from_slice(&bytes[cut]),
        };
        let mut unexpected = None;
        for cut in self.cuts.drain(..).filter(|cut| !cut.is_empty()) {
            match state.pipeline.answer() {
                Ok(Answered::Last(place)) => match state.calls.forwarded(place) {
                    Some(ticket) => self.forwarded.push((ticket, cut)),
                    None => {
                        if let Told::Task(waker) = state.calls.answer(place, frame(cut)) {
                            self.wakers.push(waker);
                        }
                    }
                },
                Ok(Answered::Part { unit, .. }) => {
                    if let Some(&mut place) = state.pipeline.ticket(unit) {
                        state.calls.note(place, frame(cut));
                    }
                }
                Ok(Answered::Dropped) => {}
                Err(error) => {
                    unexpected = Some(error);
                    break;
                }
            }
        }
        drop(state);
        if let (Some(outlet), false) = (&self.outlet, self.forwarded.is_empty()) {
            let forwarded = self.forwarded.drain(..);
            outlet.take(&mut forwarded.map(|(ticket, cut)| (ticket, Outcome::Reply(&bytes[cut]))));
        }
        if shared.is_none() {
            self.read.advance(total);
        }
        self.wakers.drain(..).for_each(Waker::wake);
        unexpected.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Ends the calls whose time is up.
    fn poll_tick(&mut self, cx: &mut Context<'_>) {
        loop {
            if self.shared.state.lock().calls.waiting() == 0 {
                return;
            }
            if self.tick.as_mut().poll(cx).is_pending() {
                return;
            }
            let now = Instant::now();
            self.tick.as_mut().reset(now + TICK);
            let mut state = self.shared.state.lock();
            let late: Vec<_> = state.calls.late(now).collect();
            for (place, unit) in late {
                let delivery = state.abandon(unit);
                match state.calls.end(place, Ended::Late(delivery)) {
                    Told::Nobody => {}
                    Told::Task(waker) => self.wakers.push(waker),
                    Told::Sink(ticket, ended) => self.ends.push((ticket, ended)),
                }
            }
            drop(state);
            self.wakers.drain(..).for_each(Waker::wake);
            self.tell_ends();
        }
    }

    /// Says who is to be woken for the next command, unless one has come meanwhile.
    fn rest(&self, cx: &Context<'_>) -> Result<(), End> {
        let mut state = self.shared.state.lock();
        let State { pipeline, share, .. } = &mut *state;
        share.settle(pipeline.len(), pipeline.unsent());
        match state.life {
            Life::Closing if state.pipeline.is_empty() => return Err(End::Idle),
            Life::Aborting | Life::Closed => return Err(End::Idle),
            Life::Closing | Life::Open => {}
        }
        if state.unsent.is_empty() {
            state.driver = Some(cx.waker().clone());
        } else if self.written == self.writing.len() {
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

impl<S> Driver<S> {
    /// Tells the sink of what ended without a reply.
    fn tell_ends(&mut self) {
        if let (Some(outlet), false) = (&self.outlet, self.ends.is_empty()) {
            outlet.take(&mut self.ends.drain(..).filter_map(|(ticket, ended)| match ended {
                Ended::Lost(progress) => Some((ticket, Outcome::Lost(progress))),
                Ended::Late(delivery) => Some((ticket, Outcome::Late(delivery))),
                Ended::Reply(_) => None,
            }));
        }
    }
}

impl<S> Drop for Driver<S> {
    /// However the task ends, also with its runtime: no call waits for ever.
    fn drop(&mut self) {
        let told = self.shared.state.lock().close(!self.read.is_empty());
        for told in told {
            match told {
                Told::Nobody => {}
                Told::Task(waker) => waker.wake(),
                Told::Sink(ticket, ended) => self.ends.push((ticket, ended)),
            }
        }
        self.tell_ends();
    }
}
