//! Strings: one value for a key.

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// When a key goes away by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Expiry {
    /// In so many seconds.
    Seconds(u64),
    /// In so many milliseconds.
    Millis(u64),
    /// At this time, in seconds since 1970.
    AtSeconds(u64),
    /// At this time, in milliseconds since 1970.
    AtMillis(u64),
    /// Never.
    Never,
}

impl ToArgs for Expiry {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::Seconds(count) => ("EX", count).write_args(cmd),
            Self::Millis(count) => ("PX", count).write_args(cmd),
            Self::AtSeconds(time) => ("EXAT", time).write_args(cmd),
            Self::AtMillis(time) => ("PXAT", time).write_args(cmd),
            Self::Never => "PERSIST".write_args(cmd),
        }
    }
}

/// When and for how long a value is set. Without any of these, always and for good.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SetOptions {
    condition: Option<Condition>,
    lasting: Option<Lasting>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Condition {
    Missing,
    Existing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Lasting {
    Until(Expiry),
    AsBefore,
}

impl SetOptions {
    /// Always and for good.
    pub fn new() -> Self {
        Self::default()
    }

    /// For so many seconds.
    #[must_use]
    pub fn ex(self, seconds: u64) -> Self {
        self.expiry(Expiry::Seconds(seconds))
    }

    /// For so many milliseconds.
    #[must_use]
    pub fn px(self, millis: u64) -> Self {
        self.expiry(Expiry::Millis(millis))
    }

    /// Until then.
    #[must_use]
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        // A value that is set without an expiry has none.
        self.lasting = (expiry != Expiry::Never).then_some(Lasting::Until(expiry));
        self
    }

    /// As long as the key had before.
    #[must_use]
    pub fn keep_ttl(mut self) -> Self {
        self.lasting = Some(Lasting::AsBefore);
        self
    }

    /// Only if there is no such key.
    #[must_use]
    pub fn nx(mut self) -> Self {
        self.condition = Some(Condition::Missing);
        self
    }

    /// Only if there is such a key.
    #[must_use]
    pub fn xx(mut self) -> Self {
        self.condition = Some(Condition::Existing);
        self
    }
}

impl ToArgs for SetOptions {
    fn write_args(&self, cmd: &mut Cmd) {
        match self.condition {
            Some(Condition::Missing) => "NX".write_args(cmd),
            Some(Condition::Existing) => "XX".write_args(cmd),
            None => {}
        }
        match self.lasting {
            Some(Lasting::Until(expiry)) => expiry.write_args(cmd),
            Some(Lasting::AsBefore) => "KEEPTTL".write_args(cmd),
            None => {}
        }
    }
}

impl Client {
    /// The value of a key; an `Option` if it may be missing.
    pub async fn get<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("GET").arg(key)).await
    }

    /// Sets the value of a key, whatever was there.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use slotway::SetOptions;
    ///
    /// client.set("name", "Ada").await?;
    /// let name: Option<String> = client.get("name").await?;
    /// let locked = client.set_with("lock", 1, SetOptions::new().nx().px(500)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set(&self, key: impl ToArg, value: impl ToArg) -> Result<(), Error> {
        self.run(cmd("SET").arg(key).arg(value)).await
    }

    /// Sets the value of a key as `options` say. False if their condition did not hold, and nothing was
    /// set.
    pub async fn set_with(
        &self,
        key: impl ToArg,
        value: impl ToArg,
        options: SetOptions,
    ) -> Result<bool, Error> {
        let done: Option<()> = self.run(cmd("SET").arg(key).arg(value).arg(options)).await?;
        Ok(done.is_some())
    }

    /// Sets the value of a key as `options` say, if it is this one now. False if it was another, or
    /// missing, and nothing was set. Valkey 8.1 and later.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use slotway::SetOptions;
    ///
    /// // Whoever holds the lock has it for another second.
    /// let held = client.set_ifeq("lock", "me", "me", SetOptions::new().px(1000)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn set_ifeq(
        &self,
        key: impl ToArg,
        current: impl ToArg,
        value: impl ToArg,
        options: SetOptions,
    ) -> Result<bool, Error> {
        let command = cmd("SET").arg(key).arg(value).arg("IFEQ").arg(current);
        let done: Option<()> = self.run(command.arg(options)).await?;
        Ok(done.is_some())
    }

    /// Sets the value of a key as `options` say, and returns what was there before: an `Option`.
    ///
    /// With a condition, only what was there before tells whether it was set. Before version 7.0 a
    /// server refuses this together with [`SetOptions::nx`].
    pub async fn set_and_get<T: FromValue>(
        &self,
        key: impl ToArg,
        value: impl ToArg,
        options: SetOptions,
    ) -> Result<T, Error> {
        self.run(cmd("SET").arg(key).arg(value).arg(options).arg("GET")).await
    }

    /// The values of many keys, in their order, wherever they are: a `Vec` of `Option`.
    pub async fn mget<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("MGET").arg(keys)).await
    }

    /// Sets many keys, given as pairs, wherever they are. Keys of one slot are set together; others
    /// before or after them.
    pub async fn mset(&self, pairs: impl ToArgs) -> Result<(), Error> {
        self.run(cmd("MSET").arg(pairs)).await
    }

    /// Sets many keys of one slot, given as pairs, unless one of them exists: then it is false, and none
    /// is set.
    pub async fn msetnx(&self, pairs: impl ToArgs) -> Result<bool, Error> {
        self.run(cmd("MSETNX").arg(pairs)).await
    }

    /// Deletes a key if this is its value, as whoever holds a lock does. False if it is not. Valkey 9.
    pub async fn delifeq(&self, key: impl ToArg, value: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("DELIFEQ").arg(key).arg(value)).await
    }

    /// The longest sequence of bytes that is in both values in this order, with gaps. Both keys have to
    /// be in one slot.
    pub async fn lcs<T: FromValue>(&self, one: impl ToArg, other: impl ToArg) -> Result<T, Error> {
        self.run(cmd("LCS").arg(one).arg(other)).await
    }

    /// How long that sequence is.
    pub async fn lcs_len(&self, one: impl ToArg, other: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("LCS").arg(one).arg(other).arg("LEN")).await
    }

    /// Adds 1, and returns the sum. A missing key counts as 0.
    pub async fn incr(&self, key: impl ToArg) -> Result<i64, Error> {
        self.run(cmd("INCR").arg(key)).await
    }

    /// Adds a whole number, and returns the sum.
    pub async fn incr_by(&self, key: impl ToArg, by: i64) -> Result<i64, Error> {
        self.run(cmd("INCRBY").arg(key).arg(by)).await
    }

    /// Adds any number, and returns the sum.
    pub async fn incr_by_float(&self, key: impl ToArg, by: f64) -> Result<f64, Error> {
        self.run(cmd("INCRBYFLOAT").arg(key).arg(by)).await
    }

    /// Takes 1 away, and returns what is left.
    pub async fn decr(&self, key: impl ToArg) -> Result<i64, Error> {
        self.run(cmd("DECR").arg(key)).await
    }

    /// Takes a whole number away, and returns what is left.
    pub async fn decr_by(&self, key: impl ToArg, by: i64) -> Result<i64, Error> {
        self.run(cmd("DECRBY").arg(key).arg(by)).await
    }

    /// Adds `value` at the end of what is there, and returns how long that is now.
    pub async fn append(&self, key: impl ToArg, value: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("APPEND").arg(key).arg(value)).await
    }

    /// How many bytes the value has; 0 without a key.
    pub async fn strlen(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("STRLEN").arg(key)).await
    }

    /// The value of a key, which is deleted.
    pub async fn getdel<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("GETDEL").arg(key)).await
    }

    /// The value of a key, which from now on expires so.
    pub async fn getex<T: FromValue>(&self, key: impl ToArg, expiry: Expiry) -> Result<T, Error> {
        self.run(cmd("GETEX").arg(key).arg(expiry)).await
    }

    /// Part of the value, from one byte to another, both included; negative ones count from the end.
    pub async fn getrange<T: FromValue>(
        &self,
        key: impl ToArg,
        from: i64,
        to: i64,
    ) -> Result<T, Error> {
        self.run(cmd("GETRANGE").arg(key).arg(from).arg(to)).await
    }

    /// Overwrites part of the value from this byte on, and returns how long it is now.
    pub async fn setrange(
        &self,
        key: impl ToArg,
        from: u64,
        value: impl ToArg,
    ) -> Result<u64, Error> {
        self.run(cmd("SETRANGE").arg(key).arg(from).arg(value)).await
    }
}
