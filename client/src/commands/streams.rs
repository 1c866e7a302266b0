//! Streams. What waits for an entry is not here: it needs a connection of its own.
//!
//! An entry is a pair of its id and its fields, so a list of them is read as `Vec<(String, F)>`, where
//! `F` is a map or a list of pairs.

use std::collections::BTreeMap;

use crate::{Client, Error, FromValue, ToArg, ToArgs, cmd};

/// What was read from several streams: for each that has something, its entries.
///
/// `F` is a map or a list of pairs; an `Option` of it where a group reads again what may have been
/// deleted since.
pub type StreamReads<F> = BTreeMap<String, Vec<(String, F)>>;

impl Client {
    /// Adds an entry with these fields, given as pairs, and returns its id. For `*` the server makes
    /// one.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use std::collections::HashMap;
    ///
    /// client.xgroup_create("jobs", "workers", "$").await?;
    /// client.xadd("jobs", "*", [("task", "paint")]).await?;
    /// let jobs = client
    ///     .xreadgroup::<HashMap<String, String>>("workers", "me", &[("jobs", ">")], Some(10))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn xadd(
        &self,
        key: impl ToArg,
        id: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<String, Error> {
        self.run(cmd("XADD").arg(key).arg(id).arg(fields)).await
    }

    /// How many entries there are.
    pub async fn xlen(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("XLEN").arg(key)).await
    }

    /// The entries from one id to another, both included; `-` and `+` are the first and the last.
    pub async fn xrange<T: FromValue>(
        &self,
        key: impl ToArg,
        from: impl ToArg,
        to: impl ToArg,
    ) -> Result<T, Error> {
        self.run(cmd("XRANGE").arg(key).arg(from).arg(to)).await
    }

    /// The same, the last first.
    pub async fn xrevrange<T: FromValue>(
        &self,
        key: impl ToArg,
        from: impl ToArg,
        to: impl ToArg,
    ) -> Result<T, Error> {
        self.run(cmd("XREVRANGE").arg(key).arg(from).arg(to)).await
    }

    /// Deletes entries, and returns how many there were.
    pub async fn xdel(&self, key: impl ToArg, ids: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("XDEL").arg(key).arg(ids)).await
    }

    /// Deletes the oldest entries beyond so many, and returns how many that were.
    pub async fn xtrim(&self, key: impl ToArg, keep: u64) -> Result<u64, Error> {
        self.run(cmd("XTRIM").arg(key).arg("MAXLEN").arg(keep)).await
    }

    /// Makes a group that reads from after this id, `$` for the last; and the stream, if there is none.
    pub async fn xgroup_create(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        id: impl ToArg,
    ) -> Result<(), Error> {
        self.run(cmd("XGROUP").arg("CREATE").arg(key).arg(group).arg(id).arg("MKSTREAM")).await
    }

    /// Removes a group. False if there was none.
    pub async fn xgroup_destroy(&self, key: impl ToArg, group: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("XGROUP").arg("DESTROY").arg(key).arg(group)).await
    }

    /// Notes that a group is done with entries, and returns how many it had still to do.
    pub async fn xack(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        ids: impl ToArgs,
    ) -> Result<u64, Error> {
        self.run(cmd("XACK").arg(key).arg(group).arg(ids)).await
    }

    /// The entries after these ids, up to `count` of each stream. `streams` are pairs of key and id,
    /// all keys in one slot.
    pub async fn xread<F: FromValue>(
        &self,
        streams: &[(impl ToArg, impl ToArg)],
        count: Option<u64>,
    ) -> Result<StreamReads<F>, Error> {
        let count = count.map(|count| ("COUNT", count));
        let keys_and_ids = split(streams);
        let reads: Option<_> =
            self.run(cmd("XREAD").arg(count).arg("STREAMS").arg(keys_and_ids)).await?;
        Ok(reads.unwrap_or_default())
    }

    /// The same for one consumer of a group: with `>` as id what none of the group has got yet, with
    /// any other id again what this one has got and not acknowledged.
    pub async fn xreadgroup<F: FromValue>(
        &self,
        group: impl ToArg,
        consumer: impl ToArg,
        streams: &[(impl ToArg, impl ToArg)],
        count: Option<u64>,
    ) -> Result<StreamReads<F>, Error> {
        let count = count.map(|count| ("COUNT", count));
        let group = ("GROUP", group, consumer);
        let keys_and_ids = split(streams);
        let command = cmd("XREADGROUP").arg(group).arg(count).arg("STREAMS").arg(keys_and_ids);
        let reads: Option<_> = self.run(command).await?;
        Ok(reads.unwrap_or_default())
    }
}

/// All keys, and then all ids, as the commands want them.
fn split<K, I>(streams: &[(K, I)]) -> (Vec<&K>, Vec<&I>) {
    streams.iter().map(|(key, id)| (key, id)).unzip()
}
