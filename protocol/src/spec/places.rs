//! Where a command says that its keys are.

use std::borrow::Cow;

use super::KeyFlags;

/// One place in a command where keys are, and what happens to them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySpec {
    /// What the command does with these keys.
    pub flags: KeyFlags,
    /// Where the search for them starts.
    pub begin: KeyBegin,
    /// How to find them from there.
    pub find: KeyFind,
}

/// Where the search for keys starts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyBegin {
    /// At this argument.
    Index(u32),
    /// Behind this word, which may be missing.
    Keyword {
        /// The word, in any case.
        word: Cow<'static, str>,
        /// The first argument that may be the word. If negative, it counts from the end, and the
        /// search goes towards the start.
        from: i32,
    },
    /// Not told.
    Unknown,
}

/// How keys go on from where they start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyFind {
    /// Up to a last argument.
    Range {
        /// The last key, counted from the first; if negative, from the end of the command.
        last: i32,
        /// How many arguments on the next key is.
        step: u32,
        /// If above 1, the keys are only in the first `1/limit` of the rest.
        limit: u32,
    },
    /// As many as an argument says.
    Keynum {
        /// Where that argument is, counted from the start.
        at: u32,
        /// Where the first key is, counted from the start.
        first: u32,
        /// How many arguments on the next key is.
        step: u32,
    },
    /// Not told.
    Unknown,
}

impl KeySpec {
    /// Whether this is the usual place: the argument behind the name, and only that.
    pub(crate) fn is_first_argument(&self) -> bool {
        self.begin == KeyBegin::Index(1) && matches!(self.find, KeyFind::Range { last: 0, .. })
    }
}
