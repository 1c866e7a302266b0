//! One endpoint in front of a Redis or Valkey cluster.
//!
//! [`ProxyConfig`] is everything that a proxy is told before it starts.

mod config;
pub mod subscribe;

pub use config::{
    Admin, KeysShown, ListenAddress, ListenMode, Listener, Log, LogFormat, LogLevel, ProxyConfig,
    ProxyLimits, ProxyProtocol,
};
