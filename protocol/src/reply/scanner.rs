//! Where does this reply end?

use smallvec::SmallVec;

use super::{
    ReplyError, ReplyLimits,
    head::{self, Aggregate, Blob, Head, Opened, Scalar},
};
use crate::number::short_number_line;

/// Finds the end of each reply in the bytes of a server, without decoding it.
///
/// It is fed the bytes that were read and not yet taken away, and goes on where it stopped: every
/// byte is looked at once, the bodies of bulks not at all. It keeps its place by itself, so the
/// reply may come in any pieces, and pieces of a big one may be handed on before its end is there
/// ([`examined`](Self::examined), [`taken`](Self::taken)).
#[derive(Debug)]
pub struct ReplyScanner {
    limits: ReplyLimits,
    /// Where the next header is, or the end of the body that is being skipped. It may lie beyond
    /// what has been read.
    at: usize,
    /// How far the line at `at` was searched for its end.
    searched: usize,
    place: Place,
    open: SmallVec<[Open; 6]>,
    kind: Option<ReplyKind>,
}

/// What stands at the scanner's position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Header,
    BodyEnd,
}

/// An element whose parts are still coming.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Open {
    /// This many elements are due.
    Counted(u64),
    /// This many elements are due; they describe the element that follows and are none themselves.
    Attribute(u64),
    /// The element that was described is due.
    Attributed,
    /// Elements are due until the end mark.
    Streamed,
    /// Pairs are due until the end mark; this is how the count of elements so far is: even or odd.
    StreamedPairs { half: bool },
    /// Chunks are due until the empty one.
    Chunks,
}

/// What a reply is, by its first byte.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplyKind {
    /// An answer.
    Answer,
    /// An answer that is an error; a redirect may be in it.
    Error,
    /// No answer to any request: a message that the server sent by itself.
    Push,
}

/// A whole reply at the start of the bytes that were scanned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reply {
    /// How many of the scanned bytes it takes.
    pub len: usize,
    /// What it is.
    pub kind: ReplyKind,
}

/// How far a scan came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplyScan {
    /// A reply is whole. The scanner is ready for the next one.
    Complete(Reply),
    /// The reply goes on beyond these bytes.
    Partial,
}

impl ReplyScanner {
    /// A scanner at the start of a reply.
    pub fn new(limits: ReplyLimits) -> Self {
        Self { limits, at: 0, searched: 0, place: Place::Header, open: SmallVec::new(), kind: None }
    }

    /// Looks on in `unread`, which starts with the first byte not yet taken away: after a whole
    /// reply the byte behind it, otherwise the same byte as at the last call, less what
    /// [`taken`](Self::taken) was told of.
    #[inline]
    pub fn scan(&mut self, unread: &[u8]) -> Result<ReplyScan, ReplyError> {
        // Most replies of most servers: one whole bulk string.
        if self.at == 0
            && self.open.is_empty()
            && self.place == Place::Header
            && let Some(len) = whole_bulk(unread, self.limits.bulk_max)
        {
            self.searched = 0;
            return Ok(ReplyScan::Complete(Reply {
                len,
                kind: self.kind.take().unwrap_or(ReplyKind::Answer),
            }));
        }
        self.scan_elements(unread)
    }

    /// How many of the bytes of `unread` are known to belong to the reply that the last scan found
    /// partial. They may be handed on at once.
    pub fn examined(&self, unread: &[u8]) -> usize {
        self.at.min(unread.len())
    }

    /// Says that the first `count` bytes were taken away; at most what [`examined`](Self::examined)
    /// named.
    pub fn taken(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
        self.searched = self.searched.saturating_sub(count);
    }

    /// What the reply that is only partly there is, as soon as its first byte has told.
    pub fn kind(&self) -> Option<ReplyKind> {
        self.kind
    }

    fn scan_elements(&mut self, unread: &[u8]) -> Result<ReplyScan, ReplyError> {
        loop {
            let ended = match self.place {
                Place::Header => {
                    let opened = head::open(unread, self.at, &mut self.searched, &self.limits)?;
                    let Some(opened) = opened else { return Ok(ReplyScan::Partial) };
                    self.enter(opened)?
                }
                Place::BodyEnd if head::is_body_closed(unread, self.at)? => {
                    self.at += 2;
                    self.place = Place::Header;
                    Ended::Element
                }
                Place::BodyEnd => return Ok(ReplyScan::Partial),
            };
            if ended == Ended::Element && self.close() {
                let len = std::mem::take(&mut self.at);
                self.searched = 0;
                let kind = self.kind.take().unwrap_or(ReplyKind::Answer);
                return Ok(ReplyScan::Complete(Reply { len, kind }));
            }
        }
    }

    /// Steps over a header, into what it opens.
    fn enter(&mut self, opened: Opened) -> Result<Ended, ReplyError> {
        self.admit(&opened.head)?;
        self.at = opened.next;
        self.searched = opened.next;
        let count = match opened.head {
            Head::Scalar(..) => return Ok(Ended::Element),
            Head::Blob(_, len) => return Ok(self.skip_body(len)),
            Head::Chunk(0) => {
                self.open.pop();
                return Ok(Ended::Element);
            }
            Head::Chunk(len) => return Ok(self.skip_body(len)),
            Head::End => {
                self.open.pop();
                return Ok(Ended::Element);
            }
            Head::StreamedBlob => Open::Chunks,
            Head::StreamedAggregate(Aggregate::Map) => Open::StreamedPairs { half: false },
            Head::StreamedAggregate(_) => Open::Streamed,
            Head::Aggregate(Aggregate::Attribute, 0) => return Ok(Ended::Nothing),
            Head::Aggregate(Aggregate::Attribute, pairs) => Open::Attribute(pairs * 2),
            Head::Aggregate(_, 0) => return Ok(Ended::Element),
            Head::Aggregate(Aggregate::Map, pairs) => Open::Counted(pairs * 2),
            Head::Aggregate(_, count) => Open::Counted(count),
        };
        if self.open.len() >= self.limits.depth_max {
            return Err(ReplyError::TooDeep);
        }
        self.open.push(count);
        Ok(Ended::Nothing)
    }

    fn skip_body(&mut self, len: usize) -> Ended {
        self.at = self.at.saturating_add(len);
        self.place = Place::BodyEnd;
        Ended::Nothing
    }

    /// Checks that this header may stand here, and notes what kind of reply it opens.
    fn admit(&mut self, head: &Head) -> Result<(), ReplyError> {
        let fits = match (self.open.last(), head) {
            (Some(Open::Chunks), Head::Chunk(_)) => true,
            (Some(Open::Chunks), _) | (_, Head::Chunk(_)) => false,
            (Some(Open::Streamed | Open::StreamedPairs { half: false }), Head::End) => true,
            (_, Head::End) => false,
            _ => true,
        };
        if !fits {
            return Err(ReplyError::BadStream);
        }
        let kind = match head {
            Head::Aggregate(Aggregate::Push, _) => ReplyKind::Push,
            Head::Scalar(Scalar::Error, _) | Head::Blob(Blob::Error, _) => ReplyKind::Error,
            Head::Aggregate(Aggregate::Attribute, _) => return Ok(()),
            Head::Scalar(..)
            | Head::Blob(..)
            | Head::StreamedBlob
            | Head::Chunk(_)
            | Head::Aggregate(..)
            | Head::StreamedAggregate(_)
            | Head::End => ReplyKind::Answer,
        };
        if kind == ReplyKind::Push && !self.open.is_empty() {
            return Err(ReplyError::NestedPush);
        }
        if self.open.iter().all(|around| *around == Open::Attributed) {
            self.kind = Some(kind);
        }
        Ok(())
    }

    /// Counts an element that ended to the one around it, and so outwards. True when that ends the
    /// reply.
    fn close(&mut self) -> bool {
        while let Some(around) = self.open.last_mut() {
            match around {
                Open::Counted(left) if *left > 1 => *left -= 1,
                Open::Attribute(left) if *left > 1 => *left -= 1,
                Open::StreamedPairs { half } => *half = !*half,
                Open::Streamed | Open::Chunks => {}
                Open::Counted(_) | Open::Attributed => {
                    self.open.pop();
                    continue;
                }
                Open::Attribute(_) => *around = Open::Attributed,
            }
            return false;
        }
        true
    }
}

/// Whether a step ended an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ended {
    Element,
    Nothing,
}

/// The length of the bulk string at the start of `bytes`, if a whole one is there whose header is
/// plain. Anything else takes the general way.
#[inline]
fn whole_bulk(bytes: &[u8], bulk_max: usize) -> Option<usize> {
    let [b'$', rest @ ..] = bytes else { return None };
    let (len, header) = short_number_line(rest)?;
    let end = header + len;
    (len <= bulk_max && rest.get(end..end + 2)? == b"\r\n").then_some(1 + end + 2)
}
