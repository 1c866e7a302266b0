//! One answer to SCAN and its kin.

use bytes::Bytes;
use slotway_protocol::Value;

use super::seat::{Trouble, decode};
use crate::FromValue;

/// The cursor with which a walk starts, and which says that it is over.
pub(super) const START: &[u8] = b"0";

/// Where to go on, and what was found.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) cursor: Bytes,
    pub(super) elements: Vec<Value>,
}

impl Page {
    /// Reads a reply that is no error.
    pub(super) fn read(frame: &Bytes) -> Result<Self, Trouble> {
        let (cursor, elements) = FromValue::from_value(decode(frame)?)?;
        Ok(Self { cursor, elements })
    }

    /// Whether nothing comes after it.
    pub(super) fn is_last(&self) -> bool {
        self.cursor == START
    }
}
