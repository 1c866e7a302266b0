//! One client's connection: what it sent, what it is owed, and where that is written.

mod counts;
mod desk;
mod errand;
mod queue;
mod ring;

use std::{
    io,
    sync::Arc,
    task::{Context, Poll, Waker},
};

pub(crate) use counts::Counts;
pub(crate) use desk::Around;
use desk::{Desk, Taken};
pub(crate) use errand::{Errand, Return};
use slotway::engine::Outcome;
use slotway_protocol::{NodeAddr, RequestError, RequestScan, RequestScanner, Sequence, Slot};

use crate::{
    ProxyLimits,
    metrics::{Closed, Limit},
    own::{Ask, Identity},
    stream::Egress,
};

/// A session that rests keeps no buffer above this.
const KEPT: usize = 512;

/// The state of one session, in the hands of its worker.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) desk: Desk,
    scanner: RequestScanner,
    /// What was read and not yet looked at.
    unread: Vec<u8>,
    egress: Arc<Egress>,
    /// How much of what is to be written has been.
    written: usize,
    limits: ProxyLimits,
    standing: Standing,
    /// The session's task.
    waker: Option<Waker>,
}

/// What the session's task waits for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Standing {
    /// It does not read, since more is owed than should be.
    paused: bool,
    /// The socket takes no more.
    blocked: bool,
    /// The client will send no more.
    ended: bool,
    stall: Stall,
}

/// Why commands that were read have not been looked at.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Stall {
    #[default]
    No,
    /// The next waits for all that are owed.
    Drain,
    /// As many are owed as may be.
    Depth,
}

/// Why a session ends at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gone {
    /// It is over, for this reason, and everything was written.
    Over(Closed),
    /// The client is no longer there.
    Closed,
    /// The client does not read what it asked for.
    TooSlow,
    /// Somebody had it closed.
    Killed,
    /// The cluster no longer lets the client hear what it listens to.
    Forbidden,
    /// It said nothing for longer than it may.
    Idle,
}

impl Session {
    pub(crate) fn new(
        key: u64,
        egress: Arc<Egress>,
        limits: ProxyLimits,
        (me, counts): (Identity, Counts),
    ) -> Self {
        // Sessions without keys spread over the nodes.
        let home =
            Slot::new((key % u64::from(Slot::COUNT)) as u16).unwrap_or_else(|| Slot::of(b""));
        Self {
            desk: Desk::new(key, home, me, counts),
            scanner: RequestScanner::new(limits.request),
            unread: Vec::new(),
            egress,
            written: 0,
            limits,
            standing: Standing::default(),
            waker: None,
        }
    }

    /// Whether the task should read. If not, it is woken when it should.
    pub(crate) fn wants_bytes(&mut self) -> bool {
        self.standing.paused = self.is_full();
        !self.standing.paused
    }

    fn is_full(&self) -> bool {
        let kept = self.desk.bytes() - self.written;
        // A request that has come in part must be able to come whole.
        let unread = self.unread.len().saturating_sub(self.scanner.wanted());
        self.desk.owed() >= self.limits.pipeline_max
            || kept >= self.limits.output_pause
            || unread >= self.limits.output_pause
    }

    /// Looks at bytes that were read.
    pub(crate) fn feed(&mut self, bytes: &[u8], around: &mut Around<'_>) {
        self.desk.counts().received(bytes.len());
        if !self.unread.is_empty() {
            self.unread.extend_from_slice(bytes);
            return self.look_on(around);
        }
        let taken = self.look(bytes, around);
        self.unread.extend_from_slice(&bytes[taken..]);
    }

    /// Looks at what was read before and could not be taken then.
    pub(crate) fn go_on(&mut self, around: &mut Around<'_>) {
        self.send_due(around);
        if !self.unread.is_empty() && self.standing.stall != Stall::No {
            self.look_on(around);
            // What could not be put in line just now is due too, and nobody else comes to see to it.
            self.send_due(around);
        }
    }

    /// Sends again what is due.
    pub(crate) fn send_due(&mut self, around: &mut Around<'_>) {
        self.desk.send_due(around);
    }

    fn look_on(&mut self, around: &mut Around<'_>) {
        let bytes = std::mem::take(&mut self.unread);
        let taken = self.look(&bytes, around);
        self.unread = bytes;
        self.unread.drain(..taken);
        if self.unread.is_empty() && self.unread.capacity() > KEPT {
            self.unread = Vec::new();
        }
    }

    /// Takes as many commands as may be taken now. Returns how many bytes they were.
    fn look(&mut self, bytes: &[u8], around: &mut Around<'_>) -> usize {
        let mut at = 0;
        self.standing.stall = Stall::No;
        loop {
            // Nothing is left that would have to wait.
            if at == bytes.len() {
                return at;
            }
            if !self.desk.is_open() {
                self.standing.stall = Stall::Drain;
                return at;
            }
            if self.desk.owed() >= self.limits.pipeline_max {
                self.desk.counts().limited(Limit::Pipeline);
                self.standing.stall = Stall::Depth;
                return at;
            }
            match self.scanner.scan(&bytes[at..]) {
                Ok(RequestScan::Command { command, consumed }) => {
                    if self.desk.take(&command, around) == Taken::NotYet {
                        self.standing.stall = Stall::Drain;
                        return at;
                    }
                    at += consumed;
                }
                Ok(RequestScan::Nothing { consumed }) => at += consumed,
                Ok(RequestScan::Partial) => return at,
                Err(error) => {
                    let why = if is_too_long(&error) {
                        self.desk.counts().limited(Limit::Request);
                        Closed::InputLimit
                    } else {
                        Closed::Protocol
                    };
                    self.desk.refuse_all(&format!("ERR {error}"), why);
                    return bytes.len();
                }
            }
        }
    }

    /// Takes what is heard; and, once what the client listens to is arranged, the commands behind
    /// that. Whether there may be more as soon as this has been written.
    pub(crate) fn poll_listening(
        &mut self,
        cx: &mut Context<'_>,
        around: &mut Around<'_>,
    ) -> Result<bool, Gone> {
        loop {
            let arranging = self.desk.is_arranging();
            let out_max = self.written + self.limits.output_pause;
            let output = self.desk.poll_listening(cx, out_max)?;
            if !arranging || self.desk.is_arranging() {
                return Ok(output && !self.standing.blocked);
            }
            self.go_on(around);
        }
    }

    /// A command that was forwarded has ended.
    #[inline]
    pub(crate) fn ended(&mut self, sequence: Sequence, outcome: Outcome<'_>, node: &NodeAddr) {
        self.desk.ended(sequence, outcome, node);
    }

    /// Writes what there is, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Result<(), Gone> {
        while self.written < self.desk.out.len() {
            match self.egress.try_write(&self.desk.out[self.written..]) {
                Ok(0) => return Err(Gone::Closed),
                Ok(count) => {
                    self.desk.counts().sent(count);
                    self.written += count;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.block(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone::Closed),
            }
        }
        self.written = 0;
        self.desk.out.clear();
        self.desk.counts().waits(0);
        self.standing.blocked = false;
        if self.desk.owed() == 0 {
            self.desk.rest(KEPT);
            if self.unread.is_empty() {
                self.scanner.release();
            }
        }
        if self.is_over() { Err(Gone::Over(self.desk.farewell())) } else { Ok(()) }
    }

    fn block(&mut self) -> Result<(), Gone> {
        self.standing.blocked = true;
        let waiting = self.desk.out.len() - self.written;
        if waiting > self.limits.output_max {
            self.desk.counts().limited(Limit::Output);
            return Err(Gone::TooSlow);
        }
        self.desk.counts().waits(waiting);
        // What was written is let go of now and then, not for each write.
        if self.written > waiting {
            self.desk.out.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }

    /// Writes on as soon as the socket takes more.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        loop {
            self.flush()?;
            if !self.standing.blocked {
                return Ok(());
            }
            match self.egress.poll_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(Gone::Closed),
            }
        }
    }

    /// Does what another session, or the operator, asks of this one.
    pub(crate) fn obey(&mut self, ask: Ask) -> Result<(), Gone> {
        match ask {
            Ask::Close => Err(Gone::Killed),
            Ask::Unblock(how) => {
                self.desk.unblock(how);
                Ok(())
            }
        }
    }

    /// The client says that it will send no more.
    pub(crate) fn end(&mut self) -> Result<(), Gone> {
        if self.desk.is_waiting() {
            return Err(Gone::Closed);
        }
        self.standing.ended = true;
        Ok(())
    }

    /// Whether nothing will be said any more.
    fn is_over(&self) -> bool {
        let answered = self.standing.stall == Stall::No && self.desk.is_idle();
        self.desk.is_over() || (self.standing.ended && answered)
    }

    /// Whether the task has something to do that nothing else wakes it for.
    fn needs_task(&self) -> bool {
        self.standing.blocked || self.has_more()
    }

    /// Whether the task could go on at once: what kept it from that is gone.
    pub(crate) fn has_more(&self) -> bool {
        self.desk.has_due()
            || (self.standing.paused && !self.standing.ended && !self.is_full())
            || self.desk.is_open()
                && match self.standing.stall {
                    Stall::No => false,
                    Stall::Drain => self.desk.owed() == 0 && !self.desk.is_arranging(),
                    Stall::Depth => self.desk.owed() <= self.limits.pipeline_max / 2,
                }
    }

    /// Wakes the task if it has something to do.
    pub(crate) fn call_task(&mut self) {
        if self.needs_task() {
            self.wake();
        }
    }

    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Notes whom to wake.
    pub(crate) fn rest(&mut self, cx: &Context<'_>) {
        match &mut self.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }
}

/// Whether a request is only larger than may be.
fn is_too_long(error: &RequestError) -> bool {
    matches!(error, RequestError::InlineTooLong | RequestError::RequestTooLong)
}
