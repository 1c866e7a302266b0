//! Finds where a client's request ends, and its arguments.

mod inline;
mod scanner;

pub use scanner::{RequestScan, RequestScanner};

/// How large a request may be. Each is checked before anything is allocated for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestLimits {
    /// The longest argument, in bytes.
    pub bulk_max: usize,
    /// The most arguments of one request.
    pub args_max: usize,
    /// The longest inline request, or line with a length.
    pub inline_max: usize,
    /// The longest request as a whole; never more than 4 GiB.
    pub request_max: usize,
    /// Whether the client has logged in yet. A server says so when a limit is hit before.
    pub login: LoginState,
}

/// Whether a client has proven who it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginState {
    /// It has, or need not.
    Done,
    /// It has not.
    Pending,
}

impl Default for RequestLimits {
    /// A server's own limits.
    fn default() -> Self {
        Self {
            bulk_max: 512 << 20,
            args_max: 1 << 20,
            inline_max: 64 << 10,
            request_max: 1 << 30,
            login: LoginState::Done,
        }
    }
}

impl RequestLimits {
    /// What a server allows a client that has not logged in.
    pub fn before_login() -> Self {
        Self { bulk_max: 16 << 10, args_max: 10, login: LoginState::Pending, ..Self::default() }
    }
}

/// Why a client's bytes are not a request, in a server's words.
///
/// The connection cannot go on after any of these: where the next request starts is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// An inline request exceeds [`RequestLimits::inline_max`].
    #[error("Protocol error: too big inline request")]
    InlineTooLong,
    /// An inline request has an open quote, or something behind a closing one.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// An inline request has a NUL. A server would not find the end of that line, and wait.
    #[error("Protocol error: NUL in inline request")]
    InlineNul,
    /// The line with the count of arguments has no end.
    #[error("Protocol error: too big mbulk count string")]
    ArgsLineTooLong,
    /// The count of arguments is not a canonical number, or above [`RequestLimits::args_max`].
    #[error("Protocol error: invalid multibulk length")]
    BadArgs,
    /// The same, because the client has not logged in.
    #[error("Protocol error: unauthenticated multibulk length")]
    BadArgsBeforeLogin,
    /// The line with the length of an argument has no end.
    #[error("Protocol error: too big bulk count string")]
    BulkLineTooLong,
    /// The length of an argument is not a canonical number, or above [`RequestLimits::bulk_max`].
    #[error("Protocol error: invalid bulk length")]
    BadBulk,
    /// The same, because the client has not logged in.
    #[error("Protocol error: unauthenticated bulk length")]
    BadBulkBeforeLogin,
    /// An argument does not start with its length.
    #[error("Protocol error: expected '$', got '{}'", shown(*.0))]
    NoBulk(u8),
    /// A line or an argument ends in something other than CRLF. Redis 7.0 would take any two bytes
    /// there, and so see other requests than we do.
    #[error("Protocol error: invalid CRLF in request")]
    BadLineEnd,
    /// The request as a whole exceeds [`RequestLimits::request_max`].
    #[error("Protocol error: too big request")]
    RequestTooLong,
}

/// A byte of the client's, harmless in an error line.
fn shown(byte: u8) -> char {
    match byte {
        b'\r' | b'\n' => ' ',
        b' '..=b'~' => char::from(byte),
        _ => '?',
    }
}
