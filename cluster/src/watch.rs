//! Watches a cluster lose a primary, and says what happens as it happens.

use std::time::Duration;

use slotway_protocol::{Health, NodeAddr, NodeId, Shard};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, sleep},
};

use crate::{
    Error, LocalCluster, Node, ProcessState,
    admin::{Admin, Door},
    view::{View, field, slots},
};

/// A step of a failover.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum FailoverStep {
    /// The node does not answer any more.
    LinkLost,
    /// Most primaries, this many of so many, hold it for lost.
    Failing { by: usize, of: usize },
    /// The node at this port took over, and serves these slots.
    Promoted { port: u16, slots: Vec<(u16, u16)> },
}

/// What there is to watch: the node that is lost, and those that are left.
#[derive(Debug)]
pub(crate) struct FailoverWatch {
    victim: (NodeId, NodeAddr),
    others: Vec<(NodeId, NodeAddr)>,
    /// The nodes of its shard that are left.
    heirs: Vec<NodeId>,
    door: Door,
    deadline: Duration,
}

impl FailoverWatch {
    const POLL: Duration = Duration::from_millis(20);
    /// How long one look at one node may take.
    const LOOK: Duration = Duration::from_millis(500);

    /// A watch over what follows when node number `victim` is lost.
    pub(crate) fn new(cluster: &LocalCluster, victim: usize) -> Self {
        let node = cluster.node(victim);
        let name = |node: &Node| (node.id(), node.addr().clone());
        let left = cluster
            .nodes()
            .iter()
            .filter(|other| other.state() == ProcessState::Running && other.id() != node.id());
        let heirs = left.clone().filter(|other| other.shard() == node.shard());
        Self {
            victim: name(node),
            heirs: heirs.map(Node::id).collect(),
            others: left.map(name).collect(),
            door: cluster.door.clone(),
            // Suspicion, agreement and the vote take about two timeouts; the rest is patience.
            deadline: cluster.settings.node_timeout * 4 + Duration::from_secs(15),
        }
    }

    /// The port of the node that is lost.
    pub(crate) fn victim_port(&self) -> u16 {
        self.victim.1.port()
    }

    /// Sends each step with its time since `start`; returns when another node serves.
    pub(crate) async fn run(
        self,
        start: Instant,
        steps: Sender<(Duration, FailoverStep)>,
    ) -> Result<(), Error> {
        let say = async |step| {
            // Who no longer listens does not stop the watch: its result counts.
            let _ = steps.send((start.elapsed(), step)).await;
        };
        self.wait_silent(start).await;
        say(FailoverStep::LinkLost).await;
        let mut links: Vec<Option<Admin>> = self.others.iter().map(|_| None).collect();
        let mut failing_said = None;
        while start.elapsed() < self.deadline {
            let views = self.look(&mut links).await;
            if failing_said.is_none()
                && let Some(step) = failing(&views, self.victim.0)
            {
                failing_said = Some(start.elapsed());
                say(step).await;
            }
            if let Some(step) = self.promoted(&views, &mut links).await {
                say(step).await;
                return Ok(());
            }
            sleep(Self::POLL).await;
        }
        Err(Error::TimedOut {
            what: "another node to take over".into(),
            waited: start.elapsed(),
            detail: ": a primary needs a replica that is in sync, and most primaries alive".into(),
        })
    }

    async fn wait_silent(&self, start: Instant) {
        while start.elapsed() < self.deadline {
            let Ok(mut admin) = Admin::connect(&self.victim.1, &self.door, Self::LOOK).await else {
                return;
            };
            if admin.call_within(&["PING"], Self::LOOK).await.is_err() {
                return;
            }
            sleep(Self::POLL).await;
        }
    }

    /// How each node sees the cluster; those that do not answer are left out.
    async fn look(&self, links: &mut [Option<Admin>]) -> Vec<(NodeId, View)> {
        let mut views = Vec::with_capacity(links.len());
        for ((id, addr), link) in self.others.iter().zip(links) {
            if link.is_none() {
                *link = Admin::connect(addr, &self.door, Self::LOOK).await.ok();
            }
            let Some(admin) = link else { continue };
            match View::of(admin, Self::LOOK).await {
                Ok(view) => views.push((*id, view)),
                Err(_) => *link = None,
            }
        }
        views
    }

    /// The heir that has slots, once it says so itself and serves.
    async fn promoted(
        &self,
        views: &[(NodeId, View)],
        links: &mut [Option<Admin>],
    ) -> Option<FailoverStep> {
        let heirs = views.iter().filter(|(id, _)| self.heirs.contains(id));
        let (id, shard) = heirs
            .filter_map(|(id, view)| Some((id, view.led_by(*id)?)))
            .find(|(_, shard)| has_slots(shard))?;
        let at = self.others.iter().position(|(other, _)| other == id)?;
        let admin = links[at].as_mut()?;
        let info = admin.call_within(&["CLUSTER", "INFO"], Self::LOOK).await.ok()?;
        let serves = field(info.as_str()?, "cluster_state") == Some("ok");
        serves
            .then(|| FailoverStep::Promoted { port: self.others[at].1.port(), slots: slots(shard) })
    }
}

/// Whether most primaries hold `victim` for lost.
fn failing(views: &[(NodeId, View)], victim: NodeId) -> Option<FailoverStep> {
    let owners = |view: &View| view.shards().iter().filter(|shard| has_slots(shard)).count();
    let of = views.iter().map(|(_, view)| owners(view)).max()?;
    let by = views
        .iter()
        .filter(|(id, view)| {
            let votes = view.led_by(*id).is_some_and(has_slots);
            votes && matches!(view.health(victim), Some(Health::Suspected | Health::Failed))
        })
        .count();
    (by > of / 2).then_some(FailoverStep::Failing { by, of })
}

fn has_slots(shard: &Shard) -> bool {
    !shard.slots.is_empty()
}
