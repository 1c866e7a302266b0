//! What a reply says, in memory that may be kept.

use bytes::Bytes;
use slotway_protocol::{ReplyError, ReplyLimits, Value};

use crate::Error;

/// Replies up to this are copied out of the buffer that they were read into: a small one that is
/// kept must not keep all that came with it.
const COPIED_MAX: usize = 1 << 10;

/// Reads a reply. What is small is copied here, and not as it comes from the socket: of a string
/// its bytes alone are, and of a number nothing.
pub(crate) fn value_of(frame: &Bytes, limits: &ReplyLimits) -> Result<Value, ReplyError> {
    let value = Value::decode(frame, limits)?;
    if frame.len() > COPIED_MAX {
        return Ok(value);
    }
    match value {
        Value::Bulk(bytes) => Ok(Value::Bulk(Bytes::copy_from_slice(&bytes))),
        Value::Simple(text) if text == "OK" => Ok(Value::Simple(Bytes::from_static(b"OK"))),
        Value::Null | Value::Integer(_) | Value::Double(_) | Value::Boolean(_) => Ok(value),
        Value::Simple(_)
        | Value::Error(_)
        | Value::BigNumber(_)
        | Value::Verbatim { .. }
        | Value::Array(_)
        | Value::Map(_)
        | Value::Set(_)
        | Value::Push(_)
        | Value::Attributed { .. } => Value::decode(&Bytes::copy_from_slice(frame), limits),
    }
}

/// The value, unless it is what a server says when it turns a command down.
pub(crate) fn accepted(value: Value) -> Result<Value, Error> {
    match value.as_error() {
        Some(text) => Err(Error::from_server(text)),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether what was read of this reply lies in the buffer it was cut from.
    #[track_caller]
    fn check_shares(body: &[u8], shares: bool) {
        let head = format!("${}\r\n", body.len());
        let frame = Bytes::from([head.as_bytes(), body, b"\r\n"].concat());
        let Ok(Value::Bulk(bytes)) = value_of(&frame, &ReplyLimits::default()) else {
            panic!("a bulk is read as one");
        };
        assert_eq!(bytes, body);
        assert_eq!(frame.as_ptr_range().contains(&bytes.as_ptr()), shares);
    }

    #[test]
    fn only_what_is_large_keeps_its_buffer() {
        check_shares(&[b'v'; 64], false);
        check_shares(&[b'v'; COPIED_MAX], true);
    }

    #[test]
    fn a_reply_of_any_kind_says_what_it_says() {
        for frame in
            ["+OK\r\n", "+PONG\r\n", ":7\r\n", "_\r\n", "*2\r\n$1\r\na\r\n:1\r\n", "-ERR no\r\n"]
        {
            let (frame, limits) = (Bytes::from(frame), ReplyLimits::default());
            assert_eq!(value_of(&frame, &limits).unwrap(), Value::decode(&frame, &limits).unwrap());
        }
    }
}
