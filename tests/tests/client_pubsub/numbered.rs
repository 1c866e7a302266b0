//! Numbered messages, so that a loss shows.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use slotway::{Client, Event, Message, Subscription};
use tokio::task::JoinHandle;

use crate::next;

/// Publishes 1, 2, 3 and so on to a channel, each when the one before has been answered.
pub(crate) struct Numbered {
    task: JoinHandle<()>,
    answered: Arc<AtomicU64>,
}

/// How a message is published.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Publish,
    Spublish,
}

/// What a subscriber saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    last: u64,
    numbers: BTreeSet<u64>,
    /// Whether a loss was announced since the last message.
    warned: bool,
    pub(crate) interruptions: u64,
}

impl Numbered {
    pub(crate) fn start(client: &Client, channel: &'static str, by: By) -> Self {
        let (client, answered) = (client.clone(), Arc::new(AtomicU64::new(0)));
        let counter = answered.clone();
        let task = tokio::spawn(async move {
            for n in 1u64.. {
                // Whether one arrives whose outcome is unknown is checked as if it had been sent.
                let _ = match by {
                    By::Publish => client.publish(channel, n).await,
                    By::Spublish => client.spublish(channel, n).await,
                };
                counter.store(n, Ordering::SeqCst);
            }
        });
        Self { task, answered }
    }

    /// The last number that has been answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Seen {
    /// Reads until a message comes that was published after this was called.
    pub(crate) async fn catch_up(&mut self, subscription: &mut Subscription, numbered: &Numbered) {
        let goal = numbered.answered() + 1;
        while self.last <= goal {
            self.take(next(subscription).await);
        }
    }

    /// Reads until an interruption is over.
    pub(crate) async fn interruption(&mut self, subscription: &mut Subscription) {
        let before = self.interruptions;
        while self.interruptions == before {
            self.take(next(subscription).await);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Message(Message { payload, .. }) => {
                let n: u64 = std::str::from_utf8(&payload).unwrap().parse().unwrap();
                assert!(self.numbers.insert(n), "{n} came twice");
                assert!(n > self.last, "{n} came after {}", self.last);
                let hidden = n > self.last + 1 && self.last > 0 && !self.warned;
                assert!(!hidden, "nothing was said of what is missing from {} to {n}", self.last);
                (self.last, self.warned) = (n, false);
            }
            Event::Interrupted => self.warned = true,
            Event::Resubscribed => {
                self.warned = true;
                self.interruptions += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}
