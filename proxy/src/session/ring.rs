//! What a session owes, in the order in which it was asked.

use std::collections::VecDeque;

use slotway::engine::{Line, Setback};
use slotway_protocol::{RetryClass, Sequence, Slot};
use tokio::time::Instant;

use super::counts::{By, Counts};
use crate::metrics::Asked;

/// So many bytes that nobody needs any more are worth moving the others.
const COMPACT_AT: usize = 64 << 10;

/// The commands of one session that have not been answered to its client.
///
/// Replies leave in the order of the commands. One that comes early is parked; the bytes of a
/// command are kept until its reply has left, in case it has to be sent again. Both lie end to end
/// in one buffer each, so that nothing is allocated for a command in the steady state.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// The number of the first entry.
    front: Sequence,
    entries: VecDeque<Entry>,
    requests: Tape,
    parked: Tape,
    travelling: usize,
    /// Each command is counted when its reply is known.
    pub(crate) counts: Counts,
}

/// A command that is owed a reply.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) stage: Stage,
    /// Nothing is said to the client when it ends.
    pub(crate) muted: bool,
    asked: Asked,
    /// What is needed to send it again; nothing for those that are not sent from here.
    pub(crate) sent: Option<Sent>,
}

/// A command that goes to the owner of its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) slot: Slot,
    pub(crate) class: RetryClass,
    pub(crate) started: Instant,
    request: Span,
}

/// Where a command stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// On its way, on this connection.
    Travelling(Line),
    /// It was not sent, and waits for its turn.
    Waiting,
    /// It came back without an answer, and waits for its turn.
    Back(Setback),
    /// Somebody else sees to it.
    Away,
    /// Answered.
    Done(Span),
}

/// A stretch of a tape.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span {
    start: u64,
    len: usize,
}

/// Bytes end to end.
#[derive(Debug, Default)]
struct Tape {
    bytes: Vec<u8>,
    /// The position of the first byte that is still here.
    start: u64,
    /// How many bytes are no longer needed.
    dead: usize,
}

impl Ring {
    /// Nothing is owed yet.
    pub(crate) fn new(counts: Counts) -> Self {
        Self { counts, ..Self::default() }
    }

    /// Enters a command whose bytes are kept. Returns its number.
    pub(crate) fn enter(
        &mut self,
        request: &[u8],
        stage: Stage,
        (slot, class, started): (Slot, RetryClass, Instant),
        muted: bool,
    ) -> Sequence {
        self.travelling += usize::from(matches!(stage, Stage::Travelling(_)));
        let request = self.requests.push(request);
        let sent = Some(Sent { slot, class, started, request });
        let asked = self.counts.asked();
        self.entries.push_back(Entry { stage, muted, asked, sent });
        self.front + self.entries.len() as u64 - 1
    }

    /// Enters a command that somebody else sees to.
    pub(crate) fn enter_away(&mut self, muted: bool) -> Sequence {
        let asked = self.counts.asked();
        self.entries.push_back(Entry { stage: Stage::Away, muted, asked, sent: None });
        self.front + self.entries.len() as u64 - 1
    }

    /// Enters the reply to a command that is answered at once.
    pub(crate) fn answer(&mut self, reply: &[u8], muted: bool, out: &mut Vec<u8>) {
        let sequence = self.enter_away(muted);
        self.finish_by(By::Session, sequence, reply, out);
    }

    /// The number that the next command gets.
    pub(crate) fn next(&self) -> Sequence {
        self.front + self.entries.len() as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes it keeps.
    pub(crate) fn bytes(&self) -> usize {
        self.requests.bytes.len() + self.parked.bytes.len()
    }

    /// Whether anything is on its way.
    pub(crate) fn is_travelling(&self) -> bool {
        self.travelling > 0
    }

    /// Whether everything that is owed goes to this slot.
    pub(crate) fn is_all_in(&self, slot: Slot) -> bool {
        self.entries.iter().all(|entry| match (&entry.stage, &entry.sent) {
            (Stage::Done(_), _) => true,
            (_, Some(sent)) => sent.slot == slot,
            (_, None) => false,
        })
    }

    pub(crate) fn stage(&self, sequence: Sequence) -> Option<&Stage> {
        Some(&self.entries.get(self.index(sequence)?)?.stage)
    }

    pub(crate) fn sent(&self, sequence: Sequence) -> Option<Sent> {
        self.entries.get(self.index(sequence)?)?.sent
    }

    /// The bytes of a command.
    pub(crate) fn request(&self, sent: &Sent) -> &[u8] {
        self.requests.get(sent.request)
    }

    /// Notes where a command stands now. Returns where it stood.
    pub(crate) fn set(&mut self, sequence: Sequence, stage: Stage) -> Option<Stage> {
        let index = self.index(sequence)?;
        let entry = self.entries.get_mut(index)?;
        let was = std::mem::replace(&mut entry.stage, stage);
        self.travelling -= usize::from(matches!(was, Stage::Travelling(_)));
        self.travelling += usize::from(matches!(entry.stage, Stage::Travelling(_)));
        Some(was)
    }

    /// The commands for a slot that are on their way.
    pub(crate) fn travelling_in(&self, slot: Slot) -> impl Iterator<Item = Sequence> + '_ {
        self.numbered().filter_map(move |(sequence, entry)| match (&entry.stage, &entry.sent) {
            (Stage::Travelling(_), Some(sent)) if sent.slot == slot => Some(sequence),
            _ => None,
        })
    }

    /// The latest command for a slot that is on its way on another connection than this.
    pub(crate) fn latest_elsewhere(&self, slot: Slot, line: Option<Line>) -> Option<Sequence> {
        let mut latest_first = self.numbered().rev();
        latest_first.find_map(|(sequence, entry)| match (&entry.stage, &entry.sent) {
            (Stage::Travelling(on), Some(sent)) if sent.slot == slot && Some(*on) != line => {
                Some(sequence)
            }
            _ => None,
        })
    }

    /// The commands behind this one for the same slot.
    pub(crate) fn later_in(
        &self,
        slot: Slot,
        sequence: Sequence,
    ) -> impl Iterator<Item = (&Stage, Sent)> + '_ {
        let later = self.numbered().skip_while(move |&(other, _)| other <= sequence);
        later.filter_map(move |(_, entry)| {
            let sent = entry.sent.filter(|sent| sent.slot == slot)?;
            Some((&entry.stage, sent))
        })
    }

    /// A command ended with this reply. All replies whose turn it is now go to `out`.
    #[inline]
    pub(crate) fn finish(&mut self, sequence: Sequence, reply: &[u8], out: &mut Vec<u8>) {
        self.finish_by(By::Cluster, sequence, reply, out);
    }

    #[inline]
    fn finish_by(&mut self, by: By, sequence: Sequence, reply: &[u8], out: &mut Vec<u8>) {
        let Some(index) = self.index(sequence) else { return };
        let Some(entry) = self.entries.get_mut(index) else { return };
        self.counts.answered(entry.asked, reply, by);
        self.travelling -= usize::from(matches!(entry.stage, Stage::Travelling(_)));
        let said = if entry.muted { &[][..] } else { reply };
        if index > 0 {
            entry.stage = Stage::Done(self.parked.push(said));
            return;
        }
        out.extend_from_slice(said);
        self.pop();
        while let Some(Entry { stage: Stage::Done(reply), .. }) = self.entries.front() {
            let reply = *reply;
            out.extend_from_slice(self.parked.get(reply));
            self.parked.release(reply);
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(Entry { sent: Some(sent), .. }) = self.entries.pop_front() {
            self.requests.release(sent.request);
            if self.requests.is_mostly_dead() {
                self.requests.drop_front();
            }
        }
        self.front += 1;
        if self.parked.is_mostly_dead() {
            self.repack();
        }
    }

    /// Moves the parked replies together. They come in any order, so what is dead lies between them.
    fn repack(&mut self) {
        let mut packed = Tape::default();
        for entry in &mut self.entries {
            if let Stage::Done(reply) = &mut entry.stage {
                *reply = packed.push(self.parked.get(*reply));
            }
        }
        self.parked = packed;
    }

    /// Lets go of memory that is only needed while something is owed.
    pub(crate) fn rest(&mut self, keep: usize) {
        if self.entries.is_empty() {
            self.requests.rest(keep);
            self.parked.rest(keep);
            if self.entries.capacity() * size_of::<Entry>() > keep {
                self.entries = VecDeque::new();
            }
        }
    }

    fn index(&self, sequence: Sequence) -> Option<usize> {
        usize::try_from(sequence.checked_sub(self.front)?).ok()
    }

    fn numbered(&self) -> impl DoubleEndedIterator<Item = (Sequence, &Entry)> {
        let front = self.front;
        self.entries.iter().enumerate().map(move |(index, entry)| (front + index as u64, entry))
    }
}

impl Tape {
    fn push(&mut self, bytes: &[u8]) -> Span {
        let start = self.start + self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        Span { start, len: bytes.len() }
    }

    fn get(&self, span: Span) -> &[u8] {
        let start = (span.start - self.start) as usize;
        &self.bytes[start..start + span.len]
    }

    /// This stretch is no longer needed.
    fn release(&mut self, span: Span) {
        self.dead += span.len;
        if self.dead == self.bytes.len() {
            self.start += self.dead as u64;
            self.bytes.clear();
            self.dead = 0;
        }
    }

    fn is_mostly_dead(&self) -> bool {
        self.dead > COMPACT_AT && self.dead > self.bytes.len() / 2
    }

    /// Lets go of the dead bytes, where they are all at the front.
    fn drop_front(&mut self) {
        self.bytes.drain(..self.dead);
        self.start += self.dead as u64;
        self.dead = 0;
    }

    fn rest(&mut self, keep: usize) {
        if self.bytes.is_empty() && self.bytes.capacity() > keep {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent() -> (Slot, RetryClass, Instant) {
        (Slot::of(b"a"), RetryClass::Never, Instant::now())
    }

    #[test]
    fn replies_leave_in_the_order_of_the_commands() {
        let (mut ring, mut out) = (Ring::default(), Vec::new());
        let first = ring.enter(b"one", Stage::Waiting, sent(), false);
        let second = ring.enter(b"two", Stage::Waiting, sent(), false);
        ring.answer(b"+3", false, &mut out);
        ring.finish(second, b"+2", &mut out);
        assert!(out.is_empty() && ring.len() == 3);
        assert_eq!(ring.request(&ring.sent(first).unwrap()), b"one");
        ring.finish(first, b"+1", &mut out);
        assert_eq!((out.as_slice(), ring.len(), ring.bytes()), (&b"+1+2+3"[..], 0, 0));
        ring.finish(first, b"late", &mut out);
        assert_eq!(out, b"+1+2+3");
    }

    #[test]
    fn what_is_muted_says_nothing_and_holds_up_the_others_all_the_same() {
        let (mut ring, mut out) = (Ring::default(), Vec::new());
        let muted = ring.enter(b"one", Stage::Waiting, sent(), true);
        ring.answer(b"+2", false, &mut out);
        assert!(out.is_empty());
        ring.finish(muted, b"+1", &mut out);
        assert_eq!(out, b"+2");
    }

    proptest! {
        /// Whatever order the replies come in, and however long that goes on.
        #[test]
        fn nothing_is_lost_and_memory_does_not_grow(
            steps in proptest::collection::vec((any::<bool>(), any::<u16>()), 1..2000),
            size in 1usize..400,
        ) {
            let (mut ring, mut out) = (Ring::default(), Vec::new());
            let mut owed: Vec<Sequence> = Vec::new();
            let reply = |sequence: Sequence| {
                let mut reply = format!("+{sequence}\n").into_bytes();
                reply.resize(reply.len() + size, b'x');
                reply
            };
            for (enter, pick) in steps {
                if (enter && owed.len() < 8) || owed.is_empty() {
                    owed.push(ring.enter(&reply(ring.next()), Stage::Waiting, sent(), false));
                } else {
                    let sequence = owed.remove(usize::from(pick) % owed.len());
                    let kept = ring.request(&ring.sent(sequence).unwrap()).to_vec();
                    prop_assert_eq!(&kept, &reply(sequence));
                    ring.finish(sequence, &reply(sequence), &mut out);
                }
                prop_assert!(ring.bytes() <= 2 * COMPACT_AT + 2000 * 2 * (size + 8));
            }
            owed.reverse();
            for &sequence in &owed {
                ring.finish(sequence, &reply(sequence), &mut out);
            }
            let expected: Vec<u8> = (0..ring.next()).flat_map(reply).collect();
            prop_assert_eq!(out, expected);
            prop_assert_eq!(ring.bytes(), 0);
        }
    }
}
