//! How a session is told that keys changed.

use slotway_protocol::Protocol;

use crate::own::ReplyWriter;

/// What a session is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Invalidation<'a> {
    /// These keys changed.
    Keys(&'a [&'a [u8]]),
    /// Any may have.
    All,
}

/// The channel of those that talk RESP2.
const CHANNEL: &[u8] = b"__redis__:invalidate";

impl Invalidation<'_> {
    /// Writes it for a session that talks like this: a push of its own; or, without RESP3, a message
    /// on the channel `__redis__:invalidate`, for which the session has to be a subscriber to whom
    /// another redirects. To others there is no way to tell it.
    pub fn write(self, out: &mut Vec<u8>, protocol: Protocol) {
        let mut reply = ReplyWriter::new(out, protocol);
        match protocol {
            Protocol::Resp3 => {
                reply.push(2);
                reply.bulk(b"invalidate");
            }
            Protocol::Resp2 => {
                reply.array(3);
                reply.bulk(b"message");
                reply.bulk(CHANNEL);
            }
        }
        match self {
            Self::Keys(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
            Self::All => reply.null(),
        }
    }
}

/// Writes for a session that talks RESP3 that the one to which it redirects is gone.
pub fn broken_redirect(out: &mut Vec<u8>, session: u64) {
    let mut reply = ReplyWriter::new(out, Protocol::Resp3);
    reply.push(2);
    reply.bulk(b"tracking-redir-broken");
    reply.integer(session.cast_signed());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(invalidation: Invalidation<'_>, protocol: Protocol, expected: &str) {
        let mut out = Vec::new();
        invalidation.write(&mut out, protocol);
        assert_eq!(String::from_utf8_lossy(&out).replace("\r\n", "|"), expected);
    }

    #[test]
    fn it_is_told_in_the_form_of_the_protocol() {
        let keys = Invalidation::Keys(&[b"a", b"bc"]);
        let channel = "*3|$7|message|$20|__redis__:invalidate|";
        check(keys, Protocol::Resp3, ">2|$10|invalidate|*2|$1|a|$2|bc|");
        check(keys, Protocol::Resp2, &format!("{channel}*2|$1|a|$2|bc|"));
        check(Invalidation::All, Protocol::Resp3, ">2|$10|invalidate|_|");
        check(Invalidation::All, Protocol::Resp2, &format!("{channel}$-1|"));
        let mut out = Vec::new();
        broken_redirect(&mut out, 7);
        assert_eq!(out, b">2\r\n$21\r\ntracking-redir-broken\r\n:7\r\n");
    }
}
