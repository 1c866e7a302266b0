//! A walk over the keys of all nodes, one node after the other.

use std::fmt;

use super::Refusal;
use crate::{
    command::Command,
    encode::{encode_bulk, encode_header},
    number::{Decimal, parse_u64},
};

/// How far a walk over all keys has come: in which node, and where there.
///
/// Clients see one decimal number below 2^53, since many keep it in a double: the node in the
/// low ten bits, the node's own cursor above. A node's cursor is a position in its hash table, so
/// it is smaller than the table: 43 bits are enough for a table of 8.8 * 10^12 places, or, where the
/// server keeps a table per slot and the slot in the cursor, for 5.3 * 10^8 places in each. A larger
/// one is an error, never cut.
///
/// The numbers of nodes are the caller's. They have to mean the same data throughout a walk: to
/// another node, a cursor is a random number. So when another node has taken over, the walk goes on
/// there from the start ([`restarted`](Self::restarted)), which may show keys twice but omits none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ScanCursor {
    node: u16,
    position: u64,
}

const NODE_BITS: u32 = 10;
const NODES_MAX: usize = 1 << NODE_BITS;
const CURSOR_BITS: u32 = 53;

/// A node's cursor, or its number, does not fit into a cursor below 2^53.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the cursor of a node is too large")]
pub struct CursorTooLarge;

/// Why a node's answer to `SCAN` cannot be passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScanReplyError {
    /// It does not start as an answer to `SCAN` does. It may be an error, to be passed on as it is.
    #[error("this is no answer to SCAN")]
    Malformed,
    /// Its cursor does not fit.
    #[error(transparent)]
    TooLarge(#[from] CursorTooLarge),
}

impl ScanCursor {
    /// Where a walk starts.
    pub const START: Self = Self { node: 0, position: 0 };

    /// The cursor in a `SCAN`.
    pub(super) fn of(command: &Command<'_>) -> Result<Self, Refusal> {
        command.arg(1).and_then(Self::parse).ok_or(Refusal::InvalidCursor)
    }

    /// Reads a cursor as clients send it back.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let number = parse_u64(text).filter(|number| number >> CURSOR_BITS == 0)?;
        let node = (number & (NODES_MAX as u64 - 1)) as u16;
        Some(Self { node, position: number >> NODE_BITS })
    }

    /// Which node is to be asked.
    pub fn node(self) -> usize {
        usize::from(self.node)
    }

    /// The node's own cursor.
    pub fn position(self) -> u64 {
        self.position
    }

    /// The start of the same node, for when another one has taken over from it.
    #[must_use]
    pub fn restarted(self) -> Self {
        Self { node: self.node, position: 0 }
    }

    /// Where the walk goes on, after this node has answered with a cursor of its own. Nowhere,
    /// after the last of so many nodes.
    pub fn after(self, answered: u64, nodes: usize) -> Result<Option<Self>, CursorTooLarge> {
        if answered >> (CURSOR_BITS - NODE_BITS) != 0 {
            return Err(CursorTooLarge);
        }
        if answered != 0 {
            return Ok(Some(Self { node: self.node, position: answered }));
        }
        let next = self.node() + 1;
        if next >= nodes {
            return Ok(None);
        }
        let node = u16::try_from(next).ok().filter(|_| next < NODES_MAX).ok_or(CursorTooLarge)?;
        Ok(Some(Self { node, position: 0 }))
    }

    /// Appends the command as it goes to the node: with the node's own cursor.
    pub fn encode_request(self, command: &Command<'_>, out: &mut Vec<u8>) {
        encode_header(out, b'*', command.len());
        for (position, arg) in command.args().enumerate() {
            match position {
                1 => encode_bulk(out, Decimal::new(self.position).as_bytes()),
                _ => encode_bulk(out, arg),
            }
        }
    }

    /// Appends the node's answer as it goes to the client: with a cursor that also names the node.
    pub fn encode_reply(
        self,
        reply: &[u8],
        nodes: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), ScanReplyError> {
        let (answered, keys) = split_reply(reply).ok_or(ScanReplyError::Malformed)?;
        let next = self.after(answered, nodes)?.map_or(0, Self::number);
        encode_header(out, b'*', 2);
        encode_bulk(out, Decimal::new(next).as_bytes());
        out.extend_from_slice(keys);
        Ok(())
    }

    fn number(self) -> u64 {
        self.position << NODE_BITS | u64::from(self.node)
    }
}

impl fmt::Display for ScanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

/// The cursor of an answer to `SCAN`, and what is behind it.
fn split_reply(reply: &[u8]) -> Option<(u64, &[u8])> {
    let rest = reply.strip_prefix(b"*2\r\n$")?;
    let end = memchr::memchr(b'\r', &rest[..rest.len().min(8)])?;
    let len = usize::try_from(parse_u64(&rest[..end])?).ok().filter(|&len| len <= 20)?;
    let rest = rest[end..].strip_prefix(b"\r\n")?;
    let cursor = parse_u64(rest.get(..len)?)?;
    Some((cursor, rest[len..].strip_prefix(b"\r\n")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::CommandBuf;

    #[track_caller]
    fn check(sent: &str, answered: u64, nodes: usize, next: Result<&str, ScanReplyError>) {
        let cursor = ScanCursor::parse(sent.as_bytes()).unwrap();
        let answered = answered.to_string();
        let keys = "*1\r\n$1\r\nk\r\n";
        let reply = format!("*2\r\n${}\r\n{answered}\r\n{keys}", answered.len());
        let mut out = Vec::new();
        let done = cursor.encode_reply(reply.as_bytes(), nodes, &mut out);
        let expected = next.map(|next| format!("*2\r\n${}\r\n{next}\r\n{keys}", next.len()));
        assert_eq!(done.map(|()| String::from_utf8(out).unwrap()), expected, "{sent} {answered}");
    }

    #[test]
    fn a_walk_goes_through_each_node_and_then_to_the_next() {
        check("0", 7, 3, Ok("7168"));
        check("7168", 0, 3, Ok("1"));
        check("1", 0, 3, Ok("2"));
        check("2", 1, 3, Ok("1026"));
        check("1026", 0, 3, Ok("0"));
        check("0", 0, 1, Ok("0"));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        check("0", (1 << 43) - 1, 1, Ok(&(((1u64 << 43) - 1) << 10).to_string()));
        check("0", 1 << 43, 1, Err(ScanReplyError::TooLarge(CursorTooLarge)));
        check("1023", 0, 2000, Err(ScanReplyError::TooLarge(CursorTooLarge)));
        check("1023", 0, 1024, Ok("0"));
        assert_eq!(ScanCursor::parse(b"9007199254740992"), None);
        assert_eq!(ScanCursor::parse(b"-1"), None);
        let error = ScanCursor::START.encode_reply(b"-ERR no\r\n", 1, &mut Vec::new());
        assert_eq!(error, Err(ScanReplyError::Malformed));
    }

    #[test]
    fn the_node_gets_its_own_cursor() {
        let command = CommandBuf::new(&["SCAN", "7170", "COUNT", "10"]).unwrap();
        let cursor = ScanCursor::of(&command.as_command()).unwrap();
        let mut out = Vec::new();
        cursor.encode_request(&command.as_command(), &mut out);
        assert_eq!(cursor.node(), 2);
        assert_eq!(out, b"*4\r\n$4\r\nSCAN\r\n$1\r\n7\r\n$5\r\nCOUNT\r\n$2\r\n10\r\n");
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_it_was_given(number in 0..1u64 << 53) {
            let cursor = ScanCursor::parse(number.to_string().as_bytes()).unwrap();
            prop_assert_eq!(cursor.to_string(), number.to_string());
        }

        #[test]
        fn no_answer_makes_it_panic(reply: Vec<u8>, nodes: usize) {
            let _ = ScanCursor::START.encode_reply(&reply, nodes, &mut Vec::new());
        }
    }
}
