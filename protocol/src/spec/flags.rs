//! What a server says of a command in single words.

use super::bits::bit_set;

bit_set! {
    /// What a command does and where it may run.
    pub struct CommandFlags {
        /// It may change data.
        WRITE = "write" @ 0,
        /// It only reads data.
        READONLY = "readonly" @ 1,
        /// It is refused when memory is full.
        DENYOOM = "denyoom" @ 2,
        /// It administers the server.
        ADMIN = "admin" @ 3,
        /// It has to do with publish and subscribe.
        PUBSUB = "pubsub" @ 4,
        /// Scripts may not call it.
        NOSCRIPT = "noscript" @ 5,
        /// It may wait for something to happen.
        BLOCKING = "blocking" @ 6,
        /// It runs while the server loads its data.
        LOADING = "loading" @ 7,
        /// It runs on a replica whose data is stale.
        STALE = "stale" @ 8,
        /// `MONITOR` does not show it.
        SKIP_MONITOR = "skip_monitor" @ 9,
        /// The slow log does not record it.
        SKIP_SLOWLOG = "skip_slowlog" @ 10,
        /// The same on later servers.
        SKIP_COMMANDLOG = "skip_commandlog" @ 11,
        /// It runs on a slot that is being imported, without `ASKING`.
        ASKING = "asking" @ 12,
        /// It takes constant or logarithmic time.
        FAST = "fast" @ 13,
        /// It needs no authentication.
        NO_AUTH = "no_auth" @ 14,
        /// It may be replicated though it does not write.
        MAY_REPLICATE = "may_replicate" @ 15,
        /// It can be called without keys, though it has places for some.
        NO_MANDATORY_KEYS = "no_mandatory_keys" @ 16,
        /// It may not be queued in a transaction.
        NO_MULTI = "no_multi" @ 17,
        /// It runs while a script blocks the server.
        ALLOW_BUSY = "allow_busy" @ 18,
        /// First, last and step do not tell where all its keys are.
        MOVABLEKEYS = "movablekeys" @ 19,
        /// It does not run while data is loaded in the background.
        NO_ASYNC_LOADING = "no_async_loading" @ 20,
        /// A module brought it.
        MODULE = "module" @ 21,
    }
}

bit_set! {
    /// The groups by which access rules name a command, without their `@`.
    pub struct Categories {
        /// Touches the key space itself: expiry, renaming, types.
        KEYSPACE = "keyspace" @ 0,
        /// Reads values.
        READ = "read" @ 1,
        /// Writes values.
        WRITE = "write" @ 2,
        /// Works on sets.
        SET = "set" @ 3,
        /// Works on sorted sets.
        SORTEDSET = "sortedset" @ 4,
        /// Works on lists.
        LIST = "list" @ 5,
        /// Works on hashes.
        HASH = "hash" @ 6,
        /// Works on strings.
        STRING = "string" @ 7,
        /// Works on bitmaps.
        BITMAP = "bitmap" @ 8,
        /// Works on cardinality sketches.
        HYPERLOGLOG = "hyperloglog" @ 9,
        /// Works on places.
        GEO = "geo" @ 10,
        /// Works on streams.
        STREAM = "stream" @ 11,
        /// Publishes and subscribes.
        PUBSUB = "pubsub" @ 12,
        /// Administers the server.
        ADMIN = "admin" @ 13,
        /// Takes constant or logarithmic time.
        FAST = "fast" @ 14,
        /// Takes longer.
        SLOW = "slow" @ 15,
        /// May wait.
        BLOCKING = "blocking" @ 16,
        /// Can harm a server or its other users.
        DANGEROUS = "dangerous" @ 17,
        /// Concerns the connection.
        CONNECTION = "connection" @ 18,
        /// Concerns transactions.
        TRANSACTION = "transaction" @ 19,
        /// Concerns scripts and functions.
        SCRIPTING = "scripting" @ 20,
    }
}

bit_set! {
    /// What a command does with a key.
    pub struct KeyFlags {
        /// Reads the value and changes it.
        RW = "RW" @ 0,
        /// Reads the value.
        RO = "RO" @ 1,
        /// Writes the value without a look at the old one.
        OW = "OW" @ 2,
        /// Removes the key.
        RM = "RM" @ 3,
        /// What it returns depends on the value.
        ACCESS = "access" @ 4,
        /// It changes the value.
        UPDATE = "update" @ 5,
        /// It adds to the value.
        INSERT = "insert" @ 6,
        /// It takes away from the value.
        DELETE = "delete" @ 7,
        /// It is no key, but decides the slot like one: a sharded channel, say.
        NOT_KEY = "not_key" @ 8,
        /// The place may name fewer keys than there are.
        INCOMPLETE = "incomplete" @ 9,
        /// The other words are the most that it may do; options decide.
        VARIABLE_FLAGS = "variable_flags" @ 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_the_words_it_was_made_of() {
        let flags = CommandFlags::of("fast readonly");
        assert_eq!(flags, CommandFlags::READONLY.with(CommandFlags::FAST));
        assert_eq!(flags.words().collect::<Vec<_>>(), ["readonly", "fast"]);
        assert!(flags.intersects(CommandFlags::FAST.with(CommandFlags::WRITE)));
        assert!(!flags.contains(CommandFlags::FAST.with(CommandFlags::WRITE)));
        assert_eq!(CommandFlags::of(""), CommandFlags::EMPTY);
    }

    #[test]
    fn every_word_has_its_own_bit() {
        let words = CommandFlags::WORDS.iter().map(|(word, bit)| (*word, format!("{bit:?}")));
        for (word, shown) in
            words.chain(KeyFlags::WORDS.iter().map(|(w, b)| (*w, format!("{b:?}"))))
        {
            assert_eq!(shown, format!("[{word:?}]"));
        }
        for (word, bit) in Categories::WORDS {
            assert_eq!(Categories::from_word(word.as_bytes()), Some(*bit));
            assert_eq!(bit.words().collect::<Vec<_>>(), [*word]);
        }
        assert_eq!(CommandFlags::from_word(b"tomorrow"), None);
    }
}
