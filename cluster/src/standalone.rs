//! One real server that is part of no cluster, for one test.

use std::time::Duration;

use slotway_protocol::{NodeAddr, Value};
use tempfile::TempDir;

use crate::{
    Access, Durability, Encryption, Error, Layout, LocalCluster, PortRange, ServerBinary, Settings,
};

/// A server that is part of no cluster, for as long as a test holds this: all keys are its own, and
/// it has many databases.
#[derive(Debug)]
pub struct Standalone {
    // Dropped first: no server writes into a folder that is being removed.
    server: LocalCluster,
    _folder: TempDir,
}

impl Standalone {
    /// Starts one, and returns when it answers. `config` is more lines for its configuration: a
    /// name and its value.
    pub async fn start(binary: ServerBinary, config: &[(&str, &str)]) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("slotway-test-")
            .tempdir()
            .map_err(Error::file("create", std::env::temp_dir()))?;
        // The last line counts.
        let alone = [("cluster-enabled", "no")];
        let lines = config.iter().chain(&alone);
        let settings = Settings {
            binary,
            dir: folder.path().to_owned(),
            access: Access::default(),
            encryption: Encryption::Plain,
            node_timeout: Duration::from_secs(2),
            durability: Durability::Memory,
            extra: lines.map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
        };
        let layout = Layout::new(1, 0, None)?;
        let server = LocalCluster::launch_alone(settings, &layout, PortRange::Any).await?;
        Ok(Self { server, _folder: folder })
    }

    /// Where it is.
    pub fn addr(&self) -> &NodeAddr {
        self.server.node(0).addr()
    }

    /// One command on a connection of its own, and the answer, also an error.
    pub async fn command<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Value, Error> {
        self.server.command(0, args).await
    }
}

impl Drop for Standalone {
    #[expect(clippy::print_stderr, reason = "the test harness captures it for the test that fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.server.node(0).log_tail(15));
        }
    }
}
