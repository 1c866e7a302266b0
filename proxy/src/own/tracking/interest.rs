//! Who is to be told of which keys, when any node says that they changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slotway_protocol::{Slot, SlotRange};

/// Which sessions read which keys, and which want to hear of all keys that begin in some way.
///
/// It merges what all nodes say: where a key lives does not matter to who reads it. A session is
/// entered when a read is sent, since the node may say that the key changed as soon as it has
/// answered. Being told once too often costs a read, once too little a wrong value; so what is not
/// known for certain is told.
///
/// Sessions are numbers that are not given twice. Those that are gone, or track no longer, are still
/// named for keys that they read: whoever tells them finds out.
#[derive(Debug)]
pub struct Interests {
    keys: HashMap<Vec<u8>, Readers>,
    /// The keys in the order in which they were first read.
    oldest: BTreeMap<u64, Vec<u8>>,
    next: u64,
    prefixes: BTreeMap<Vec<u8>, BTreeSet<u64>>,
    keys_max: usize,
}

#[derive(Debug)]
struct Readers {
    entered: u64,
    sessions: BTreeSet<u64>,
}

/// A key, and the sessions that are to be told that it changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// The key.
    pub key: Vec<u8>,
    /// Who is to be told, each once.
    pub sessions: Vec<u64>,
}

/// What is to be told when changes may have gone by unseen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Unseen {
    /// Keys that were read.
    pub keys: Vec<Changed>,
    /// Sessions that are told to forget all, since they hear of keys that nobody remembers.
    pub all: Vec<u64>,
}

impl Interests {
    /// Remembers at most this many keys.
    pub fn new(keys_max: usize) -> Self {
        Self {
            keys: HashMap::new(),
            oldest: BTreeMap::new(),
            next: 0,
            prefixes: BTreeMap::new(),
            keys_max,
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A session reads this key. If it is one too many, the oldest is forgotten: its readers are to
    /// be told as if it had changed, as with servers.
    pub fn read(&mut self, session: u64, key: &[u8]) -> Option<Changed> {
        if let Some(readers) = self.keys.get_mut(key) {
            readers.sessions.insert(session);
            return None;
        }
        let entered = self.next;
        self.next += 1;
        self.oldest.insert(entered, key.to_vec());
        self.keys.insert(key.to_vec(), Readers { entered, sessions: BTreeSet::from([session]) });
        if self.keys.len() <= self.keys_max {
            return None;
        }
        let (_, key) = self.oldest.pop_first()?;
        let readers = self.keys.remove(&key)?;
        Some(Changed { key, sessions: readers.sessions.into_iter().collect() })
    }

    /// A session wants to hear of all keys that begin so.
    pub fn broadcast(&mut self, session: u64, prefix: &[u8]) {
        self.prefixes.entry(prefix.to_vec()).or_default().insert(session);
    }

    /// A session is gone, or no longer wants to hear of keys that it did not read.
    pub fn leave(&mut self, session: u64) {
        self.prefixes.retain(|_, sessions| {
            sessions.remove(&session);
            !sessions.is_empty()
        });
    }

    /// A node says that this key changed. Who read it is told once, until it reads it again.
    pub fn changed(&mut self, key: &[u8]) -> Changed {
        let mut sessions = match self.keys.remove(key) {
            Some(readers) => {
                self.oldest.remove(&readers.entered);
                readers.sessions
            }
            None => BTreeSet::new(),
        };
        for (prefix, listeners) in &self.prefixes {
            if key.starts_with(prefix) {
                sessions.extend(listeners);
            }
        }
        Changed { key: key.to_vec(), sessions: sessions.into_iter().collect() }
    }

    /// All keys of all nodes are gone: everybody is told to forget all.
    pub fn flushed(&mut self) -> Vec<u64> {
        let readers = self.keys.drain().flat_map(|(_, readers)| readers.sessions);
        let mut sessions: BTreeSet<u64> = readers.collect();
        self.oldest.clear();
        sessions.extend(self.prefixes.values().flatten());
        sessions.into_iter().collect()
    }

    /// The connection over which these slots were watched is lost, or they moved: what changed
    /// meanwhile nobody says.
    pub fn unseen(&mut self, slots: &[SlotRange]) -> Unseen {
        let concerned = |key: &[u8]| {
            let slot = Slot::of(key);
            slots.iter().any(|range| (range.first()..=range.last()).contains(&slot))
        };
        let keys: Vec<Vec<u8>> =
            self.oldest.values().filter(|key| concerned(key)).cloned().collect();
        let all: BTreeSet<u64> = if slots.is_empty() {
            BTreeSet::new()
        } else {
            self.prefixes.values().flatten().copied().collect()
        };
        let told = |mut changed: Changed| {
            changed.sessions.retain(|session| !all.contains(session));
            changed
        };
        let keys = keys.iter().map(|key| told(self.changed(key))).collect();
        Unseen { keys, all: all.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_slots() -> [SlotRange; 1] {
        [SlotRange::new(Slot::new(0).unwrap(), Slot::new(16_383).unwrap()).unwrap()]
    }

    #[track_caller]
    fn check(interests: &mut Interests, key: &str, expected: &[u64]) {
        assert_eq!(interests.changed(key.as_bytes()).sessions, expected, "{key}");
    }

    #[test]
    fn a_reader_is_told_once_for_each_read() {
        let mut interests = Interests::new(10);
        for (session, key) in [(1, "a"), (2, "a"), (1, "a"), (1, "b")] {
            assert_eq!(interests.read(session, key.as_bytes()), None);
        }
        check(&mut interests, "a", &[1, 2]);
        check(&mut interests, "a", &[]);
        interests.read(2, b"a");
        check(&mut interests, "a", &[2]);
        assert_eq!(interests.len(), 1);
    }

    #[test]
    fn a_broadcast_is_for_all_keys_with_the_prefix() {
        let mut interests = Interests::new(10);
        interests.broadcast(1, b"user:");
        interests.broadcast(2, b"");
        interests.read(3, b"user:1");
        check(&mut interests, "user:1", &[1, 2, 3]);
        check(&mut interests, "user:1", &[1, 2]);
        check(&mut interests, "us", &[2]);
        interests.leave(2);
        check(&mut interests, "us", &[]);
    }

    #[test]
    fn one_key_too_many_is_told_as_changed() {
        let mut interests = Interests::new(2);
        interests.read(1, b"a");
        interests.read(2, b"b");
        let forgotten = interests.read(3, b"c").unwrap();
        assert_eq!(forgotten, Changed { key: b"a".to_vec(), sessions: vec![1] });
        assert_eq!(interests.len(), 2);
        check(&mut interests, "a", &[]);
        check(&mut interests, "b", &[2]);
    }

    #[test]
    fn what_may_have_gone_by_unseen_is_told() {
        let mut interests = Interests::new(10);
        let slot = Slot::of(b"a");
        interests.read(1, b"a");
        interests.read(1, b"b");
        assert_eq!(interests.unseen(&[]), Unseen::default());
        let unseen = interests.unseen(&[SlotRange::from(slot)]);
        let changed = Changed { key: b"a".to_vec(), sessions: vec![1] };
        assert_eq!(unseen, Unseen { keys: vec![changed], all: Vec::new() });
        interests.broadcast(1, b"x");
        let unseen = interests.unseen(&all_slots());
        assert_eq!(unseen.all, [1], "it hears of keys that nobody remembers");
        assert_eq!(unseen.keys[0].sessions, [] as [u64; 0], "and need not hear of one twice");
        assert!(interests.is_empty());
    }

    #[test]
    fn a_flush_concerns_all() {
        let mut interests = Interests::new(10);
        interests.read(4, b"a");
        interests.read(4, b"b");
        interests.broadcast(2, b"x");
        assert_eq!(interests.flushed(), [2, 4]);
        assert_eq!(interests.flushed(), [2]);
    }
}
