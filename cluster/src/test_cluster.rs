//! A cluster of real servers for one test.

use std::{ops::Deref, path::Path, time::Duration};

use tempfile::TempDir;

use crate::{
    Access, Durability, Encryption, Error, Layout, LocalCluster, Node, PortRange, Role,
    ServerBinary, Settings, TestServer,
};

/// What a test wants its cluster to be. The default: three primaries, one replica each, no
/// password, data in memory, and the server that [`ServerBinary::find`] finds.
#[derive(Clone, Debug)]
pub struct Spec {
    /// How many shards.
    pub primaries: usize,
    /// How many replicas each shard has.
    pub replicas: usize,
    /// How many host labels there are, if any.
    pub hosts: Option<usize>,
    /// The server to run, if not the one that is found.
    pub server: Option<ServerBinary>,
    /// Who may log in.
    pub access: Access,
    /// Whether the nodes talk TLS.
    pub encryption: Encryption,
    /// Whether a killed node comes back with its data.
    pub durability: Durability,
    /// How long a node may be silent before others suspect it: about half of what a failover
    /// takes.
    pub node_timeout: Duration,
    /// More lines for the configuration of every node: a name and its value.
    pub config: Vec<(String, String)>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            primaries: 3,
            replicas: 1,
            hosts: None,
            server: None,
            access: Access::default(),
            encryption: Encryption::Plain,
            durability: Durability::Memory,
            node_timeout: Duration::from_secs(2),
            config: Vec::new(),
        }
    }
}

impl Spec {
    /// The default on one of this project's servers.
    #[track_caller]
    pub fn on(server: TestServer) -> Self {
        Self { server: Some(server.binary()), ..Self::default() }
    }

    /// With this many shards and replicas of each.
    #[must_use]
    pub fn shape(self, primaries: usize, replicas: usize) -> Self {
        Self { primaries, replicas, ..self }
    }

    /// With one more line in the configuration of every node.
    #[must_use]
    pub fn config(mut self, name: &str, value: &str) -> Self {
        self.config.push((name.into(), value.into()));
        self
    }
}

/// Real servers that form a cluster, for as long as a test holds this.
///
/// Each has ports and a folder of its own, so tests run side by side. When a test fails, the ends of
/// the servers' logs are part of its output.
///
/// ```no_run
/// # async fn example() -> Result<(), slotway_cluster::Error> {
/// use slotway_cluster::{Spec, TestCluster};
///
/// let cluster = TestCluster::start(Spec::default()).await?;
/// let seed = cluster.node(0).addr();
/// // ... point a client at `seed`, and then see what it does when a primary is lost:
/// cluster.kill(0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TestCluster {
    // Dropped first: no server writes into a folder that is being removed.
    cluster: LocalCluster,
    folder: TempDir,
}

impl TestCluster {
    /// Starts one, and returns when it is ready: every node serves, all agree, and every replica
    /// is in sync.
    pub async fn start(spec: Spec) -> Result<Self, Error> {
        let layout = Layout::new(spec.primaries, spec.replicas, spec.hosts)?;
        let binary = spec.server.map_or_else(|| ServerBinary::find(None), Ok)?;
        let folder = tempfile::Builder::new()
            .prefix("slotway-test-")
            .tempdir()
            .map_err(Error::file("create", std::env::temp_dir()))?;
        let settings = Settings {
            binary,
            dir: folder.path().to_owned(),
            access: spec.access,
            encryption: spec.encryption,
            node_timeout: spec.node_timeout,
            durability: spec.durability,
            extra: spec.config,
        };
        let cluster = LocalCluster::create(settings, &layout, PortRange::Any).await?;
        Ok(Self { cluster, folder })
    }

    /// Adds a node and waits until it is one of them: a replica of the shard that has fewest, or a
    /// primary without slots. Returns its number.
    pub async fn add(&mut self, role: Role) -> Result<usize, Error> {
        self.cluster.add(role).await
    }

    /// The folder of its data, gone when this is dropped.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ends of all logs.
    pub fn logs(&self) -> String {
        let quote = |node: &Node| {
            let state = node.state();
            format!("--- {} {} ({state:?})\n{}\n", node.name, node.addr(), node.log_tail(15))
        };
        self.cluster.nodes().iter().map(quote).collect()
    }
}

impl Deref for TestCluster {
    type Target = LocalCluster;

    fn deref(&self) -> &LocalCluster {
        &self.cluster
    }
}

impl Drop for TestCluster {
    #[expect(clippy::print_stderr, reason = "the test harness captures it for the test that fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}
