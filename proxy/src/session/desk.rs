//! What becomes of the commands of one session, in their order.

mod answers;
mod forward;
mod listening;
mod replicas;
mod scripts;
mod standing;
mod transactions;

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use slotway::{
    Error,
    engine::{Held, Line, Outcome, Setback, Ticket, Written},
};
use slotway_protocol::{
    Command, CommandFlags, Delivery, Earlier, LoginState, NodeAddr, Pin, Plan, Protocol,
    RetryClass, Sequence, SessionCommand, Slot, SlotOrder, Turn,
};
use tokio::{sync::oneshot, time::Instant};

use super::{
    Gone,
    counts::Counts,
    errand::{Errand, Return, Then},
    queue::{Queue, Queued},
    ring::{Ring, Stage},
};
use crate::{
    engines::{Engines, Ways},
    metrics::Closed,
    own::{self, Activity, Hearing, Identity, Paused, Standing, Switch, Unblock, barred},
    reply,
    subscribe::{Listened, Listening, SubscribeVerb},
    world::World,
};

/// Decides about each command, keeps what is owed in order, and says what the session's task is to
/// see to.
///
/// A command for one slot is put in line at its node at once. Whatever goes to several nodes, or
/// may wait, waits for all before it, and all behind it wait for it: for a client of one server,
/// that is the order in which things happen.
#[derive(Debug)]
pub(crate) struct Desk {
    key: u64,
    me: Identity,
    /// When others were last told what this session does.
    noted: Instant,
    ring: Ring,
    order: SlotOrder,
    /// As of when the oldest command that travels was sent.
    epoch: u64,
    /// Commands whose turn has come to be sent again.
    due: Vec<Sequence>,
    hold: Hold,
    farewell: Closed,
    transaction: Option<Queue>,
    watch: Watch,
    /// Where its writes went, for WAIT.
    written: Written,
    /// Ends the command that waits.
    unblock: Option<oneshot::Sender<Unblock>>,
    listening: Option<Box<Listening>>,
    /// Messages whose replies are due, and how many clients of the proxy are told of them.
    published: VecDeque<(Sequence, usize)>,
    /// Where commands without keys go, so that they stay in their order.
    home: Slot,
    /// Calls of scripts that a node did not know, and what it said.
    unknown: Vec<(Sequence, Vec<u8>)>,
    /// Replies that are to be written.
    pub(crate) out: Vec<u8>,
}

/// How often others are told what a session does.
const NOTED_EVERY: Duration = Duration::from_millis(100);
const WATCH_LOST: &[u8] =
    b"-EXECABORT slotway: the connection that watched keys was lost; DISCARD or UNWATCH, and begin anew\r\n";
const WATCH_ELSEWHERE: &[u8] =
    b"-CROSSSLOT slotway: the watched keys and those of the transaction are in different slots; nothing was \
      executed\r\n";
const WATCHES_ANOTHER: &[u8] =
    b"-CROSSSLOT slotway: this connection watches keys in another slot; keys with the same {tag} share a \
      slot\r\n";

/// Whether the next command may be looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hold {
    Nothing,
    /// All wait for this one.
    For(Sequence),
    /// All wait for this one, and it waits for what others do.
    Waiting(Sequence),
    /// All wait until the clients of the proxy may go on.
    Paused,
    /// There is none: the connection closes when nothing is owed.
    Leaving,
}

/// Which keys are watched.
#[derive(Debug, Default)]
enum Watch {
    #[default]
    Nothing,
    /// Some of this slot, on a connection of the session's own.
    On(Held, Slot),
    /// Some were, and whether they changed since is not known.
    Lost,
}

/// Whether a command was taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Taken {
    Yes,
    /// Not before what is owed has been answered.
    NotYet,
}

/// What a session needs of its worker while it looks at commands.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) world: &'a Arc<World>,
    pub(crate) engines: &'a Engines,
    pub(crate) ways: &'a Ways,
    pub(crate) now: Instant,
    pub(crate) errands: &'a mut Vec<Errand>,
}

impl Desk {
    pub(crate) fn new(key: u64, home: Slot, me: Identity, counts: Counts) -> Self {
        Self {
            key,
            me,
            noted: Instant::now() - NOTED_EVERY,
            ring: Ring::new(counts),
            order: SlotOrder::default(),
            epoch: 0,
            due: Vec::new(),
            hold: Hold::Nothing,
            farewell: Closed::ByClient,
            transaction: None,
            watch: Watch::Nothing,
            written: Written::default(),
            unblock: None,
            listening: None,
            published: VecDeque::new(),
            unknown: Vec::new(),
            home,
            out: Vec::new(),
        }
    }

    /// Whether the next command may be looked at.
    pub(crate) fn is_open(&self) -> bool {
        self.hold == Hold::Nothing
    }

    /// How many commands are owed a reply.
    pub(crate) fn owed(&self) -> usize {
        self.ring.len()
    }

    /// How many bytes it keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.ring.bytes() + self.out.len()
    }

    /// Whether commands wait to be sent again.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Whether the connection is to be closed as soon as all is written.
    pub(crate) fn is_over(&self) -> bool {
        self.hold == Hold::Leaving && self.ring.is_empty()
    }

    /// The client, as others know it.
    pub(crate) fn me(&self) -> &Identity {
        &self.me
    }

    /// What is counted of its commands.
    pub(crate) fn counts(&mut self) -> &mut Counts {
        &mut self.ring.counts
    }

    /// Whether a command waits for what others do.
    pub(crate) fn is_waiting(&self) -> bool {
        let waits = || self.unblock.as_ref().is_some_and(|unblock| !unblock.is_closed());
        matches!(self.hold, Hold::Waiting(_)) || (self.hold == Hold::Leaving && waits())
    }

    /// Whether a client may be silent: it is owed something, or listens.
    pub(crate) fn may_be_silent(&self) -> bool {
        !self.is_idle() || self.me.standing().is_subscribed()
    }

    /// Whether nothing is owed.
    pub(crate) fn is_idle(&self) -> bool {
        self.ring.is_empty() && self.is_open() && !self.is_arranging()
    }

    /// Takes no more commands.
    pub(crate) fn leave(&mut self, why: Closed) {
        self.hold = Hold::Leaving;
        self.farewell = why;
    }

    /// Why the session ends, when it does so by itself.
    pub(crate) fn farewell(&self) -> Closed {
        self.farewell
    }

    /// Answers with an error behind everything that is owed, and takes no more commands.
    pub(crate) fn refuse_all(&mut self, text: &str, why: Closed) {
        self.ring.counts.ask(None);
        self.ring.answer(&reply::of_text(text), false, &mut self.out);
        self.leave(why);
    }

    /// Lets go of what only a session that is owed something needs.
    pub(crate) fn rest(&mut self, keep: usize) {
        self.ring.rest(keep);
        if self.out.is_empty() && self.out.capacity() > keep {
            self.out = Vec::new();
        }
    }

    /// Looks at a command.
    #[inline]
    pub(crate) fn take(&mut self, command: &Command<'_>, around: &mut Around<'_>) -> Taken {
        if around.now >= self.noted + NOTED_EVERY {
            self.note(command, around);
        }
        let (plan, spec) = Plan::and_spec(command, &around.world.table, &around.world.rules);
        self.ring.counts.ask(spec);
        if let Plan::Single { class: RetryClass::Script, .. }
        | Plan::AnyNode { class: RetryClass::Script } = plan
        {
            around.world.scripts.learn(command);
        }
        if let Plan::Single { slot, class } = plan
            && self.is_plain()
            && !around.world.own.pause().has_begun()
        {
            return self.send(command.bytes(), slot, class, around);
        }
        self.take_with_care(command, plan, around)
    }

    /// Whether nothing stands between a command and its node.
    #[inline]
    fn is_plain(&self) -> bool {
        self.transaction.is_none()
            && self.listening.is_none()
            && self.me.login() == LoginState::Done
    }

    fn take_with_care(
        &mut self,
        command: &Command<'_>,
        plan: Plan,
        around: &mut Around<'_>,
    ) -> Taken {
        if !self.is_plain()
            && let Some(text) = barred(command, &self.me, &around.world.own)
        {
            return self.say(&reply::of_bytes(&text));
        }
        if self.pauses(command, around) {
            return Taken::NotYet;
        }
        if self.transaction.is_some() {
            return self.take_in_transaction(command, &plan, around);
        }
        if self.listening.is_some() {
            return self.take_while_listening(command, plan, around);
        }
        self.take_other(command, plan, around)
    }

    fn take_other(&mut self, command: &Command<'_>, plan: Plan, around: &mut Around<'_>) -> Taken {
        match plan {
            Plan::Single { slot, class } => self.send(command.bytes(), slot, class, around),
            // What has no key is about any: it comes after all that was sent before.
            Plan::AnyNode { class } if self.ring.is_all_in(self.home) => {
                self.publish(command, around);
                self.send(command.bytes(), self.home, class, around)
            }
            Plan::Refused(_) if own::is_proxy(command) => self.answer_proxy(command, around),
            Plan::Refused(refusal) => self.say(&reply::of_bytes(&refusal.text(command))),
            Plan::Answer(which) => self.answer(which, command, around),
            Plan::AnyNode { .. }
            | Plan::Split(_)
            | Plan::Broadcast { .. }
            | Plan::Scan(_)
            | Plan::Pinned { .. }
                if !self.ring.is_empty() =>
            {
                Taken::NotYet
            }
            Plan::Pinned { why: Pin::Watch, slot } => self.watch(command, slot, around),
            Plan::Pinned { why: Pin::Subscribe, .. } => self.listen(command, around),
            Plan::Pinned { why: Pin::Wait, .. } => self.wait_for_replicas(command, around),
            Plan::Pinned { slot, .. } => {
                self.note_plan(&plan, around);
                self.wait(command, slot, around)
            }
            Plan::AnyNode { .. } | Plan::Split(_) | Plan::Broadcast { .. } | Plan::Scan(_) => {
                if let Plan::Split(split) = &plan {
                    self.ring.counts.split(split.parts().len());
                }
                self.note_plan(&plan, around);
                around.world.scripts.learn(command);
                let sequence = self.hold_up();
                let engine = around.engines.of(self.me.protocol());
                around.errands.push(Errand::call(sequence, engine, command));
                Taken::Yes
            }
        }
    }

    /// Has a command run that may wait for what others do.
    fn wait(
        &mut self,
        command: &Command<'_>,
        slot: Option<Slot>,
        around: &mut Around<'_>,
    ) -> Taken {
        let sequence = self.hold_up();
        let stop = self.may_be_unblocked(sequence);
        let engine = around.engines.of(self.me.protocol());
        let errand = Errand::wait(sequence, engine, command, (self.me.protocol(), stop));
        around.errands.push(match slot {
            Some(slot) => errand.once_reached(engine, slot),
            None => errand,
        });
        Taken::Yes
    }

    /// All wait for this command, and it waits for what others do. Returns what ends it.
    fn may_be_unblocked(&mut self, sequence: Sequence) -> oneshot::Receiver<Unblock> {
        self.hold = Hold::Waiting(sequence);
        let (unblock, stop) = oneshot::channel();
        self.unblock = Some(unblock);
        self.stand();
        stop
    }

    /// Ends the command that waits, if one does.
    pub(crate) fn unblock(&mut self, how: Unblock) {
        if let Some(unblock) = self.unblock.take() {
            // It may have been answered just now.
            let _ = unblock.send(how);
        }
    }

    /// Enters a command that all others wait for.
    fn hold_up(&mut self) -> Sequence {
        let muted = self.is_muted();
        let sequence = self.ring.enter_away(muted);
        self.hold = Hold::For(sequence);
        sequence
    }

    fn say(&mut self, reply: &[u8]) -> Taken {
        let muted = self.is_muted();
        self.ring.answer(reply, muted, &mut self.out);
        Taken::Yes
    }

    /// Whether the client does not want to hear of the command that was just taken. To be asked once
    /// for each.
    #[inline]
    fn is_muted(&mut self) -> bool {
        self.me.hearing() == Hearing::Muted
    }
}
