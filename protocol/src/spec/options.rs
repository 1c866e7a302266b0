//! Keys that options hide: for these commands the published places are missing or too many, and
//! servers have rules of their own, which are followed here.

use super::{KeyFlags, Keys, KeysError};
use crate::command::Command;

/// Which rules find the keys of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Finder {
    /// Those that the server publishes.
    Specs,
    /// `SORT`: the key, and the last `STORE`.
    Sort,
    /// `SORT_RO`: the key.
    SortRo,
    /// `MIGRATE`: the key, or all behind `KEYS`.
    Migrate,
    /// `XREAD`, `XREADGROUP`: the first half of what is behind `STREAMS`, which may also be the
    /// name of a group, a consumer or a stream.
    Streams(KeyFlags),
    /// `GEORADIUS`, `GEORADIUSBYMEMBER`: the key, and the last `STORE` or `STOREDIST`.
    GeoStore,
}

const READ: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const OVERWRITE: KeyFlags = KeyFlags::OW.with(KeyFlags::UPDATE);
const TAKE: KeyFlags = KeyFlags::RW.with(KeyFlags::ACCESS).with(KeyFlags::DELETE);

impl Finder {
    /// The rules for the command of this name.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "sort" => Self::Sort,
            "sort_ro" => Self::SortRo,
            "migrate" => Self::Migrate,
            "xread" | "xreadgroup" => Self::Streams(READ),
            "georadius" | "georadiusbymember" => Self::GeoStore,
            _ => Self::Specs,
        }
    }

    pub(super) fn find(self, command: &Command<'_>, keys: &mut Keys) -> Result<(), KeysError> {
        match self {
            Self::Specs => return Err(KeysError::Untold),
            Self::Sort => {
                push_first(command, keys)?;
                let store = sort_store(command);
                store.into_iter().for_each(|store| keys.push(store, OVERWRITE));
            }
            Self::SortRo => push_first(command, keys)?,
            Self::Migrate => return migrate(command, keys),
            Self::Streams(flags) => {
                let streams = stream_options(command).streams.ok_or(KeysError::Missing)?;
                let named = command.len() - streams - 1;
                if named == 0 || !named.is_multiple_of(2) {
                    return Err(KeysError::Unbalanced);
                }
                keys.push_run(streams + 1, named / 2, 1, flags);
            }
            Self::GeoStore => {
                push_first(command, keys)?;
                let store = geo_store(command);
                store.into_iter().for_each(|store| keys.push(store, OVERWRITE));
            }
        }
        Ok(())
    }
}

/// Whether a command that can wait asks to.
pub(crate) fn blocks(command: &Command<'_>) -> bool {
    stream_options(command).blocks
}

fn push_first(command: &Command<'_>, keys: &mut Keys) -> Result<(), KeysError> {
    command.arg(1).ok_or(KeysError::Missing)?;
    keys.push(1, READ);
    Ok(())
}

fn is(command: &Command<'_>, position: usize, word: &str) -> bool {
    command.arg(position).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
}

/// Where the key behind the last `STORE` of a `SORT` is.
///
/// Servers do not skip the key behind `STORE`: one that is called `LIMIT` is taken for an option.
/// They go where this rule says, so we go there too.
fn sort_store(command: &Command<'_>) -> Option<usize> {
    let mut store = None;
    let mut at = 2;
    while at < command.len() {
        if is(command, at, "limit") {
            at += 2;
        } else if is(command, at, "get") || is(command, at, "by") {
            at += 1;
        } else if is(command, at, "store") && at + 1 < command.len() {
            store = Some(at + 1);
        }
        at += 1;
    }
    store
}

fn geo_store(command: &Command<'_>) -> Option<usize> {
    let mut store = None;
    let mut at = 5;
    while at + 1 < command.len() {
        if is(command, at, "store") || is(command, at, "storedist") {
            at += 1;
            store = Some(at);
        }
        at += 1;
    }
    store
}

fn migrate(command: &Command<'_>, keys: &mut Keys) -> Result<(), KeysError> {
    let key = command.arg(3).ok_or(KeysError::Missing)?;
    let mut at = 6;
    while at < command.len() {
        if is(command, at, "keys") {
            // Both forms at once are a syntax error.
            if !key.is_empty() {
                return Err(KeysError::Missing);
            }
            keys.push_run(at + 1, command.len() - at - 1, 1, TAKE);
            return Ok(());
        }
        at += 1 + usize::from(is(command, at, "auth")) + 2 * usize::from(is(command, at, "auth2"));
    }
    keys.push(3, TAKE);
    Ok(())
}

/// What the options of `XREAD` and `XREADGROUP` say.
struct StreamOptions {
    /// Where the word `STREAMS` is.
    streams: Option<usize>,
    blocks: bool,
}

fn stream_options(command: &Command<'_>) -> StreamOptions {
    let mut options = StreamOptions { streams: None, blocks: false };
    let mut at = 1;
    while at < command.len() {
        at += if is(command, at, "block") {
            options.blocks = true;
            2
        } else if is(command, at, "count") || is(command, at, "claim") {
            2
        } else if is(command, at, "group") {
            3
        } else if is(command, at, "noack") {
            1
        } else {
            if is(command, at, "streams") {
                options.streams = Some(at);
            }
            break;
        };
    }
    options
}
