//! One endpoint in front of a Redis or Valkey cluster.
//!
//! [`ProxyConfig`] is everything that a proxy is told before it starts; [`ProxyArgs`] reads it from
//! the command line, the environment and a file. [`serve()`] binds what it names.

pub mod admin;
mod arrive;
mod attendant;
pub mod banner;
mod board;
mod config;
mod engines;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod overview;
pub mod own;
pub mod placement;
mod proxy;
pub mod proxy_header;
mod reply;
mod scripts;
mod serve;
mod session;
pub mod shutdown;
mod stream;
pub mod subscribe;
mod worker;
mod world;

pub use config::{
    Admin, ConfigArgs, KeysShown, ListenAddress, ListenMode, Listener, Log, LogFormat, LogLevel,
    Problem, Problems, ProxyArgs, ProxyConfig, ProxyLimits, ProxyProtocol, Setting, Settings,
    config,
};
pub use proxy::Proxy;
pub use serve::{BindError, Bound, BoundListener, Socket, SocketFile, bind, serve};
pub use worker::StartError;
