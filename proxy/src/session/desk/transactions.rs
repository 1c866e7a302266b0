//! MULTI, EXEC and WATCH.

use slotway_protocol::CommandFlags;

use super::*;
use crate::own::Wording;

impl Desk {
    pub(super) fn take_in_transaction(
        &mut self,
        command: &Command<'_>,
        plan: &Plan,
        around: &mut Around<'_>,
    ) -> Taken {
        if let Some(text) = forbidden(command, plan, around.world) {
            if let Some(queue) = &mut self.transaction {
                queue.spoil();
            }
            return self.say(&reply::of_bytes(&text));
        }
        match plan {
            // Servers that have no such rule leave the transaction as it is.
            Plan::Answer(SessionCommand::Multi) => {
                self.say(b"-ERR MULTI calls can not be nested\r\n")
            }
            Plan::Pinned { why: Pin::Watch, .. } => {
                self.say(b"-ERR WATCH inside MULTI is not allowed\r\n")
            }
            Plan::Answer(SessionCommand::Discard) => {
                self.transaction = None;
                self.watch = Watch::Nothing;
                self.stand();
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

    pub(super) fn queue(&mut self, command: &Command<'_>, around: &Around<'_>) -> Taken {
        let world = around.world;
        let Some(queue) = &mut self.transaction else { return Taken::NotYet };
        match queue.push(command, &world.table, &world.rules, world.transaction_bytes_max) {
            Queued::Yes => self.say(b"+QUEUED\r\n"),
            Queued::No(text) => self.say(&reply::of_bytes(&text)),
        }
    }

    pub(super) fn exec(&mut self, around: &mut Around<'_>) -> Taken {
        if !self.ring.is_empty() {
            return Taken::NotYet;
        }
        let Some(queue) = self.transaction.take() else { return Taken::NotYet };
        let watch = std::mem::take(&mut self.watch);
        self.stand();
        if queue.is_spoilt() {
            return self.say(b"-EXECABORT Transaction discarded because of previous errors.\r\n");
        }
        match watch {
            Watch::Lost => self.say(WATCH_LOST),
            Watch::On(_, slot) if queue.slot().is_some_and(|other| other != slot) => {
                self.say(WATCH_ELSEWHERE)
            }
            Watch::On(own, slot) => {
                self.note_written(slot, around);
                let sequence = self.hold_up();
                let errand = Errand::exec_watched(sequence, own, queue);
                let engine = around.engines.of(self.me.protocol());
                around.errands.push(errand.once_reached(engine, slot));
                Taken::Yes
            }
            Watch::Nothing if queue.len() == 0 => self.say(b"*0\r\n"),
            Watch::Nothing => {
                if let Some(slot) = queue.slot() {
                    self.note_written(slot, around);
                }
                let sequence = self.hold_up();
                around.errands.push(Errand::exec(
                    sequence,
                    around.engines.of(self.me.protocol()),
                    queue,
                ));
                Taken::Yes
            }
        }
    }

    pub(super) fn watch(
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
            around.engines.of(self.me.protocol()),
            own,
            command,
            slot,
        ));
        Taken::Yes
    }
}

/// What a server says to a command that it lets into no transaction, and by which it spoils one.
fn forbidden(command: &Command<'_>, plan: &Plan, world: &World) -> Option<Vec<u8>> {
    let spec = world.table.lookup(command).ok()?;
    if matches!(plan, Plan::Refused(_)) || !spec.flags().contains(CommandFlags::NO_MULTI) {
        return None;
    }
    Some(match world.own.backend().wording() {
        Wording::Redis70 | Wording::Redis72 | Wording::Valkey8 => {
            b"ERR Command not allowed inside a transaction".to_vec()
        }
        Wording::Valkey9 => {
            format!("ERR Command '{}' not allowed inside a transaction", spec.name()).into()
        }
    })
}
