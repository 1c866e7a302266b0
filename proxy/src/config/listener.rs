//! Where clients connect, and what they meet there.

use std::{fmt, path::PathBuf, time::Duration};

use slotway_protocol::Secret;

/// One place where clients connect, and what they meet there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listener {
    /// Where it is.
    pub address: ListenAddress,
    /// What its clients see.
    pub mode: ListenMode,
    /// What a client has to log in with, as the user `default`; nothing, if none is given.
    pub password: Option<Secret>,
    /// Whether a balancer in front says who the client is.
    pub proxy_protocol: ProxyProtocol,
    /// After this long without a word from a client, the kernel asks whether it is still there;
    /// never, if nothing is given.
    pub keepalive: Option<Duration>,
    /// How many connections may wait to be accepted. The kernel may allow fewer.
    pub backlog: u32,
}

/// Where clients connect.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ListenAddress {
    /// A host, by name or by address, and a port; port 0 takes any that is free.
    Tcp {
        /// The host, an IPv6 address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

/// What clients of a listener see.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ListenMode {
    /// One standalone server.
    #[default]
    Single,
}

/// Whether a balancer in front of a listener says who the client is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ProxyProtocol {
    /// It does not: who connects is the client.
    #[default]
    Off,
    /// Every connection starts with a header of the PROXY protocol, version 2, and is closed
    /// without one.
    V2,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            address: ListenAddress::Tcp { host: "0.0.0.0".into(), port: 6379 },
            mode: ListenMode::default(),
            password: None,
            proxy_protocol: ProxyProtocol::default(),
            keepalive: Some(Duration::from_secs(300)),
            backlog: 511,
        }
    }
}

/// As it is written in a configuration.
impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}
