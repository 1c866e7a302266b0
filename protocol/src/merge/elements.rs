//! A list reply as the bytes of its elements.

use crate::{
    number::parse_u64,
    reply::{ReplyLimits, ReplyScan, ReplyScanner},
};

/// The header of a list.
pub(super) struct Head<'a> {
    /// `*` or `~`.
    pub(super) kind: u8,
    /// How many elements it announces.
    pub(super) count: usize,
    /// The bytes of the elements.
    pub(super) body: &'a [u8],
}

/// Reads the header of a list whose length is said.
pub(super) fn head(reply: &[u8]) -> Option<Head<'_>> {
    let (&kind, rest) = reply.split_first().filter(|(kind, _)| matches!(kind, b'*' | b'~'))?;
    let end = memchr::memchr(b'\r', &rest[..rest.len().min(24)])?;
    let count = usize::try_from(parse_u64(&rest[..end])?).ok()?;
    Some(Head { kind, count, body: rest[end..].strip_prefix(b"\r\n")? })
}

/// The header of a list, and its elements. An element that is not whole, and bytes behind the
/// last one, come out as `None`.
pub(super) fn elements<'a>(
    reply: &'a [u8],
    limits: &ReplyLimits,
) -> Option<(Head<'a>, Elements<'a>)> {
    let head = head(reply)?;
    let elements =
        Elements { rest: head.body, left: head.count, scanner: ReplyScanner::new(*limits) };
    Some((head, elements))
}

#[derive(Debug)]
pub(super) struct Elements<'a> {
    rest: &'a [u8],
    left: usize,
    scanner: ReplyScanner,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return (!std::mem::take(&mut self.rest).is_empty()).then_some(None);
        }
        let Ok(ReplyScan::Complete(element)) = self.scanner.scan(self.rest) else {
            self.left = 0;
            self.rest = &[];
            return Some(None);
        };
        let (element, rest) = self.rest.split_at(element.len);
        self.rest = rest;
        self.left -= 1;
        Some(Some(element))
    }
}
