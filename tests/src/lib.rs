//! What several end-to-end tests need.

pub mod command;
pub mod exposition;
pub mod proxy;
pub mod raw;
pub mod wire;
