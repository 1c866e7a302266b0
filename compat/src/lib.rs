//! slotway's cluster client as a connection of the `redis` crate.
//!
//! Code that was written with `redis::AsyncCommands`, `redis::Script` or `redis::pipe` keeps every
//! line but the one that connects:
//!
//! ```no_run
//! # async fn example() -> redis::RedisResult<()> {
//! use redis::AsyncCommands;
//!
//! let mut con = slotway_redis::connect("redis://localhost:6379").await?;
//! let visits: u64 = con.incr("visits", 1).await?;
//! # Ok(())
//! # }
//! ```

mod command;
mod connection;
mod error;
mod value;

pub use connection::{Connection, connect};
pub use error::{delivery, into_redis_error, slotway_error};
pub use value::{from_redis, to_redis};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
