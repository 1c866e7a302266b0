//! What others see of a session, and what they make it wait for.

use super::*;

impl Desk {
    /// Whether a command has to wait until clients may go on.
    pub(super) fn pauses(&mut self, command: &Command<'_>, around: &mut Around<'_>) -> bool {
        let pause = around.world.own.pause();
        let Ok(spec) = around.world.table.lookup(command) else { return false };
        let flags = spec.flags();
        let paused =
            if flags.contains(CommandFlags::WRITE) || flags.contains(CommandFlags::MAY_REPLICATE) {
                Paused::Writes
            } else {
                Paused::All
            };
        // Whoever may end the pause must not wait for that.
        let is_client = command.name().eq_ignore_ascii_case(b"CLIENT");
        let now = || around.world.moment(around.now).run;
        if !pause.has_begun() || is_client || pause.holds(paused, now()).is_none() {
            return false;
        }
        self.hold = Hold::Paused;
        around.errands.push(Errand::pause(around.world.clone(), paused));
        true
    }

    /// Lets others know what this session does.
    pub(super) fn note(&mut self, command: &Command<'_>, around: &Around<'_>) {
        self.noted = around.now;
        let spec = around.world.table.lookup(command);
        let activity = Activity {
            command: spec.map_or_else(|_| String::new(), |spec| spec.name().to_owned()),
            at: around.world.moment(around.now).run,
            commands: self.ring.next() + 1,
            unsent: self.out.len(),
            ..Activity::default()
        };
        self.me.note(activity);
    }

    /// Lets others know what this session is in the middle of.
    pub(super) fn stand(&self) {
        let heard = self.listening.as_ref().map(|listening| listening.counts()).unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.me.stand(Standing {
            queued: self.transaction.as_ref().map(|queue| u32::from(queue.len())),
            watched: u32::from(matches!(self.watch, Watch::On(..))),
            channels: count(heard.channels),
            patterns: count(heard.patterns),
            shard_channels: count(heard.sharded),
            blocked: if self.is_waiting() { Switch::On } else { Switch::Off },
        });
    }
}
