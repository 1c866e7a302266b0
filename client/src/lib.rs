//! slotway: an async client for Redis Cluster and Valkey Cluster.
//!
//! A [`Client`] is cheap to clone and is all that an application keeps. Concurrent calls share one
//! connection to each node, and find the node by themselves, whatever the cluster does meanwhile.
//!
//! ```no_run
//! # async fn example() -> Result<(), slotway::Error> {
//! let client = slotway::Client::connect("redis://localhost:6379").await?;
//! client.set("greeting", "hello").await?;
//! let greeting: Option<String> = client.get("greeting").await?;
//! # Ok(())
//! # }
//! ```
//!
//! What goes where is decided in `slotway-protocol`; this crate connects, sends, waits and retries
//! as it is told there.

mod address_map;
mod args;
mod budget;
#[cfg(feature = "serde")]
mod by_serde;
mod cache;
mod cached;
mod client;
mod cluster;
mod cmd;
mod commands;
mod config;
mod connect;
mod connection;
mod credentials;
mod dedicated;
mod dispatch;
pub mod engine;
mod error;
mod follow;
mod from_value;
mod limits;
mod node;
mod node_client;
mod pace;
mod pipeline;
mod places;
mod refresh;
mod reply;
mod request;
mod scan;
mod script;
#[cfg(feature = "tower")]
mod service;
mod silence;
#[cfg(test)]
mod stage;
mod state;
mod stats;
mod stream;
mod subscribe;
mod tcp;
mod terms;
#[cfg(feature = "tls")]
mod tls;
mod transaction;
mod view;
mod watch;

pub use address_map::{AddressClosure, AddressMap};
pub use args::{ToArg, ToArgs};
pub use budget::ClientFull;
#[cfg(feature = "serde")]
pub use by_serde::{Json, Serde};
pub use cache::{CacheLimits, CacheStats};
pub use client::Client;
pub use cmd::{Cmd, cmd};
pub use commands::{
    Aggregate, BitField, BitInt, BitOp, Claimed, Expiry, ExpiryCondition, Extreme, FieldChange,
    FieldCondition, FieldTtl, GeoArea, GeoCenter, GeoUnit, Overflow, Pending, PendingEntry,
    SetOptions, Side, SortOptions, StreamReads, Ttl, XTrim, ZAddOptions, ZRange,
};
pub use config::{Config, UrlError};
pub use credentials::CredentialsProvider;
pub use dedicated::Dedicated;
pub use error::{ConnectError, Error};
pub use from_value::FromValue;
pub use limits::Limits;
pub use node_client::NodeClient;
pub use pipeline::Pipeline;
pub use scan::{Scan, ScanDesk, ScanOptions, ScanStats};
pub use script::{Script, ScriptCall};
#[cfg(feature = "tower")]
pub use service::ResponseFuture;
pub use slotway_protocol::{
    AddressRule, AddressRuleError, AddressRules, Channel, ChannelKind, CommandBuf, Credentials,
    Delivery, Health, Node, NodeAddr, NodeId, NodeInfo, Protocol, Repeats, Secret, Shard, Slot,
    SlotRange, SlotTable, Topology, Value,
};
pub use stats::{Counted, NodeStats, Stats};
pub use subscribe::{Event, Message, Subscription};
pub use terms::ReadFrom;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
pub use transaction::Transaction;
pub use watch::Watch;
