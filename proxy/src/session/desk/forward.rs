//! Commands that go to the owner of their slot: sent, sent again, and answered.

use super::{scripts::NOSCRIPT, *};

impl Desk {
    /// Puts a command in line at the owner of its slot.
    #[inline]
    pub(super) fn send(
        &mut self,
        bytes: &[u8],
        slot: Slot,
        class: RetryClass,
        around: &mut Around<'_>,
    ) -> Taken {
        let sequence = self.ring.next();
        let what = (slot, class, around.now);
        let earlier = self.earlier(slot, around);
        let muted = self.is_muted();
        if self.order.first_time(slot, sequence, earlier) == Turn::Wait {
            if class != RetryClass::Read {
                self.note_written(slot, around);
            }
            self.ring.enter(bytes, Stage::Waiting, what, muted);
            return Taken::Yes;
        }
        let ticket = Ticket { session: self.key, sequence };
        let deadline = around.now + around.world.deadline;
        let engine = around.engines.of(self.me.protocol());
        match engine.forward(around.ways.of(self.me.protocol()), slot, bytes, ticket, deadline) {
            Some(line) => {
                if class != RetryClass::Read {
                    self.written.note(slot, line);
                }
                self.ring.enter(bytes, Stage::Travelling(line), what, muted);
            }
            None => {
                if class != RetryClass::Read {
                    self.note_written(slot, around);
                }
                self.ring.enter(bytes, Stage::Waiting, what, muted);
                self.again(slot, sequence);
            }
        }
        Taken::Yes
    }

    /// Where the commands for a slot are that were sent before.
    #[inline]
    pub(super) fn earlier(&mut self, slot: Slot, around: &Around<'_>) -> Earlier {
        let engine = around.engines.of(self.me.protocol());
        let epoch = engine.epoch();
        if !self.ring.is_travelling() {
            self.epoch = epoch;
        }
        if self.epoch == epoch {
            return Earlier::InStep;
        }
        let line: Option<Line> = engine.line(around.ways.of(self.me.protocol()), slot);
        self.ring.latest_elsewhere(slot, line).map_or(Earlier::InStep, Earlier::Elsewhere)
    }

    /// A command that was forwarded has ended.
    #[inline]
    pub(crate) fn ended(&mut self, sequence: Sequence, outcome: Outcome<'_>, node: &NodeAddr) {
        let Some(Stage::Travelling(_)) = self.ring.stage(sequence) else { return };
        match (Setback::of(outcome, node), outcome) {
            (None, Outcome::Reply(reply)) if reply.starts_with(NOSCRIPT) => {
                self.unknown_script(sequence, reply);
            }
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

    pub(super) fn again(&mut self, slot: Slot, sequence: Sequence) {
        let travelling = self.ring.travelling_in(slot);
        self.due.extend(self.order.again(slot, sequence, travelling));
    }

    #[inline]
    pub(super) fn finish(&mut self, sequence: Sequence, reply: &[u8]) {
        if !self.order.is_idle()
            && let Some(sent) = self.ring.sent(sequence)
        {
            self.due.extend(self.order.answered(sent.slot, sequence));
        }
        if !self.published.is_empty()
            && let Some(counted) = self.counted(sequence, reply)
        {
            return self.ring.finish(sequence, &counted, &mut self.out);
        }
        self.ring.finish(sequence, reply, &mut self.out);
    }

    /// Sends again what is due.
    pub(crate) fn send_due(&mut self, around: &mut Around<'_>) {
        self.settle(around);
        while let Some(sequence) = self.due.pop() {
            let Some(sent) = self.ring.sent(sequence) else { continue };
            if self.is_unknown_script(sequence) {
                self.send_whole(sequence, &sent, around);
                continue;
            }
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
            let errand = Errand::follow(
                sequence,
                around.engines.of(self.me.protocol()),
                bytes,
                sent,
                setback,
            );
            around.errands.push(errand.holding(self.ring.counts.held()));
        }
    }

    /// Whether a later command may have run that must not come before this one, and what is then
    /// said of this one.
    pub(super) fn overtaken(&self, sequence: Sequence, world: &World) -> Option<Error> {
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
    pub(crate) fn returned(&mut self, done: Return) {
        let Return::Reply { sequence, reply, then } = done else {
            if self.hold == Hold::Paused {
                self.hold = Hold::Nothing;
            }
            return;
        };
        let waited = self.hold == Hold::Waiting(sequence);
        if waited || self.hold == Hold::For(sequence) {
            self.hold = Hold::Nothing;
        }
        let watches = matches!(then, Then::Watch(..) | Then::WatchLost);
        match then {
            Then::Nothing => {}
            Then::Watch(own, slot) => self.watch = Watch::On(own, slot),
            Then::WatchLost => self.watch = Watch::Lost,
            Then::WritesLost => self.written = Written::default(),
        }
        // Where it went in the end is not known.
        self.written.unsettle();
        if waited || watches {
            self.stand();
        }
        self.finish(sequence, &reply);
    }
}
