//! Why a place cannot be listened on, and what to do about it.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::ListenAddress;

/// A place that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A listener's address.
    #[error("cannot listen on {address}: {}", told(source))]
    Listen {
        /// Which one.
        address: ListenAddress,
        /// What the system said.
        source: io::Error,
    },
    /// A listener's path.
    #[error("cannot listen on {}: {}", path.display(), told_of_path(source))]
    Path {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The admin port.
    #[error("cannot listen on {address} for operators: {}", told(source))]
    Admin {
        /// Which one.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Listen { address: ListenAddress::Tcp { port, .. }, source } => {
                hint(*port, source, "--listen ADDRESS:PORT")
            }
            Self::Listen { .. } => "choose another with --listen".into(),
            Self::Path { source, .. } if is_taken(source) => {
                "choose another path with --listen".into()
            }
            Self::Path { .. } => {
                "name a path in a folder that you may write to with --listen".into()
            }
            Self::Admin { address, source } => {
                hint(address.port(), source, "--admin ADDRESS:PORT, or none with --admin off")
            }
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::AlreadyExists)
}

fn told(error: &io::Error) -> String {
    let kind = error.kind();
    let known = [
        (io::ErrorKind::AddrInUse, "the port is taken"),
        (io::ErrorKind::AddrNotAvailable, "this machine has no such address"),
        (io::ErrorKind::PermissionDenied, "you may not"),
    ];
    let known = known.iter().find(|(known, _)| *known == kind);
    known.map_or_else(|| error.to_string(), |(_, text)| (*text).to_owned())
}

fn told_of_path(error: &io::Error) -> String {
    let kind = error.kind();
    let known = [
        (io::ErrorKind::AddrInUse, "another process listens there"),
        (io::ErrorKind::AlreadyExists, "a file is there that is no socket"),
    ];
    let known = known.iter().find(|(known, _)| *known == kind);
    known.map_or_else(|| error.to_string(), |(_, text)| (*text).to_owned())
}

fn hint(port: u16, error: &io::Error, flag: &str) -> String {
    let choose = format!("choose another with {flag}");
    if is_taken(error) {
        return format!("{}; {choose}", who(port));
    }
    if error.kind() == io::ErrorKind::PermissionDenied && port < 1024 {
        return format!("ports below 1024 are for root; {choose}");
    }
    choose
}

/// What shows who has a port.
fn who(port: u16) -> String {
    if cfg!(target_os = "linux") {
        format!("`ss -ltnp 'sport = :{port}'` shows who has it")
    } else {
        format!("`lsof -nP -iTCP:{port} -sTCP:LISTEN` shows who has it")
    }
}
