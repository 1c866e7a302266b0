//! Reads that are answered from memory while nothing changes.

use std::num::NonZeroU16;

use bytes::Bytes;
use slotway_protocol::{Command, CommandTable, Notice, RetryClass, Slot};
use tokio::time::Instant;

use crate::{
    Client, Cmd, Error,
    cache::{Cache, Found, Source, Ticket},
    connection::{Ended, Manner, Unit},
    follow::{Route, follow},
    request::Request,
    terms::Terms,
};

const CACHING: &[u8] = b"*3\r\n$6\r\nCLIENT\r\n$7\r\nCACHING\r\n$3\r\nYES\r\n";

/// Commands whose reply stays the same until their key changes: no time and no chance is in it.
const LASTING: [&str; 44] = [
    "bitcount",
    "bitpos",
    "exists",
    "geodist",
    "geohash",
    "geopos",
    "geosearch",
    "get",
    "getbit",
    "getrange",
    "hexists",
    "hget",
    "hgetall",
    "hkeys",
    "hlen",
    "hmget",
    "hstrlen",
    "hvals",
    "lindex",
    "llen",
    "lpos",
    "lrange",
    "scard",
    "sismember",
    "smembers",
    "smismember",
    "strlen",
    "type",
    "xlen",
    "xrange",
    "xrevrange",
    "zcard",
    "zcount",
    "zlexcount",
    "zmscore",
    "zrange",
    "zrangebylex",
    "zrangebyscore",
    "zrank",
    "zrevrange",
    "zrevrangebylex",
    "zrevrangebyscore",
    "zrevrank",
    "zscore",
];

impl Client {
    /// The same client, which answers reads from memory as long as their keys do not change.
    ///
    /// [`Config::with_cache`](crate::Config::with_cache) switches it on: each server is asked
    /// (`CLIENT TRACKING`, which needs RESP3) to tell when a key that was read this way changes. A
    /// reply is dropped when the server says so, when the key is written by this client, when its
    /// slot moves, and when the connection on which the server would tell is lost. In between it
    /// may be as old as such a message takes to arrive. Without the switch, or where the server
    /// cannot track, every read goes to the server.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), slotway::Error> {
    /// use slotway::{CacheLimits, Client, Config};
    ///
    /// let config: Config = "redis://localhost:6379".parse()?;
    /// let client = Client::connect(config.with_cache(CacheLimits::default())).await?;
    /// let flags = client.cached();
    /// let enabled: Option<bool> = flags.get("feature:new-checkout").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn cached(&self) -> Self {
        Self { terms: Terms { cached: true, ..self.terms }, ..self.clone() }
    }

    /// Answers a read from memory, or from its owner and keeps the reply.
    pub(crate) async fn read_cached(
        &self,
        command: Command<'_>,
        slot: Slot,
        cache: &Cache,
    ) -> Result<Bytes, Error> {
        let Some(key) = lasting_key(&command, &self.commands.table) else {
            return self.read(command, slot).await;
        };
        let ticket = match cache.find(key, slot, command.bytes()) {
            Found::Reply(frame) => return Ok(frame),
            Found::Nothing(ticket) => ticket,
        };
        match self.read_tracked(command, slot, (cache, key, ticket)).await {
            Some(reply) => reply,
            None => self.read(command, slot).await,
        }
    }

    async fn read(&self, command: Command<'_>, slot: Slot) -> Result<Bytes, Error> {
        let request = Request::new(command.bytes(), RetryClass::Read, self.terms);
        follow(&self.cluster, request, Route::Slot(slot)).await
    }

    /// Reads from the owner, who will tell when the key changes. Nothing, if it did not answer: it is
    /// asked again as for any read.
    async fn read_tracked(
        &self,
        command: Command<'_>,
        slot: Slot,
        (cache, key, ticket): (&Cache, &[u8], Ticket),
    ) -> Option<Result<Bytes, Error>> {
        let deadline = Instant::now() + self.terms.deadline;
        let node = self.cluster.routes().owner(slot)?.clone();
        let connection = node.connection(Manner::Plain, deadline).await.ok()?;
        let tracked = connection.tracked()?;
        let bytes = [CACHING, command.bytes()].concat();
        let unit = Unit { bytes: &bytes, replies: NonZeroU16::MIN.saturating_add(1) };
        let call = connection.send(unit, Manner::Plain, deadline).ok()?;
        let frame = match call.await {
            Ended::Reply(frame) => frame,
            Ended::Lost(_) => return None,
            Ended::Late(delivery) => return Some(Err(self.late(&node, delivery))),
        };
        if Notice::of_reply(&frame, node.addr()).is_some() {
            return None;
        }
        if !matches!(frame.first(), Some(b'-' | b'!')) {
            let source = Source { connection: tracked, node: node.addr().clone() };
            cache.fill(key, command.bytes(), ticket, &frame, source);
        }
        Some(Ok(frame))
    }

    /// The same for all of these.
    pub(crate) fn forget_all_written(&self, commands: &[Cmd]) {
        if self.cluster.cache.is_some() {
            let commands = commands.iter().filter_map(|cmd| cmd.command().ok());
            commands.for_each(|command| self.forget_written(&command.as_command()));
        }
    }

    /// Drops what is kept of the keys that a command has written: the server's message comes after
    /// its reply, and whoever wrote must not read what was there before.
    pub(crate) fn forget_written(&self, command: &Command<'_>) {
        let Some(cache) = &self.cluster.cache else { return };
        let Ok(spec) = self.commands.table.lookup(command) else { return cache.forget_all() };
        if spec.retry_class(command) == RetryClass::Read {
            return;
        }
        match spec.keys(command) {
            Ok(keys) if !keys.is_empty() => {
                let keys = keys.iter().filter_map(|key| command.arg(key.position));
                keys.for_each(|key| cache.forget(key));
            }
            Ok(_) | Err(_) if spec.name().starts_with("flush") => cache.forget_all(),
            Ok(_) | Err(_) => {}
        }
    }
}

/// The only key of a command whose reply may be kept.
fn lasting_key<'a>(command: &Command<'a>, table: &CommandTable) -> Option<&'a [u8]> {
    let spec = table.lookup(command).ok()?;
    if LASTING.binary_search(&spec.name()).is_err() {
        return None;
    }
    let keys = spec.keys(command).ok()?;
    let mut keys = keys.iter();
    let key = keys.next()?;
    if keys.next().is_some() { None } else { command.arg(key.position) }
}

#[cfg(test)]
mod tests {
    use slotway_protocol::CommandBuf;

    use super::*;

    #[test]
    fn only_what_lasts_is_kept() {
        assert!(LASTING.is_sorted());
        let table = CommandTable::builtin();
        assert!(LASTING.iter().all(|name| table.named(name).is_some()));
        let key = |words: &[&str]| {
            let command = CommandBuf::new(words).unwrap();
            lasting_key(&command.as_command(), &table).map(<[u8]>::to_vec)
        };
        assert_eq!(key(&["get", "k"]), Some(b"k".to_vec()));
        assert_eq!(key(&["HGET", "k", "f"]), Some(b"k".to_vec()));
        for none in [&["TTL", "k"][..], &["EXISTS", "{k}1", "{k}2"], &["SRANDMEMBER", "k"]] {
            assert_eq!(key(none), None, "{none:?}");
        }
    }
}
