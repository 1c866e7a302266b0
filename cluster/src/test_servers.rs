//! The servers that this project's own tests run against.

use std::{
    env, fmt,
    path::{Path, PathBuf},
};

use crate::ServerBinary;

/// A server version that tests run against.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TestServer {
    /// Redis 7.0
    Redis70,
    /// Valkey 8.1
    Valkey81,
    /// Valkey 9.1
    Valkey91,
}

impl TestServer {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Redis70, Self::Valkey81, Self::Valkey91];

    /// The environment variable that names the folder they are in.
    pub const VARIABLE: &str = "SLOTWAY_TEST_SERVERS";

    /// Where it is below that folder.
    fn place(self) -> &'static str {
        match self {
            Self::Redis70 => "redis-7.0/redis-server",
            Self::Valkey81 => "valkey-8.1/valkey-server",
            Self::Valkey91 => "valkey-9.1/valkey-server",
        }
    }

    /// The server, from the folder that [`Self::VARIABLE`] names or from `target/servers` of the
    /// workspace.
    ///
    /// # Panics
    /// When it is not there: a test that cannot run fails, with the line that helps.
    #[track_caller]
    pub fn binary(self) -> ServerBinary {
        let path = servers().join(self.place());
        assert!(path.is_file(), "no server for tests at {}: run `make servers`", path.display());
        ServerBinary::at(&path).expect("what `make servers` put there is a server")
    }
}

impl fmt::Display for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis70 => "Redis 7.0",
            Self::Valkey81 => "Valkey 8.1",
            Self::Valkey91 => "Valkey 9.1",
        })
    }
}

fn servers() -> PathBuf {
    if let Some(folder) = env::var_os(TestServer::VARIABLE) {
        return folder.into();
    }
    // Cargo runs a test in its package's folder, which is somewhere in the workspace.
    let here = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = here.or_else(|| env::current_dir().ok()).unwrap_or_default();
    let root = here.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap_or_else(|| Path::new(".")).join("target/servers")
}
