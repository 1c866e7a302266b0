//! slotway: an async client for Redis Cluster and Valkey Cluster.
//!
//! A [`Client`] is cheap to clone and is all that an application keeps. Concurrent calls share one
//! connection to each node, and find the node by themselves, whatever the cluster does meanwhile.
//!
//! What goes where is decided in `slotway-protocol`; this crate connects, sends, waits and retries
//! as it is told there.

mod client;
mod cluster;
mod config;
mod connect;
mod connection;
mod error;
mod follow;
mod limits;
mod node;
mod refresh;

pub use client::Client;
pub use config::Config;
pub use error::{ConnectError, Error};
pub use limits::Limits;
pub use slotway_protocol::{CommandBuf, Credentials, Delivery, NodeAddr, Secret, Slot, Value};
