//! Replies that are kept until their server says that they are out of date.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use slotway_protocol::{NodeAddr, ReplyLimits, Slot, Value};
use tokio::time::Instant;

/// How much [`Client::cached`](crate::Client::cached) keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CacheLimits {
    /// Of how many keys replies are kept. The one that was not asked for the longest makes room.
    pub keys_max: usize,
    /// How many bytes keys, commands and replies may take together.
    pub bytes_max: usize,
    /// How long a reply is kept at most, should no server say anything.
    pub age_max: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { keys_max: 10_000, bytes_max: 64 << 20, age_max: Duration::from_secs(60) }
    }
}

/// How a cache is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CacheStats {
    /// Of how many keys there are replies now.
    pub keys: usize,
    /// How many bytes they take.
    pub bytes: usize,
    /// How many calls were answered without a server.
    pub hits: u64,
    /// How many were not.
    pub misses: u64,
    /// How often a server said that a key had changed.
    pub invalidations: u64,
}

/// The replies, by key.
#[derive(Debug)]
pub(crate) struct Cache {
    limits: CacheLimits,
    state: Mutex<State>,
    hits: AtomicU64,
    misses: AtomicU64,
    invalidations: AtomicU64,
}

#[derive(Debug)]
struct State {
    keys: LruCache<Bytes, Key>,
    bytes: usize,
    /// Connections on which servers tell what changes.
    open: HashSet<ConnectionId>,
    next_ticket: u64,
    next_connection: u64,
}

#[derive(Debug)]
struct Key {
    slot: Slot,
    replies: Vec<(Bytes, Held)>,
    size: usize,
}

/// What is known of a command's reply.
#[derive(Debug)]
enum Held {
    /// It was asked for. Only who has this ticket may say what it is.
    Asked(Ticket),
    Reply {
        frame: Bytes,
        since: Instant,
        source: Source,
    },
}

/// Leave to put a reply into the cache, unless the key changes before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ticket(u64);

/// A connection on which the server tells what changes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ConnectionId(u64);

/// Where a reply came from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) connection: ConnectionId,
    pub(crate) node: NodeAddr,
}

/// What the cache has of a command.
#[derive(Debug)]
pub(crate) enum Found {
    Reply(Bytes),
    Nothing(Ticket),
}

impl Cache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let state = State {
            keys: LruCache::unbounded(),
            bytes: 0,
            open: HashSet::new(),
            next_ticket: 0,
            next_connection: 0,
        };
        Self {
            limits,
            state: Mutex::new(state),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            invalidations: AtomicU64::new(0),
        }
    }

    /// The reply to a command about one key, or leave to bring it.
    pub(crate) fn find(&self, key: &[u8], slot: Slot, command: &[u8]) -> Found {
        let mut state = self.state.lock();
        let found = state.keys.get(key).and_then(|known| known.reply(command, self.limits.age_max));
        if let Some(frame) = found {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Found::Reply(frame);
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        state.next_ticket += 1;
        let ticket = Ticket(state.next_ticket);
        state.hold(key, slot, command, Held::Asked(ticket));
        state.make_room(&self.limits);
        Found::Nothing(ticket)
    }

    /// Puts a reply in, if the key has not changed since the ticket was given and the connection it
    /// came on would still tell if it did.
    pub(crate) fn fill(
        &self,
        key: &[u8],
        command: &[u8],
        ticket: Ticket,
        frame: &[u8],
        source: Source,
    ) {
        let mut state = self.state.lock();
        if !state.open.contains(&source.connection) || frame.len() > self.limits.bytes_max / 2 {
            return;
        }
        let Some(known) = state.keys.peek(key) else { return };
        let asked = known.replies.iter().find(|(held, _)| held == command);
        if !matches!(asked, Some((_, Held::Asked(given))) if *given == ticket) {
            return;
        }
        let slot = known.slot;
        // It must not keep the buffer that it was read into.
        let frame = Bytes::copy_from_slice(frame);
        let held = Held::Reply { frame, since: Instant::now(), source };
        state.hold(key, slot, command, held);
        state.make_room(&self.limits);
    }

    /// A key was changed, here or elsewhere.
    pub(crate) fn forget(&self, key: &[u8]) {
        self.state.lock().remove(key);
    }

    /// Anything may have changed.
    pub(crate) fn forget_all(&self) {
        let mut state = self.state.lock();
        state.keys.clear();
        state.bytes = 0;
    }

    /// Keeps only what still comes from the right place: `owns` tells whether a node owns a slot.
    pub(crate) fn keep_owned(&self, owns: impl Fn(&NodeAddr, Slot) -> bool) {
        self.keep(|slot, source| owns(&source.node, slot));
    }

    /// A connection begins on which the server tells what changes.
    pub(crate) fn opened(&self) -> ConnectionId {
        let mut state = self.state.lock();
        state.next_connection += 1;
        let id = ConnectionId(state.next_connection);
        state.open.insert(id);
        id
    }

    /// It ended, and nobody would tell any more.
    pub(crate) fn closed(&self, connection: ConnectionId) {
        self.state.lock().open.remove(&connection);
        self.keep(|_, source| source.connection != connection);
    }

    /// Takes in a push message of a server.
    pub(crate) fn heard(&self, frame: &Bytes, limits: &ReplyLimits) {
        let Ok(Value::Push(parts)) = Value::decode(frame, limits) else { return };
        let [kind, keys] = &parts[..] else { return };
        if kind.as_bytes() != Some(b"invalidate") {
            return;
        }
        match keys.as_elements() {
            Some(keys) => {
                self.invalidations.fetch_add(keys.len() as u64, Ordering::Relaxed);
                keys.iter().filter_map(Value::as_bytes).for_each(|key| self.forget(key));
            }
            // The whole database was emptied.
            None => self.forget_all(),
        }
    }

    pub(crate) fn stats(&self) -> CacheStats {
        let state = self.state.lock();
        CacheStats {
            keys: state.keys.len(),
            bytes: state.bytes,
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            invalidations: self.invalidations.load(Ordering::Relaxed),
        }
    }

    fn keep(&self, keeps: impl Fn(Slot, &Source) -> bool) {
        let mut state = self.state.lock();
        let goes = |key: &Key| {
            key.replies.iter().any(|(_, held)| match held {
                Held::Reply { source, .. } => !keeps(key.slot, source),
                Held::Asked(_) => false,
            })
        };
        let gone: Vec<Bytes> =
            state.keys.iter().filter(|(_, key)| goes(key)).map(|(name, _)| name.clone()).collect();
        gone.iter().for_each(|key| state.remove(key));
    }
}

impl Key {
    fn reply(&self, command: &[u8], age_max: Duration) -> Option<Bytes> {
        let (_, held) = self.replies.iter().find(|(held, _)| held == command)?;
        match held {
            Held::Reply { frame, since, .. } if since.elapsed() < age_max => Some(frame.clone()),
            Held::Reply { .. } | Held::Asked(_) => None,
        }
    }
}

impl Held {
    fn size(&self) -> usize {
        size_of::<(Bytes, Self)>()
            + match self {
                Self::Asked(_) => 0,
                Self::Reply { frame, .. } => frame.len(),
            }
    }
}

impl State {
    fn hold(&mut self, key: &[u8], slot: Slot, command: &[u8], held: Held) {
        if self.keys.peek(key).is_none() {
            let size = key.len() + size_of::<Key>();
            self.bytes += size;
            self.keys.put(Bytes::copy_from_slice(key), Key { slot, replies: Vec::new(), size });
        }
        let Some(known) = self.keys.get_mut(key) else { return };
        let grown = held.size() + command.len();
        if let Some(place) = known.replies.iter().position(|(old, _)| old == command) {
            let (_, old) = known.replies.swap_remove(place);
            let shrunk = old.size() + command.len();
            known.size -= shrunk;
            self.bytes -= shrunk;
        }
        known.replies.push((Bytes::copy_from_slice(command), held));
        known.size += grown;
        self.bytes += grown;
    }

    fn make_room(&mut self, limits: &CacheLimits) {
        while self.keys.len() > limits.keys_max || self.bytes > limits.bytes_max {
            let Some((_, oldest)) = self.keys.pop_lru() else { return };
            self.bytes -= oldest.size;
        }
    }

    fn remove(&mut self, key: &[u8]) {
        if let Some(known) = self.keys.pop(key) {
            self.bytes -= known.size;
        }
    }
}

#[cfg(test)]
mod tests;
