//! What a session has done by a future: whatever is more than to put a command in line.

use std::{fmt, pin::Pin, sync::Arc};

use bytes::Bytes;
use slotway::{
    Error,
    engine::{Engine, Held, Setback, Written},
};
use slotway_protocol::{Command, Protocol, Sequence, Slot};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use super::{counts::HeldRequest, queue::Queue, ring::Sent};
use crate::{
    engines::Engines,
    own::{self, Errands, Paused, Unblock},
    reply,
    world::World,
};

/// A command that is being seen to, and its place in the session.
pub(crate) struct Errand {
    future: Pin<Box<dyn Future<Output = Return> + Send>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Return {
    /// A command is answered.
    Reply { sequence: Sequence, reply: Bytes, then: Then },
    /// Commands need not wait any longer.
    Unpaused,
}

/// What a session has beyond the reply when an errand is done.
#[derive(Debug)]
pub(crate) enum Then {
    Nothing,
    /// Keys in this slot are watched on this connection.
    Watch(Held, Slot),
    /// Keys were watched, and no longer are.
    WatchLost,
    /// What was written is not known to be where it was.
    WritesLost,
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Errand").finish_non_exhaustive()
    }
}

impl Errand {
    fn new(
        sequence: Sequence,
        reply: impl Future<Output = Result<Bytes, Error>> + Send + 'static,
    ) -> Self {
        Self::then(sequence, async { (reply.await, Then::Nothing) })
    }

    fn then(
        sequence: Sequence,
        work: impl Future<Output = (Result<Bytes, Error>, Then)> + Send + 'static,
    ) -> Self {
        let future = async move {
            let (reply, then) = work.await;
            let reply = reply.unwrap_or_else(|error| reply::of_error(&error).into());
            Return::Reply { sequence, reply, then }
        };
        Self { future: Box::pin(future) }
    }

    /// The same, and it lets go of `held` when it is over.
    pub(crate) fn holding(self, held: HeldRequest) -> Self {
        let future = self.future;
        let future = async move {
            let done = future.await;
            drop(held);
            done
        };
        Self { future: Box::pin(future) }
    }

    /// What it is, for whoever polls it.
    pub(crate) fn into_future(self) -> Pin<Box<dyn Future<Output = Return> + Send>> {
        self.future
    }

    /// The same, once there is a shared connection to the owner of a slot, if there can be one: by
    /// its loss it is known what became of what is written on others.
    pub(crate) fn once_reached(self, engine: &Engine, slot: Slot) -> Self {
        let engine = engine.clone();
        let future = async move {
            engine.reach(slot).await;
            self.future.await
        };
        Self { future: Box::pin(future) }
    }

    /// A command that goes wherever its plan says.
    pub(crate) fn call(sequence: Sequence, engine: &Engine, command: &Command<'_>) -> Self {
        let (engine, command) = (engine.clone(), command.to_buf());
        Self::new(sequence, async move { engine.call(command.as_command()).await })
    }

    /// A command that may wait for what others do, until it is told to stop.
    pub(crate) fn wait(
        sequence: Sequence,
        engine: &Engine,
        command: &Command<'_>,
        (protocol, stop): (Protocol, oneshot::Receiver<Unblock>),
    ) -> Self {
        let (engine, command) = (engine.clone(), command.to_buf());
        Self::new(sequence, async move {
            let command = command.as_command();
            tokio::select! {
                reply = engine.call(command) => reply,
                Ok(how) = stop => Ok(unblocked(&command, how, protocol)),
            }
        })
    }

    /// WAIT or WAITAOF for what was written, until it is told to stop.
    pub(crate) fn wait_for_replicas(
        sequence: Sequence,
        engines: &Engines,
        written: Written,
        command: &Command<'_>,
        (protocol, stop): (Protocol, oneshot::Receiver<Unblock>),
    ) -> Self {
        let (engines, command) = (engines.clone(), command.to_buf());
        Self::then(sequence, async move {
            let command = command.as_command();
            let reply = async {
                // A node that was lost meanwhile, too, may have been another when it was asked.
                if !engines.keep(&written) {
                    return None;
                }
                let reply = engines.of(protocol).wait(&written, command).await;
                engines.keep(&written).then_some(reply)
            };
            let reply = tokio::select! {
                reply = reply => reply,
                Ok(how) = stop => Some(Ok(unblocked(&command, how, protocol))),
            };
            match reply {
                Some(reply) => (reply, Then::Nothing),
                None => (Ok(Bytes::from_static(reply::WRITES_LOST)), Then::WritesLost),
            }
        })
    }

    /// What the connection answers by itself, once it has asked the cluster.
    pub(crate) fn own(sequence: Sequence, errands: Errands, errand: own::Errand) -> Self {
        Self::new(sequence, async move { errands.run(errand).await.map(Bytes::from) })
    }

    /// Waits for the end of a pause.
    pub(crate) fn pause(world: Arc<World>, paused: Paused) -> Self {
        let future = async move {
            loop {
                let pause = world.own.pause();
                let ended = pause.ended();
                let now = world.moment(Instant::now()).run;
                let Some(until) = pause.holds(paused, now) else { return Return::Unpaused };
                // Either it was ended or its time is up.
                let _ = timeout(until.saturating_sub(now), ended).await;
            }
        };
        Self { future: Box::pin(future) }
    }

    /// A command for one slot that was not answered there, or could not be sent.
    pub(crate) fn follow(
        sequence: Sequence,
        engine: &Engine,
        command: Vec<u8>,
        sent: Sent,
        setback: Option<Setback>,
    ) -> Self {
        let engine = engine.clone();
        Self::new(sequence, async move {
            let Sent { slot, class, started, .. } = sent;
            engine.follow(&command, Some(slot), class, setback, started).await
        })
    }

    /// A whole transaction.
    pub(crate) fn exec(sequence: Sequence, engine: &Engine, queue: Queue) -> Self {
        let engine = engine.clone();
        let (slot, commands) = (queue.slot(), queue.len());
        let block = queue.into_block();
        Self::new(sequence, async move { engine.transaction(&block, commands, slot).await })
    }

    /// A whole transaction, on the connection that watches for it.
    pub(crate) fn exec_watched(sequence: Sequence, own: Held, queue: Queue) -> Self {
        let commands = queue.len();
        let block = queue.into_block();
        Self::new(sequence, async move { own.exec(&block, commands).await })
    }

    /// Watches keys, on the connection that watches others already if there is one.
    pub(crate) fn watch(
        sequence: Sequence,
        engine: &Engine,
        own: Option<Held>,
        command: &Command<'_>,
        slot: Slot,
    ) -> Self {
        let (engine, command) = (engine.clone(), command.to_buf());
        let watched = own.is_some();
        Self::then(sequence, async move {
            match engine.watch(own, command.as_command().bytes(), slot).await {
                Ok((reply, own)) => (Ok(reply), Then::Watch(own, slot)),
                Err(error) if watched => (Err(error), Then::WatchLost),
                Err(error) => (Err(error), Then::Nothing),
            }
        })
    }
}

/// What a server answers a command with that is ended before anything came of it.
fn unblocked(command: &Command<'_>, how: Unblock, protocol: Protocol) -> Bytes {
    let is = |names: &[&[u8]]| names.iter().any(|name| command.name().eq_ignore_ascii_case(name));
    Bytes::from_static(match (how, protocol) {
        (Unblock::Error, _) => b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n",
        (Unblock::Timeout, _) if is(&[b"WAIT"]) => b":0\r\n",
        (Unblock::Timeout, _) if is(&[b"WAITAOF"]) => b"*2\r\n:0\r\n:0\r\n",
        (Unblock::Timeout, Protocol::Resp3) => b"_\r\n",
        (Unblock::Timeout, Protocol::Resp2) if is(&[b"BLMOVE", b"BRPOPLPUSH"]) => b"$-1\r\n",
        (Unblock::Timeout, Protocol::Resp2) => b"*-1\r\n",
    })
}
