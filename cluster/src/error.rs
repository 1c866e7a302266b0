//! Everything that can go wrong with nodes, as two lines: what happened, and what to do.

use std::{fmt, io, path::PathBuf, time::Duration};

use slotway_protocol::NodeAddr;

use crate::layout::LayoutError;

/// Why nodes could not be found, started, reached or brought together.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No valkey-server and no redis-server is on the search path.
    #[error("found neither valkey-server nor redis-server on PATH")]
    NoServer,
    /// The named file is not a server that can be run.
    #[error("{path} is not a server that can be used: {reason}", path = .path.display())]
    BadServer {
        /// What was tried.
        path: PathBuf,
        /// What it did instead.
        reason: String,
    },
    /// A cluster of this shape cannot be.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// No free port was found.
    #[error("too few free ports from {first} to {last}: a node needs one, and a second 10000 away")]
    NoPort {
        /// The first port tried.
        first: u16,
        /// The last port tried.
        last: u16,
    },
    /// The locks on ports, which all clusters of a user share, could not be kept.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    PortLock {
        /// What was to be done, such as `open`.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or a folder could not be used.
    #[error("cannot {action} {path}: {source}", path = .path.display())]
    File {
        /// What was to be done, such as `write`.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A server process ended by itself.
    #[error("the server for {node} ended ({status}); the last lines of its log:\n{log}")]
    Exited {
        /// The node it was started for.
        node: NodeAddr,
        /// How it ended.
        status: String,
        /// What it said last.
        log: String,
    },
    /// A node could not be reached, or the connection to it broke.
    #[error("no connection to {node}: {source}")]
    Unreachable {
        /// The node.
        node: NodeAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A node answered a command with an error.
    #[error("{node} answered {command} with: {text}")]
    Refused {
        /// The node.
        node: NodeAddr,
        /// The command's first words, never a password.
        command: String,
        /// Its answer.
        text: String,
    },
    /// A condition did not become true in time.
    #[error("waited {waited:.1?} for {what}{detail}")]
    TimedOut {
        /// The condition.
        what: String,
        /// For how long.
        waited: Duration,
        /// What is still missing, each on its own line.
        detail: String,
    },
    /// Certificates could not be made.
    #[error("cannot make certificates: {0}")]
    Certificates(String),
    /// The request makes no sense for this cluster in this state.
    #[error("{problem}")]
    Misuse {
        /// What is wrong.
        problem: String,
        /// What would be right.
        hint: Option<String>,
    },
    /// What stands in front of the cluster could not be started.
    #[error("{problem}")]
    Front {
        /// Why.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// Nothing listens for commands: no cluster runs on this folder.
    #[error("no cluster runs in {path}", path = .path.display())]
    NotRunning {
        /// The data folder.
        path: PathBuf,
    },
    /// The cluster on this folder does not listen to us.
    #[error("the cluster in {path} is another user's", path = .path.display())]
    NotYours {
        /// The data folder.
        path: PathBuf,
    },
    /// A running cluster passed on why it could not do what it was asked.
    #[error("{message}")]
    Remote {
        /// Its message.
        message: String,
        /// Its hint.
        hint: Option<String>,
        /// The exit code it stands for.
        code: u8,
    },
}

impl Error {
    /// A [`Error::File`] in the making.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// A [`Error::Misuse`] with a hint.
    pub(crate) fn misuse(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Misuse { problem: problem.into(), hint: Some(hint.into()) }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoServer => Some(install_line()),
            Self::BadServer { .. } => {
                Some("name a redis-server or valkey-server of version 7.0 or newer".into())
            }
            Self::Layout(LayoutError::NoPrimary | LayoutError::TooManyNodes(_)) => {
                Some("try --primaries 3 --replicas 1".into())
            }
            Self::Layout(LayoutError::OneHost) => Some("try --hosts 3, or --replicas 0".into()),
            Self::NoPort { .. } => Some("choose another range with --port".into()),
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("choose a folder that you may write to with --dir".into())
            }
            Self::PortLock { .. } => Some(
                "set TMPDIR to a folder that you may write to, the same for all your clusters"
                    .into(),
            ),
            Self::NotYours { .. } => {
                Some("ask as that user, or start a cluster of your own with --dir".into())
            }
            Self::NotRunning { .. } => {
                Some("start one with `slotway dev`, or name its folder with --dir".into())
            }
            Self::Misuse { hint, .. } | Self::Remote { hint, .. } => hint.clone(),
            Self::Front { hint, .. } => Some(hint.clone()),
            Self::File { .. }
            | Self::Exited { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::Certificates(_) => None,
        }
    }

    /// The exit code of a command that ends with this: 1 problems found, 2 usage, 3 cannot
    /// connect.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Layout(_) | Self::Misuse { .. } | Self::BadServer { .. } => 2,
            Self::NotRunning { .. }
            | Self::NotYours { .. }
            | Self::Unreachable { .. }
            | Self::Front { .. } => 3,
            Self::Remote { code, .. } => *code,
            Self::NoServer
            | Self::NoPort { .. }
            | Self::File { .. }
            | Self::PortLock { .. }
            | Self::Exited { .. }
            | Self::Refused { .. }
            | Self::TimedOut { .. }
            | Self::Certificates(_) => 1,
        }
    }
}

/// The same as what people see, since it is `unwrap` in a test that shows it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        self.hint().map_or(Ok(()), |hint| write!(f, "\nhint: {hint}"))
    }
}

/// The one line that installs a server here.
fn install_line() -> String {
    let tools = [
        ("brew", "brew install valkey"),
        ("apt-get", "apt-get install redis-server"),
        ("dnf", "dnf install valkey"),
        ("apk", "apk add valkey"),
        ("pacman", "pacman -S valkey"),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = tools
        .iter()
        .find(|(tool, _)| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()));
    let install = found.map_or("install Valkey or Redis", |(_, line)| line);
    format!(
        "{install}, or name one with --server PATH; without either: docker compose up -d --wait"
    )
}
