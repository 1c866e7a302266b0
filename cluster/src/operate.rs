//! What is done to a running cluster: nodes are killed, paused, brought back, promoted, added.

use std::time::Duration;

use slotway_protocol::{Health, NodeId};
use tokio::time::{Instant, sleep};

use crate::{
    Admin, Error, LocalCluster, Node, ProcessState, Role,
    form::{self, Member},
    process::wait_gone,
    progress::Progress,
    view::{View, field, primary_id},
};

const POLL: Duration = Duration::from_millis(10);

impl LocalCluster {
    /// Ends a node as a crash would, with SIGKILL.
    pub fn kill(&self, index: usize) {
        self.node(index).process.lock().kill();
    }

    /// Stops a node where it is, with SIGSTOP: its connections stay open and nothing answers.
    pub fn pause(&self, index: usize) {
        self.node(index).process.lock().pause();
    }

    /// Lets a paused node go on, with SIGCONT.
    pub fn resume_node(&self, index: usize) {
        self.node(index).process.lock().resume();
    }

    /// Ends a node in good order, with SIGTERM.
    pub async fn stop(&self, index: usize) {
        let process = &self.node(index).process;
        process.lock().terminate();
        wait_gone(std::iter::once(process), Duration::from_secs(10)).await;
    }

    /// Starts a node that is gone, and waits until it is back: it serves, and if it is a replica
    /// now, it is in sync.
    pub async fn start(&self, index: usize) -> Result<(), Error> {
        let node = self.node(index);
        if node.state() != ProcessState::Dead {
            return Err(Error::misuse(
                format!("{} is not down", node.addr()),
                "a paused node goes on with `resume`",
            ));
        }
        self.launch(node)?;
        node.answering(&self.door).await?;
        let what = format!("{} to be back", node.addr());
        self.wait_for(&what, form::DEADLINE, || async {
            node.check_alive()?;
            self.is_settled(index).await
        })
        .await
    }

    /// Whether a node serves, is in sync if it is a replica, and is what all take it for.
    async fn is_settled(&self, index: usize) -> Result<bool, Error> {
        let id = self.node(index).id();
        let mut admin = self.connect(index).await?;
        let info = admin.ask_text(&["CLUSTER", "INFO"]).await?;
        let replication = admin.ask_text(&["INFO", "replication"]).await?;
        let serves = field(&info, "cluster_state") == Some("ok")
            && field(&replication, "master_link_status").unwrap_or("up") == "up";
        let owner = self.primary_of(self.node(index).shard).await?;
        let views = self.views().await?;
        let part = |view: &View| {
            let slots = view.led_by(id).map(|shard| shard.slots.clone());
            let primary = view.followed_by(id).and_then(primary_id);
            view.is_fine(id).then_some((primary, slots))
        };
        let agreed = views.windows(2).all(|pair| part(&pair[0]) == part(&pair[1]));
        let fine = views.first().and_then(part);
        // One that was replaced while it was down learns it from the others.
        let follows = fine.is_some_and(|(primary, _)| primary.is_some());
        Ok(serves && agreed && (owner == index || follows))
    }

    /// Waits until every node that runs serves and agrees with the others, and every replica is in
    /// sync.
    pub async fn wait_ready(&self) -> Result<(), Error> {
        self.wait_members(&mut self.members().await?, &|_| ()).await
    }

    /// Promotes a replica by `CLUSTER FAILOVER`, and waits until all nodes agree.
    pub async fn failover(&self, replica: usize) -> Result<(), Error> {
        let mut admin = self.connect(replica).await?;
        admin.ask(&["CLUSTER", "FAILOVER"]).await?;
        let id = self.node(replica).id();
        let what = format!("{} to be promoted", self.node(replica).addr());
        self.wait_for(&what, form::DEADLINE, || async {
            let views = self.views().await?;
            Ok(views.iter().all(|view| view.led_by(id).is_some()))
        })
        .await?;
        self.wait_ready().await
    }

    /// Waits until `condition` holds; asks it anew every few milliseconds.
    pub async fn wait_for<F: Future<Output = Result<bool, Error>>>(
        &self,
        what: &str,
        deadline: Duration,
        mut condition: impl FnMut() -> F,
    ) -> Result<(), Error> {
        let end = Instant::now() + deadline;
        loop {
            // A node that is just going down is no reason to give up before the deadline.
            let detail = match condition().await {
                Ok(true) => return Ok(()),
                Ok(false) => String::new(),
                Err(error) => format!(": {error}"),
            };
            if Instant::now() >= end {
                return Err(Error::TimedOut { what: what.into(), waited: deadline, detail });
            }
            sleep(POLL).await;
        }
    }

    /// The number of the node that is a shard's primary now, as most nodes that run see it.
    pub async fn primary_of(&self, shard: usize) -> Result<usize, Error> {
        let views = self.views().await?;
        let of_shard = self.nodes.iter().enumerate().filter(|(_, node)| node.shard == shard);
        let votes = |id: NodeId| views.iter().filter(|view| is_owner(view, id)).count();
        of_shard
            .map(|(index, node)| (votes(node.id()), index))
            // The first of equals: an empty shard's first node is its primary.
            .max_by_key(|&(votes, index)| (votes, std::cmp::Reverse(index)))
            .map(|(_, index)| index)
            .ok_or_else(|| {
                Error::misuse(
                    format!("there is no shard {}", shard + 1),
                    "see `slotway dev status`",
                )
            })
    }

    /// How each node that runs sees the cluster. A node that does not answer has no view.
    pub(crate) async fn views(&self) -> Result<Vec<View>, Error> {
        let mut views = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            if node.state() == ProcessState::Running {
                let mut admin = self.connect(index).await?;
                views.push(View::of(&mut admin, Admin::DEADLINE).await?);
            }
        }
        Ok(views)
    }

    /// Adds a node and waits until it is one of them: a replica of the shard that has fewest, or a
    /// primary without slots. Returns its number.
    pub async fn add(&mut self, role: Role) -> Result<usize, Error> {
        let shard = match role {
            Role::Replica => self.neediest_shard()?,
            Role::Primary => self.shards(),
        };
        let primary = match role {
            Role::Replica => Some(self.node(self.primary_of(shard).await?).id()),
            Role::Primary => None,
        };
        let mut members = self.members().await?;
        let index = self.nodes.len();
        let ports = self.free_ports()?;
        let mut node = self.node_at(format!("node-{}", index + 1), ports);
        node.shard = shard;
        node.first_role = role;
        node.host = self.free_host(shard);
        self.nodes.push(node);
        match self.join(index, primary, &mut members).await {
            Ok(()) => Ok(index),
            Err(error) => {
                self.nodes.truncate(index);
                Err(error)
            }
        }
    }

    async fn join(
        &mut self,
        index: usize,
        primary: Option<NodeId>,
        members: &mut Vec<Member>,
    ) -> Result<(), Error> {
        self.launch(&self.nodes[index])?;
        let member = self.first_answer(index).await?;
        members.push(member);
        form::introduce(members).await?;
        if let (Some(primary), Some(member)) = (primary, members.last_mut()) {
            form::replicate(member, primary).await?;
        }
        let waiting = |_: Progress| ();
        self.wait_members(members, &waiting).await
    }

    /// How many shards there are, those without slots included.
    pub fn shards(&self) -> usize {
        self.nodes.iter().map(|node| node.shard + 1).max().unwrap_or(0)
    }

    fn neediest_shard(&self) -> Result<usize, Error> {
        let count = |shard: usize| self.nodes.iter().filter(|node| node.shard == shard).count();
        (0..self.shards())
            .min_by_key(|&shard| count(shard))
            .ok_or_else(|| Error::misuse("there is no shard", "add a primary first"))
    }

    /// The label with fewest nodes of `shard`, then with fewest nodes.
    fn free_host(&self, shard: usize) -> Option<String> {
        let mut hosts: Vec<_> = self.nodes.iter().filter_map(Node::host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let load = |host: &&str| {
            let here = self.nodes.iter().filter(|node| node.host() == Some(*host));
            (here.clone().filter(|node| node.shard == shard).count(), here.count())
        };
        hosts.into_iter().min_by_key(load).map(str::to_owned)
    }
}

/// Whether a node is, in this view, a primary that serves.
fn is_owner(view: &View, id: NodeId) -> bool {
    view.health(id) != Some(Health::Failed)
        && view.led_by(id).is_some_and(|shard| !shard.slots.is_empty())
}
