//! Finds where a server's reply ends, and reads it into a [`Value`](crate::Value) for those who
//! want to look inside.

mod decode;
mod head;
mod scanner;

pub use scanner::{Reply, ReplyKind, ReplyScan, ReplyScanner};

/// How large a server's reply may be. What exceeds a limit is taken for a lost connection state,
/// since no honest server sends it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReplyLimits {
    /// The longest bulk body, in bytes.
    pub bulk_max: usize,
    /// The longest line: simple strings, errors, headers.
    pub line_max: usize,
    /// The most elements that one array, map, set or push may announce.
    pub elements_max: u64,
    /// How deep elements may be nested.
    pub depth_max: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self { bulk_max: 512 << 20, line_max: 1 << 20, elements_max: 1 << 27, depth_max: 128 }
    }
}

/// Why a server's bytes are not a reply.
///
/// None of these can be healed by reading on: whoever sees one closes the connection, since from
/// here on no reply could be matched to its request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// A line ends in something other than CRLF.
    #[error("a line does not end in CRLF")]
    BadLineEnd,
    /// A bulk body is not followed by CRLF.
    #[error("a bulk is not followed by CRLF")]
    BadBulkEnd,
    /// A length is not a canonical decimal.
    #[error("a length is not a canonical number")]
    BadLength,
    /// An integer, double, boolean, big number or null has the wrong form.
    #[error("a scalar is malformed")]
    BadScalar,
    /// A verbatim string is too short to name its format.
    #[error("a verbatim string has no format")]
    BadVerbatim,
    /// A push frame inside another element.
    #[error("a push frame stands inside another reply")]
    NestedPush,
    /// A chunk, or an end mark, where none is open; or anything else where one is.
    #[error("a streamed element is malformed")]
    BadStream,
    /// An element starts with a byte that names no type.
    #[error("byte {0:#04x} names no reply type")]
    UnknownType(u8),
    /// A line exceeds [`ReplyLimits::line_max`].
    #[error("a line is longer than the limit")]
    LineTooLong,
    /// A bulk exceeds [`ReplyLimits::bulk_max`].
    #[error("a bulk is longer than the limit")]
    BulkTooLong,
    /// An aggregate exceeds [`ReplyLimits::elements_max`].
    #[error("an aggregate has more elements than the limit")]
    TooManyElements,
    /// Elements are nested beyond [`ReplyLimits::depth_max`].
    #[error("elements are nested deeper than the limit")]
    TooDeep,
    /// The bytes to decode are not exactly one reply.
    #[error("the bytes are not exactly one reply")]
    NotOneReply,
}
