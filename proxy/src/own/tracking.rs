//! What a session wants to hear about keys that change: `CLIENT TRACKING` and its kin.

mod interest;
mod message;

use std::collections::BTreeSet;

use slotway_protocol::Command;

pub use interest::{Changed, Interests, Unseen};
pub use message::{Invalidation, broken_redirect};

use super::{
    ReplyWriter,
    args::{integer, is, shown},
    face::Switch,
};

/// What a session asked for with `CLIENT TRACKING`; off until it does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tracking {
    on: Option<Wishes>,
}

/// What a session that tracks wants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Wishes {
    scope: Scope,
    /// The session that hears it instead.
    redirect: Option<u64>,
    /// Whether that session is still there.
    broken: Switch,
    /// Whether it is told of its own writes too: `NOLOOP` turns that off.
    own_writes: OwnWrites,
}

/// Of which keys it is told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
enum Scope {
    /// Of those that it read.
    #[default]
    Read,
    /// Of those that it read right after it said `CLIENT CACHING YES`.
    OptIn { next: Switch },
    /// Of those that it read, but not right after it said `CLIENT CACHING NO`.
    OptOut { next: Switch },
    /// Of those that begin in one of these ways, read or not.
    Prefixes(BTreeSet<Vec<u8>>),
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum OwnWrites {
    #[default]
    Told,
    Untold,
}

/// A `CLIENT TRACKING` as it was typed.
#[derive(Debug, Default)]
struct Typed {
    redirect: Option<u64>,
    words: Vec<Word>,
    prefixes: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Word {
    Bcast,
    OptIn,
    OptOut,
    NoLoop,
}

const SYNTAX: &str = "ERR syntax error";
const NO_SUCH_CLIENT: &str = "ERR The client ID you want redirect to does not exist";
const TWO_REDIRECTS: &str = "ERR A client can only redirect to a single other client";
const PREFIX_ALONE: &str = "ERR PREFIX option requires BCAST mode to be enabled";
const BCAST_SWITCHED: &str = "ERR You can't switch BCAST mode on/off before disabling tracking for \
    this client, and then re-enabling it with a different mode.";
const OPT_WITH_BCAST: &str = "ERR OPTIN and OPTOUT are not compatible with BCAST";
const BOTH_OPTS: &str = "ERR You can't specify both OPTIN mode and OPTOUT mode";
const OPT_SWITCHED: &str = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for \
    this client, and then re-enabling it with a different mode.";
const NOT_TRACKING: &str = "ERR CLIENT CACHING can be called only when the client is in tracking \
    mode with OPTIN or OPTOUT mode enabled";
const YES_NEEDS_OPTIN: &str =
    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
const NO_NEEDS_OPTOUT: &str =
    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";

impl Tracking {
    /// Whether the session tracks at all.
    pub fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Whether it hears of all keys with its prefixes, read or not.
    pub fn is_broadcast(&self) -> bool {
        self.on.as_ref().is_some_and(|wishes| matches!(wishes.scope, Scope::Prefixes(_)))
    }

    /// Which session hears it instead: -1 when tracking is off, 0 for itself.
    pub fn redirect(&self) -> i64 {
        let redirect = |wishes: &Wishes| wishes.redirect.map_or(0, u64::cast_signed);
        self.on.as_ref().map_or(-1, redirect)
    }

    /// The session to which it redirects is gone. Whether that is news.
    pub fn lose_redirect(&mut self) -> bool {
        let Some(wishes) = &mut self.on else { return false };
        let news = wishes.redirect.is_some() && wishes.broken == Switch::Off;
        if news {
            wishes.broken = Switch::On;
        }
        news
    }

    /// Whether the session to which it redirects is gone.
    pub fn has_lost_redirect(&self) -> bool {
        self.on.as_ref().is_some_and(|wishes| wishes.broken == Switch::On)
    }

    /// How the keys begin that a broadcasting session hears of; an empty prefix begins all.
    pub fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        let prefixes = self.on.as_ref().and_then(|wishes| match &wishes.scope {
            Scope::Prefixes(prefixes) => Some(prefixes),
            Scope::Read | Scope::OptIn { .. } | Scope::OptOut { .. } => None,
        });
        prefixes.into_iter().flatten().map(Vec::as_slice)
    }

    /// Whether the keys of a command that the session reads now are to be remembered.
    pub fn remembers(&self) -> bool {
        self.on.as_ref().is_some_and(|wishes| match wishes.scope {
            Scope::Read => true,
            Scope::OptIn { next } => next == Switch::On,
            Scope::OptOut { next } => next == Switch::Off,
            Scope::Prefixes(_) => false,
        })
    }

    /// Whether the session is told of keys that it changed itself.
    pub fn hears_itself(&self) -> bool {
        self.on.as_ref().is_some_and(|wishes| wishes.own_writes == OwnWrites::Told)
    }

    /// `CLIENT TRACKING ON|OFF` with its options; an error, in a server's words, changes nothing.
    /// `exists` says whether there is a session with this id.
    pub(super) fn set(
        &mut self,
        command: &Command<'_>,
        exists: impl Fn(u64) -> bool,
    ) -> Result<(), Vec<u8>> {
        let typed = Typed::read(command, exists)?;
        match command.arg(2) {
            Some(arg) if is(arg, "on") => self.turn_on(typed),
            Some(arg) if is(arg, "off") => {
                self.on = None;
                Ok(())
            }
            _ => Err(SYNTAX.into()),
        }
    }

    /// `CLIENT CACHING YES|NO`.
    pub(super) fn caching(&mut self, answer: &[u8]) -> Result<(), &'static str> {
        let wishes = self.on.as_mut().ok_or(NOT_TRACKING)?;
        match (&mut wishes.scope, is(answer, "yes"), is(answer, "no")) {
            (Scope::OptIn { next }, true, _) | (Scope::OptOut { next }, _, true) => {
                *next = Switch::On;
                Ok(())
            }
            (_, true, _) => Err(YES_NEEDS_OPTIN),
            (_, _, true) => Err(NO_NEEDS_OPTOUT),
            _ => Err(SYNTAX),
        }
    }

    /// Ends what `CLIENT CACHING` began: it is for the one command after it, or for one
    /// transaction. To be called after each of these; commands called `CLIENT` do not count.
    pub fn forget_caching(&mut self) {
        if let Some(Wishes { scope: Scope::OptIn { next } | Scope::OptOut { next }, .. }) =
            &mut self.on
        {
            *next = Switch::Off;
        }
    }

    /// The answer to `CLIENT TRACKINGINFO`.
    pub(super) fn write(&self, reply: &mut ReplyWriter<'_>) {
        let words = self.words();
        reply.map(3);
        reply.bulk(b"flags");
        reply.set(words.len());
        words.iter().for_each(|word| reply.bulk(word.as_bytes()));
        reply.bulk(b"redirect");
        reply.integer(self.redirect());
        reply.bulk(b"prefixes");
        reply.array(self.prefixes().count());
        self.prefixes().for_each(|prefix| reply.bulk(prefix));
    }

    fn words(&self) -> Vec<&'static str> {
        let Some(wishes) = &self.on else { return vec!["off"] };
        let mut words = vec!["on"];
        match wishes.scope {
            Scope::Read => {}
            Scope::OptIn { next: Switch::Off } => words.push("optin"),
            Scope::OptIn { next: Switch::On } => words.extend(["optin", "caching-yes"]),
            Scope::OptOut { next: Switch::Off } => words.push("optout"),
            Scope::OptOut { next: Switch::On } => words.extend(["optout", "caching-no"]),
            Scope::Prefixes(_) => words.push("bcast"),
        }
        if wishes.own_writes == OwnWrites::Untold {
            words.push("noloop");
        }
        if wishes.broken == Switch::On {
            words.push("broken_redirect");
        }
        words
    }

    fn turn_on(&mut self, typed: Typed) -> Result<(), Vec<u8>> {
        self.check(&typed)?;
        let scope = if typed.says(Word::Bcast) {
            let mut prefixes: BTreeSet<Vec<u8>> = self.prefixes().map(<[u8]>::to_vec).collect();
            if typed.prefixes.is_empty() {
                prefixes.insert(Vec::new());
            }
            prefixes.extend(typed.prefixes.iter().cloned());
            Scope::Prefixes(prefixes)
        } else if typed.says(Word::OptIn) {
            Scope::OptIn { next: Switch::Off }
        } else if typed.says(Word::OptOut) {
            Scope::OptOut { next: Switch::Off }
        } else {
            Scope::Read
        };
        let own_writes = if typed.says(Word::NoLoop) { OwnWrites::Untold } else { OwnWrites::Told };
        self.on = Some(Wishes { scope, redirect: typed.redirect, broken: Switch::Off, own_writes });
        Ok(())
    }

    /// Whether the options go together, and with those before, in the order in which servers look.
    fn check(&self, typed: &Typed) -> Result<(), Vec<u8>> {
        let (bcast, optin, optout) =
            (typed.says(Word::Bcast), typed.says(Word::OptIn), typed.says(Word::OptOut));
        let scope = self.on.as_ref().map(|wishes| &wishes.scope);
        let is_optin = matches!(scope, Some(Scope::OptIn { .. }));
        let is_optout = matches!(scope, Some(Scope::OptOut { .. }));
        let error = if !bcast && !typed.prefixes.is_empty() {
            PREFIX_ALONE
        } else if self.is_on() && bcast != self.is_broadcast() {
            BCAST_SWITCHED
        } else if bcast && (optin || optout) {
            OPT_WITH_BCAST
        } else if optin && optout {
            BOTH_OPTS
        } else if (optin && is_optout) || (optout && is_optin) {
            OPT_SWITCHED
        } else {
            return self.check_prefixes(&typed.prefixes);
        };
        Err(error.into())
    }

    fn check_prefixes(&self, prefixes: &[Vec<u8>]) -> Result<(), Vec<u8>> {
        for (nth, prefix) in prefixes.iter().enumerate() {
            if let Some(old) = self.prefixes().find(|old| overlap(old, prefix)) {
                return Err(overlapping(prefix, "an existing", old));
            }
            if let Some(other) = prefixes[nth + 1..].iter().find(|other| overlap(other, prefix)) {
                return Err(overlapping(prefix, "another provided", other));
            }
        }
        Ok(())
    }
}

impl Typed {
    fn read(command: &Command<'_>, exists: impl Fn(u64) -> bool) -> Result<Self, Vec<u8>> {
        let mut typed = Self::default();
        let mut args = command.args().skip(3);
        while let Some(arg) = args.next() {
            let word = match arg.to_ascii_lowercase().as_slice() {
                b"bcast" => Word::Bcast,
                b"optin" => Word::OptIn,
                b"optout" => Word::OptOut,
                b"noloop" => Word::NoLoop,
                b"prefix" => {
                    typed.prefixes.push(args.next().ok_or(SYNTAX)?.to_vec());
                    continue;
                }
                b"redirect" => {
                    let id = args.next().ok_or(SYNTAX)?;
                    typed.redirect_to(id, &exists)?;
                    continue;
                }
                _ => return Err(SYNTAX.into()),
            };
            typed.words.push(word);
        }
        Ok(typed)
    }

    fn redirect_to(&mut self, id: &[u8], exists: impl Fn(u64) -> bool) -> Result<(), &'static str> {
        if self.redirect.is_some() {
            return Err(TWO_REDIRECTS);
        }
        let id = integer(id).ok_or("ERR value is not an integer or out of range")?;
        let id = u64::try_from(id).ok().filter(|&id| exists(id)).ok_or(NO_SUCH_CLIENT)?;
        self.redirect = Some(id);
        Ok(())
    }

    fn says(&self, word: Word) -> bool {
        self.words.contains(&word)
    }
}

fn overlap(one: &[u8], other: &[u8]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn overlapping(prefix: &[u8], which: &str, other: &[u8]) -> Vec<u8> {
    [
        b"ERR Prefix '",
        shown(prefix),
        b"' overlaps with ",
        which.as_bytes(),
        b" prefix '",
        shown(other),
        b"'. Prefixes for a single client must not overlap.",
    ]
    .concat()
}

#[cfg(test)]
mod tests;
