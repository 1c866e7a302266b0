//! WAIT and WAITAOF: which writes they are about.

use slotway::engine::Written;

use super::*;

impl Desk {
    /// Notes what a command that goes by itself may write.
    pub(super) fn note_plan(&mut self, plan: &Plan, around: &Around<'_>) {
        match plan {
            Plan::Split(split) if split.class() != RetryClass::Read => {
                for part in split.parts() {
                    self.note_written(part.slot(), around);
                }
            }
            Plan::Broadcast { class, .. } if *class != RetryClass::Read => {
                self.written.note_everywhere();
                self.settle(around);
            }
            Plan::Pinned { slot: Some(slot), .. } => self.note_written(*slot, around),
            _ => {}
        }
    }

    /// Notes a write to this slot that goes by itself.
    pub(super) fn note_written(&mut self, slot: Slot, around: &Around<'_>) {
        let protocol = self.me.protocol();
        let line = around.engines.of(protocol).open_line(around.ways.of(protocol), slot);
        match line {
            Some(line) => self.written.note(slot, line),
            None => self.written.note_slot(slot),
        }
    }

    /// Notes on which connections writes went that went by themselves.
    pub(super) fn settle(&mut self, around: &Around<'_>) {
        if self.written.is_unsettled() {
            let protocol = self.me.protocol();
            around.engines.of(protocol).settle(around.ways.of(protocol), &mut self.written);
        }
    }

    /// Answers WAIT or WAITAOF once replicas have what this session wrote.
    pub(super) fn wait_for_replicas(
        &mut self,
        command: &Command<'_>,
        around: &mut Around<'_>,
    ) -> Taken {
        let sequence = self.hold_up();
        let stop = self.may_be_unblocked(sequence);
        let how = (self.me.protocol(), stop);
        let written: Written = self.written.clone();
        let errand = Errand::wait_for_replicas(sequence, around.engines, written, command, how);
        around.errands.push(errand);
        Taken::Yes
    }
}
