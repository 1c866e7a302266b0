//! Where does this request end, and where are its arguments?

use smallvec::SmallVec;

use super::{LoginState, RequestError, RequestLimits, inline};
use crate::{
    Command,
    command::Span,
    encode::{encode_bulk, encode_header},
    number::{parse_i64, short_number_line},
};

/// Cuts the bytes of a client into commands, without copying or decoding them.
///
/// It is fed the bytes that were read and not yet consumed, and goes on where it stopped: headers
/// are read once and bodies not at all, so that a value of 64 MiB in small reads costs no more than
/// in one. What it hands out is always the canonical encoding: a request in any other is refused,
/// or, when it is inline, written anew.
#[derive(Debug)]
pub struct RequestScanner {
    limits: RequestLimits,
    stage: Stage,
    /// Where the next header or body is.
    at: usize,
    /// How far the line at `at` was searched for its end.
    searched: usize,
    args: SmallVec<[Span; 8]>,
    /// An inline request in the canonical encoding.
    rewritten: Vec<u8>,
}

/// Room for this many arguments is kept from one request to the next.
const ARGS_KEPT: usize = 1024;

/// What the scanner waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The first byte of a request.
    Start,
    /// The length of an argument; this many are still to come.
    Header { args_left: usize },
    /// The end of an argument's body, this long; its own count is in `args_left` still.
    Body { args_left: usize, len: usize },
}

/// How far a scan came.
#[derive(Debug)]
pub enum RequestScan<'a> {
    /// A whole request.
    Command {
        /// What was asked.
        command: Command<'a>,
        /// How many of the scanned bytes it took. An inline one is longer or shorter as a command.
        consumed: usize,
    },
    /// Something that asks for nothing and gets no reply: an empty array, a blank line.
    Nothing {
        /// How many of the scanned bytes it took.
        consumed: usize,
    },
    /// The request goes on beyond these bytes.
    Partial,
}

impl RequestScanner {
    /// A scanner at the start of a request.
    pub fn new(limits: RequestLimits) -> Self {
        Self {
            limits,
            stage: Stage::Start,
            at: 0,
            searched: 0,
            args: SmallVec::new(),
            rewritten: Vec::new(),
        }
    }

    /// Applies other limits, from the next header on.
    pub fn limit(&mut self, limits: RequestLimits) {
        self.limits = limits;
    }

    /// Looks on in `unread`, which starts with the first byte not yet consumed: the same as at the
    /// last call if that was [`RequestScan::Partial`], with more behind it.
    #[inline]
    pub fn scan<'a>(&'a mut self, unread: &'a [u8]) -> Result<RequestScan<'a>, RequestError> {
        if self.stage == Stage::Start {
            match unread.first() {
                None => return Ok(RequestScan::Partial),
                Some(b'*') => match self.start(unread)? {
                    Started::Array => {}
                    Started::Empty { consumed } => return Ok(RequestScan::Nothing { consumed }),
                    Started::Partial => return Ok(RequestScan::Partial),
                },
                Some(_) => return self.inline(unread),
            }
        }
        if !self.arguments(unread)? {
            return Ok(RequestScan::Partial);
        }
        self.stage = Stage::Start;
        self.searched = 0;
        let consumed = std::mem::take(&mut self.at);
        let command = Command::new(&unread[..consumed], &self.args);
        Ok(RequestScan::Command { command, consumed })
    }

    /// How many bytes the request that was found partial wants at least, counted from its start.
    /// More than a read's worth only inside a large argument.
    pub fn wanted(&self) -> usize {
        match self.stage {
            Stage::Start | Stage::Header { .. } => self.at.saturating_add(1),
            Stage::Body { len, .. } => self.at.saturating_add(len).saturating_add(2),
        }
    }

    /// Lets go of memory that only a request in progress needs, for a connection that is idle.
    pub fn release(&mut self) {
        if self.stage == Stage::Start {
            self.args = SmallVec::new();
            self.rewritten = Vec::new();
        }
    }

    /// Reads the count of arguments.
    #[inline]
    fn start(&mut self, unread: &[u8]) -> Result<Started, RequestError> {
        self.at = 0;
        let (count, next) = match short_number_line(&unread[1..]) {
            Some((count, len)) => (count as i64, 1 + len),
            None => match self.line(unread, 1, RequestError::ArgsLineTooLong)? {
                None => return Ok(Started::Partial),
                Some(end) => {
                    let count = parse_i64(&unread[1..end]).ok_or(RequestError::BadArgs)?;
                    (count, end + 2)
                }
            },
        };
        self.searched = 0;
        if count <= 0 {
            return Ok(Started::Empty { consumed: next });
        }
        let args_left = usize::try_from(count).unwrap_or(usize::MAX);
        if args_left > self.limits.args_max {
            return Err(match self.limits.login {
                LoginState::Done => RequestError::BadArgs,
                LoginState::Pending => RequestError::BadArgsBeforeLogin,
            });
        }
        self.args.clear();
        if self.args.capacity() > ARGS_KEPT {
            self.args.shrink_to_fit();
        }
        self.at = next;
        self.stage = Stage::Header { args_left };
        Ok(Started::Array)
    }

    /// Reads arguments as far as they go. True when none is missing.
    #[inline]
    fn arguments(&mut self, unread: &[u8]) -> Result<bool, RequestError> {
        loop {
            match self.stage {
                Stage::Start | Stage::Header { args_left: 0 } => return Ok(true),
                Stage::Header { args_left } => {
                    let Some((len, next)) = self.bulk_header(unread)? else { return Ok(false) };
                    self.at = next;
                    self.stage = Stage::Body { args_left, len };
                }
                Stage::Body { args_left, len } => {
                    let end = self.at + len;
                    match unread.get(end..end + 2) {
                        Some(b"\r\n") => {}
                        Some(_) => return Err(RequestError::BadLineEnd),
                        // Half an end is enough to see that it is wrong.
                        None if unread.get(end).is_some_and(|&byte| byte != b'\r') => {
                            return Err(RequestError::BadLineEnd);
                        }
                        None => return Ok(false),
                    }
                    self.args.push(Span { start: self.at as u32, len: len as u32 });
                    self.at = end + 2;
                    self.stage = Stage::Header { args_left: args_left - 1 };
                }
            }
        }
    }

    /// Reads the length of an argument: that, and where its body starts.
    #[inline]
    fn bulk_header(&mut self, unread: &[u8]) -> Result<Option<(usize, usize)>, RequestError> {
        let text = match unread.get(self.at..) {
            None | Some([]) => return Ok(None),
            Some([b'$', text @ ..]) => text,
            Some([other, ..]) => return Err(RequestError::NoBulk(*other)),
        };
        let (len, next) = match short_number_line(text) {
            Some((len, taken)) => (len, self.at + 1 + taken),
            None => match self.line(unread, self.at + 1, RequestError::BulkLineTooLong)? {
                None => return Ok(None),
                Some(end) => {
                    let len = parse_i64(&unread[self.at + 1..end]).ok_or(RequestError::BadBulk)?;
                    (usize::try_from(len).map_err(|_| RequestError::BadBulk)?, end + 2)
                }
            },
        };
        self.searched = 0;
        if len > self.limits.bulk_max {
            return Err(match self.limits.login {
                LoginState::Done => RequestError::BadBulk,
                LoginState::Pending => RequestError::BadBulkBeforeLogin,
            });
        }
        let request_max = self.limits.request_max.min(u32::MAX as usize);
        if next.saturating_add(len).saturating_add(2) > request_max {
            return Err(RequestError::RequestTooLong);
        }
        Ok(Some((len, next)))
    }

    /// The end of the line with a length that starts at `start`, if it is there.
    #[cold]
    fn line(
        &mut self,
        unread: &[u8],
        start: usize,
        too_long: RequestError,
    ) -> Result<Option<usize>, RequestError> {
        let from = start.max(self.searched);
        let found = memchr::memchr(b'\r', unread.get(from..).unwrap_or_default());
        let end = found.map_or(unread.len(), |found| from + found);
        self.searched = end;
        if end - start > self.limits.inline_max {
            return Err(too_long);
        }
        match unread.get(end + 1) {
            Some(b'\n') => Ok(Some(end)),
            Some(_) => Err(RequestError::BadLineEnd),
            None => Ok(None),
        }
    }

    #[cold]
    fn inline<'a>(&'a mut self, unread: &'a [u8]) -> Result<RequestScan<'a>, RequestError> {
        let unseen = unread.get(self.searched..).unwrap_or_default();
        let found = memchr::memchr2(b'\n', 0, unseen);
        let end = found.map_or(unread.len(), |found| self.searched + found);
        self.searched = end;
        if end > self.limits.inline_max {
            return Err(RequestError::InlineTooLong);
        }
        match unread.get(end) {
            None => return Ok(RequestScan::Partial),
            Some(0) => return Err(RequestError::InlineNul),
            Some(_) => {}
        }
        self.searched = 0;
        let consumed = end + 1;
        self.rewrite(&unread[..end])?;
        if self.args.is_empty() {
            return Ok(RequestScan::Nothing { consumed });
        }
        Ok(RequestScan::Command { command: Command::new(&self.rewritten, &self.args), consumed })
    }

    /// Writes an inline request in the canonical encoding.
    fn rewrite(&mut self, line: &[u8]) -> Result<(), RequestError> {
        let mut words = Vec::with_capacity(line.len());
        let ranges = inline::split(line, &mut words)?;
        self.args.clear();
        self.rewritten.clear();
        encode_header(&mut self.rewritten, b'*', ranges.len());
        for range in ranges {
            let len = range.len();
            encode_bulk(&mut self.rewritten, &words[range]);
            let start = self.rewritten.len() - len - 2;
            self.args.push(Span { start: start as u32, len: len as u32 });
        }
        Ok(())
    }
}

/// What the first line of an array said.
enum Started {
    Array,
    Empty { consumed: usize },
    Partial,
}
