//! What one subscriber has yet to read, and how its topics stand.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use parking_lot::Mutex;
use slotway_protocol::{Channel, Published};
use tokio::sync::Notify;

use super::{Event, Message};
use crate::{Error, Limits};

/// What a message takes besides its bytes, roughly.
const OVERHEAD: usize = 128;

/// The bounded buffer between the connections and one subscriber.
///
/// When it is full, the oldest goes: whoever is too slow at least learns what is true now, and is
/// told how much it missed before it reads on.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Rung when a topic is confirmed or refused.
    settled: Notify,
    messages_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Item>,
    bytes: usize,
    /// So many messages went that stood before the first in the queue.
    missed: u64,
    /// The last of the marks that went with them.
    mark: Option<Mark>,
    /// As many as there were topics, at most.
    refused: VecDeque<(Channel, Error)>,
    topics: HashMap<Channel, Standing>,
    /// How many of them are broken.
    broken: usize,
    reader: Option<Waker>,
}

#[derive(Debug)]
enum Item {
    Message(Message, usize),
    Mark(Mark),
}

/// An event without a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mark {
    Interrupted,
    Resubscribed,
}

/// How a topic stands for this subscriber.
#[derive(Clone, Debug)]
enum Standing {
    /// It was asked for and never confirmed.
    Waiting,
    /// All its messages come.
    Whole,
    /// It was whole, and is no more.
    Broken,
    /// It was refused before it was ever confirmed.
    Refused(Error),
}

impl Inbox {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            state: Mutex::default(),
            settled: Notify::new(),
            messages_max: limits.messages_max.max(1),
            bytes_max: limits.message_bytes_max,
        }
    }

    /// Takes a topic in that is not confirmed yet. False if it is there already.
    pub(super) fn add(&self, topic: &Channel) -> bool {
        let mut state = self.state.lock();
        let new = !state.topics.contains_key(topic);
        if new {
            state.topics.insert(topic.clone(), Standing::Waiting);
        }
        new
    }

    /// Forgets a topic. Its messages that have come already stay.
    pub(super) fn remove(&self, topic: &Channel) {
        let mut state = self.state.lock();
        if let Some(Standing::Broken) = state.topics.remove(topic) {
            state.heal();
            self.trim(&mut state);
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// All that it has.
    pub(super) fn topics(&self) -> Vec<Channel> {
        self.state.lock().topics.keys().cloned().collect()
    }

    /// From here on, all messages of the topic come.
    pub(super) fn whole(&self, topic: &Channel) {
        let mut state = self.state.lock();
        let Some(standing) = state.topics.get_mut(topic) else { return };
        if let Standing::Broken = std::mem::replace(standing, Standing::Whole) {
            state.heal();
        }
        self.tell(state);
        self.settled.notify_waiters();
    }

    /// From here on, messages of the topic may be missing.
    pub(super) fn broken(&self, topic: &Channel) {
        let mut state = self.state.lock();
        let Some(standing @ Standing::Whole) = state.topics.get_mut(topic) else { return };
        *standing = Standing::Broken;
        state.broken += 1;
        if state.broken == 1 {
            state.queue.push_back(Item::Mark(Mark::Interrupted));
        }
        self.tell(state);
    }

    /// The server will have nothing to do with the topic.
    pub(super) fn refused(&self, topic: &Channel, error: &Error) {
        let mut state = self.state.lock();
        let Some(standing) = state.topics.get_mut(topic) else { return };
        if let Standing::Waiting = standing {
            *standing = Standing::Refused(error.clone());
        } else {
            if let Some(Standing::Broken) = state.topics.remove(topic) {
                state.heal();
            }
            state.refused.push_back((topic.clone(), error.clone()));
        }
        self.tell(state);
        self.settled.notify_waiters();
    }

    /// Puts a message at the end, at the cost of the oldest if there is no room.
    pub(super) fn push(&self, published: &Published) {
        let message = Message::from(published);
        let pattern = message.pattern.as_ref().map_or(0, Bytes::len);
        let size = OVERHEAD + pattern + message.channel.len() + message.payload.len();
        let mut state = self.state.lock();
        state.bytes += size;
        state.queue.push_back(Item::Message(message, size));
        self.tell(state);
    }

    /// Waits until each of these is confirmed, or one is refused.
    pub(super) async fn settle(&self, mut topics: &[Channel]) -> Result<(), Error> {
        loop {
            let settled = self.settled.notified();
            // Each is looked at until it is settled and never again: they may be many.
            while let Some((topic, rest)) = topics.split_last() {
                match self.standing(topic) {
                    Some(Standing::Refused(error)) => return Err(error),
                    Some(Standing::Waiting) => break,
                    Some(Standing::Whole | Standing::Broken) | None => topics = rest,
                }
            }
            if topics.is_empty() {
                return Ok(());
            }
            settled.await;
        }
    }

    /// Whether this one is confirmed, or why it is not to be had.
    pub(super) fn poll_settled(
        &self,
        cx: &Context<'_>,
        topic: &Channel,
    ) -> Poll<Result<(), Error>> {
        let mut state = self.state.lock();
        match state.topics.get(topic) {
            Some(Standing::Whole | Standing::Broken) => Poll::Ready(Ok(())),
            Some(Standing::Refused(error)) => Poll::Ready(Err(error.clone())),
            None => Poll::Ready(Err(Error::Refused("the channel was not asked for".to_owned()))),
            Some(Standing::Waiting) => {
                state.register(cx);
                Poll::Pending
            }
        }
    }

    fn standing(&self, topic: &Channel) -> Option<Standing> {
        self.state.lock().topics.get(topic).cloned()
    }

    /// The next event; none at all when no topic is left.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut state = self.state.lock();
        if let Some(event) = state.next() {
            return Poll::Ready(Some(event));
        }
        if state.topics.is_empty() {
            return Poll::Ready(None);
        }
        state.register(cx);
        Poll::Pending
    }

    fn tell(&self, mut state: parking_lot::MutexGuard<'_, State>) {
        self.trim(&mut state);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Drops the oldest until the rest is within its bounds. The newest stays: a single message is
    /// bounded as any reply is.
    fn trim(&self, state: &mut State) {
        while state.queue.len() > self.messages_max
            || (state.bytes > self.bytes_max && state.queue.len() > 1)
        {
            match state.queue.pop_front() {
                Some(Item::Message(_, size)) => {
                    state.bytes -= size;
                    state.missed = state.missed.saturating_add(1);
                }
                Some(Item::Mark(mark)) => state.mark = Some(mark),
                None => return,
            }
        }
    }
}

impl State {
    /// Remembers whom to wake when there is something new.
    fn register(&mut self, cx: &Context<'_>) {
        if !self.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            self.reader = Some(cx.waker().clone());
        }
    }

    fn next(&mut self) -> Option<Event> {
        if let Some((topic, error)) = self.refused.pop_front() {
            return Some(Event::Refused { channel: topic.name, error });
        }
        if self.missed > 0 {
            return Some(Event::Lagged { missed: std::mem::take(&mut self.missed) });
        }
        if let Some(mark) = self.mark.take() {
            return Some(mark.into());
        }
        Some(match self.queue.pop_front()? {
            Item::Message(message, size) => {
                self.bytes -= size;
                if self.queue.is_empty() {
                    self.queue.shrink_to(ROOM_KEPT);
                }
                Event::Message(message)
            }
            Item::Mark(mark) => mark.into(),
        })
    }

    /// One topic less is broken.
    fn heal(&mut self) {
        self.broken -= 1;
        if self.broken == 0 {
            self.queue.push_back(Item::Mark(Mark::Resubscribed));
        }
    }
}

/// Room for so many is kept when all has been read.
const ROOM_KEPT: usize = 64;

impl From<Mark> for Event {
    fn from(mark: Mark) -> Self {
        match mark {
            Mark::Interrupted => Self::Interrupted,
            Mark::Resubscribed => Self::Resubscribed,
        }
    }
}

fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}
