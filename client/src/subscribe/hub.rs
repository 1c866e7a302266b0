//! The registry behind its lock, and the tasks that it takes.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use slotway_protocol::{Channel, Health, NodeAddr, UnexpectedFrame, Value};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{
    inbox::Inbox,
    line,
    reach::sources_of,
    registry::{Lesson, Registry, Source},
};
use crate::cluster::{Cluster, Routes};

/// What all subscriptions of a client share.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Rung when a topic may be better off elsewhere.
    misplaced: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    registry: Registry,
    placer: Placer,
}

/// Whether there is a task that moves topics when the cluster changes.
#[derive(Debug, Default)]
enum Placer {
    #[default]
    Missing,
    Running,
}

impl Hub {
    /// Adds topics to an inbox; their messages come once they settle. Returns those that are new to it.
    pub(super) fn join(
        cluster: &Arc<Cluster>,
        inbox: &Arc<Inbox>,
        topics: Vec<Channel>,
    ) -> Vec<Channel> {
        let mut state = cluster.hub.state.lock();
        let routes = cluster.routes();
        let mut new = topics;
        new.retain(|topic| inbox.add(topic));
        for topic in &new {
            state.registry.join(topic, inbox, || sources_of(topic, &routes));
        }
        state.start(cluster);
        new
    }

    /// Takes topics away from an inbox.
    pub(super) fn leave(&self, inbox: &Arc<Inbox>, topics: &[Channel]) {
        let mut state = self.state.lock();
        for topic in topics {
            state.registry.leave(topic, inbox);
            inbox.remove(topic);
        }
    }

    /// Takes in frames that came over a line. Returns what the node said if it did not let the line
    /// log in anew.
    pub(super) fn take_in(
        &self,
        cluster: &Cluster,
        source: &Source,
        node: &NodeAddr,
        frames: &[Value],
    ) -> Result<Option<Bytes>, UnexpectedFrame> {
        let mut refusal = None;
        let round = || *cluster.rounds().borrow();
        let lessons = self.state.lock().registry.take_in(source, node, frames, round)?;
        for lesson in lessons {
            match lesson {
                Lesson::Moved(slot, Some(owner)) => cluster.learn(slot, &owner),
                Lesson::Moved(_, None) | Lesson::Stale => cluster.refresh_for(None),
                Lesson::Doubtful => {
                    cluster.refresh_for(Some(node.clone()));
                    cluster.refresh_for(None);
                }
                Lesson::NotLoggedIn(error) => {
                    refusal = Some(error);
                    continue;
                }
            }
            self.misplaced.notify_one();
        }
        Ok(refusal)
    }

    /// What the task of a line says of it, and asks.
    pub(super) fn line<T>(&self, ask: impl FnOnce(&mut Registry) -> T) -> T {
        ask(&mut self.state.lock().registry)
    }

    /// Says that the task of a line is no more, although the line may be needed.
    pub(super) fn abandon(&self, source: &Source) {
        if self.state.lock().registry.abandon(source) {
            self.misplaced.notify_one();
        }
    }

    /// Moves every topic to where it belongs by the newest routes.
    fn place_all(&self, cluster: &Arc<Cluster>, occasion: Occasion) {
        let mut state = self.state.lock();
        let routes = cluster.routes();
        state.registry.place_all(|topic| sources_of(topic, &routes));
        state.registry.evict(|node| is_good(node, &routes));
        if let Occasion::Round(round) = occasion {
            state.registry.retry();
            if !state.registry.confirm(round) {
                cluster.refresh_for(None);
            }
        }
        state.start(cluster);
    }
}

impl State {
    /// Starts the tasks that are missing.
    fn start(&mut self, cluster: &Arc<Cluster>) {
        for (source, bell) in self.registry.started() {
            tokio::spawn(line::run(cluster.clone(), source, bell));
        }
        if let Placer::Missing = self.placer {
            self.placer = Placer::Running;
            tokio::spawn(keep_placed(Arc::downgrade(cluster)));
        }
    }
}

/// Why topics are looked at.
enum Occasion {
    /// A node said that one of them is elsewhere.
    Lesson,
    /// The cluster was asked for its state, and this is how often that has been done.
    Round(u64),
}

/// Moves topics when the cluster changes, as long as anybody uses the client.
async fn keep_placed(cluster: Weak<Cluster>) {
    let Some(strong) = cluster.upgrade() else { return };
    let limits = strong.config.limits;
    let (mut rounds, misplaced) = (strong.rounds(), strong.hub.misplaced.clone());
    drop(strong);
    loop {
        let occasion = async {
            tokio::select! {
                _ = rounds.changed() => Occasion::Round(*rounds.borrow_and_update()),
                () = misplaced.notified() => Occasion::Lesson,
            }
        };
        let occasion = timeout(limits.silence_max, occasion).await;
        let Some(cluster) = cluster.upgrade() else { return };
        match occasion {
            Ok(occasion) => cluster.hub.place_all(&cluster, occasion),
            // No server tells those who listen to its keys that it is no primary any more.
            Err(_) if cluster.hub.line(|registry| registry.follows_primaries()) => {
                cluster.refresh();
            }
            Err(_) => {}
        }
        drop(cluster);
        // Two nodes may send a channel back and forth for a moment.
        sleep(limits.backoff.floor).await;
    }
}

/// Whether a node hears what the rest of the cluster publishes, as far as is known.
fn is_good(node: &NodeAddr, routes: &Routes) -> bool {
    let known = routes.table.node_at(node);
    known.is_some_and(|known| known.info().health <= Health::Suspected)
}
