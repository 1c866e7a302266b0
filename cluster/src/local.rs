//! A cluster of server processes on this machine: created, or started again over its old data.

use std::{fs, path::PathBuf, time::Duration};

use slotway_protocol::Value;

use crate::{
    Access, Error, Layout, Node, PortPair, PortRange, ProcessState, Role, ServerBinary, TlsFiles,
    admin::{Admin, Door},
    conf::{Durability, NodeConf},
    form::{self, Goal, Member},
    guard::Guard,
    process::wait_gone,
    progress::{OnProgress, Progress},
};

/// Whether clients, replicas and the bus talk TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// Everything goes in the clear.
    Plain,
    /// Everything is encrypted, with certificates made for this cluster.
    Tls,
}

/// What all nodes of a local cluster have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server to run.
    pub binary: ServerBinary,
    /// The folder that every node gets a folder in.
    pub dir: PathBuf,
    /// Who may log in.
    pub access: Access,
    /// Whether they talk TLS.
    pub encryption: Encryption,
    /// How long a node may be silent before others suspect it.
    pub node_timeout: Duration,
    /// Whether data outlives a node's process.
    pub durability: Durability,
    /// More lines for the configuration of every node: a name and its value.
    pub extra: Vec<(String, String)>,
}

/// A node of an earlier run.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct SavedNode {
    pub(crate) name: String,
    pub(crate) shard: usize,
    pub(crate) primary: bool,
    pub(crate) host: Option<String>,
    pub(crate) port: u16,
}

/// Real servers that form a cluster, as child processes. Dropping it kills them all.
#[derive(Debug)]
pub struct LocalCluster {
    pub(crate) settings: Settings,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) door: Door,
    pub(crate) nodes: Vec<Node>,
    pub(crate) ports: PortRange,
    /// What the nodes are told now, which is less than the settings say while they get acquainted.
    node_timeout: Duration,
    // Dropped last: it kills what is still there.
    pub(crate) guard: Guard,
}

impl LocalCluster {
    /// How often a node that lost its port to a stranger gets another.
    const PORT_TRIES: usize = 5;
    /// How long a server may take to end in good order.
    const STOP_DEADLINE: Duration = Duration::from_secs(10);
    /// Nodes talk to each other about twice in a node timeout, so with a long one they would
    /// agree late.
    const FORMING_TIMEOUT: Duration = Duration::from_millis(1500);

    /// A new cluster, ready: every node serves, knows all others, and every replica is in sync.
    pub async fn create(
        settings: Settings,
        layout: &Layout,
        ports: PortRange,
    ) -> Result<Self, Error> {
        Self::create_watched(settings, layout, ports, &|_| ()).await
    }

    pub(crate) async fn create_watched(
        settings: Settings,
        layout: &Layout,
        ports: PortRange,
        progress: OnProgress<'_>,
    ) -> Result<Self, Error> {
        let mut cluster = Self::empty(settings, ports)?;
        cluster.place(layout)?;
        cluster.node_timeout = cluster.node_timeout.min(Self::FORMING_TIMEOUT);
        let mut members = cluster.start_all(progress).await?;
        form::meet_all(&mut members).await?;
        let shards = layout.seats().iter().filter(|seat| seat.role == Role::Primary).count();
        for (shard, member) in members.iter_mut().take(shards).enumerate() {
            form::add_slots(member, layout.slots(shard)).await?;
            progress(Progress::Slots(shard + 1, shards));
        }
        for (index, seat) in layout.seats().iter().enumerate().skip(shards) {
            let primary = members[seat.shard].id;
            form::replicate(&mut members[index], primary).await?;
        }
        cluster.wait_members(&mut members, progress).await?;
        cluster.settle_timeout(&mut members).await?;
        Ok(cluster)
    }

    /// Nodes that know nothing of each other, as soon as all answer.
    pub(crate) async fn launch_alone(
        settings: Settings,
        layout: &Layout,
        ports: PortRange,
    ) -> Result<Self, Error> {
        let mut servers = Self::empty(settings, ports)?;
        servers.place(layout)?;
        for index in 0..servers.nodes.len() {
            servers.launch(&servers.nodes[index])?;
            servers.first_admin(index).await?;
        }
        Ok(servers)
    }

    /// Tells the nodes the timeout that was asked for.
    async fn settle_timeout(&mut self, members: &mut [Member]) -> Result<(), Error> {
        if self.node_timeout != self.settings.node_timeout {
            self.node_timeout = self.settings.node_timeout;
            let millis = self.node_timeout.as_millis().to_string();
            for member in members {
                member.admin.ask(&["CONFIG", "SET", "cluster-node-timeout", &millis]).await?;
            }
        }
        Ok(())
    }

    /// The cluster of an earlier run, with its data and node ids.
    pub(crate) async fn resume(
        settings: Settings,
        saved: &[SavedNode],
        ports: PortRange,
        progress: OnProgress<'_>,
    ) -> Result<Self, Error> {
        let mut cluster = Self::empty(settings, ports)?;
        let moved = cluster.replace(saved)?;
        let mut members = cluster.start_all(progress).await?;
        let before: Vec<_> = saved.iter().map(|node| node.port).collect();
        let after: Vec<_> = cluster.nodes.iter().map(Node::port).collect();
        if moved || before != after {
            // The nodes remember each other at their old addresses.
            form::introduce(&mut members).await?;
        }
        cluster.wait_members(&mut members, progress).await?;
        Ok(cluster)
    }

    fn empty(settings: Settings, ports: PortRange) -> Result<Self, Error> {
        // Servers are started in their own folders: a relative path would mean another one there.
        let dir = std::path::absolute(&settings.dir).map_err(Error::file("find", &settings.dir))?;
        fs::create_dir_all(&dir).map_err(Error::file("create", &dir))?;
        let settings = Settings { dir, ..settings };
        let tls = match settings.encryption {
            Encryption::Plain => None,
            Encryption::Tls => Some(TlsFiles::create(&settings.dir.join("tls"))?),
        };
        let client = tls.as_ref().map(TlsFiles::client).transpose()?;
        let door = Door { access: settings.access.clone(), tls: client };
        let guard = Guard::new().map_err(Error::file("run", "/bin/sh"))?;
        let node_timeout = settings.node_timeout;
        Ok(Self { settings, tls, door, nodes: Vec::new(), ports, node_timeout, guard })
    }

    /// Gives every seat of a layout a node with ports of its own.
    fn place(&mut self, layout: &Layout) -> Result<(), Error> {
        for seat in layout.seats() {
            let ports = self.free_ports()?;
            let mut node = self.node_at(format!("node-{}", self.nodes.len() + 1), ports);
            node.shard = seat.shard;
            node.first_role = seat.role;
            node.host = seat.host.map(|host| format!("host{}", host + 1));
            self.nodes.push(node);
        }
        Ok(())
    }

    /// Puts the nodes of an earlier run back, at their old ports where these are free.
    fn replace(&mut self, saved: &[SavedNode]) -> Result<bool, Error> {
        // First all that are free, so that nobody is moved onto another's old port.
        let claims: Vec<_> =
            saved.iter().map(|node| PortPair::claim(node.port)).collect::<Result<_, _>>()?;
        let last = saved.iter().map(|node| node.port).max().unwrap_or(0);
        let mut next = PortRange::From(last.saturating_add(1));
        let mut moved = false;
        for (old, claim) in saved.iter().zip(claims) {
            let ports = match claim {
                Some(ports) => ports,
                None => {
                    moved = true;
                    PortPair::find(next)?
                }
            };
            if moved {
                next = PortRange::From(last.max(ports.client()).saturating_add(1));
            }
            let mut node = self.node_at(old.name.clone(), ports);
            node.shard = old.shard;
            node.first_role = if old.primary { Role::Primary } else { Role::Replica };
            node.host.clone_from(&old.host);
            self.nodes.push(node);
        }
        Ok(moved)
    }

    pub(crate) fn node_at(&self, name: String, ports: PortPair) -> Node {
        Node::new(self.settings.dir.join(&name), name, ports)
    }

    /// Where to look for the next node's ports.
    pub(crate) fn next_range(&self) -> PortRange {
        match (self.ports, self.nodes.iter().map(Node::port).max()) {
            (PortRange::From(_), Some(last)) => PortRange::From(last.saturating_add(1)),
            (range, _) => range,
        }
    }

    /// The ports of one more node.
    pub(crate) fn free_ports(&self) -> Result<PortPair, Error> {
        PortPair::find(self.next_range()).map_err(|error| match (error, self.ports) {
            // What was searched is what was asked for, not only what is left behind the others.
            (Error::NoPort { last, .. }, PortRange::From(first)) => Error::NoPort { first, last },
            (error, _) => error,
        })
    }

    /// Starts every process and waits until all answer.
    async fn start_all(&mut self, progress: OnProgress<'_>) -> Result<Vec<Member>, Error> {
        for node in &self.nodes {
            self.launch(node)?;
        }
        let mut members = Vec::with_capacity(self.nodes.len());
        for index in 0..self.nodes.len() {
            members.push(self.first_answer(index).await?);
            progress(Progress::Nodes(index + 1, self.nodes.len()));
        }
        Ok(members)
    }

    /// Starts a node's process with the configuration that it has now.
    pub(crate) fn launch(&self, node: &Node) -> Result<(), Error> {
        let zone = node.host().filter(|_| self.settings.binary.has_availability_zone());
        let conf = NodeConf {
            port: node.port(),
            bus: node.bus_port(),
            dir: &node.dir,
            node_timeout: self.node_timeout,
            durability: self.settings.durability,
            access: &self.settings.access,
            tls: self.tls.as_ref(),
            zone,
            extra: &self.settings.extra,
        };
        node.start(&self.settings.binary, &conf, &self.guard)
    }

    /// Waits until a node answers that was just launched. When a stranger took its port between
    /// our look and its bind, it gets another one.
    pub(crate) async fn first_answer(&mut self, index: usize) -> Result<Member, Error> {
        let admin = self.first_admin(index).await?;
        let node = &self.nodes[index];
        let member = Member::new(node.addr.clone(), node.bus_port(), admin).await?;
        self.nodes[index].id = Some(member.id);
        Ok(member)
    }

    async fn first_admin(&mut self, index: usize) -> Result<Admin, Error> {
        for _ in 1..Self::PORT_TRIES {
            match self.nodes[index].answering(&self.door).await {
                Err(Error::Exited { log, .. }) if log.contains("ddress already in use") => {}
                result => return result,
            }
            let ports = self.free_ports()?;
            let node = &mut self.nodes[index];
            node.addr = slotway_protocol::NodeAddr::new("127.0.0.1", ports.client());
            node.ports = ports;
            self.launch(&self.nodes[index])?;
        }
        self.nodes[index].answering(&self.door).await
    }

    pub(crate) async fn wait_members(
        &self,
        members: &mut [Member],
        progress: OnProgress<'_>,
    ) -> Result<(), Error> {
        let count = members.len();
        let goal = Goal { deadline: form::DEADLINE, absent: self.nodes.len() - count };
        let here = |node: &&Node| node.state() != ProcessState::Dead;
        let running: Vec<_> = self.nodes.iter().filter(here).collect();
        let alive = || running.iter().try_for_each(|node| node.check_alive());
        form::ready(members, goal, |ready| progress(Progress::Ready(ready, count)), alive).await
    }

    /// Its nodes, the first primaries first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node with this number, counted from 0.
    ///
    /// # Panics
    /// When there is none: a mistake of the caller.
    #[track_caller]
    pub fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// What its nodes have in common.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The certificates, if it talks TLS.
    pub fn tls(&self) -> Option<&TlsFiles> {
        self.tls.as_ref()
    }

    /// A connection of its own to a node, logged in.
    pub async fn connect(&self, index: usize) -> Result<Admin, Error> {
        Admin::connect(self.node(index).addr(), &self.door, Admin::DEADLINE).await
    }

    /// One command to one node, on a connection of its own, and the answer, also an error.
    pub async fn command<A: AsRef<[u8]>>(&self, index: usize, args: &[A]) -> Result<Value, Error> {
        self.connect(index).await?.call(args).await
    }

    /// Ends all servers in good order, so that nothing they acknowledged is lost.
    pub async fn shut_down(&self) {
        for node in &self.nodes {
            node.process.lock().terminate();
        }
        wait_gone(self.nodes.iter().map(|node| &node.process), Self::STOP_DEADLINE).await;
    }

    /// A connection to every node that runs.
    pub(crate) async fn members(&self) -> Result<Vec<Member>, Error> {
        let mut members = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            if node.state() == ProcessState::Running {
                let admin = self.connect(index).await?;
                members.push(Member::new(node.addr.clone(), node.bus_port(), admin).await?);
            }
        }
        Ok(members)
    }
}
