//! Who wants what, on which connection it is to come, and which connections that takes.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use slotway_protocol::{
    Channel, Credentials, Heard, NodeAddr, Notice, Slot, Subscriptions, UnexpectedFrame, Value,
    Wanted,
};
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::{inbox::Inbox, reach::Reach};
use crate::Error;

/// Where a connection goes.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Source {
    /// To any node: it has what all nodes have.
    Anywhere,
    /// To this node, for what no other has.
    At(NodeAddr),
}

/// All subscriptions of a client.
#[derive(Debug, Default)]
pub(super) struct Registry {
    topics: HashMap<Channel, Entry>,
    lines: BTreeMap<Source, Line>,
    /// Lines that nobody runs yet.
    started: Vec<(Source, Arc<Notify>)>,
}

/// A topic that somebody wants.
#[derive(Debug, Default)]
struct Entry {
    listeners: SmallVec<[Arc<Inbox>; 1]>,
    sources: SmallVec<[(Source, Stand); 1]>,
}

/// How a topic stands at one of its sources.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stand {
    /// It has yet to be confirmed there.
    Pending,
    /// It was confirmed there once, and is no more.
    Lost,
    /// It was lost and confirmed again when so many rounds of asking for the topology had ended.
    ///
    /// A primary that is being replaced lets go of its channels, and then takes them again as a
    /// replica, but its successor may send it nothing yet. So one round that began after this has to
    /// find that the topic still belongs here.
    Doubtful(u64),
    /// All its messages come.
    Active,
}

/// One connection.
#[derive(Debug)]
struct Line {
    subscriptions: Subscriptions,
    /// Rung when there is something to send.
    bell: Arc<Notify>,
    /// The node at the other end, while it is connected.
    node: Option<NodeAddr>,
}

/// What was learnt from a frame about the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Lesson {
    /// A slot is elsewhere.
    Moved(Slot, Option<NodeAddr>),
    /// Something has changed.
    Stale,
    /// The node has to say itself whether it still owns what it owned.
    Doubtful,
    /// The credentials that the connection should have from now on are not accepted.
    NotLoggedIn(Bytes),
}

impl Registry {
    /// Adds a listener to a topic, which comes from these sources if it is new.
    pub(super) fn join(
        &mut self,
        topic: &Channel,
        inbox: &Arc<Inbox>,
        sources: impl FnOnce() -> Vec<Source>,
    ) {
        if let Some(entry) = self.topics.get_mut(topic) {
            entry.listeners.push(inbox.clone());
            if entry.is_whole() {
                inbox.whole(topic);
            }
            return;
        }
        let listeners = SmallVec::from_elem(inbox.clone(), 1);
        self.topics.insert(topic.clone(), Entry { listeners, ..Entry::default() });
        self.place(topic, sources());
    }

    /// Takes a listener away from a topic.
    pub(super) fn leave(&mut self, topic: &Channel, inbox: &Arc<Inbox>) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        entry.listeners.retain(|listener| !Arc::ptr_eq(listener, inbox));
        if entry.listeners.is_empty() {
            self.drop_topic(topic);
        }
    }

    /// Moves every topic to where it belongs now.
    pub(super) fn place_all(&mut self, sources: impl Fn(&Channel) -> Vec<Source>) {
        let topics: Vec<Channel> = self.topics.keys().cloned().collect();
        for topic in &topics {
            self.place(topic, sources(topic));
        }
    }

    /// Asks again for what was turned away.
    pub(super) fn retry(&mut self) {
        for line in self.lines.values_mut() {
            line.subscriptions.retry();
            line.bell.notify_one();
        }
    }

    /// Takes in frames that came over a connection from `node`.
    pub(super) fn take_in(
        &mut self,
        source: &Source,
        node: &NodeAddr,
        frames: &[Value],
        round: impl Fn() -> u64,
    ) -> Result<Vec<Lesson>, UnexpectedFrame> {
        let mut lessons = Vec::new();
        for frame in frames {
            let Some(line) = self.lines.get_mut(source) else { break };
            match line.subscriptions.handle_frame(frame, node)? {
                Heard::Message(message) => {
                    let takes = Reach::of(&message.to).takes(&message.channel, source);
                    let entry = self.topics.get(&message.to).filter(|_| takes);
                    // One that is still on its way from an earlier source would come twice.
                    let entry = entry.filter(|entry| entry.comes_from(source));
                    let listeners = entry.into_iter().flat_map(|entry| &entry.listeners);
                    listeners.for_each(|listener| listener.push(&message));
                }
                Heard::Joined(channel) => self.change(source, &channel, |stand| match source {
                    Source::At(_) if stand == Stand::Lost => {
                        lessons.push(Lesson::Doubtful);
                        Stand::Doubtful(round())
                    }
                    Source::At(_) | Source::Anywhere => Stand::Active,
                }),
                Heard::Ended(channel) => {
                    self.change(source, &channel, Stand::lost);
                    lessons.push(Lesson::Stale);
                }
                Heard::TurnedAway { notice: Notice::Moved { slot, to }, .. } => {
                    lessons.push(Lesson::Moved(slot, to));
                }
                Heard::TurnedAway { .. } => lessons.push(Lesson::Stale),
                Heard::Refused { channel, error } => self.refuse(&channel, &error),
                Heard::NotLoggedIn { error } => lessons.push(Lesson::NotLoggedIn(error)),
                Heard::Nothing => {}
            }
        }
        Ok(lessons)
    }

    /// Says that a line is connected to this node.
    pub(super) fn connected(&mut self, source: &Source, node: &NodeAddr) {
        if let Some(line) = self.lines.get_mut(source) {
            line.node = Some(node.clone());
        }
    }

    /// Says that a line's connection is gone.
    pub(super) fn lost(&mut self, source: &Source) {
        let Some(line) = self.lines.get_mut(source) else { return };
        line.node = None;
        for channel in line.subscriptions.lost() {
            self.change(source, &channel, Stand::lost);
        }
    }

    /// Lets the lines that may be anywhere leave a node that is no good any more.
    pub(super) fn evict(&mut self, is_good: impl Fn(&NodeAddr) -> bool) {
        if let Some(line) = self.lines.get_mut(&Source::Anywhere)
            && line.node.as_ref().is_some_and(|node| !is_good(node))
        {
            line.node = None;
            line.bell.notify_one();
        }
    }

    /// Appends what a line has to send. False if it should leave the node that it is connected to.
    pub(super) fn flush(&mut self, source: &Source, out: &mut Vec<u8>) -> bool {
        let Some(line) = self.lines.get_mut(source) else { return false };
        line.subscriptions.flush(out);
        line.node.is_some()
    }

    /// Appends a PING.
    pub(super) fn ping(&mut self, source: &Source, out: &mut Vec<u8>) {
        if let Some(line) = self.lines.get_mut(source) {
            line.subscriptions.ping(out);
        }
    }

    /// Appends what logs a line in anew.
    pub(super) fn log_in(&mut self, source: &Source, login: &Credentials, out: &mut Vec<u8>) {
        if let Some(line) = self.lines.get_mut(source) {
            line.subscriptions.log_in(login, out);
        }
    }

    /// Takes a line away if nobody needs it.
    pub(super) fn retire(&mut self, source: &Source) -> bool {
        let idle = |line: &Line| line.subscriptions.is_idle();
        if self.lines.get(source).is_none_or(idle) {
            self.lines.remove(source);
            return true;
        }
        false
    }

    /// Takes a line away whose task is no more. What it had comes back with the next
    /// [`Self::place_all`]. False if there was none.
    pub(super) fn abandon(&mut self, source: &Source) -> bool {
        self.lost(source);
        for entry in self.topics.values_mut() {
            entry.sources.retain(|(at, _)| at != source);
        }
        self.lines.remove(source).is_some()
    }

    /// The lines that somebody has to run from now on.
    pub(super) fn started(&mut self) -> Vec<(Source, Arc<Notify>)> {
        std::mem::take(&mut self.started)
    }

    /// Whether somebody listens to what each primary says.
    pub(super) fn follows_primaries(&self) -> bool {
        self.topics.keys().any(|topic| Reach::of(topic).follows_primaries())
    }

    /// Lets a topic come from these sources and no others.
    fn place(&mut self, topic: &Channel, sources: Vec<Source>) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        let was_whole = entry.is_whole();
        let lines = &mut self.lines;
        entry.sources.retain(|(source, _)| {
            let stays = sources.contains(source);
            if let Some(line) = lines.get_mut(source).filter(|_| !stays) {
                line.subscriptions.unwant(topic);
                line.bell.notify_one();
            }
            stays
        });
        for source in sources {
            if entry.sources.iter().any(|(there, _)| *there == source) {
                continue;
            }
            let line = lines.entry(source.clone()).or_insert_with(|| {
                let line = Line::new();
                self.started.push((source.clone(), line.bell.clone()));
                line
            });
            let stand = match line.subscriptions.want(topic) {
                Wanted::Active => Stand::Active,
                Wanted::Pending => Stand::Pending,
            };
            entry.sources.push((source, stand));
            line.bell.notify_one();
        }
        entry.tell(topic, was_whole);
    }

    /// Believes the confirmations that the rounds until this one bear out. False if some are left.
    pub(super) fn confirm(&mut self, round: u64) -> bool {
        let mut all = true;
        for (topic, entry) in &mut self.topics {
            let was_whole = entry.is_whole();
            for (_, stand) in &mut entry.sources {
                let Stand::Doubtful(since) = *stand else { continue };
                // The first that ended since then may have begun before.
                if round >= since.saturating_add(2) {
                    *stand = Stand::Active;
                } else {
                    all = false;
                }
            }
            entry.tell(topic, was_whole);
        }
        all
    }

    fn change(&mut self, source: &Source, topic: &Channel, mut change: impl FnMut(Stand) -> Stand) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        let was_whole = entry.is_whole();
        for (at, stand) in &mut entry.sources {
            if at == source {
                *stand = change(*stand);
            }
        }
        entry.tell(topic, was_whole);
    }

    fn refuse(&mut self, topic: &Channel, error: &[u8]) {
        let Some(entry) = self.topics.get(topic) else { return };
        let error = Error::from_server(error);
        entry.listeners.iter().for_each(|listener| listener.refused(topic, &error));
        self.drop_topic(topic);
    }

    fn drop_topic(&mut self, topic: &Channel) {
        self.place(topic, Vec::new());
        self.topics.remove(topic);
    }
}

impl Entry {
    /// Whether all its messages come.
    fn is_whole(&self) -> bool {
        let active = |(_, stand): &(Source, Stand)| *stand == Stand::Active;
        !self.sources.is_empty() && self.sources.iter().all(active)
    }

    fn comes_from(&self, source: &Source) -> bool {
        self.sources.iter().any(|(at, stand)| at == source && stand.is_confirmed())
    }

    fn tell(&self, topic: &Channel, was_whole: bool) {
        match (was_whole, self.is_whole()) {
            (false, true) => self.listeners.iter().for_each(|listener| listener.whole(topic)),
            (true, false) => self.listeners.iter().for_each(|listener| listener.broken(topic)),
            (true, true) | (false, false) => {}
        }
    }
}

impl Stand {
    fn is_confirmed(self) -> bool {
        matches!(self, Self::Doubtful(_) | Self::Active)
    }

    fn lost(self) -> Self {
        if self.is_confirmed() { Self::Lost } else { self }
    }
}

impl Line {
    fn new() -> Self {
        Self { subscriptions: Subscriptions::default(), bell: Arc::default(), node: None }
    }
}
