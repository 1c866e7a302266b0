//! What several end-to-end tests need.

pub mod command;
pub mod raw;
