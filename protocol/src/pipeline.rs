//! What one connection owes, in order.

use std::{collections::VecDeque, num::NonZeroU16, ops::Range};

use crate::Progress;

/// The requests on one connection, from the write buffer to the reply.
///
/// The shell appends the bytes of a unit to its write buffer and [`push`](Self::push)es a ticket
/// for it, tells how many bytes the socket took, and asks with each reply whose it is. A unit is
/// what must stay together: one command, or `ASKING` and its command, or a `MULTI` block, with
/// `ASKING` before it or not. So a unit that was not written whole was not run.
///
/// Tickets are the caller's; nothing is allocated for one once the ring has grown to its size.
#[derive(Debug)]
pub struct Pipeline<T> {
    limits: PipelineLimits,
    units: VecDeque<Unit<T>>,
    /// The number of the unit at the front.
    front: u64,
    /// Bytes appended to the write buffer, ever.
    queued: u64,
    /// Bytes that left the write buffer, ever: they are on their way to the socket.
    taken: u64,
    /// Bytes that the socket took, ever.
    written: u64,
    /// Replies to the front unit that have come.
    replies_seen: u16,
}

/// How much one connection may owe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PipelineLimits {
    /// The most units that may wait for a reply.
    pub units_max: usize,
    /// The most bytes that may wait for the socket.
    pub unsent_max: usize,
}

impl Default for PipelineLimits {
    fn default() -> Self {
        Self { units_max: 10_000, unsent_max: 16 << 20 }
    }
}

/// The name of a unit on its connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnitId(u64);

#[derive(Debug)]
struct Unit<T> {
    /// `None` once nobody wants the replies.
    ticket: Option<T>,
    /// Where its bytes are, counted from the first byte ever queued.
    bytes: Range<u64>,
    /// How many replies it owes; none if it was cut out of the write buffer.
    replies: u16,
}

/// A connection owes as much as it may.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PipelineFull {
    /// [`PipelineLimits::units_max`] are waiting for replies.
    #[error("too many requests wait for a reply of this node")]
    Units,
    /// [`PipelineLimits::unsent_max`] are waiting for the socket.
    #[error("too many bytes wait to be sent to this node")]
    Unsent,
}

/// A reply came that no request asked for. The connection must be closed: from here on no reply
/// could be matched to its request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a reply came before its request was sent")]
pub struct UnexpectedReply;

/// Whose a reply is.
#[derive(Debug, Eq, PartialEq)]
pub enum Answered<T> {
    /// The last, or only, reply of a unit: its ticket is done.
    Last(T),
    /// An earlier reply of a unit: to `ASKING`, to `MULTI`, to a queued command.
    Part {
        /// The unit it belongs to.
        unit: UnitId,
        /// How many replies of the unit came before it.
        index: u16,
    },
    /// Nobody wants it any more.
    Dropped,
}

/// What became of a unit that nobody waits for any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Abandoned {
    /// It had not been sent and never will be: the shell takes these bytes out of its write buffer.
    Cut(Range<usize>),
    /// It may run; its replies will be dropped when they come.
    Ignored,
    /// Its last reply had come already.
    Gone,
}

impl<T> Pipeline<T> {
    /// The pipeline of a new connection.
    pub fn new(limits: PipelineLimits) -> Self {
        Self {
            limits,
            units: VecDeque::new(),
            front: 0,
            queued: 0,
            taken: 0,
            written: 0,
            replies_seen: 0,
        }
    }

    /// Whether a unit of `len` bytes may be pushed now.
    #[inline]
    pub fn admit(&self, len: usize) -> Result<(), PipelineFull> {
        if self.units.len() >= self.limits.units_max {
            return Err(PipelineFull::Units);
        }
        // One unit may always go, however large, or it could never.
        if self.unsent() > 0 && self.unsent().saturating_add(len) > self.limits.unsent_max {
            return Err(PipelineFull::Unsent);
        }
        Ok(())
    }

    /// Enters a unit whose `len` bytes were just appended to the write buffer, and which owes so
    /// many `replies`.
    #[inline]
    pub fn push(&mut self, ticket: T, len: usize, replies: NonZeroU16) -> UnitId {
        let start = self.queued;
        self.queued += len as u64;
        let id = UnitId(self.front + self.units.len() as u64);
        let bytes = start..self.queued;
        self.units.push_back(Unit { ticket: Some(ticket), bytes, replies: replies.get() });
        id
    }

    /// This many more bytes left the front of the write buffer, for whoever writes to the socket.
    /// They can no longer be cut out.
    #[inline]
    pub fn took(&mut self, count: usize) {
        self.taken = self.queued.min(self.taken + count as u64);
    }

    /// The socket took this many more bytes. They left the write buffer with that, if they had not
    /// before.
    #[inline]
    pub fn wrote(&mut self, count: usize) {
        self.written = self.queued.min(self.written + count as u64);
        self.taken = self.taken.max(self.written);
    }

    /// A whole reply came: whose is it? Push messages answer nothing and are not asked about.
    #[inline]
    pub fn answer(&mut self) -> Result<Answered<T>, UnexpectedReply> {
        let id = UnitId(self.front);
        let unit = self.units.front().ok_or(UnexpectedReply)?;
        let index = self.replies_seen;
        let last = index + 1 >= unit.replies;
        // A reply to bytes that are still here would be a reply to something else.
        let sent = if last { unit.bytes.end } else { unit.bytes.start + 1 };
        if self.written < sent {
            return Err(UnexpectedReply);
        }
        if !last {
            self.replies_seen += 1;
            let wanted = unit.ticket.is_some();
            return Ok(if wanted { Answered::Part { unit: id, index } } else { Answered::Dropped });
        }
        let ticket = self.units.pop_front().and_then(|unit| unit.ticket);
        self.front += 1;
        self.replies_seen = 0;
        self.skip_cut();
        Ok(ticket.map_or(Answered::Dropped, Answered::Last))
    }

    /// The ticket of a unit that is still owed its last reply.
    pub fn ticket(&mut self, id: UnitId) -> Option<&mut T> {
        let index = usize::try_from(id.0.checked_sub(self.front)?).ok()?;
        self.units.get_mut(index)?.ticket.as_mut()
    }

    /// Nobody waits for this unit any more. It never shifts the replies of others.
    pub fn abandon(&mut self, id: UnitId) -> Abandoned {
        let index = id.0.checked_sub(self.front).and_then(|index| usize::try_from(index).ok());
        let Some((index, unit)) =
            index.and_then(|index| self.units.get_mut(index).map(|unit| (index, unit)))
        else {
            return Abandoned::Gone;
        };
        if unit.ticket.take().is_none() {
            return Abandoned::Gone;
        }
        if unit.bytes.start < self.taken {
            return Abandoned::Ignored;
        }
        unit.replies = 0;
        let len = unit.bytes.end - unit.bytes.start;
        let start = (unit.bytes.start - self.taken) as usize;
        unit.bytes.end = unit.bytes.start;
        for later in self.units.range_mut(index + 1..) {
            later.bytes.start -= len;
            later.bytes.end -= len;
        }
        self.queued -= len;
        self.skip_cut();
        Abandoned::Cut(start..start + len as usize)
    }

    /// The connection is lost, or was closed: every ticket that is still owed a reply, in order,
    /// with how far its unit had got. `partial_reply` says that a part of the next reply was read.
    pub fn lost(&mut self, partial_reply: bool) -> impl Iterator<Item = (T, Progress)> + '_ {
        let written = self.written;
        let mut begun = partial_reply || self.replies_seen > 0;
        self.front += self.units.len() as u64;
        self.taken = self.queued;
        self.written = self.queued;
        self.replies_seen = 0;
        self.units.drain(..).filter_map(move |unit| {
            let started = std::mem::take(&mut begun);
            let progress = if unit.bytes.start >= written {
                Progress::NotSent
            } else if unit.bytes.end > written {
                Progress::PartlySent
            } else if started && unit.replies == 1 {
                Progress::ReplyStarted
            } else {
                Progress::Sent
            };
            Some((unit.ticket?, progress))
        })
    }

    /// How many units were ever pushed.
    pub fn entered(&self) -> u64 {
        self.front + self.units.len() as u64
    }

    /// How many units wait for a reply.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// How many bytes the socket has not taken yet.
    #[inline]
    pub fn unsent(&self) -> usize {
        (self.queued - self.written) as usize
    }

    /// Steps over units at the front that were cut out and so are owed nothing.
    fn skip_cut(&mut self) {
        while self.units.front().is_some_and(|unit| unit.replies == 0) {
            self.units.pop_front();
            self.front += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: NonZeroU16 = NonZeroU16::MIN;

    fn pipeline(units: &[(char, usize)]) -> Pipeline<char> {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        for &(ticket, len) in units {
            pipeline.push(ticket, len, ONE);
        }
        pipeline
    }

    fn lost(pipeline: &mut Pipeline<char>, partial_reply: bool) -> Vec<(char, Progress)> {
        pipeline.lost(partial_reply).collect()
    }

    #[test]
    fn replies_belong_to_tickets_in_order() {
        let mut pipeline = pipeline(&[('a', 10), ('b', 10)]);
        pipeline.wrote(20);
        assert_eq!(pipeline.answer(), Ok(Answered::Last('a')));
        assert_eq!(pipeline.answer(), Ok(Answered::Last('b')));
        assert_eq!(pipeline.answer(), Err(UnexpectedReply));
    }

    #[test]
    fn a_reply_before_the_request_was_sent_is_no_reply_to_it() {
        let mut pipeline = pipeline(&[('a', 10)]);
        assert_eq!(pipeline.answer(), Err(UnexpectedReply));
        pipeline.wrote(9);
        assert_eq!(pipeline.answer(), Err(UnexpectedReply));
        pipeline.wrote(1);
        assert_eq!(pipeline.answer(), Ok(Answered::Last('a')));
    }

    #[test]
    fn a_unit_ends_with_its_last_reply() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        let asking = pipeline.push('a', 30, NonZeroU16::new(2).unwrap());
        pipeline.push('b', 10, ONE);
        pipeline.wrote(40);
        assert_eq!(pipeline.answer(), Ok(Answered::Part { unit: asking, index: 0 }));
        assert_eq!(pipeline.ticket(asking), Some(&mut 'a'));
        assert_eq!(pipeline.answer(), Ok(Answered::Last('a')));
        assert_eq!(pipeline.ticket(asking), None);
        assert_eq!(pipeline.answer(), Ok(Answered::Last('b')));
    }

    #[test]
    fn a_lost_connection_tells_how_far_each_unit_got() {
        use Progress::{NotSent, PartlySent, ReplyStarted, Sent};
        let units = [('a', 10), ('b', 10), ('c', 10), ('d', 10)];
        let mut one = pipeline(&units);
        one.wrote(25);
        assert_eq!(
            lost(&mut one, false),
            [('a', Sent), ('b', Sent), ('c', PartlySent), ('d', NotSent)]
        );
        let mut two = pipeline(&units[..2]);
        two.wrote(20);
        assert_eq!(lost(&mut two, true), [('a', ReplyStarted), ('b', Sent)]);
        assert_eq!((two.len(), two.unsent()), (0, 0));
    }

    #[test]
    fn an_early_part_of_a_block_does_not_prove_that_the_block_ran() {
        let mut pipeline = Pipeline::new(PipelineLimits::default());
        pipeline.push('m', 30, NonZeroU16::new(3).unwrap());
        pipeline.wrote(30);
        assert!(matches!(pipeline.answer(), Ok(Answered::Part { .. })));
        assert_eq!(lost(&mut pipeline, true), [('m', Progress::Sent)]);
    }

    #[test]
    fn an_abandoned_unit_is_cut_out_or_its_reply_is_dropped() {
        let mut pipeline = pipeline(&[]);
        let [a, b, c] = ['a', 'b', 'c'].map(|ticket| pipeline.push(ticket, 10, ONE));
        pipeline.wrote(12);
        assert_eq!(pipeline.abandon(a), Abandoned::Ignored);
        assert_eq!(pipeline.abandon(a), Abandoned::Gone);
        assert_eq!(pipeline.abandon(b), Abandoned::Ignored);
        assert_eq!(pipeline.abandon(c), Abandoned::Cut(8..18));
        pipeline.push('d', 10, ONE);
        pipeline.wrote(18);
        assert_eq!(pipeline.answer(), Ok(Answered::Dropped));
        assert_eq!(pipeline.answer(), Ok(Answered::Dropped));
        assert_eq!(pipeline.answer(), Ok(Answered::Last('d')));
    }

    #[test]
    fn what_is_on_its_way_to_the_socket_is_not_cut_and_not_yet_sent() {
        let mut pipeline = pipeline(&[]);
        let [a, b] = ['a', 'b'].map(|ticket| pipeline.push(ticket, 10, ONE));
        pipeline.took(10);
        assert_eq!(pipeline.abandon(a), Abandoned::Ignored);
        assert_eq!(pipeline.abandon(b), Abandoned::Cut(0..10));
        let c = pipeline.push('c', 10, ONE);
        pipeline.took(10);
        pipeline.wrote(10);
        assert_eq!(pipeline.answer(), Ok(Answered::Dropped));
        assert_eq!(pipeline.ticket(c), Some(&mut 'c'));
        assert_eq!(lost(&mut pipeline, false), [('c', Progress::NotSent)]);
    }

    #[test]
    fn each_limit_holds_at_its_edge() {
        let limits = PipelineLimits { units_max: 2, unsent_max: 100 };
        let mut pipeline = Pipeline::new(limits);
        assert_eq!(pipeline.admit(1000), Ok(()), "the first may be of any size");
        pipeline.push('a', 60, ONE);
        assert_eq!(pipeline.admit(40), Ok(()));
        assert_eq!(pipeline.admit(41), Err(PipelineFull::Unsent));
        pipeline.push('b', 40, ONE);
        assert_eq!(pipeline.admit(0), Err(PipelineFull::Units));
    }

    proptest! {
        /// Whatever is sent, abandoned and answered in whatever order: each ticket comes back once,
        /// in order, and the bytes that reach the socket are those of the units that were not cut.
        #[test]
        fn every_ticket_comes_back_once_and_in_order(
            steps in proptest::collection::vec((0u8..4, any::<u16>()), 0..200),
        ) {
            let mut pipeline = Pipeline::new(PipelineLimits::default());
            let (mut buffer, mut socket) = (Vec::<u32>::new(), Vec::<u32>::new());
            let (mut ids, mut abandoned, mut cut) = (Vec::new(), Vec::new(), Vec::new());
            let (mut came_back, mut replies) = (Vec::new(), 0usize);
            for (step, pick) in steps {
                match step {
                    0 => {
                        let ticket = ids.len() as u32;
                        let len = usize::from(pick % 7) + 1;
                        buffer.extend(std::iter::repeat_n(ticket, len));
                        ids.push(pipeline.push(ticket, len, ONE));
                    }
                    1 => {
                        let count = usize::from(pick).min(buffer.len());
                        socket.extend(buffer.drain(..count));
                        pipeline.wrote(count);
                    }
                    2 if !ids.is_empty() => {
                        let ticket = usize::from(pick) % ids.len();
                        match pipeline.abandon(ids[ticket]) {
                            Abandoned::Cut(range) => {
                                prop_assert!(buffer.drain(range).all(|t| t == ticket as u32));
                                cut.push(ticket as u32);
                            }
                            Abandoned::Ignored => abandoned.push(ticket as u32),
                            Abandoned::Gone => {}
                        }
                    }
                    _ => match pipeline.answer() {
                        Ok(Answered::Last(ticket)) => came_back.push(ticket),
                        Ok(Answered::Dropped) => replies += 1,
                        Ok(Answered::Part { .. }) => prop_assert!(false, "units owe one reply"),
                        Err(UnexpectedReply) => {}
                    },
                }
            }
            let answered = came_back.len();
            came_back.extend(pipeline.lost(false).map(|(ticket, _)| ticket));
            prop_assert!(came_back.is_sorted());
            let mut all = [came_back, abandoned.clone(), cut.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..ids.len() as u32).collect::<Vec<_>>());
            prop_assert!(replies <= abandoned.len() && answered <= ids.len());
            prop_assert!(socket.iter().all(|ticket| !cut.contains(ticket)));
            prop_assert!(socket.is_sorted());
        }
    }
}
