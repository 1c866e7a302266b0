//! A decoded reply.

use bytes::Bytes;

use crate::number::parse_i64;

/// A server's reply, read into memory.
///
/// It covers RESP2 and RESP3. The forms that mean the same are one here: the three nulls, errors
/// on a line and in a bulk, streamed and counted elements. Byte strings share the memory of the
/// reply that they were cut from.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing is there.
    Null,
    /// A status, such as `OK`.
    Simple(Bytes),
    /// The server refused; the text starts with its code.
    Error(Bytes),
    /// A number.
    Integer(i64),
    /// A floating-point number.
    Double(f64),
    /// True or false.
    Boolean(bool),
    /// The digits of a number of any size.
    BigNumber(Bytes),
    /// A string of bytes.
    Bulk(Bytes),
    /// A text with a hint at its format.
    Verbatim {
        /// Three letters, such as `txt` or `mkd`.
        format: Bytes,
        /// The text itself.
        text: Bytes,
    },
    /// Elements in order.
    Array(Vec<Self>),
    /// Pairs, in the order sent.
    Map(Vec<(Self, Self)>),
    /// Elements without order.
    Set(Vec<Self>),
    /// A message that answers no request; its first element names it.
    Push(Vec<Self>),
    /// A reply with remarks on it.
    Attributed {
        /// The remarks.
        attributes: Vec<(Self, Self)>,
        /// The reply.
        value: Box<Self>,
    },
}

impl Value {
    /// The bytes of a string-like value: a status, a bulk, a verbatim text, a big number.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(bytes) | Self::Bulk(bytes) | Self::BigNumber(bytes) => Some(bytes),
            Self::Verbatim { text, .. } => Some(text),
            Self::Attributed { value, .. } => value.as_bytes(),
            Self::Null
            | Self::Error(_)
            | Self::Integer(_)
            | Self::Double(_)
            | Self::Boolean(_)
            | Self::Array(_)
            | Self::Map(_)
            | Self::Set(_)
            | Self::Push(_) => None,
        }
    }

    /// The same as text, if it is valid UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()?).ok()
    }

    /// A whole number, also one written as a string.
    pub fn as_integer(&self) -> Option<i64> {
        let value = self.without_attributes();
        if let Self::Integer(number) = value {
            return Some(*number);
        }
        parse_i64(value.as_bytes()?)
    }

    /// The elements of an array, a set or a push.
    pub fn as_elements(&self) -> Option<&[Self]> {
        let (Self::Array(elements) | Self::Set(elements) | Self::Push(elements)) =
            self.without_attributes()
        else {
            return None;
        };
        Some(elements)
    }

    /// The pairs of a map, also of one that came as a flat array, as RESP2 sends it.
    pub fn as_pairs(&self) -> Option<impl Iterator<Item = (&Self, &Self)>> {
        let (map, flat) = if let Self::Map(pairs) = self.without_attributes() {
            (pairs.as_slice(), &[][..])
        } else {
            (&[][..], self.as_elements().filter(|flat| flat.len() % 2 == 0)?)
        };
        let flat = flat.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
        Some(map.iter().map(|(key, value)| (key, value)).chain(flat))
    }

    /// The text of an error.
    pub fn as_error(&self) -> Option<&[u8]> {
        let Self::Error(text) = self.without_attributes() else { return None };
        Some(text)
    }

    fn without_attributes(&self) -> &Self {
        let mut value = self;
        while let Self::Attributed { value: inner, .. } = value {
            value = inner;
        }
        value
    }
}
