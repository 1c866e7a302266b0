//! The task of one session: it reads, and sees to what is not done by whoever has a reply.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::stream::{FuturesUnordered, Stream as _};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    board::Board,
    engines::Engines,
    metrics::Closed,
    own::{Ask, Card},
    session::{Around, Errand, Gone, Return, Session},
    stream::Ingress,
    world::World,
};

type Pending = FuturesUnordered<Pin<Box<dyn Future<Output = Return> + Send>>>;

/// Attends to one session until it ends.
pub(crate) struct Attendant {
    key: u64,
    board: Arc<Board>,
    world: Arc<World>,
    engines: Engines,
    ingress: Ingress,
    errands: Pending,
    /// Errands that were just given.
    given: Vec<Errand>,
    /// What is asked of the session.
    asked: Pin<Box<dyn Future<Output = Ask> + Send>>,
    /// Whether the client has said that it will send no more.
    ended: bool,
    silence: Option<Silence>,
}

/// How long the client has been silent.
struct Silence {
    max: Duration,
    /// When it was heard last.
    heard: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Attendant {
    pub(crate) fn new(
        key: u64,
        board: Arc<Board>,
        world: Arc<World>,
        engines: Engines,
        ingress: Ingress,
        card: Arc<Card>,
    ) -> Self {
        let asked = asked(card);
        let (errands, given) = (Pending::new(), Vec::new());
        let silence = world.limits.idle_timeout.map(Silence::new);
        Self { key, board, world, engines, ingress, errands, given, asked, ended: false, silence }
    }

    /// Attends until the session is over. Returns why it is.
    pub(crate) async fn run(mut self) -> Gone {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Gone> {
        loop {
            let returned = self.poll_errands(cx);
            match self.turn(cx, returned) {
                Err(gone) => return Poll::Ready(gone),
                Ok(()) if self.given.is_empty() => return Poll::Pending,
                Ok(()) => {
                    let given = self.given.drain(..).map(Errand::into_future);
                    self.errands.extend(given);
                }
            }
        }
    }

    /// The errands that are done. Nothing of the board is held meanwhile.
    fn poll_errands(&mut self, cx: &mut Context<'_>) -> Vec<Return> {
        let mut returned = Vec::new();
        while !self.errands.is_empty()
            && let Poll::Ready(Some(done)) = Pin::new(&mut self.errands).poll_next(cx)
        {
            returned.push(done);
        }
        returned
    }

    fn turn(&mut self, cx: &mut Context<'_>, returned: Vec<Return>) -> Result<(), Gone> {
        let board = self.board.clone();
        let mut floor = board.floor();
        let Some((session, scratch)) = floor.reading(self.key) else {
            // A reply to it met a defect.
            return Err(Gone::Over(Closed::Panicked));
        };
        if let Poll::Ready(ask) = self.asked.as_mut().poll(cx) {
            session.obey(ask)?;
            self.asked = asked(session.desk.me().card().clone());
            cx.waker().wake_by_ref();
        }
        let now = Instant::now();
        board.metrics().read_clock(now);
        for done in returned {
            session.desk.returned(done);
        }
        let ways = self.engines.ways();
        let mut around = Around {
            world: &self.world,
            engines: &self.engines,
            ways: &ways,
            now,
            errands: &mut self.given,
        };
        session.go_on(&mut around);
        let silence = self.silence.as_mut();
        self.ended |=
            read(cx, (&mut self.ingress, self.ended, silence), (session, scratch), &mut around)?;
        say_all(session, cx, &mut around)?;
        if let Some(silence) = &mut self.silence {
            silence.poll(cx, now, session.desk.may_be_silent())?;
        }
        session.rest(cx);
        if session.has_more() {
            // What was written just now made room.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

/// Reads what there is, unless that was all. Whether the client has said that it will send no more.
fn read(
    cx: &mut Context<'_>,
    (ingress, ended, mut silence): (&mut Ingress, bool, Option<&mut Silence>),
    (session, scratch): (&mut Session, &mut [u8]),
    around: &mut Around<'_>,
) -> Result<bool, Gone> {
    while !ended && session.wants_bytes() {
        match ingress.poll_read(cx, scratch) {
            Poll::Pending => break,
            Poll::Ready(Err(_)) => return Err(Gone::Closed),
            Poll::Ready(Ok(0)) => {
                session.end()?;
                return Ok(true);
            }
            Poll::Ready(Ok(count)) => {
                silence.iter_mut().for_each(|silence| silence.heard = around.now);
                session.feed(&scratch[..count], around);
                if count == scratch.len() {
                    // Others have their turn first.
                    cx.waker().wake_by_ref();
                    break;
                }
            }
        }
    }
    Ok(false)
}

/// Sends again what is due, and writes what there is to say.
fn say_all(
    session: &mut Session,
    cx: &mut Context<'_>,
    around: &mut Around<'_>,
) -> Result<(), Gone> {
    session.send_due(around);
    loop {
        // Whether there is room for what is heard is only known then.
        session.poll_flush(cx)?;
        if !session.poll_listening(cx, around)? {
            return session.poll_flush(cx);
        }
    }
}

impl Silence {
    fn new(max: Duration) -> Self {
        let heard = Instant::now();
        Self { max, heard, timer: Box::pin(sleep_until(heard + max)) }
    }

    /// Ends a client that was silent for too long, unless it may be.
    fn poll(&mut self, cx: &mut Context<'_>, now: Instant, allowed: bool) -> Result<(), Gone> {
        while self.timer.as_mut().poll(cx).is_ready() {
            if allowed {
                self.heard = now;
            }
            let until = self.heard + self.max;
            if until <= now {
                return Err(Gone::Idle);
            }
            self.timer.as_mut().reset(until);
        }
        Ok(())
    }
}

fn asked(card: Arc<Card>) -> Pin<Box<dyn Future<Output = Ask> + Send>> {
    Box::pin(async move { card.asked().await })
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.board.floor().leave(self.key);
    }
}
