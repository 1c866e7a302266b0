//! What the connection answers by itself.

use super::*;
use crate::own::Errands;

impl Desk {
    pub(super) fn answer_own(
        &mut self,
        which: SessionCommand,
        command: &Command<'_>,
        around: &mut Around<'_>,
    ) -> Taken {
        let mut said = Vec::new();
        let now = around.world.moment(around.now);
        let outcome = own::answer(which, command, &mut self.me, &around.world.own, now, &mut said);
        if which == SessionCommand::Hello && !said.starts_with(b"-") {
            self.ring.counts.greeted(self.me.protocol());
        }
        self.answered(&outcome, &said, around)
    }

    pub(super) fn answer_proxy(&mut self, command: &Command<'_>, around: &mut Around<'_>) -> Taken {
        let mut said = Vec::new();
        let now = around.world.moment(around.now);
        let outcome = own::proxy(command, &mut self.me, &around.world.own, now, &mut said);
        self.answered(&outcome, &said, around)
    }

    pub(super) fn answered(
        &mut self,
        outcome: &own::Outcome,
        said: &[u8],
        around: &mut Around<'_>,
    ) -> Taken {
        match outcome {
            own::Outcome::Answered => self.say(said),
            own::Outcome::Farewell => {
                self.say(said);
                self.leave(Closed::Quit);
                Taken::Yes
            }
            own::Outcome::Reset => {
                self.transaction = None;
                self.watch = Watch::Nothing;
                self.listening = None;
                self.say(said)
            }
            own::Outcome::Errand(_) if !self.ring.is_empty() => Taken::NotYet,
            own::Outcome::Errand(errand) => {
                let sequence = self.hold_up();
                let engine = around.engines.of(self.me.protocol());
                let now = around.world.moment(around.now);
                let errands = Errands::of(&self.me, engine.client(), &around.world.own, now);
                around.errands.push(Errand::own(sequence, errands, errand.clone()));
                Taken::Yes
            }
            own::Outcome::Unanswered => Taken::NotYet,
        }
    }

    pub(super) fn answer(
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
                self.stand();
                self.say(b"+OK\r\n")
            }
            SessionCommand::Exec => self.say(b"-ERR EXEC without MULTI\r\n"),
            SessionCommand::Discard => self.say(b"-ERR DISCARD without MULTI\r\n"),
            SessionCommand::Unwatch => {
                self.watch = Watch::Nothing;
                self.stand();
                self.say(b"+OK\r\n")
            }
            SessionCommand::Unsubscribe => self.listen(command, around),
            other => self.answer_own(other, command, around),
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
