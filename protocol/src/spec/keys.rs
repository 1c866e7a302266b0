//! Where the keys of a command are.

use smallvec::SmallVec;

use super::{CommandSpec, Finder, KeyBegin, KeyFind, KeyFlags, KeySpec};
use crate::{command::Command, number::parse_u64};

/// The keys of one command, by their positions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Keys {
    runs: SmallVec<[Run; 3]>,
}

/// A key, or what decides the slot like one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    /// Its position among the arguments; the name of the command is at 0.
    pub position: usize,
    /// What the command does with it.
    pub flags: KeyFlags,
}

/// Keys at equal distances.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Run {
    first: u32,
    count: u32,
    step: u32,
    flags: KeyFlags,
}

/// Why the keys of a command cannot be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// The argument that counts the keys is no number, or a larger one than there are arguments.
    #[error("the number of keys is not a number, or too large")]
    BadCount,
    /// There are fewer arguments than keys.
    #[error("an argument that should be a key is missing")]
    Missing,
    /// Names and ids of streams are not in pairs.
    #[error("the list of streams is not in pairs")]
    Unbalanced,
    /// The server has rules for this command that it does not publish.
    #[error("where this command has its keys is not known")]
    Untold,
}

impl Keys {
    /// The keys in the order in which the command's places name them.
    pub fn iter(&self) -> impl Iterator<Item = Key> + Clone + '_ {
        self.runs.iter().flat_map(|run| {
            (0..run.count).map(move |nth| Key {
                position: (run.first + nth * run.step) as usize,
                flags: run.flags,
            })
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.runs.iter().map(|run| run.count as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.iter().all(|run| run.count == 0)
    }

    /// Adds the key at this position, which the caller has seen in the command.
    pub(super) fn push(&mut self, position: usize, flags: KeyFlags) {
        self.push_run(position, 1, 1, flags);
    }

    /// Adds `count` keys from this position on, all of which are in the command.
    pub(super) fn push_run(&mut self, first: usize, count: usize, step: u32, flags: KeyFlags) {
        // A command's bytes have 32-bit positions, so its arguments have too.
        let run = Run { first: first as u32, count: count as u32, step, flags };
        if count > 0 {
            self.runs.push(run);
        }
    }
}

/// Finds the keys of `command`, which has this spec.
pub(super) fn find(spec: &CommandSpec, command: &Command<'_>) -> Result<Keys, KeysError> {
    let mut keys = Keys::default();
    if spec.finder == Finder::Specs {
        for place in &*spec.keys {
            find_at(place, command, &mut keys)?;
        }
    } else {
        spec.finder.find(command, &mut keys)?;
    }
    Ok(keys)
}

/// Adds the keys of one place. A word that is missing is an option not taken, and names none.
fn find_at(place: &KeySpec, command: &Command<'_>, keys: &mut Keys) -> Result<(), KeysError> {
    let first = match &place.begin {
        KeyBegin::Index(index) => i64::from(*index),
        KeyBegin::Keyword { word, from } => match behind(word, *from, command) {
            Some(first) => first as i64,
            None => return Ok(()),
        },
        KeyBegin::Unknown => return Err(KeysError::Untold),
    };
    let len = command.len() as i64;
    match place.find {
        KeyFind::Range { last, step, limit } => {
            let reach = i64::from(last);
            let last = match (reach >= 0, limit) {
                (true, _) => first + reach,
                (false, 0 | 1) => len + reach,
                (false, limit) => first + (len - first).max(0) / i64::from(limit) + reach,
            };
            if last >= len {
                return Err(KeysError::Missing);
            }
            if last >= first {
                let count = (last - first) / i64::from(step.max(1)) + 1;
                keys.push_run(first as usize, count as usize, step.max(1), place.flags);
            }
        }
        KeyFind::Keynum { at, first: offset, step } => {
            let counter = (first + i64::from(at)) as usize;
            let count = command.arg(counter).and_then(parse_u64).ok_or(KeysError::BadCount)?;
            // More than all arguments: the product below must not overflow.
            if count > command.len() as u64 {
                return Err(KeysError::BadCount);
            }
            let first = first + i64::from(offset);
            if count > 0 && first + (count as i64 - 1) * i64::from(step) >= len {
                return Err(KeysError::BadCount);
            }
            keys.push_run(first as usize, count as usize, step, place.flags);
        }
        KeyFind::Unknown => return Err(KeysError::Untold),
    }
    Ok(())
}

/// The position behind `word`, if it is there with something behind it.
fn behind(word: &str, from: i32, command: &Command<'_>) -> Option<usize> {
    let is_word = |&position: &usize| {
        command.arg(position).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    let offset = from.unsigned_abs() as usize;
    let found = if from > 0 {
        (offset..command.len().saturating_sub(1)).find(is_word)
    } else {
        (2..=command.len().checked_sub(offset)?).rev().find(is_word)
    };
    found.map(|position| position + 1)
}
