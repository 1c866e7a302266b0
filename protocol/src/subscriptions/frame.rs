//! Reads what comes on a subscriber's connection. RESP2 and RESP3 differ in the first byte alone.

use bytes::Bytes;

use super::{Channel, ChannelKind};
use crate::Value;

/// A message, and the subscription that it came for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Published {
    /// The channel or pattern that is subscribed to.
    pub to: Channel,
    /// The channel that it was published to.
    pub channel: Bytes,
    /// What was published.
    pub payload: Bytes,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Frame {
    Message(Published),
    Joined(Channel),
    Left(Channel),
    Pong,
    Ok,
    Error(Bytes),
    /// A push of another sort, which answers nothing.
    Unknown,
}

impl Frame {
    /// None, if it is not what a server sends to a subscriber.
    pub(super) fn read(frame: &Value) -> Option<Self> {
        if let Some(error) = frame.as_error() {
            return Some(Self::Error(Bytes::copy_from_slice(error)));
        }
        let Some(elements) = frame.as_elements() else {
            return match frame.as_bytes()? {
                b"PONG" => Some(Self::Pong),
                b"OK" => Some(Self::Ok),
                _ => None,
            };
        };
        let (word, rest) = elements.split_first()?;
        match word.as_bytes()? {
            b"message" => message(ChannelKind::Plain, rest),
            b"smessage" => message(ChannelKind::Sharded, rest),
            b"pmessage" => {
                let (pattern, rest) = rest.split_first()?;
                let [channel, payload] = rest else { return None };
                let to = Channel { kind: ChannelKind::Pattern, name: text(pattern)? };
                let (channel, payload) = (text(channel)?, text(payload)?);
                Some(Self::Message(Published { to, channel, payload }))
            }
            b"subscribe" => named(ChannelKind::Plain, rest).map(Self::Joined),
            b"psubscribe" => named(ChannelKind::Pattern, rest).map(Self::Joined),
            b"ssubscribe" => named(ChannelKind::Sharded, rest).map(Self::Joined),
            b"unsubscribe" => named(ChannelKind::Plain, rest).map(Self::Left),
            b"punsubscribe" => named(ChannelKind::Pattern, rest).map(Self::Left),
            b"sunsubscribe" => named(ChannelKind::Sharded, rest).map(Self::Left),
            b"pong" => Some(Self::Pong),
            _ => matches!(frame, Value::Push(_)).then_some(Self::Unknown),
        }
    }
}

fn message(kind: ChannelKind, rest: &[Value]) -> Option<Frame> {
    let [channel, payload] = rest else { return None };
    let channel = text(channel)?;
    let to = Channel { kind, name: channel.clone() };
    Some(Frame::Message(Published { to, channel, payload: text(payload)? }))
}

fn named(kind: ChannelKind, rest: &[Value]) -> Option<Channel> {
    let [name, _count] = rest else { return None };
    Some(Channel { kind, name: text(name)? })
}

/// A string, which shares the memory of its frame.
fn text(value: &Value) -> Option<Bytes> {
    match value {
        Value::Bulk(text) | Value::Simple(text) | Value::Verbatim { text, .. } => {
            Some(text.clone())
        }
        Value::Null
        | Value::Error(_)
        | Value::Integer(_)
        | Value::Double(_)
        | Value::Boolean(_)
        | Value::BigNumber(_)
        | Value::Array(_)
        | Value::Map(_)
        | Value::Set(_)
        | Value::Push(_)
        | Value::Attributed { .. } => None,
    }
}
