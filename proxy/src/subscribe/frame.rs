//! What a server sends to a subscriber, in both protocols.

use slotway::{ChannelKind, Message, Protocol};
use slotway_protocol::{encode_bulk, encode_header};

use super::SubscribeVerb;

/// Appends the answer to one name of a request; to none, if the client asked to leave all and had
/// nothing.
pub(super) fn confirmation(
    verb: SubscribeVerb,
    name: Option<&[u8]>,
    count: usize,
    protocol: Protocol,
    out: &mut Vec<u8>,
) {
    let word = match verb {
        SubscribeVerb::Join(ChannelKind::Plain) => "subscribe",
        SubscribeVerb::Join(ChannelKind::Pattern) => "psubscribe",
        SubscribeVerb::Join(ChannelKind::Sharded) => "ssubscribe",
        SubscribeVerb::Leave(ChannelKind::Plain) => "unsubscribe",
        SubscribeVerb::Leave(ChannelKind::Pattern) => "punsubscribe",
        SubscribeVerb::Leave(ChannelKind::Sharded) => "sunsubscribe",
    };
    head(protocol, 3, out);
    encode_bulk(out, word.as_bytes());
    match (name, protocol) {
        (Some(name), _) => encode_bulk(out, name),
        (None, Protocol::Resp2) => out.extend_from_slice(b"$-1\r\n"),
        (None, Protocol::Resp3) => out.extend_from_slice(b"_\r\n"),
    }
    encode_header(out, b':', count);
}

/// Appends a message.
pub(super) fn message(message: &Message, protocol: Protocol, out: &mut Vec<u8>) {
    let Message { kind, channel, pattern, payload, .. } = message;
    out.reserve(channel.len() + payload.len() + ROOM);
    head(protocol, if pattern.is_some() { 4 } else { 3 }, out);
    encode_bulk(out, word(*kind));
    if let Some(pattern) = pattern {
        encode_bulk(out, pattern);
    }
    encode_bulk(out, channel);
    encode_bulk(out, payload);
}

/// What stands around a channel and its payload, roughly.
const ROOM: usize = 64;

fn word(kind: ChannelKind) -> &'static [u8] {
    match kind {
        ChannelKind::Plain => b"message",
        ChannelKind::Pattern => b"pmessage",
        ChannelKind::Sharded => b"smessage",
    }
}

fn head(protocol: Protocol, elements: usize, out: &mut Vec<u8>) {
    let kind = match protocol {
        Protocol::Resp2 => b'*',
        Protocol::Resp3 => b'>',
    };
    encode_header(out, kind, elements);
}
