//! The commands that people use most, as methods of the client: one file for each family.
//!
//! A type parameter of a method is what the whole reply is read as. Other commands, and options
//! that are missing here, go through [`Client::run`](crate::Client::run).

mod bit_fields;
mod bitmaps;
mod functions;
mod geo;
mod hash_expiry;
mod hashes;
mod hyperloglogs;
mod keys;
mod lists;
mod pubsub;
mod scripts;
mod server;
mod sets;
mod sorted_set_algebra;
mod sorted_sets;
mod stream_groups;
mod streams;
mod strings;
mod values;

pub use bit_fields::{BitField, BitInt, Overflow};
pub use bitmaps::BitOp;
pub use geo::{GeoArea, GeoCenter, GeoUnit};
pub use hash_expiry::{FieldChange, FieldCondition, FieldTtl};
pub use keys::{ExpiryCondition, Ttl};
pub use lists::Side;
pub use sorted_set_algebra::{Aggregate, Extreme, ZRange};
pub use sorted_sets::ZAddOptions;
pub use stream_groups::{Claimed, Pending, PendingEntry, XTrim};
pub use streams::StreamReads;
pub use strings::{Expiry, SetOptions};
pub use values::SortOptions;
