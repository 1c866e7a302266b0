//! The data folder: whose it is, who uses it, and what the last run left in it.

use std::{
    fs::{self, File, TryLockError},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::{Access, Encryption, Error, LocalCluster, Role, local::SavedNode, tls::write_private};

/// What is remembered between runs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Saved {
    /// Which form this file has.
    format: u32,
    pub(crate) server: String,
    pub(crate) access: Access,
    pub(crate) encryption: Encryption,
    pub(crate) node_timeout: Duration,
    /// Empty until the cluster was whole for the first time.
    pub(crate) nodes: Vec<SavedNode>,
}

impl Saved {
    const FORMAT: u32 = 1;

    /// What to remember of a cluster.
    pub(crate) fn of(cluster: &LocalCluster) -> Self {
        let settings = cluster.settings();
        let save = |node: &crate::Node| SavedNode {
            name: node.name.clone(),
            shard: node.shard(),
            primary: node.first_role() == Role::Primary,
            host: node.host().map(str::to_owned),
            port: node.port(),
        };
        Self {
            format: Self::FORMAT,
            server: settings.binary.to_string(),
            access: settings.access.clone(),
            encryption: settings.encryption,
            node_timeout: settings.node_timeout,
            nodes: cluster.nodes().iter().map(save).collect(),
        }
    }

    /// How many primaries, replicas of each, and host labels there are.
    pub(crate) fn shape(&self) -> (usize, usize, usize) {
        let primaries = self.nodes.iter().filter(|node| node.primary).count();
        let replicas = (self.nodes.len() - primaries).div_ceil(primaries.max(1));
        let mut hosts: Vec<_> = self.nodes.iter().filter_map(|node| node.host.as_ref()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        (primaries, replicas, hosts.len())
    }
}

/// A data folder that this process alone uses, for as long as it holds this.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    _lock: File,
}

impl DataFolder {
    const STATE: &str = "dev.json";
    const LOCK: &str = "lock";
    const SOCKET: &str = "control.sock";
    /// The longest path that a socket can have everywhere, with room for its end.
    const SOCKET_PATH_MAX: usize = 100;

    /// Takes `path` for this process. It must be empty, or ours.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let path = std::path::absolute(path).map_err(Error::file("find", path))?;
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
        if !is_ours_or_empty(&path)? {
            return Err(Error::misuse(
                format!("{} is not empty, and its files are not slotway's", path.display()),
                "choose another folder with --dir; nothing was changed",
            ));
        }
        let lock_path = path.join(Self::LOCK);
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(Error::file("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&path)),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &lock_path)(error)),
        }
        let pid = std::process::id().to_string();
        lock.set_len(0)
            .and_then(|()| lock.write_all(pid.as_bytes()))
            .map_err(Error::file("write", &lock_path))?;
        // Nobody wants this in their repository.
        let ignore = path.join(".gitignore");
        fs::write(&ignore, "*\n").map_err(Error::file("write", &ignore))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the last run left, if it was whole.
    pub(crate) fn load(&self) -> Result<Option<Saved>, Error> {
        let path = self.path.join(Self::STATE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("read", &path)(error)),
        };
        let saved: Saved = serde_json::from_slice(&text).map_err(|error| {
            Error::misuse(
                format!("{} cannot be read: {error}", path.display()),
                "slotway dev --fresh starts empty",
            )
        })?;
        if saved.format != Saved::FORMAT {
            return Err(Error::misuse(
                format!("{} is of another version of slotway", path.display()),
                "slotway dev --fresh starts empty",
            ));
        }
        Ok((!saved.nodes.is_empty()).then_some(saved))
    }

    /// Remembers this for the next run.
    pub(crate) fn save(&self, saved: &Saved) -> Result<(), Error> {
        let json = serde_json::to_vec_pretty(saved).expect("it is made of names and numbers");
        write_private(&self.path.join(Self::STATE), &json)
    }

    /// Removes what nodes left here, and nothing else.
    pub(crate) fn wipe(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.path).map_err(Error::file("read", &self.path))? {
            let entry = entry.map_err(Error::file("read", &self.path))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let path = entry.path();
            let removed = if name == "tls" || is_node_folder(&name) {
                fs::remove_dir_all(&path)
            } else if name == Self::STATE {
                fs::remove_file(&path)
            } else {
                continue;
            };
            removed.map_err(Error::file("remove", &path))?;
        }
        Ok(())
    }

    /// Refuses a folder that another process uses, and touches none.
    pub(crate) fn refuse_in_use(path: &Path) -> Result<(), Error> {
        let lock = File::options().write(true).open(path.join(Self::LOCK));
        match lock.map(|lock| lock.try_lock()) {
            Ok(Err(TryLockError::WouldBlock)) => Err(in_use(path)),
            Ok(Ok(()) | Err(TryLockError::Error(_))) | Err(_) => Ok(()),
        }
    }

    /// Waits until nobody uses the folder any more, and says whether that came about.
    pub(crate) async fn wait_free(path: &Path, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        loop {
            if Self::refuse_in_use(path).is_ok() {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where the process that uses a folder listens for commands.
    pub(crate) fn socket(path: &Path) -> PathBuf {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let inside = path.join(Self::SOCKET);
        if inside.as_os_str().len() <= Self::SOCKET_PATH_MAX {
            return inside;
        }
        // Too long for a socket. Both sides come to the same short name.
        let name = format!("{:016x}.sock", fnv(path.as_os_str().as_encoded_bytes()));
        let user = rustix::process::getuid().as_raw();
        std::env::temp_dir().join(format!("slotway-control-{user}")).join(name)
    }
}

/// A short stable name for long bytes.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn in_use(path: &Path) -> Error {
    let pid = fs::read_to_string(path.join(DataFolder::LOCK)).unwrap_or_default();
    Error::misuse(
        format!("process {} already runs a cluster in {}", pid.trim(), path.display()),
        "look at it with `slotway dev status`, end it with `slotway dev stop`, or start another \
         one with --dir",
    )
}

fn is_ours_or_empty(path: &Path) -> Result<bool, Error> {
    let mut empty = true;
    for entry in fs::read_dir(path).map_err(Error::file("read", path))? {
        let name = entry.map_err(Error::file("read", path))?.file_name();
        if name == DataFolder::STATE || name == DataFolder::LOCK {
            return Ok(true);
        }
        empty = false;
    }
    Ok(empty)
}

fn is_node_folder(name: &str) -> bool {
    name.strip_prefix("node-").is_some_and(|number| number.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("thesis.txt");
        fs::write(&file, "all of it").unwrap();
        let error = DataFolder::take(folder.path()).unwrap_err();
        assert!(error.to_string().contains("is not empty"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_wipe_removes_what_nodes_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::take(folder.path()).unwrap();
        for name in ["node-1", "node-12", "tls", "node-x", "mine"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("dev.json"), "{}").unwrap();
        data.wipe().unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".gitignore", "lock", "mine", "node-x"]);
    }

    #[test]
    fn a_folder_is_used_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::take(folder.path()).unwrap();
        let error = DataFolder::take(folder.path()).unwrap_err();
        let pid = std::process::id();
        assert!(error.to_string().starts_with(&format!("process {pid} already runs")), "{error}");
        drop(first);
        DataFolder::take(folder.path()).unwrap();
    }

    #[test]
    fn a_socket_has_a_path_that_is_short_enough() {
        let short = DataFolder::socket(Path::new("/tmp/x"));
        assert_eq!(short, Path::new("/tmp/x/control.sock"));
        let long = DataFolder::socket(&Path::new("/tmp").join("x".repeat(150)));
        assert!(long.as_os_str().len() < 100, "{}", long.display());
    }
}
