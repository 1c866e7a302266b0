//! The commands that people use most, as methods of the client: one file for each family.
//!
//! A type parameter of a method is what the whole reply is read as. Other commands, and options
//! that are missing here, go through [`Client::run`](crate::Client::run).

mod bitmaps;
mod geo;
mod hashes;
mod hyperloglogs;
mod keys;
mod lists;
mod pubsub;
mod scripts;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;

pub use bitmaps::BitOp;
pub use geo::{GeoCenter, GeoUnit};
pub use keys::Ttl;
pub use lists::Side;
pub use sorted_sets::ZAddOptions;
pub use streams::StreamReads;
pub use strings::{Expiry, SetOptions};
