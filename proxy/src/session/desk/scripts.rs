//! Calls of scripts by their hash, on nodes that do not know them.

use super::{super::ring::Sent, *};

/// How a node says that it does not know a script.
pub(super) const NOSCRIPT: &[u8] = b"-NOSCRIPT ";

impl Desk {
    /// A call was not run, since the node does not know the script. It may be sent whole when what is
    /// on its way for the same slot is back.
    pub(super) fn unknown_script(&mut self, sequence: Sequence, reply: &[u8]) {
        let Some(sent) = self.ring.sent(sequence) else { return };
        self.unknown.push((sequence, reply.to_vec()));
        self.ring.set(sequence, Stage::Waiting);
        self.again(sent.slot, sequence);
    }

    #[inline]
    pub(super) fn is_unknown_script(&self, sequence: Sequence) -> bool {
        self.unknown.iter().any(|(unknown, _)| *unknown == sequence)
    }

    /// Sends the script whole, if it was seen and nothing later has run that should see its effect;
    /// if not, the client hears what the node said.
    pub(super) fn send_whole(&mut self, sequence: Sequence, sent: &Sent, around: &mut Around<'_>) {
        let at = self.unknown.iter().position(|(unknown, _)| *unknown == sequence);
        let Some((_, reply)) = at.map(|at| self.unknown.swap_remove(at)) else { return };
        let request = self.ring.request(sent);
        let mut later = self.ring.later_in(sent.slot, sequence);
        let is_late = later.any(|(stage, other)| {
            !matches!(stage, Stage::Waiting)
                && around.world.share_a_key(request, self.ring.request(&other))
        });
        drop(later);
        match around.world.scripts.whole(request).filter(|_| !is_late) {
            None => self.finish(sequence, &reply),
            Some(whole) => {
                self.ring.set(sequence, Stage::Away);
                let engine = around.engines.of(self.me.protocol());
                let whole = whole.as_command().bytes().to_vec();
                around.errands.push(Errand::follow(sequence, engine, whole, *sent, None));
            }
        }
    }
}
