//! What becomes of the commands of one session, in their order.

use std::task::{Context, Poll};

use slotway::{
    Error,
    engine::{Held, Line, Outcome, Setback, Ticket},
};
use slotway_protocol::{
    Command, Delivery, Earlier, NodeAddr, Pin, Plan, Protocol, RetryClass, Sequence,
    SessionCommand, Slot, SlotOrder, Turn,
};
use tokio::time::Instant;

use super::{
    Gone,
    errand::{Errand, Return, Then},
    queue::{Queue, Queued},
    ring::{Ring, Stage},
};
use crate::{
    engines::{Engines, Ways},
    reply,
    subscribe::{Listened, Listening, SubscribeVerb, refused_to_subscriber},
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
    protocol: Protocol,
    ring: Ring,
    order: SlotOrder,
    /// As of when the oldest command that travels was sent.
    epoch: u64,
    /// Commands whose turn has come to be sent again.
    due: Vec<Sequence>,
    hold: Hold,
    transaction: Option<Queue>,
    watch: Watch,
    listening: Option<Box<Listening>>,
    /// Where commands without keys go, so that they stay in their order.
    home: Slot,
    /// Replies that are to be written.
    pub(crate) out: Vec<u8>,
}

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
    pub(crate) world: &'a World,
    pub(crate) engines: &'a Engines,
    pub(crate) ways: &'a Ways,
    pub(crate) now: Instant,
    pub(crate) errands: &'a mut Vec<Errand>,
}

impl Desk {
    pub(crate) fn new(key: u64, home: Slot) -> Self {
        Self {
            key,
            protocol: Protocol::Resp2,
            ring: Ring::default(),
            order: SlotOrder::default(),
            epoch: 0,
            due: Vec::new(),
            hold: Hold::Nothing,
            transaction: None,
            watch: Watch::Nothing,
            listening: None,
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

    /// Whether a command waits for what others do.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.hold, Hold::Waiting(_))
    }

    /// Whether nothing is owed.
    pub(crate) fn is_idle(&self) -> bool {
        self.ring.is_empty() && self.is_open() && !self.is_arranging()
    }

    /// Takes no more commands.
    pub(crate) fn leave(&mut self) {
        self.hold = Hold::Leaving;
    }

    /// Answers with an error behind everything that is owed, and takes no more commands.
    pub(crate) fn refuse_all(&mut self, text: &str) {
        self.ring.answer(&reply::of_text(text), false, &mut self.out);
        self.leave();
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
        let plan = Plan::of(command, &around.world.table, &around.world.rules);
        if self.transaction.is_some() {
            return self.take_in_transaction(command, &plan, around);
        }
        if self.listening.is_some() {
            return self.take_while_listening(command, plan, around);
        }
        match plan {
            Plan::Single { slot, class } => self.send(command.bytes(), slot, class, around),
            other => self.take_other(command, other, around),
        }
    }

    fn take_other(&mut self, command: &Command<'_>, plan: Plan, around: &mut Around<'_>) -> Taken {
        match plan {
            Plan::Single { slot, class } => self.send(command.bytes(), slot, class, around),
            // What has no key is about any: it comes after all that was sent before.
            Plan::AnyNode { class } if self.ring.is_all_in(self.home) => {
                self.send(command.bytes(), self.home, class, around)
            }
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
            Plan::AnyNode { .. }
            | Plan::Split(_)
            | Plan::Broadcast { .. }
            | Plan::Scan(_)
            | Plan::Pinned { .. } => {
                let sequence = self.hold_up();
                if let Plan::Pinned { .. } = plan {
                    self.hold = Hold::Waiting(sequence);
                }
                around.errands.push(Errand::call(
                    sequence,
                    around.engines.of(self.protocol),
                    command,
                ));
                Taken::Yes
            }
        }
    }

    /// Enters a command that all others wait for.
    fn hold_up(&mut self) -> Sequence {
        let sequence = self.ring.enter_away(false);
        self.hold = Hold::For(sequence);
        sequence
    }

    fn say(&mut self, reply: &[u8]) -> Taken {
        self.ring.answer(reply, false, &mut self.out);
        Taken::Yes
    }

    fn answer(
        &mut self,
        which: SessionCommand,
        command: &Command<'_>,
        around: &mut Around<'_>,
    ) -> Taken {
        if changes_what_follows(which) && !self.ring.is_empty() {
            return Taken::NotYet;
        }
        match which {
            SessionCommand::Multi => {
                self.transaction = Some(Queue::default());
                self.say(b"+OK\r\n")
            }
            SessionCommand::Exec => self.say(b"-ERR EXEC without MULTI\r\n"),
            SessionCommand::Discard => self.say(b"-ERR DISCARD without MULTI\r\n"),
            SessionCommand::Unwatch => {
                self.watch = Watch::Nothing;
                self.say(b"+OK\r\n")
            }
            SessionCommand::Unsubscribe => self.listen(command, around),
            other => self.answer_own(other, command, around),
        }
    }

    /// Puts a command in line at the owner of its slot.
    #[inline]
    fn send(
        &mut self,
        bytes: &[u8],
        slot: Slot,
        class: RetryClass,
        around: &mut Around<'_>,
    ) -> Taken {
        let sequence = self.ring.next();
        let what = (slot, class, around.now);
        let earlier = self.earlier(slot, around);
        if self.order.first_time(slot, sequence, earlier) == Turn::Wait {
            self.ring.enter(bytes, Stage::Waiting, what, false);
            return Taken::Yes;
        }
        let ticket = Ticket { session: self.key, sequence };
        let deadline = around.now + around.world.deadline;
        let engine = around.engines.of(self.protocol);
        match engine.forward(around.ways.of(self.protocol), slot, bytes, ticket, deadline) {
            Some(line) => {
                self.ring.enter(bytes, Stage::Travelling(line), what, false);
            }
            None => {
                self.ring.enter(bytes, Stage::Waiting, what, false);
                self.again(slot, sequence);
            }
        }
        Taken::Yes
    }

    /// Where the commands for a slot are that were sent before.
    #[inline]
    fn earlier(&mut self, slot: Slot, around: &Around<'_>) -> Earlier {
        let engine = around.engines.of(self.protocol);
        let epoch = engine.epoch();
        if !self.ring.is_travelling() {
            self.epoch = epoch;
        }
        if self.epoch == epoch {
            return Earlier::InStep;
        }
        let line: Option<Line> = engine.line(around.ways.of(self.protocol), slot);
        self.ring.latest_elsewhere(slot, line).map_or(Earlier::InStep, Earlier::Elsewhere)
    }

    /// A command that was forwarded has ended.
    #[inline]
    pub(crate) fn ended(&mut self, sequence: Sequence, outcome: Outcome<'_>, node: &NodeAddr) {
        let Some(Stage::Travelling(_)) = self.ring.stage(sequence) else { return };
        match (Setback::of(outcome, node), outcome) {
            (None, Outcome::Reply(reply)) => self.finish(sequence, reply),
            (Some(setback), _) => {
                self.ring.set(sequence, Stage::Back(setback));
                if let Some(sent) = self.ring.sent(sequence) {
                    self.again(sent.slot, sequence);
                }
            }
            (None, _) => {}
        }
    }

    fn again(&mut self, slot: Slot, sequence: Sequence) {
        let travelling = self.ring.travelling_in(slot);
        self.due.extend(self.order.again(slot, sequence, travelling));
    }

    #[inline]
    fn finish(&mut self, sequence: Sequence, reply: &[u8]) {
        if !self.order.is_idle()
            && let Some(sent) = self.ring.sent(sequence)
        {
            self.due.extend(self.order.answered(sent.slot, sequence));
        }
        self.ring.finish(sequence, reply, &mut self.out);
    }

    /// Sends again what is due.
    pub(crate) fn send_due(&mut self, around: &mut Around<'_>) {
        while let Some(sequence) = self.due.pop() {
            let Some(sent) = self.ring.sent(sequence) else { continue };
            if let Some(error) = self.overtaken(sequence, around.world) {
                self.finish(sequence, &reply::of_error(&error));
                continue;
            }
            let setback = match self.ring.set(sequence, Stage::Away) {
                Some(Stage::Back(setback)) => Some(setback),
                Some(Stage::Waiting) => None,
                // Somebody else sees to it already.
                Some(other) => {
                    self.ring.set(sequence, other);
                    continue;
                }
                None => continue,
            };
            let bytes = self.ring.request(&sent).to_vec();
            around.errands.push(Errand::follow(
                sequence,
                around.engines.of(self.protocol),
                bytes,
                sent,
                setback,
            ));
        }
    }

    /// Whether a later command may have run that must not come before this one, and what is then
    /// said of this one.
    fn overtaken(&self, sequence: Sequence, world: &World) -> Option<Error> {
        let Some(Stage::Back(setback)) = self.ring.stage(sequence) else { return None };
        let sent = self.ring.sent(sequence)?;
        let request = self.ring.request(&sent);
        let overtakes = self.ring.later_in(sent.slot, sequence).any(|(stage, other)| {
            let ran = match stage {
                Stage::Done(_) | Stage::Away => true,
                Stage::Back(other_setback) => {
                    other.class != RetryClass::Read
                        && other_setback.delivery(other.class) == Delivery::MaybeSent
                }
                Stage::Travelling(_) | Stage::Waiting => false,
            };
            ran && (sent.class, other.class) != (RetryClass::Read, RetryClass::Read)
                && world.share_a_key(request, self.ring.request(&other))
        });
        if !overtakes {
            return None;
        }
        let may_have_run =
            sent.class != RetryClass::Read && setback.delivery(sent.class) == Delivery::MaybeSent;
        Some(if may_have_run {
            Error::Unknown { node: setback.node().clone() }
        } else {
            Error::Overtaken
        })
    }

    /// An errand is done.
    pub(crate) fn returned(&mut self, Return { sequence, reply, then }: Return) {
        if matches!(self.hold, Hold::For(held) | Hold::Waiting(held) if held == sequence) {
            self.hold = Hold::Nothing;
        }
        match then {
            Then::Nothing => {}
            Then::Watch(own, slot) => self.watch = Watch::On(own, slot),
            Then::WatchLost => self.watch = Watch::Lost,
        }
        self.finish(sequence, &reply);
    }
}

impl Desk {
    fn answer_own(
        &mut self,
        which: SessionCommand,
        command: &Command<'_>,
        _around: &mut Around<'_>,
    ) -> Taken {
        match which {
            SessionCommand::Ping => self.say(b"+PONG\r\n"),
            SessionCommand::Hello if command.arg(1) == Some(b"3") => {
                self.protocol = Protocol::Resp3;
                self.say(b"%1\r\n+server\r\n+redis\r\n")
            }
            SessionCommand::Quit => {
                self.say(b"+OK\r\n");
                self.leave();
                Taken::Yes
            }
            _ => self.say(b"-ERR later\r\n"),
        }
    }
}

/// Whether a command of the connection itself is only answered once all before it are.
fn changes_what_follows(which: SessionCommand) -> bool {
    !matches!(
        which,
        SessionCommand::Ping
            | SessionCommand::Echo
            | SessionCommand::Time
            | SessionCommand::Multi
            | SessionCommand::Command
    )
}

/// Subscriptions.
impl Desk {
    /// Puts what is heard, and what is answered of it, behind what was said before. Whether there was
    /// anything.
    pub(crate) fn poll_listening(
        &mut self,
        cx: &mut Context<'_>,
        out_max: usize,
    ) -> Result<bool, Gone> {
        let Some(listening) = &mut self.listening else { return Ok(false) };
        // Other replies were asked for before.
        if !self.ring.is_empty() && listening.is_busy() {
            return Ok(false);
        }
        match listening.poll_output(cx, self.protocol, &mut self.out, out_max) {
            Poll::Pending => Ok(false),
            Poll::Ready(Listened::Output) => Ok(true),
            Poll::Ready(Listened::Overrun { .. }) => Err(Gone::TooSlow),
            Poll::Ready(Listened::Forbidden { .. }) => Err(Gone::Forbidden),
        }
    }

    /// Whether what the client listens to is still being arranged.
    pub(crate) fn is_arranging(&self) -> bool {
        self.listening.as_ref().is_some_and(|listening| listening.is_busy())
    }

    fn take_while_listening(
        &mut self,
        command: &Command<'_>,
        plan: Plan,
        around: &mut Around<'_>,
    ) -> Taken {
        let Some(listening) = &self.listening else { return Taken::NotYet };
        if SubscribeVerb::of(command).is_none() {
            if listening.is_busy() {
                return Taken::NotYet;
            }
            if listening.is_subscribed()
                && let Ok(spec) = around.world.table.lookup(command)
                && let Some(error) = refused_to_subscriber(spec, self.protocol)
            {
                return self.say(&error);
            }
        }
        self.take_other(command, plan, around)
    }

    fn listen(&mut self, command: &Command<'_>, around: &Around<'_>) -> Taken {
        let Some(verb) = SubscribeVerb::of(command) else { return Taken::NotYet };
        if !self.ring.is_empty() {
            return Taken::NotYet;
        }
        let listening = self.listening.get_or_insert_with(|| {
            let client = around.engines.of(Protocol::Resp3).client().clone();
            let max = around.world.limits.subscriptions_max;
            Box::new(Listening::new(client, max, reply::of_error))
        });
        listening.request(verb, command);
        Taken::Yes
    }
}

/// Transactions.
impl Desk {
    fn take_in_transaction(
        &mut self,
        command: &Command<'_>,
        plan: &Plan,
        around: &mut Around<'_>,
    ) -> Taken {
        match plan {
            Plan::Answer(SessionCommand::Multi) => {
                self.say(b"-ERR MULTI calls can not be nested\r\n")
            }
            Plan::Pinned { why: Pin::Watch, .. } => {
                self.say(b"-ERR WATCH inside MULTI is not allowed\r\n")
            }
            Plan::Answer(SessionCommand::Discard) => {
                self.transaction = None;
                self.watch = Watch::Nothing;
                self.say(b"+OK\r\n")
            }
            Plan::Answer(SessionCommand::Exec) => self.exec(around),
            Plan::Answer(SessionCommand::Quit | SessionCommand::Reset) => {
                self.transaction = None;
                self.take_other(command, plan.clone(), around)
            }
            Plan::Answer(_)
            | Plan::Single { .. }
            | Plan::AnyNode { .. }
            | Plan::Split(_)
            | Plan::Broadcast { .. }
            | Plan::Scan(_)
            | Plan::Pinned { .. }
            | Plan::Refused(_) => self.queue(command, around),
        }
    }

    fn queue(&mut self, command: &Command<'_>, around: &Around<'_>) -> Taken {
        let world = around.world;
        let Some(queue) = &mut self.transaction else { return Taken::NotYet };
        match queue.push(command, &world.table, &world.rules, world.transaction_bytes_max) {
            Queued::Yes => self.say(b"+QUEUED\r\n"),
            Queued::No(text) => self.say(&reply::of_bytes(&text)),
        }
    }

    fn exec(&mut self, around: &mut Around<'_>) -> Taken {
        if !self.ring.is_empty() {
            return Taken::NotYet;
        }
        let Some(queue) = self.transaction.take() else { return Taken::NotYet };
        let watch = std::mem::take(&mut self.watch);
        if queue.is_spoilt() {
            return self.say(b"-EXECABORT Transaction discarded because of previous errors.\r\n");
        }
        match watch {
            Watch::Lost => self.say(WATCH_LOST),
            Watch::On(_, slot) if queue.slot().is_some_and(|other| other != slot) => {
                self.say(WATCH_ELSEWHERE)
            }
            Watch::On(own, _) => {
                let sequence = self.hold_up();
                around.errands.push(Errand::exec_watched(sequence, own, queue));
                Taken::Yes
            }
            Watch::Nothing if queue.len() == 0 => self.say(b"*0\r\n"),
            Watch::Nothing => {
                let sequence = self.hold_up();
                around.errands.push(Errand::exec(
                    sequence,
                    around.engines.of(self.protocol),
                    queue,
                ));
                Taken::Yes
            }
        }
    }

    fn watch(
        &mut self,
        command: &Command<'_>,
        slot: Option<Slot>,
        around: &mut Around<'_>,
    ) -> Taken {
        let own = match (std::mem::take(&mut self.watch), slot) {
            (watch @ Watch::Lost, _) => {
                self.watch = watch;
                return self.say(WATCH_LOST);
            }
            (watch, None) => {
                self.watch = watch;
                return self.say(b"-ERR wrong number of arguments for 'watch' command\r\n");
            }
            (Watch::On(own, watched), Some(slot)) if watched != slot => {
                self.watch = Watch::On(own, watched);
                return self.say(WATCHES_ANOTHER);
            }
            (Watch::On(own, _), Some(_)) => Some(own),
            (Watch::Nothing, Some(_)) => None,
        };
        let Some(slot) = slot else { return Taken::NotYet };
        let sequence = self.hold_up();
        around.errands.push(Errand::watch(
            sequence,
            around.engines.of(self.protocol),
            own,
            command,
            slot,
        ));
        Taken::Yes
    }
}
