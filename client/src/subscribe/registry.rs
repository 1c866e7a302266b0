//! Who wants what, on which connection it is to come, and which connections that takes.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use slotway_protocol::{
    Channel, ChannelKind, Heard, NodeAddr, Notice, Slot, Subscriptions, UnexpectedFrame, Value,
    Wanted,
};
use smallvec::SmallVec;
use tokio::sync::Notify;

use super::{Topic, inbox::Inbox};
use crate::Error;

/// Where a connection goes.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Place {
    /// To any node: it has what all nodes have.
    Anywhere,
    /// To this node, for what no other has.
    At(NodeAddr),
}

/// All subscriptions of a client.
#[derive(Debug, Default)]
pub(super) struct Registry {
    topics: HashMap<Topic, Entry>,
    lines: BTreeMap<Place, Line>,
    /// Lines that nobody runs yet.
    started: Vec<(Place, Arc<Notify>)>,
}

/// A topic that somebody wants.
#[derive(Debug, Default)]
struct Entry {
    listeners: SmallVec<[Arc<Inbox>; 1]>,
    places: SmallVec<[(Place, Wanted); 1]>,
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
}

impl Registry {
    /// Adds a listener to a topic, which comes from these places if it is new.
    pub(super) fn join(
        &mut self,
        topic: &Topic,
        inbox: &Arc<Inbox>,
        places: impl FnOnce() -> Vec<Place>,
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
        self.place(topic, places());
    }

    /// Takes a listener away from a topic.
    pub(super) fn leave(&mut self, topic: &Topic, inbox: &Arc<Inbox>) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        entry.listeners.retain(|listener| !Arc::ptr_eq(listener, inbox));
        if entry.listeners.is_empty() {
            self.drop_topic(topic);
        }
    }

    /// Moves every topic to where it belongs now.
    pub(super) fn place_all(&mut self, places: impl Fn(&Topic) -> Vec<Place>) {
        let topics: Vec<Topic> = self.topics.keys().cloned().collect();
        for topic in &topics {
            self.place(topic, places(topic));
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
        place: &Place,
        node: &NodeAddr,
        frames: &[Value],
    ) -> Result<Vec<Lesson>, UnexpectedFrame> {
        let mut lessons = Vec::new();
        for frame in frames {
            let Some(line) = self.lines.get_mut(place) else { break };
            match line.subscriptions.handle_frame(frame, node)? {
                Heard::Message(message) => {
                    let entry = self.topics.get(&topic_of(place, &message.to));
                    // One that is still on its way from an earlier place would come twice.
                    let entry = entry.filter(|entry| entry.comes_from(place));
                    let listeners = entry.into_iter().flat_map(|entry| &entry.listeners);
                    listeners.for_each(|listener| listener.push(&message));
                }
                Heard::Joined(channel) => self.set(place, &channel, Wanted::Active),
                Heard::Ended(channel) => {
                    self.set(place, &channel, Wanted::Pending);
                    lessons.push(Lesson::Stale);
                }
                Heard::TurnedAway { notice: Notice::Moved { slot, to }, .. } => {
                    lessons.push(Lesson::Moved(slot, to));
                }
                Heard::TurnedAway { .. } => lessons.push(Lesson::Stale),
                Heard::Refused { channel, error } => self.refuse(place, &channel, &error),
                Heard::Nothing => {}
            }
        }
        Ok(lessons)
    }

    /// Says that a line is connected to this node.
    pub(super) fn connected(&mut self, place: &Place, node: &NodeAddr) {
        if let Some(line) = self.lines.get_mut(place) {
            line.node = Some(node.clone());
        }
    }

    /// Says that a line's connection is gone.
    pub(super) fn lost(&mut self, place: &Place) {
        let Some(line) = self.lines.get_mut(place) else { return };
        line.node = None;
        for channel in line.subscriptions.lost() {
            self.set(place, &channel, Wanted::Pending);
        }
    }

    /// Lets the lines that may be anywhere leave a node that is no good any more.
    pub(super) fn evict(&mut self, is_good: impl Fn(&NodeAddr) -> bool) {
        if let Some(line) = self.lines.get_mut(&Place::Anywhere)
            && line.node.as_ref().is_some_and(|node| !is_good(node))
        {
            line.node = None;
            line.bell.notify_one();
        }
    }

    /// Appends what a line has to send. False if it should leave the node that it is connected to.
    pub(super) fn flush(&mut self, place: &Place, out: &mut Vec<u8>) -> bool {
        let Some(line) = self.lines.get_mut(place) else { return false };
        line.subscriptions.flush(out);
        line.node.is_some()
    }

    /// Appends a PING.
    pub(super) fn ping(&mut self, place: &Place, out: &mut Vec<u8>) {
        if let Some(line) = self.lines.get_mut(place) {
            line.subscriptions.ping(out);
        }
    }

    /// Takes a line away if nobody needs it.
    pub(super) fn retire(&mut self, place: &Place) -> bool {
        let idle = |line: &Line| line.subscriptions.is_idle();
        if self.lines.get(place).is_none_or(idle) {
            self.lines.remove(place);
            return true;
        }
        false
    }

    /// Takes a line away whose task is no more. What it had comes back with the next
    /// [`Self::place_all`]. False if there was none.
    pub(super) fn abandon(&mut self, place: &Place) -> bool {
        self.lost(place);
        for entry in self.topics.values_mut() {
            entry.places.retain(|(at, _)| at != place);
        }
        self.lines.remove(place).is_some()
    }

    /// The lines that somebody has to run from now on.
    pub(super) fn started(&mut self) -> Vec<(Place, Arc<Notify>)> {
        std::mem::take(&mut self.started)
    }

    /// Whether somebody listens to what each primary says.
    pub(super) fn follows_primaries(&self) -> bool {
        self.topics.keys().any(|topic| matches!(topic, Topic::Keyspace(_)))
    }

    /// Lets a topic come from these places and no others.
    fn place(&mut self, topic: &Topic, places: Vec<Place>) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        let (was_whole, channel) = (entry.is_whole(), topic.channel());
        let lines = &mut self.lines;
        entry.places.retain(|(place, _)| {
            let stays = places.contains(place);
            if let Some(line) = lines.get_mut(place).filter(|_| !stays) {
                line.subscriptions.unwant(&channel);
                line.bell.notify_one();
            }
            stays
        });
        for place in places {
            if entry.places.iter().any(|(there, _)| *there == place) {
                continue;
            }
            let line = lines.entry(place.clone()).or_insert_with(|| {
                let line = Line::new();
                self.started.push((place.clone(), line.bell.clone()));
                line
            });
            entry.places.push((place, line.subscriptions.want(&channel)));
            line.bell.notify_one();
        }
        entry.tell(topic, was_whole);
    }

    fn set(&mut self, place: &Place, channel: &Channel, wanted: Wanted) {
        let topic = topic_of(place, channel);
        let Some(entry) = self.topics.get_mut(&topic) else { return };
        let was_whole = entry.is_whole();
        for (at, stand) in &mut entry.places {
            if at == place {
                *stand = wanted;
            }
        }
        entry.tell(&topic, was_whole);
    }

    fn refuse(&mut self, place: &Place, channel: &Channel, error: &[u8]) {
        let topic = topic_of(place, channel);
        let Some(entry) = self.topics.get(&topic) else { return };
        let error = Error::from_server(error);
        entry.listeners.iter().for_each(|listener| listener.refused(&topic, &error));
        self.drop_topic(&topic);
    }

    fn drop_topic(&mut self, topic: &Topic) {
        self.place(topic, Vec::new());
        self.topics.remove(topic);
    }
}

impl Entry {
    /// Whether all its messages come.
    fn is_whole(&self) -> bool {
        let active = |(_, wanted): &(Place, Wanted)| *wanted == Wanted::Active;
        !self.places.is_empty() && self.places.iter().all(active)
    }

    fn comes_from(&self, place: &Place) -> bool {
        self.places.iter().any(|(at, wanted)| at == place && *wanted == Wanted::Active)
    }

    fn tell(&self, topic: &Topic, was_whole: bool) {
        match (was_whole, self.is_whole()) {
            (false, true) => self.listeners.iter().for_each(|listener| listener.whole(topic)),
            (true, false) => self.listeners.iter().for_each(|listener| listener.broken(topic)),
            (true, true) | (false, false) => {}
        }
    }
}

impl Line {
    fn new() -> Self {
        Self { subscriptions: Subscriptions::default(), bell: Arc::default(), node: None }
    }
}

/// What a channel of a connection is to those who listen.
fn topic_of(place: &Place, channel: &Channel) -> Topic {
    let name = channel.name.clone();
    match (channel.kind, place) {
        (ChannelKind::Plain, _) => Topic::Plain(name),
        (ChannelKind::Sharded, _) => Topic::Sharded(name),
        (ChannelKind::Pattern, Place::Anywhere) => Topic::Pattern(name),
        (ChannelKind::Pattern, Place::At(_)) => Topic::Keyspace(name),
    }
}
