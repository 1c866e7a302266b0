//! All sessions of all workers, as `CLIENT LIST` and `CLIENT KILL` find them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    Wording,
    face::{Activity, Arrival, Face, Standing, Switch},
};

/// The sessions that there are now, by their ids.
#[derive(Debug, Default)]
pub struct Directory {
    cards: Mutex<BTreeMap<u64, Arc<Card>>>,
    entered: AtomicU64,
}

/// A session as others know it, and the way to ask something of it.
#[derive(Debug)]
pub struct Card {
    id: u64,
    arrival: Arrival,
    face: Mutex<Face>,
    ask: Mutex<Option<Ask>>,
    asked: Notify,
    line: OnceLock<Weak<dyn Hangup>>,
}

/// A connection that others can shut.
pub trait Hangup: fmt::Debug + Send + Sync {
    /// From now on the client reads the end, and nothing that it sends arrives.
    fn hang_up(&self);
}

/// What a session is asked to do by another one, or by the operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ask {
    /// Close the connection, unsent replies and all.
    Close,
    /// End the blocking command in which it waits.
    Unblock(Unblock),
}

/// What a blocking command is answered with when it is ended from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unblock {
    /// As if its time were up.
    Timeout,
    /// With the error `UNBLOCKED client unblocked via CLIENT UNBLOCK`.
    Error,
}

impl Directory {
    /// Gives a new session its id and its card.
    pub(super) fn enter(&self, arrival: Arrival, user: &str) -> Arc<Card> {
        let id = self.entered.fetch_add(1, Ordering::Relaxed) + 1;
        let face = Mutex::new(Face::new(user, arrival.at));
        let (ask, asked) = (Mutex::default(), Notify::new());
        let card = Arc::new(Card { id, arrival, face, ask, asked, line: OnceLock::new() });
        self.cards.lock().insert(id, card.clone());
        card
    }

    pub(super) fn leave(&self, id: u64) {
        self.cards.lock().remove(&id);
    }

    /// The session with this id.
    pub fn card(&self, id: u64) -> Option<Arc<Card>> {
        self.cards.lock().get(&id).cloned()
    }

    /// All sessions, those that came first first.
    pub fn cards(&self) -> Vec<Arc<Card>> {
        self.cards.lock().values().cloned().collect()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.cards.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cards.lock().is_empty()
    }

    /// How many sessions there have been since the start.
    pub fn entered(&self) -> u64 {
        self.entered.load(Ordering::Relaxed)
    }
}

impl Card {
    /// The number of the session, which no other will have.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where it came from, and when.
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// What it looks like now.
    pub fn face(&self) -> Face {
        self.face.lock().clone()
    }

    /// Its line in `CLIENT LIST`, with the line end.
    pub fn line(&self, now: Duration, wording: Wording) -> String {
        self.face.lock().line(self.id, &self.arrival, now, wording)
    }

    /// Lets the connection be shut at once, by whoever asks that it be closed.
    pub(crate) fn on_line(&self, line: Weak<dyn Hangup>) {
        // A session has one connection.
        let _ = self.line.set(line);
    }

    /// Asks the session something. It does it as soon as its worker comes to it; a session that is
    /// to be closed is asked nothing else.
    pub fn ask(&self, ask: Ask) {
        let mut pending = self.ask.lock();
        if *pending != Some(Ask::Close) {
            *pending = Some(ask);
        }
        drop(pending);
        // Who is told that it was closed may count on it.
        if ask == Ask::Close
            && let Some(line) = self.line.get().and_then(Weak::upgrade)
        {
            line.hang_up();
        }
        self.asked.notify_one();
    }

    /// What the session is asked to do, if it is asked anything.
    pub fn take_ask(&self) -> Option<Ask> {
        self.ask.lock().take()
    }

    /// Waits until the session is asked something. For one waiter, its own worker.
    pub async fn asked(&self) -> Ask {
        loop {
            if let Some(ask) = self.take_ask() {
                return ask;
            }
            self.asked.notified().await;
        }
    }

    /// Whether it waits in a blocking command.
    pub fn is_blocked(&self) -> bool {
        self.face.lock().standing.blocked == Switch::On
    }

    /// Notes what the session is in the middle of.
    pub fn stand(&self, standing: Standing) {
        self.face.lock().standing = standing;
    }

    /// Notes what the session did. Once for each batch of commands is often enough.
    pub fn note(&self, activity: Activity) {
        self.face.lock().activity = activity;
    }

    /// Notes a command that the connection answers itself.
    pub(super) fn came(&self, command: &str, now: Duration) {
        let activity = &mut self.face.lock().activity;
        activity.at = now;
        if activity.command != command {
            command.clone_into(&mut activity.command);
        }
    }

    pub(super) fn look<T>(&self, at: impl FnOnce(&Face) -> T) -> T {
        at(&self.face.lock())
    }

    pub(super) fn change<T>(&self, to: impl FnOnce(&mut Face) -> T) -> T {
        to(&mut self.face.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::own::face::Via;

    fn arrival(peer: &str) -> Arrival {
        let (peer, local) = (peer.to_owned(), "local:1".to_owned());
        Arrival { peer, local, via: Via::Tcp, socket: 3, at: Duration::ZERO }
    }

    #[test]
    fn a_session_is_listed_from_its_coming_to_its_going() {
        let directory = Directory::default();
        let first = directory.enter(arrival("a:1"), "default");
        let second = directory.enter(arrival("b:1"), "default");
        let listed = |directory: &Directory| -> Vec<u64> {
            directory.cards().iter().map(|card| card.id()).collect()
        };
        assert_eq!(listed(&directory), [first.id(), second.id()]);
        directory.leave(first.id());
        assert_eq!(listed(&directory), [second.id()]);
        assert!(directory.card(first.id()).is_none());
        assert_eq!((directory.len(), directory.entered()), (1, 2));
    }

    #[tokio::test]
    async fn what_is_asked_before_the_session_looks_is_not_lost() {
        let directory = Directory::default();
        let card = directory.enter(arrival("a:1"), "default");
        card.ask(Ask::Unblock(Unblock::Error));
        assert_eq!(card.asked().await, Ask::Unblock(Unblock::Error));
        card.ask(Ask::Close);
        card.ask(Ask::Unblock(Unblock::Timeout));
        assert_eq!(card.asked().await, Ask::Close, "closing comes before all else");
        assert_eq!(card.take_ask(), None);
    }
}
