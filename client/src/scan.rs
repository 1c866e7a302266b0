//! Walks over all keys, and over what is in one: as streams, page after page.

mod coverage;
mod cursors;
mod desk;
mod key_walk;
mod page;
mod patience;
mod seat;
mod standing;
mod walk;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
pub use cursors::{ScanDesk, ScanStats};
use futures_util::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use key_walk::KeyWalk;
use slotway_protocol::{Slot, Value};
use walk::Walk;

use crate::{Client, Cmd, Error, FromValue, ToArg, cmd};

/// What a server looks at for one page, unless [`ScanOptions::count`] says otherwise.
const COUNT: u64 = 250;

/// Which keys, fields or members a walk is to find. Without any of these, all.
///
/// A pattern alone can stand for it: `client.scan("user:*")`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ScanOptions {
    pattern: Option<Bytes>,
    count: Option<u64>,
    kind: Option<&'static str>,
    values: Values,
}

/// Whether the values of fields come with them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Values {
    #[default]
    Taken,
    Left,
}

/// The elements that a walk finds, page after page. The next page is asked for when the last one has
/// been taken, so a walk holds one page and no more.
///
/// An error of the cluster leaves the walk where it was: whoever asks on tries again from there.
#[must_use = "a walk goes as far as it is asked for elements"]
pub struct Scan<T>(BoxStream<'static, Result<T, Error>>);

impl ScanOptions {
    /// All.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only what matches a pattern, in which `*`, `?` and `[a-z]` stand for other bytes. If it starts
    /// with a hash tag, or with literal bytes and then a tag (`{user:7}:*`), a walk over keys looks
    /// into one slot alone.
    #[must_use]
    pub fn matching(self, pattern: impl AsRef<[u8]>) -> Self {
        Self { pattern: Some(Bytes::copy_from_slice(pattern.as_ref())), ..self }
    }

    /// So many places of its table are looked at by a server for each page, about: more make a walk
    /// faster, and others wait longer for the server meanwhile.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    /// Only keys of this type, such as `hash`, in a walk over keys.
    #[must_use]
    pub fn of_type(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The arguments behind the cursor.
    fn args(&self) -> Vec<Bytes> {
        let count = Bytes::from(self.count.unwrap_or(COUNT).to_string());
        let mut args = vec![Bytes::from_static(b"COUNT"), count];
        if let Some(pattern) = &self.pattern {
            args.extend([Bytes::from_static(b"MATCH"), pattern.clone()]);
        }
        if let Some(kind) = self.kind {
            args.extend([Bytes::from_static(b"TYPE"), Bytes::from_static(kind.as_bytes())]);
        }
        if self.values == Values::Left {
            args.push(Bytes::from_static(b"NOVALUES"));
        }
        args
    }

    /// The one slot of all keys that can match.
    fn slot(&self) -> Option<Slot> {
        let pattern = self.pattern.as_deref()?;
        let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
        let literal = &pattern[..pattern.iter().position(special).unwrap_or(pattern.len())];
        if literal.len() == pattern.len() {
            return Some(Slot::of(pattern));
        }
        let open = literal.iter().position(|byte| *byte == b'{')?;
        let close = literal[open..].iter().position(|byte| *byte == b'}')?;
        // Of `{}` nothing is hashed but the whole key.
        (close > 1).then(|| Slot::of(literal))
    }
}

impl From<&str> for ScanOptions {
    fn from(pattern: &str) -> Self {
        Self::new().matching(pattern)
    }
}

impl From<String> for ScanOptions {
    fn from(pattern: String) -> Self {
        Self::new().matching(pattern)
    }
}

impl<T> Scan<T> {
    /// The next element; none when all have been found. It may be dropped at any time, and nothing is
    /// lost.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        self.0.next().await
    }
}

impl<T> Stream for Scan<T> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(cx)
    }
}

impl<T> fmt::Debug for Scan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scan")
    }
}

impl Client {
    /// All keys of the cluster that match, in no order.
    ///
    /// Every key that is there from the start of the walk to its end is found at least once, whatever
    /// the cluster does meanwhile: failovers, nodes that start anew, slots that move. Where something
    /// of the kind happens, or tables grow, a key can be found twice. One that comes or goes
    /// meanwhile is found or not.
    ///
    /// When a node cannot be asked for longer than a call may take, that is an error, and asking on
    /// tries again. A cluster that has slots without an owner cannot be walked as a whole.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// let mut keys = client.scan("user:*");
    /// while let Some(key) = keys.next().await {
    ///     println!("{}", String::from_utf8_lossy(&key?));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn scan(&self, options: impl Into<ScanOptions>) -> Scan<Bytes> {
        let options = options.into();
        let start =
            (self.clone(), Walk::new(options.slot()), options.args(), Vec::new().into_iter());
        let keys = stream::unfold(start, |(client, mut walk, args, mut page)| async move {
            loop {
                if let Some(key) = page.next() {
                    return Some((Ok(key), (client, walk, args, page)));
                }
                match walk.next_page(&client, &args).await {
                    Ok(Some(next)) => page = next.into_iter(),
                    Ok(None) => return None,
                    Err(error) => return Some((Err(error), (client, walk, args, page))),
                }
            }
        });
        Scan(keys.boxed())
    }

    /// The fields of a hash that match, with their values: pairs. What [`scan`](Self::scan) says of
    /// keys holds for fields too.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// let mut fields = client.hscan::<(String, u64)>("visits", "2026-*");
    /// let mut sum = 0;
    /// while let Some(field) = fields.next().await {
    ///     let (_day, visits) = field?;
    ///     sum += visits;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn hscan<T>(&self, key: impl ToArg, options: impl Into<ScanOptions>) -> Scan<T>
    where
        T: FromValue + Send + 'static,
    {
        self.scan_key(("HSCAN", 2), key, &options.into())
    }

    /// The fields of a hash that match, without their values. What [`scan`](Self::scan) says of keys
    /// holds for fields too. Valkey 8.0, Redis 7.4 and later.
    pub fn hscan_fields<T>(&self, key: impl ToArg, options: impl Into<ScanOptions>) -> Scan<T>
    where
        T: FromValue + Send + 'static,
    {
        let options = ScanOptions { values: Values::Left, ..options.into() };
        self.scan_key(("HSCAN", 1), key, &options)
    }

    /// The members of a set that match. What [`scan`](Self::scan) says of keys holds for members too.
    pub fn sscan<T>(&self, key: impl ToArg, options: impl Into<ScanOptions>) -> Scan<T>
    where
        T: FromValue + Send + 'static,
    {
        self.scan_key(("SSCAN", 1), key, &options.into())
    }

    /// The members of a sorted set that match, with their scores: pairs, in no order. What
    /// [`scan`](Self::scan) says of keys holds for members too.
    pub fn zscan<T>(&self, key: impl ToArg, options: impl Into<ScanOptions>) -> Scan<T>
    where
        T: FromValue + Send + 'static,
    {
        self.scan_key(("ZSCAN", 2), key, &options.into())
    }

    /// Walks over a key by this command, whose answer has so many values for each element.
    fn scan_key<T>(
        &self,
        (name, values): (&'static str, usize),
        key: impl ToArg,
        options: &ScanOptions,
    ) -> Scan<T>
    where
        T: FromValue + Send + 'static,
    {
        let walk = KeyWalk::new(name, single(&cmd("").arg(key)));
        let start = (self.clone(), walk, options.args(), Vec::new().into_iter());
        let found = stream::unfold(start, move |(client, mut walk, args, mut page)| async move {
            loop {
                if let Some(element) = element(&mut page, values) {
                    return Some((T::from_value(element), (client, walk, args, page)));
                }
                match walk.next_page(&client, &args).await {
                    Ok(Some(next)) => page = next.into_iter(),
                    Ok(None) => return None,
                    Err(error) => return Some((Err(error), (client, walk, args, page))),
                }
            }
        });
        Scan(found.boxed())
    }
}

/// The next element of a page.
fn element(page: &mut std::vec::IntoIter<Value>, values: usize) -> Option<Value> {
    if values == 1 {
        return page.next();
    }
    let element: Vec<Value> = page.take(values).collect();
    (!element.is_empty()).then_some(Value::Array(element))
}

/// The bytes of a key.
fn bytes_of(key: Value) -> Result<Bytes, Error> {
    Bytes::from_value(key)
}

/// The one argument of a command.
fn single(cmd: &Cmd) -> Bytes {
    // One that is too long is refused when it is sent.
    let command = cmd.command().ok();
    let arg = command.and_then(|command| command.as_command().arg(1).map(Bytes::copy_from_slice));
    arg.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, slot_of: Option<&str>) {
        let slot = slot_of.map(|key| Slot::of(key.as_bytes()));
        assert_eq!(ScanOptions::from(pattern).slot(), slot, "{pattern}");
    }

    #[test]
    fn a_pattern_with_a_literal_tag_is_of_one_slot() {
        check("{user:7}:*", Some("user:7"));
        check("a{b}*", Some("b"));
        check("a{b}{*}", Some("b"));
        check("plain", Some("plain"));
        check("*", None);
        check("a*{b}", None);
        check("{a*}", None);
        check("{a", Some("{a"));
        check("{a*", None);
        check("{}a*", None);
        check("\\{a}*", None);
        assert_eq!(ScanOptions::new().slot(), None);
    }
}
