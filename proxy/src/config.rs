//! What a proxy is told before it starts.

mod address;
mod args;
mod build;
mod cluster;
mod environment;
mod file;
mod flags;
mod keys;
mod kind;
mod limits;
mod listener;
mod load;
mod log;
mod nearest;
mod password;
mod problem;
mod said;
mod schema;
mod seeds;
mod settings;
mod units;
mod verbs;

use std::{net::SocketAddr, num::NonZeroUsize};

pub use args::{ConfigArgs, ProxyArgs};
use kind::cores;
pub use limits::ProxyLimits;
pub use listener::{ListenAddress, ListenMode, Listener, ProxyProtocol};
pub use log::{Log, LogFormat, LogLevel};
pub use problem::{Problem, Problems};
pub use settings::{Setting, Settings};
use slotway_protocol::{CommandTable, PlanRules};
pub use verbs::config;

/// Everything that a proxy is told: checked as a whole, before anything is bound.
#[derive(Clone, Debug)]
pub struct ProxyConfig {
    /// The cluster behind it: seeds, login, TLS, where nodes are reached, and every bound that is
    /// the client's. Its protocol is whatever a session asks for.
    pub cluster: slotway::Config,
    /// Where clients connect, in the order in which they were given; at least one.
    pub listeners: Vec<Listener>,
    /// Where health, metrics and the API are; nowhere, if nothing is given.
    pub admin: Option<Admin>,
    /// Every bound that is the proxy's own.
    pub limits: ProxyLimits,
    /// Which commands are allowed, and whether commands across slots are split.
    pub rules: PlanRules,
    /// How many threads serve sessions.
    pub workers: NonZeroUsize,
    /// How the log is written.
    pub log: Log,
    /// The same, value by value, with who said each: for people to see.
    pub settings: Settings,
    /// What the operator should be told, though it can be done.
    pub warnings: Vec<String>,
}

/// Where health, metrics and the API are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Admin {
    /// Where it listens; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Whether keys may be seen in logs, in the API and in errors. Without it they never are.
    pub keys: KeysShown,
}

/// Whether an operator gets to see keys.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum KeysShown {
    /// Keys are in no log, metric, page or error.
    #[default]
    Never,
    /// Keys may be shown to whoever operates the proxy.
    ToOperators,
}

impl Default for Admin {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 9379)), keys: KeysShown::default() }
    }
}

impl ProxyConfig {
    /// In front of this cluster, with the default of everything else: one listener on
    /// `0.0.0.0:6379`, the admin port on `127.0.0.1:9379`, a worker for each core.
    pub fn new(cluster: slotway::Config) -> Self {
        Self {
            cluster,
            listeners: vec![Listener::default()],
            admin: Some(Admin::default()),
            limits: ProxyLimits::default(),
            rules: PlanRules::new(&CommandTable::builtin()),
            workers: cores(),
            log: Log::default(),
            settings: Settings::of_defaults(),
            warnings: Vec::new(),
        }
    }
}
