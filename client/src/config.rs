//! What a client is told before it connects.

use slotway_protocol::{Credentials, NodeAddr, Protocol};

use crate::Limits;

/// Where the cluster is, who logs in, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Nodes to ask first. One that answers is enough.
    pub seeds: Vec<NodeAddr>,
    /// Who logs in; nobody, if nothing is given.
    pub credentials: Option<Credentials>,
    /// The protocol to ask for.
    pub protocol: Protocol,
    /// What CLIENT LIST shows as the connections' name.
    pub name: Option<String>,
    /// Every bound.
    pub limits: Limits,
}

impl Config {
    /// The cluster that these nodes belong to, without a login.
    pub fn new(seeds: impl IntoIterator<Item = NodeAddr>) -> Self {
        Self {
            seeds: seeds.into_iter().collect(),
            credentials: None,
            protocol: Protocol::default(),
            name: None,
            limits: Limits::default(),
        }
    }
}
