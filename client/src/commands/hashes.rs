//! Hashes: fields and their values.

use crate::{Client, Error, FromValue, ToArg, ToArgs, cmd};

impl Client {
    /// The value of a field; an `Option` if it may be missing.
    pub async fn hget<T: FromValue>(&self, key: impl ToArg, field: impl ToArg) -> Result<T, Error> {
        self.run(cmd("HGET").arg(key).arg(field)).await
    }

    /// Sets fields, given as pairs, and returns how many of them are new.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use std::collections::HashMap;
    ///
    /// client.hset("user:7", [("name", "Ada"), ("visits", "1")]).await?;
    /// let visits = client.hincr_by("user:7", "visits", 1).await?;
    /// let user: HashMap<String, String> = client.hgetall("user:7").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn hset(&self, key: impl ToArg, pairs: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("HSET").arg(key).arg(pairs)).await
    }

    /// Sets a field that is not there yet. False if it is.
    pub async fn hsetnx(
        &self,
        key: impl ToArg,
        field: impl ToArg,
        value: impl ToArg,
    ) -> Result<bool, Error> {
        self.run(cmd("HSETNX").arg(key).arg(field).arg(value)).await
    }

    /// The values of some fields, in their order: a `Vec` of `Option`.
    pub async fn hmget<T: FromValue>(
        &self,
        key: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("HMGET").arg(key).arg(fields)).await
    }

    /// All fields and values: a map, empty without a key.
    pub async fn hgetall<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("HGETALL").arg(key)).await
    }

    /// Deletes fields, and returns how many there were.
    pub async fn hdel(&self, key: impl ToArg, fields: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("HDEL").arg(key).arg(fields)).await
    }

    /// Whether there is such a field.
    pub async fn hexists(&self, key: impl ToArg, field: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("HEXISTS").arg(key).arg(field)).await
    }

    /// How many fields there are.
    pub async fn hlen(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("HLEN").arg(key)).await
    }

    /// The names of all fields.
    pub async fn hkeys<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("HKEYS").arg(key)).await
    }

    /// The values of all fields.
    pub async fn hvals<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("HVALS").arg(key)).await
    }

    /// How many bytes the value of a field has.
    pub async fn hstrlen(&self, key: impl ToArg, field: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("HSTRLEN").arg(key).arg(field)).await
    }

    /// Adds a whole number to a field, and returns the sum.
    pub async fn hincr_by(
        &self,
        key: impl ToArg,
        field: impl ToArg,
        by: i64,
    ) -> Result<i64, Error> {
        self.run(cmd("HINCRBY").arg(key).arg(field).arg(by)).await
    }

    /// Adds any number to a field, and returns the sum.
    pub async fn hincr_by_float(
        &self,
        key: impl ToArg,
        field: impl ToArg,
        by: f64,
    ) -> Result<f64, Error> {
        self.run(cmd("HINCRBYFLOAT").arg(key).arg(field).arg(by)).await
    }

    /// Some fields by chance, each at most once: a list of names.
    pub async fn hrandfield<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("HRANDFIELD").arg(key).arg(count)).await
    }

    /// The same with their values: a list of pairs.
    pub async fn hrandfield_with_values<T: FromValue>(
        &self,
        key: impl ToArg,
        count: u64,
    ) -> Result<T, Error> {
        self.run(cmd("HRANDFIELD").arg(key).arg(count).arg("WITHVALUES")).await
    }
}
