//! Does what a second terminal asks for, and says what comes of it.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, Notify, mpsc},
    time::Instant,
};

use super::{
    event::{Event, NodeRole, NodeStatus, ProxyStatus, Request, ShardStatus, Status, slot_text},
    folder::{DataFolder, Saved},
    outlook::Outlook,
    screen::Screen,
    target::{Named, Target},
};
use crate::{
    Error, LocalCluster, ProcessState, Role,
    view::slots,
    watch::{FailoverStep, FailoverWatch},
};

type Events = mpsc::Sender<Event>;

/// The running cluster, and those who may ask for something.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) cluster: Mutex<LocalCluster>,
    pub(crate) folder: DataFolder,
    pub(crate) screen: Arc<Screen>,
    pub(crate) proxy: Option<ProxyStatus>,
    /// Told when everything shall end.
    pub(crate) stop: Notify,
}

/// How a node is taken away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Loss {
    Killed,
    Stopped,
    Paused,
}

impl Loss {
    /// The verb that brings the node back.
    fn undone_by(self) -> &'static str {
        match self {
            Self::Killed | Self::Stopped => "start",
            Self::Paused => "resume",
        }
    }
}

impl Desk {
    /// Does it; every event on the way goes to `events`.
    pub(crate) async fn perform(&self, request: Request, events: &Events) -> Result<(), Error> {
        match request {
            Request::Status => {
                let status = self.status().await?;
                let _ = events.send(Event::Status(status)).await;
                Ok(())
            }
            Request::Kill { target } => self.lose(&target, Loss::Killed, events).await,
            Request::Pause { target } => self.lose(&target, Loss::Paused, events).await,
            Request::Stop { target: Some(target) } => {
                self.lose(&target, Loss::Stopped, events).await
            }
            Request::Stop { target: None } => {
                // It is told there by the one who does it.
                let _ = events.send(Event::note("stopping everything; the data stays")).await;
                self.stop.notify_one();
                Ok(())
            }
            Request::Start { target } => self.start(&target, events).await,
            Request::Resume { target } => self.resume(&target, events).await,
            Request::Add { primary } => {
                self.add(if primary { Role::Primary } else { Role::Replica }, events).await
            }
        }
    }

    /// How the cluster is.
    pub(crate) async fn status(&self) -> Result<Status, Error> {
        let cluster = self.cluster.lock().await;
        let shards = shards(&cluster).await?;
        let settings = cluster.settings();
        Ok(Status {
            server: settings.binary.to_string(),
            dir: self.folder.path().display().to_string(),
            process: std::process::id(),
            shards,
            proxy: self.proxy.clone(),
        })
    }

    /// Takes a node away and, if it was a primary, watches who takes its place.
    async fn lose(&self, target: &str, loss: Loss, events: &Events) -> Result<(), Error> {
        let (watch, start) = {
            let cluster = self.cluster.lock().await;
            let index = find(&cluster, target).await?;
            let node = cluster.node(index);
            if node.state() != ProcessState::Running {
                return Err(not_running(node));
            }
            let role = describe(&cluster, index).await?;
            let (port, shard) = (node.port(), node.shard() + 1);
            let outlook = Outlook::of_losing(port, &shards(&cluster).await?);
            let watch = FailoverWatch::new(&cluster, index);
            let start = Instant::now();
            let done = take_away(&cluster, index, loss).await;
            self.note(events, format!("{done} {port} ({role} of shard {shard})")).await;
            if outlook != Outlook::Failover {
                if let Some(text) = outlook.text(port, loss.undone_by()) {
                    self.note(events, text).await;
                }
                return Ok(());
            }
            (watch, start)
        };
        let port = watch.victim_port();
        let (steps, mut due) = mpsc::channel(4);
        let report = async {
            while let Some((after, step)) = due.recv().await {
                self.report(events, step_event(port, after, &step)).await;
            }
        };
        let (watched, ()) = tokio::join!(watch.run(start, steps), report);
        watched
    }

    async fn start(&self, target: &str, events: &Events) -> Result<(), Error> {
        let cluster = self.cluster.lock().await;
        let index = find_down(&cluster, target, ProcessState::Dead).await?;
        cluster.start(index).await?;
        let (port, shard) = (cluster.node(index).port(), cluster.node(index).shard() + 1);
        let role = describe(&cluster, index).await?;
        self.note(events, format!("{port} is back ({role} of shard {shard})")).await;
        Ok(())
    }

    async fn resume(&self, target: &str, events: &Events) -> Result<(), Error> {
        let cluster = self.cluster.lock().await;
        let index = find_down(&cluster, target, ProcessState::Paused).await?;
        if cluster.node(index).state() != ProcessState::Paused {
            return Err(Error::misuse(
                format!("{} is not paused", cluster.node(index).port()),
                "see `slotway dev status`",
            ));
        }
        cluster.resume_node(index);
        self.note(events, format!("{} goes on", cluster.node(index).port())).await;
        Ok(())
    }

    async fn add(&self, role: Role, events: &Events) -> Result<(), Error> {
        let mut cluster = self.cluster.lock().await;
        let index = cluster.add(role).await?;
        self.folder.save(&Saved::of(&cluster))?;
        let (port, shard) = (cluster.node(index).port(), cluster.node(index).shard() + 1);
        let text = match role {
            Role::Replica => format!("added {port} (replica of shard {shard})"),
            Role::Primary => format!(
                "added {port} (primary of shard {shard}); it has no slots yet, and gets none by itself"
            ),
        };
        self.note(events, text).await;
        Ok(())
    }

    async fn note(&self, events: &Events, text: String) {
        self.report(events, Event::Note { text }).await;
    }

    /// Says it here and there.
    async fn report(&self, events: &Events, event: Event) {
        self.screen.show(&event);
        // A guest who has left does not stop what was begun.
        let _ = events.send(event).await;
    }
}

fn not_running(node: &crate::Node) -> Error {
    let port = node.port();
    let (state, verb) = match node.state() {
        ProcessState::Paused => ("paused", "resume"),
        ProcessState::Running | ProcessState::Dead => ("down", "start"),
    };
    let hint = format!("bring it back with `slotway dev {verb} {port}`");
    Error::misuse(format!("{port} is {state} already"), hint)
}

async fn take_away(cluster: &LocalCluster, index: usize, loss: Loss) -> &'static str {
    match loss {
        Loss::Killed => {
            cluster.kill(index);
            "killed"
        }
        Loss::Stopped => {
            cluster.stop(index).await;
            "stopped"
        }
        Loss::Paused => {
            cluster.pause(index);
            "paused"
        }
    }
}

fn step_event(port: u16, after: Duration, step: &FailoverStep) -> Event {
    let text = match step {
        FailoverStep::LinkLost => format!("link to {port} lost"),
        FailoverStep::Failing { by, of } => {
            format!("{port} marked failing by {by} of {of} primaries")
        }
        FailoverStep::Promoted { port, slots } => {
            format!("{port} promoted, serves {}", slot_text(slots))
        }
    };
    Event::Step { after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX), text }
}

/// The node that `target` names now.
async fn find(cluster: &LocalCluster, target: &str) -> Result<usize, Error> {
    match Target::find(target, &names(cluster))? {
        Target::Node(index) => Ok(index),
        Target::Shard(shard) => cluster.primary_of(shard).await,
    }
}

/// The same for those that do not run: of a shard, the one that is in this state.
async fn find_down(
    cluster: &LocalCluster,
    target: &str,
    state: ProcessState,
) -> Result<usize, Error> {
    let Target::Shard(shard) = Target::find(target, &names(cluster))? else {
        return find(cluster, target).await;
    };
    let is_down = |index: &usize| {
        let node = cluster.node(*index);
        node.shard() == shard && node.state() == state
    };
    match (0..cluster.nodes().len()).find(is_down) {
        Some(index) => Ok(index),
        None => cluster.primary_of(shard).await,
    }
}

fn names(cluster: &LocalCluster) -> Vec<Named> {
    let named = |node: &crate::Node| Named {
        name: node.name.clone(),
        port: node.port(),
        id: node.id().to_string(),
        shard: node.shard(),
    };
    cluster.nodes().iter().map(named).collect()
}

/// What a node is now.
async fn describe(cluster: &LocalCluster, index: usize) -> Result<&'static str, Error> {
    let owner = cluster.primary_of(cluster.node(index).shard()).await?;
    Ok(role(index == owner).name())
}

fn role(is_owner: bool) -> NodeRole {
    if is_owner { NodeRole::Primary } else { NodeRole::Replica }
}

/// The shards with their nodes, those that serve first.
pub(crate) async fn shards(cluster: &LocalCluster) -> Result<Vec<ShardStatus>, Error> {
    let views = cluster.views().await?;
    let mut shards = Vec::with_capacity(cluster.shards());
    for shard in 0..cluster.shards() {
        let owner = cluster.primary_of(shard).await?;
        let owner_id = cluster.node(owner).id();
        let owned = views.iter().find_map(|view| view.led_by(owner_id).map(slots));
        let members = cluster.nodes().iter().filter(|node| node.shard() == shard);
        let mut nodes: Vec<_> = members
            .map(|node| NodeStatus {
                port: node.port(),
                id: node.id().to_string(),
                role: role(node.id() == owner_id),
                state: node.state(),
                host: node.host().map(str::to_owned),
                process: node.process_id(),
            })
            .collect();
        nodes.sort_by_key(|node| (node.id != owner_id.to_string(), node.port));
        let name = format!("shard{}", shard + 1);
        shards.push(ShardStatus { name, slots: owned.unwrap_or_default(), nodes });
    }
    Ok(shards)
}
