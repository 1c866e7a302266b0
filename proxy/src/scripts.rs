//! Scripts that clients have sent whole, for nodes that do not know them.
//!
//! One server that has run a script once knows it. Of a cluster, it is the node of that script's keys
//! that knows it; a client of one server calls it by its hash with any keys after that.

use std::{collections::HashMap, fmt};

use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use sha1::{Digest as _, Sha1};
use slotway_protocol::{Command, CommandBuf, RequestLimits, RequestScan, RequestScanner};

/// How many bytes of scripts are kept: beyond, those go that were not sent for longest.
const BYTES_MAX: usize = 4 << 20;

type Hash = [u8; 20];

/// What is known of scripts, by all workers.
#[derive(Default)]
pub(crate) struct Scripts {
    known: Mutex<Known>,
}

struct Known {
    hashes: LruCache<Bytes, Hash>,
    texts: HashMap<Hash, Bytes>,
    bytes: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { hashes: LruCache::unbounded(), texts: HashMap::new(), bytes: 0 }
    }
}

impl Scripts {
    /// Keeps the script of a command that has one; SCRIPT FLUSH forgets all.
    pub(crate) fn learn(&self, command: &Command<'_>) {
        let is = |at: usize, word: &[u8]| {
            command.arg(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word))
        };
        let text = if is(0, b"EVAL") || is(0, b"EVAL_RO") {
            command.arg(1)
        } else if is(0, b"SCRIPT") && is(1, b"LOAD") {
            command.arg(2)
        } else if is(0, b"SCRIPT") && is(1, b"FLUSH") {
            return *self.known.lock() = Known::default();
        } else {
            None
        };
        // What a script says that speaks of NOSCRIPT itself does not prove that it did not run.
        let speaks_of_it = |text: &[u8]| text.windows(8).any(|word| word == b"NOSCRIPT");
        let Some(text) = text.filter(|text| text.len() <= BYTES_MAX) else { return };
        let mut known = self.known.lock();
        if known.hashes.get(text).is_none() && !speaks_of_it(text) {
            known.add(Bytes::copy_from_slice(text));
        }
    }

    /// The command that sends the script whole, instead of this one that calls it by its hash; if
    /// it does, and the script was seen.
    pub(crate) fn whole(&self, request: &[u8]) -> Option<CommandBuf> {
        let mut scanner = RequestScanner::new(RequestLimits::default());
        let Ok(RequestScan::Command { command, .. }) = scanner.scan(request) else { return None };
        let name: &[u8] = match command.name() {
            name if name.eq_ignore_ascii_case(b"EVALSHA") => b"EVAL",
            name if name.eq_ignore_ascii_case(b"EVALSHA_RO") => b"EVAL_RO",
            _ => return None,
        };
        let hash = hash(command.arg(1)?)?;
        let text = self.known.lock().texts.get(&hash).cloned()?;
        let mut whole = CommandBuf::named(name, command.bytes().len() + text.len()).ok()?;
        whole.push(&text).ok()?;
        command.args().skip(2).try_for_each(|arg| whole.push(arg)).ok()?;
        Some(whole)
    }
}

impl Known {
    fn add(&mut self, text: Bytes) {
        let hash = Sha1::digest(&text).into();
        self.bytes += text.len();
        self.texts.insert(hash, text.clone());
        self.hashes.put(text, hash);
        while self.bytes > BYTES_MAX
            && let Some((text, hash)) = self.hashes.pop_lru()
        {
            self.bytes -= text.len();
            self.texts.remove(&hash);
        }
    }
}

/// The hash that these forty digits are.
fn hash(digits: &[u8]) -> Option<Hash> {
    let digits = str::from_utf8(digits).ok().filter(|digits| digits.len() == 40)?;
    let mut hash = Hash::default();
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

impl fmt::Debug for Scripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their texts are the clients' own.
        f.debug_struct("Scripts").field("bytes", &self.known.lock().bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-1 of `return 1`, as servers tell it.
    const RETURN_1: &str = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";

    fn command(words: &[&str]) -> CommandBuf {
        CommandBuf::new(words).unwrap()
    }

    #[track_caller]
    fn check(learned: &[&str], asked: &[&str], whole: Option<&[&str]>) {
        let scripts = Scripts::default();
        scripts.learn(&command(learned).as_command());
        let found = scripts.whole(command(asked).as_command().bytes());
        assert_eq!(found, whole.map(command));
    }

    #[test]
    fn a_script_that_was_sent_whole_is_known_by_its_hash() {
        let (by_hash, upper) = (["EVALSHA", RETURN_1, "1", "k", "a"], RETURN_1.to_uppercase());
        let whole: &[&str] = &["EVAL", "return 1", "1", "k", "a"];
        check(&["EVAL", "return 1", "0"], &by_hash, Some(whole));
        check(&["script", "load", "return 1"], &by_hash, Some(whole));
        check(&["eval", "return 1", "0"], &["evalsha", &upper, "1", "k", "a"], Some(whole));
        let read: &[&str] = &["EVAL_RO", "return 1", "0"];
        check(&["EVAL", "return 1", "0"], &["EVALSHA_RO", RETURN_1, "0"], Some(read));
    }

    #[test]
    fn what_was_not_seen_or_is_no_call_by_hash_stays_as_it_is() {
        check(&["EVAL", "return 2", "0"], &["EVALSHA", RETURN_1, "0"], None);
        check(&["EVAL", "return 1", "0"], &["EVALSHA", "e0e1", "0"], None);
        check(&["EVAL", "return 1", "0"], &["GET", RETURN_1], None);
        check(&["SET", "return 1", "0"], &["EVALSHA", RETURN_1, "0"], None);
        check(&["EVAL", "return 1", "0"], &["EVALSHA", &"é".repeat(20), "0"], None);
    }

    #[test]
    fn a_script_that_speaks_of_noscript_is_never_sent_twice() {
        let text = "return redis.error_reply('NOSCRIPT no')";
        let hash: Hash = Sha1::digest(text).into();
        let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        check(&["EVAL", text, "0"], &["EVALSHA", &digits, "0"], None);
    }

    #[test]
    fn what_is_kept_has_a_bound_and_the_oldest_goes_first() {
        let scripts = Scripts::default();
        let long = "-".repeat(BYTES_MAX - 10);
        for text in ["return 1", &long, "--[[ the last one ]]", &"x".repeat(BYTES_MAX + 1)] {
            scripts.learn(&command(&["EVAL", text, "0"]).as_command());
        }
        let known = scripts.known.lock();
        assert_eq!((known.texts.len(), known.hashes.len(), known.bytes), (1, 1, 20));
        drop(known);
        scripts.learn(&command(&["script", "flush"]).as_command());
        assert_eq!(scripts.known.lock().bytes, 0);
    }
}
