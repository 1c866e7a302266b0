//! The line that opens each element of a reply, shared by the scanner and the decoder.

use std::ops::Range;

use super::{ReplyError, ReplyLimits};
use crate::number::{parse_i64, parse_u64, short_number_line};

/// What the line at the start of an element announces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Head {
    /// The line is the whole element.
    Scalar(Scalar, Range<usize>),
    /// A body of this many bytes follows.
    Blob(Blob, usize),
    /// A body in chunks follows.
    StreamedBlob,
    /// One chunk of such a body; the empty one is the last.
    Chunk(usize),
    /// This many elements follow.
    Aggregate(Aggregate, u64),
    /// Elements follow until an [`Head::End`].
    StreamedAggregate(Aggregate),
    /// The end of a streamed aggregate.
    End,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Simple,
    Error,
    Integer,
    Double,
    Boolean,
    BigNumber,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Blob {
    Bulk,
    Error,
    Verbatim,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Aggregate {
    Array,
    Set,
    Map,
    Push,
    Attribute,
}

/// A header and where the byte after its line is.
pub(crate) struct Opened {
    pub(crate) head: Head,
    pub(crate) next: usize,
}

/// Reads the header at `at`, or finds that it is not all there yet.
///
/// `searched` remembers how far a line end was looked for, so that a line that comes a byte at a
/// time is not read again from its start each time.
pub(crate) fn open(
    bytes: &[u8],
    at: usize,
    searched: &mut usize,
    limits: &ReplyLimits,
) -> Result<Option<Opened>, ReplyError> {
    let Some((&kind, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else {
        return Ok(None);
    };
    // Nearly every element of nearly every reply is a plain bulk; of the others, most are numbers.
    if matches!(kind, b'$' | b':')
        && let Some((number, taken)) = short_number_line(rest)
    {
        let next = at + 1 + taken;
        match kind {
            b'$' if number <= limits.bulk_max => {
                return Ok(Some(Opened { head: Head::Blob(Blob::Bulk, number), next }));
            }
            b':' if taken - 2 <= limits.line_max => {
                let head = Head::Scalar(Scalar::Integer, at + 1..next - 2);
                return Ok(Some(Opened { head, next }));
            }
            _ => {}
        }
    }
    let Some(text) = line(bytes, at + 1, searched, limits)? else { return Ok(None) };
    let next = text.end + 2;
    let head = classify(kind, bytes, text, limits)?;
    Ok(Some(Opened { head, next }))
}

/// The bytes from `start` to the next CRLF.
fn line(
    bytes: &[u8],
    start: usize,
    searched: &mut usize,
    limits: &ReplyLimits,
) -> Result<Option<Range<usize>>, ReplyError> {
    let from = start.max(*searched);
    let unseen = bytes.get(from..).unwrap_or_default();
    let Some(found) = memchr::memchr2(b'\r', b'\n', unseen) else {
        *searched = bytes.len();
        return if bytes.len().saturating_sub(start) > limits.line_max {
            Err(ReplyError::LineTooLong)
        } else {
            Ok(None)
        };
    };
    let end = from + found;
    *searched = end;
    if end - start > limits.line_max {
        return Err(ReplyError::LineTooLong);
    }
    match (bytes[end], bytes.get(end + 1)) {
        (b'\r', Some(b'\n')) => Ok(Some(start..end)),
        (b'\r', None) => Ok(None),
        _ => Err(ReplyError::BadLineEnd),
    }
}

/// Whether the CRLF behind a body that ends at `end` is there. Half of it is enough to see that it is
/// wrong.
pub(crate) fn is_body_closed(bytes: &[u8], end: usize) -> Result<bool, ReplyError> {
    match bytes.get(end..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(true),
        [] | [b'\r'] => Ok(false),
        _ => Err(ReplyError::BadBulkEnd),
    }
}

fn classify(
    kind: u8,
    bytes: &[u8],
    range: Range<usize>,
    limits: &ReplyLimits,
) -> Result<Head, ReplyError> {
    let text = &bytes[range.clone()];
    Ok(match kind {
        b'$' => match text {
            b"-1" => Head::Scalar(Scalar::Null, range),
            b"?" => Head::StreamedBlob,
            _ => Head::Blob(Blob::Bulk, blob_len(text, limits)?),
        },
        b'!' => Head::Blob(Blob::Error, blob_len(text, limits)?),
        b'=' => match blob_len(text, limits)? {
            0..4 => return Err(ReplyError::BadVerbatim),
            len => Head::Blob(Blob::Verbatim, len),
        },
        b';' => Head::Chunk(blob_len(text, limits)?),
        b'*' if text == b"-1" => Head::Scalar(Scalar::Null, range),
        b'*' => aggregate(Aggregate::Array, text, limits)?,
        b'~' => aggregate(Aggregate::Set, text, limits)?,
        b'%' => aggregate(Aggregate::Map, text, limits)?,
        b'>' => aggregate(Aggregate::Push, text, limits)?,
        b'|' => aggregate(Aggregate::Attribute, text, limits)?,
        b'.' if text.is_empty() => Head::End,
        _ => Head::Scalar(scalar(kind, text)?, range),
    })
}

fn blob_len(text: &[u8], limits: &ReplyLimits) -> Result<usize, ReplyError> {
    let len = parse_u64(text).ok_or(ReplyError::BadLength)?;
    usize::try_from(len).ok().filter(|&len| len <= limits.bulk_max).ok_or(ReplyError::BulkTooLong)
}

fn aggregate(kind: Aggregate, text: &[u8], limits: &ReplyLimits) -> Result<Head, ReplyError> {
    if text == b"?" {
        return match kind {
            Aggregate::Array | Aggregate::Set | Aggregate::Map => Ok(Head::StreamedAggregate(kind)),
            Aggregate::Push | Aggregate::Attribute => Err(ReplyError::BadLength),
        };
    }
    let count = parse_u64(text).ok_or(ReplyError::BadLength)?;
    if count > limits.elements_max {
        return Err(ReplyError::TooManyElements);
    }
    Ok(Head::Aggregate(kind, count))
}

fn scalar(kind: u8, text: &[u8]) -> Result<Scalar, ReplyError> {
    match kind {
        b'+' => Ok(Scalar::Simple),
        b'-' => Ok(Scalar::Error),
        b':' if integer(text).is_some() => Ok(Scalar::Integer),
        b'(' if is_big_number(text) => Ok(Scalar::BigNumber),
        b',' if double(text).is_some() => Ok(Scalar::Double),
        b'#' if matches!(text, b"t" | b"f") => Ok(Scalar::Boolean),
        b'_' if text.is_empty() => Ok(Scalar::Null),
        b':' | b'(' | b',' | b'#' | b'_' => Err(ReplyError::BadScalar),
        _ => Err(ReplyError::UnknownType(kind)),
    }
}

/// An integer reply; RESP3 allows it a plus sign.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    parse_i64(text.strip_prefix(b"+").filter(|rest| !rest.starts_with(b"-")).unwrap_or(text))
}

/// A double reply, `inf`, `-inf` and `nan` included.
pub(super) fn double(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn is_big_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}
