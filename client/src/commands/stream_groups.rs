//! What groups of consumers have read of streams, and what streams say of themselves.

use std::time::Duration;

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, Value, cmd};

/// What of a stream is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum XTrim<'a> {
    /// The newest entries, this many.
    Newest(u64),
    /// The newest entries, about this many and never fewer: that is cheaper.
    About(u64),
    /// The entries from this id on.
    From(&'a str),
}

/// What a group still has to do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pending {
    /// How many entries were read and not acknowledged.
    pub count: u64,
    /// The lowest id of them.
    pub first: Option<String>,
    /// The highest id of them.
    pub last: Option<String>,
    /// How many each consumer has.
    pub consumers: Vec<(String, u64)>,
}

/// An entry that was read and not acknowledged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PendingEntry {
    /// Its id.
    pub id: String,
    /// Who has read it last.
    pub consumer: String,
    /// How long ago.
    pub idle: Duration,
    /// How often it was read.
    pub deliveries: u64,
}

/// What XAUTOCLAIM came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Claimed<F> {
    /// Where to go on; `0-0` if there is nothing more.
    pub next: String,
    /// The entries that this consumer has now.
    pub entries: Vec<(String, F)>,
    /// Entries that were to be done and are deleted.
    pub deleted: Vec<String>,
}

impl ToArgs for XTrim<'_> {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::Newest(count) => ("MAXLEN", count).write_args(cmd),
            Self::About(count) => ("MAXLEN", "~", count).write_args(cmd),
            Self::From(id) => ("MINID", id).write_args(cmd),
        }
    }
}

impl FromValue for Pending {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (count, first, last, consumers): (_, _, _, Option<Vec<_>>) =
            FromValue::from_value(value)?;
        Ok(Self { count, first, last, consumers: consumers.unwrap_or_default() })
    }
}

impl FromValue for PendingEntry {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (id, consumer, idle, deliveries) = FromValue::from_value(value)?;
        Ok(Self { id, consumer, idle: Duration::from_millis(idle), deliveries })
    }
}

impl<F: FromValue> FromValue for Claimed<F> {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (next, entries, deleted) = FromValue::from_value(value)?;
        Ok(Self { next, entries, deleted })
    }
}

impl Client {
    /// Adds an entry and trims the stream in one go.
    pub async fn xadd_and_trim(
        &self,
        key: impl ToArg,
        keep: XTrim<'_>,
        id: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<String, Error> {
        self.run(cmd("XADD").arg(key).arg(keep).arg(id).arg(fields)).await
    }

    /// Deletes the entries that are not kept, and returns how many that were.
    pub async fn xtrim_to(&self, key: impl ToArg, keep: XTrim<'_>) -> Result<u64, Error> {
        self.run(cmd("XTRIM").arg(key).arg(keep)).await
    }

    /// Lets a group read from after this id from now on, `$` for the last.
    pub async fn xgroup_setid(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        id: impl ToArg,
    ) -> Result<(), Error> {
        self.run(cmd("XGROUP").arg("SETID").arg(key).arg(group).arg(id)).await
    }

    /// Makes a consumer of a group. False if there was one of that name.
    pub async fn xgroup_createconsumer(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        consumer: impl ToArg,
    ) -> Result<bool, Error> {
        self.run(cmd("XGROUP").arg("CREATECONSUMER").arg(key).arg(group).arg(consumer)).await
    }

    /// Removes a consumer of a group, and returns how many entries it had still to do: those are lost to
    /// the group.
    pub async fn xgroup_delconsumer(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        consumer: impl ToArg,
    ) -> Result<u64, Error> {
        self.run(cmd("XGROUP").arg("DELCONSUMER").arg(key).arg(group).arg(consumer)).await
    }

    /// What a group has read and not acknowledged, in short.
    pub async fn xpending(&self, key: impl ToArg, group: impl ToArg) -> Result<Pending, Error> {
        self.run(cmd("XPENDING").arg(key).arg(group)).await
    }

    /// The same entry by entry: those from one id to another that were read at least `idle` ago, up to
    /// `count` of them, of all consumers or of one.
    pub async fn xpending_range(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        (from, to): (impl ToArg, impl ToArg),
        (idle, count): (Duration, u64),
        consumer: Option<&str>,
    ) -> Result<Vec<PendingEntry>, Error> {
        let command = cmd("XPENDING").arg(key).arg(group).arg("IDLE").arg(millis(idle));
        self.run(command.arg((from, to, count)).arg(consumer)).await
    }

    /// Gives entries to a consumer of the group, if they were read at least `idle` ago and not
    /// acknowledged, and returns them: a list of pairs of id and fields.
    pub async fn xclaim<T: FromValue>(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        consumer: impl ToArg,
        idle: Duration,
        ids: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("XCLAIM").arg(key).arg((group, consumer, millis(idle))).arg(ids)).await
    }

    /// The same with whatever such entries there are from an id on, up to `count` of them.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use std::{collections::HashMap, time::Duration};
    ///
    /// let minute = Duration::from_secs(60);
    /// let claimed = client
    ///     .xautoclaim::<HashMap<String, String>>("jobs", "workers", "me", minute, ("0-0", 100))
    ///     .await?;
    /// for (id, job) in claimed.entries {
    ///     client.xack("jobs", "workers", id).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn xautoclaim<F: FromValue>(
        &self,
        key: impl ToArg,
        group: impl ToArg,
        consumer: impl ToArg,
        idle: Duration,
        (from, count): (impl ToArg, u64),
    ) -> Result<Claimed<F>, Error> {
        let command = cmd("XAUTOCLAIM").arg(key).arg((group, consumer, millis(idle), from));
        self.run(command.arg("COUNT").arg(count)).await
    }

    /// What there is to know of a stream: a map.
    pub async fn xinfo_stream<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("XINFO").arg("STREAM").arg(key)).await
    }

    /// What there is to know of the groups of a stream: a list of maps.
    pub async fn xinfo_groups<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("XINFO").arg("GROUPS").arg(key)).await
    }

    /// What there is to know of the consumers of a group: a list of maps.
    pub async fn xinfo_consumers<T: FromValue>(
        &self,
        key: impl ToArg,
        group: impl ToArg,
    ) -> Result<T, Error> {
        self.run(cmd("XINFO").arg("CONSUMERS").arg(key).arg(group)).await
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
