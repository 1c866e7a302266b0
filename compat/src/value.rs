//! Replies of slotway as replies of the redis crate, and back.

use bytes::Bytes;
use redis::{ErrorKind, PushKind, RedisResult, Value as Theirs, VerbatimFormat};
use slotway::Value;

use crate::error::server_error;

/// How deep values may be nested, as in replies that slotway reads.
const DEPTH_MAX: usize = 64;

/// A reply as the redis crate has it. Errors within it stay where they are.
pub fn to_redis(value: Value) -> RedisResult<Theirs> {
    inner_to_redis(value, DEPTH_MAX)
}

/// A value of the redis crate as slotway has it.
///
/// An attribute keeps to its value, and a push its kind as its first element.
pub fn from_redis(value: Theirs) -> RedisResult<Value> {
    inner_from_redis(value, DEPTH_MAX)
}

fn inner_to_redis(value: Value, depth: usize) -> RedisResult<Theirs> {
    let depth = deeper(depth)?;
    let list = |values: Vec<Value>| -> RedisResult<Vec<Theirs>> {
        values.into_iter().map(|value| inner_to_redis(value, depth)).collect()
    };
    let pairs = |pairs: Vec<(Value, Value)>| -> RedisResult<Vec<(Theirs, Theirs)>> {
        let both = |(key, value)| Ok((inner_to_redis(key, depth)?, inner_to_redis(value, depth)?));
        pairs.into_iter().map(both).collect()
    };
    Ok(match value {
        Value::Null => Theirs::Nil,
        Value::Simple(status) if status == "OK" => Theirs::Okay,
        Value::Simple(status) => Theirs::SimpleString(text(&status)?),
        Value::Error(said) => {
            let said = String::from_utf8_lossy(&said);
            let (code, message) = said.split_once(' ').unwrap_or((&said, ""));
            Theirs::ServerError(server_error(code, message))
        }
        Value::Integer(number) => Theirs::Int(number),
        Value::Double(number) => Theirs::Double(number),
        Value::Boolean(is) => Theirs::Boolean(is),
        Value::BigNumber(digits) => {
            redis::parse_redis_value(&[b"(", &digits[..], b"\r\n"].concat())?
        }
        Value::Bulk(bytes) => Theirs::BulkString(bytes.into()),
        Value::Verbatim { format, text: said } => {
            let format = match &format[..] {
                b"mkd" => VerbatimFormat::Markdown,
                b"txt" => VerbatimFormat::Text,
                other => VerbatimFormat::Unknown(text(other)?),
            };
            Theirs::VerbatimString { format, text: text(&said)? }
        }
        Value::Array(values) => Theirs::Array(list(values)?),
        Value::Set(values) => Theirs::Set(list(values)?),
        Value::Map(entries) => Theirs::Map(pairs(entries)?),
        Value::Push(values) => {
            let mut data = list(values)?;
            if data.is_empty() {
                return Err((ErrorKind::Parse, "a push without a kind").into());
            }
            let kind: String = redis::from_redis_value(data.remove(0))?;
            Theirs::Push { kind: push_kind(kind), data }
        }
        Value::Attributed { attributes, value } => Theirs::Attribute {
            data: Box::new(inner_to_redis(*value, depth)?),
            attributes: pairs(attributes)?,
        },
    })
}

fn inner_from_redis(value: Theirs, depth: usize) -> RedisResult<Value> {
    let depth = deeper(depth)?;
    let list = |values: Vec<Theirs>| -> RedisResult<Vec<Value>> {
        values.into_iter().map(|value| inner_from_redis(value, depth)).collect()
    };
    let pairs = |pairs: Vec<(Theirs, Theirs)>| -> RedisResult<Vec<(Value, Value)>> {
        let both =
            |(key, value)| Ok((inner_from_redis(key, depth)?, inner_from_redis(value, depth)?));
        pairs.into_iter().map(both).collect()
    };
    Ok(match value {
        Theirs::Nil => Value::Null,
        Theirs::Okay => Value::Simple(Bytes::from_static(b"OK")),
        Theirs::SimpleString(status) => Value::Simple(status.into()),
        Theirs::ServerError(error) => {
            let message = error.details().unwrap_or_default();
            Value::Error(format!("{} {message}", error.code()).trim_end().to_owned().into())
        }
        Theirs::Int(number) => Value::Integer(number),
        Theirs::Double(number) => Value::Double(number),
        Theirs::Boolean(is) => Value::Boolean(is),
        Theirs::BigNumber(number) => Value::BigNumber(number.to_string().into()),
        Theirs::BulkString(bytes) => Value::Bulk(bytes.into()),
        Theirs::VerbatimString { format, text } => {
            Value::Verbatim { format: format.to_string().into(), text: text.into() }
        }
        Theirs::Array(values) => Value::Array(list(values)?),
        Theirs::Set(values) => Value::Set(list(values)?),
        Theirs::Map(entries) => Value::Map(pairs(entries)?),
        Theirs::Push { kind, data } => {
            let kind = Value::Bulk(kind.to_string().into());
            Value::Push(std::iter::once(kind).chain(list(data)?).collect())
        }
        Theirs::Attribute { data, attributes } => Value::Attributed {
            attributes: pairs(attributes)?,
            value: Box::new(inner_from_redis(*data, depth)?),
        },
        _ => return Err((ErrorKind::Client, "a kind of value that slotway does not know").into()),
    })
}

fn deeper(depth: usize) -> RedisResult<usize> {
    depth.checked_sub(1).ok_or_else(|| (ErrorKind::Parse, "the value is nested too deep").into())
}

fn text(bytes: &[u8]) -> RedisResult<String> {
    let text = str::from_utf8(bytes);
    Ok(text.map_err(|_| (ErrorKind::Parse, "a text is not valid UTF-8"))?.to_owned())
}

fn push_kind(name: String) -> PushKind {
    match name.as_str() {
        "invalidate" => PushKind::Invalidate,
        "message" => PushKind::Message,
        "pmessage" => PushKind::PMessage,
        "smessage" => PushKind::SMessage,
        "subscribe" => PushKind::Subscribe,
        "psubscribe" => PushKind::PSubscribe,
        "ssubscribe" => PushKind::SSubscribe,
        "unsubscribe" => PushKind::Unsubscribe,
        "punsubscribe" => PushKind::PUnsubscribe,
        "sunsubscribe" => PushKind::SUnsubscribe,
        _ => PushKind::Other(name),
    }
}

#[cfg(test)]
mod tests {
    use slotway_protocol::ReplyLimits;

    use super::*;

    /// What both read from the same bytes is the same, there and back.
    #[track_caller]
    fn check(frame: &str) {
        let ours = Value::decode(&Bytes::from(frame.to_owned()), &ReplyLimits::default()).unwrap();
        let theirs = redis::parse_redis_value(frame.as_bytes()).unwrap();
        assert_eq!(to_redis(ours.clone()).unwrap(), theirs, "{frame:?}");
        assert_eq!(from_redis(theirs).unwrap(), ours, "{frame:?}");
    }

    #[test]
    fn every_kind_of_reply_is_what_redis_reads() {
        for frame in [
            "_\r\n",
            "+OK\r\n",
            "+QUEUED\r\n",
            "-WRONGTYPE not a list\r\n",
            "-NOSCRIPT No matching script.\r\n",
            ":-7\r\n",
            ",1.5\r\n",
            ",inf\r\n",
            "#t\r\n",
            "(3492890328409238509324850943850943825024385\r\n",
            "$2\r\n\x01\n\r\n",
            "$0\r\n\r\n",
            "=5\r\nmkd:x\r\n",
            "=5\r\ntxt:x\r\n",
            "*0\r\n",
            "*3\r\n:1\r\n-ERR in the middle\r\n*1\r\n_\r\n",
            "~2\r\n+a\r\n+b\r\n",
            "%1\r\n+key\r\n~1\r\n:1\r\n",
            ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
            "|1\r\n+ttl\r\n:7\r\n$1\r\nv\r\n",
        ] {
            check(frame);
        }
    }

    #[test]
    fn what_cannot_be_carried_over_is_an_error() {
        assert!(to_redis(Value::Simple(Bytes::from_static(b"\xff"))).is_err());
        assert!(to_redis(Value::Push(Vec::new())).is_err());
        let mut deep = Theirs::Nil;
        for _ in 0..DEPTH_MAX {
            deep = Theirs::Array(vec![deep]);
        }
        assert!(from_redis(deep).is_err());
    }
}
