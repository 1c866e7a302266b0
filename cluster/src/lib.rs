//! slotway-cluster starts real Redis and Valkey nodes and makes a cluster of them.
//!
//! A developer gets one with `slotway dev`, a test with [`TestCluster`]: the same processes,
//! formed the same way, in about two seconds and without Docker. Nothing outlives the process that
//! started it, not even after `kill -9`.

mod access;
mod admin;
mod binary;
mod conf;
mod dev;
mod error;
mod form;
mod guard;
mod layout;
mod local;
mod node;
mod operate;
mod ports;
mod process;
mod progress;
mod slot_move;
mod standalone;
mod test_cluster;
mod test_servers;
mod tls;
mod view;
mod watch;

pub use access::Access;
pub use admin::Admin;
pub use binary::{Product, ServerBinary, Version};
pub use conf::Durability;
pub use dev::{DevArgs, Front, FrontError, Post, dev};
pub use error::Error;
pub use layout::{Layout, LayoutError, Role, Seat};
pub use local::{Encryption, LocalCluster, Settings};
pub use node::Node;
pub use ports::{PortPair, PortRange};
pub use process::ProcessState;
pub use slot_move::SlotMove;
pub use standalone::Standalone;
pub use test_cluster::{Spec, TestCluster};
pub use test_servers::TestServer;
pub use tls::TlsFiles;
