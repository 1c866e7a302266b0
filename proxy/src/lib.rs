//! One endpoint in front of a Redis or Valkey cluster that behaves like one good server.

pub mod admin;
pub mod banner;
pub mod log;
pub mod metrics;
pub mod notify;
pub mod overview;
pub mod placement;
pub mod shutdown;
