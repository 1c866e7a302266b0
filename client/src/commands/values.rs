//! What servers say of values as such, values as bytes, and values in another order.

use std::time::Duration;

use crate::{Client, Cmd, Error, FromValue, ToArg, cmd};

/// In which order elements are read, and which.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::SortOptions;
///
/// let names: Vec<String> =
///     client.sort("names", SortOptions::new().alphabetical().limit(0, 10)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct SortOptions {
    args: Cmd,
}

impl Default for SortOptions {
    fn default() -> Self {
        Self { args: cmd("") }
    }
}

impl SortOptions {
    /// As numbers, the lowest first.
    pub fn new() -> Self {
        Self::default()
    }

    /// As text, and not as numbers.
    #[must_use]
    pub fn alphabetical(self) -> Self {
        Self { args: self.args.arg("ALPHA") }
    }

    /// The highest first.
    #[must_use]
    pub fn descending(self) -> Self {
        Self { args: self.args.arg("DESC") }
    }

    /// Only so many, after leaving out `skip` of them.
    #[must_use]
    pub fn limit(self, skip: u64, count: u64) -> Self {
        Self { args: self.args.arg(("LIMIT", skip, count)) }
    }

    /// By the values of other keys, named by a pattern in which `*` stands for the element. Servers
    /// before Redis 7.4 and Valkey 8 refuse it in a cluster, later ones where the pattern has no tag of
    /// the same slot.
    #[must_use]
    pub fn by(self, pattern: impl ToArg) -> Self {
        Self { args: self.args.arg("BY").arg(pattern) }
    }

    fn command(&self, name: &str, key: impl ToArg) -> Result<Cmd, Error> {
        let mut command = cmd(name).arg(key);
        self.args.command()?.as_command().args().skip(1).for_each(|arg| command.push(arg));
        Ok(command)
    }
}

impl Client {
    /// The elements of a list, a set or a sorted set in order.
    pub async fn sort<T: FromValue>(
        &self,
        key: impl ToArg,
        options: SortOptions,
    ) -> Result<T, Error> {
        // What only reads may be sent again, and go to a replica.
        self.run(options.command("SORT_RO", key)?).await
    }

    /// Keeps them in a list of the same slot, and returns how many they are.
    pub async fn sort_store(
        &self,
        to: impl ToArg,
        key: impl ToArg,
        options: SortOptions,
    ) -> Result<u64, Error> {
        self.run(options.command("SORT", key)?.arg("STORE").arg(to)).await
    }

    /// A value as bytes that [`restore`](Self::restore) reads, also on another cluster whose servers
    /// are not older: an `Option`.
    pub async fn dump(&self, key: impl ToArg) -> Result<Option<Vec<u8>>, Error> {
        self.run(cmd("DUMP").arg(key)).await
    }

    /// Makes a key of such bytes, in place of what is there, for so long or for good.
    pub async fn restore(
        &self,
        key: impl ToArg,
        ttl: Option<Duration>,
        dump: impl ToArg,
    ) -> Result<(), Error> {
        // For the server, 0 is for good.
        let millis = ttl.map_or(0, |ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1));
        self.run(cmd("RESTORE").arg(key).arg(millis).arg(dump).arg("REPLACE")).await
    }

    /// How many bytes a key takes in the server's memory, as it estimates: none without a key.
    pub async fn memory_usage(&self, key: impl ToArg) -> Result<Option<u64>, Error> {
        self.run(cmd("MEMORY").arg("USAGE").arg(key)).await
    }

    /// How the server keeps a value, such as `listpack`: none without a key.
    pub async fn object_encoding(&self, key: impl ToArg) -> Result<Option<String>, Error> {
        self.run(cmd("OBJECT").arg("ENCODING").arg(key)).await
    }

    /// For how long a key has not been used: none without a key. A server that evicts by frequency
    /// refuses.
    pub async fn object_idletime(&self, key: impl ToArg) -> Result<Option<Duration>, Error> {
        let seconds: Option<u64> = self.run(cmd("OBJECT").arg("IDLETIME").arg(key)).await?;
        Ok(seconds.map(Duration::from_secs))
    }

    /// How often a key is used, on the server's own scale: none without a key. Only a server that evicts
    /// by frequency knows.
    pub async fn object_freq(&self, key: impl ToArg) -> Result<Option<u64>, Error> {
        self.run(cmd("OBJECT").arg("FREQ").arg(key)).await
    }

    /// How many things in the server refer to a value: none without a key.
    pub async fn object_refcount(&self, key: impl ToArg) -> Result<Option<u64>, Error> {
        self.run(cmd("OBJECT").arg("REFCOUNT").arg(key)).await
    }
}
