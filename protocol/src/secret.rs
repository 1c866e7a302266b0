//! Bytes that nobody should read in a log.

use std::fmt;

/// A password, or bytes that have one in them. It shows itself to nobody who does not ask.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Keeps these bytes to itself.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes. They belong on a connection, and nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
