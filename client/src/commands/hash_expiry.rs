//! Fields of hashes that go away by themselves. Valkey 9, Redis 7.4 and later.

use std::time::Duration;

use super::scripts::count;
use crate::{Client, Cmd, Error, Expiry, ExpiryCondition, FromValue, ToArg, ToArgs, Value, cmd};

/// How long a field has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldTtl {
    /// There is no such field.
    Missing,
    /// It does not expire.
    Forever,
    /// It expires after this time.
    Left(Duration),
}

/// What became of a field whose expiry was to change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldChange {
    /// There is no such field.
    Missing,
    /// The condition did not hold, or there was nothing to change.
    Kept,
    /// It expires then, or no longer.
    Changed,
    /// The time is past: it is gone.
    Deleted,
}

/// What has to be so of the fields that are to be set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldCondition {
    /// None of them exists.
    NoneExists,
    /// All of them exist.
    AllExist,
}

impl ToArgs for FieldCondition {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::NoneExists => "FNX".write_args(cmd),
            Self::AllExist => "FXX".write_args(cmd),
        }
    }
}

impl FromValue for FieldTtl {
    fn from_value(value: Value) -> Result<Self, Error> {
        let reply = i64::from_value(value)?;
        match (u64::try_from(reply), reply) {
            (Ok(millis), _) => Ok(Self::Left(Duration::from_millis(millis))),
            (_, -1) => Ok(Self::Forever),
            (_, -2) => Ok(Self::Missing),
            _ => Err(Error::unexpected("a time that is left", &Value::Integer(reply))),
        }
    }
}

impl FromValue for FieldChange {
    fn from_value(value: Value) -> Result<Self, Error> {
        match i64::from_value(value)? {
            -2 => Ok(Self::Missing),
            // HPERSIST says -1 of a field without expiry.
            -1 | 0 => Ok(Self::Kept),
            1 => Ok(Self::Changed),
            2 => Ok(Self::Deleted),
            other => Err(Error::unexpected("what became of a field", &Value::Integer(other))),
        }
    }
}

impl Cmd {
    /// Names fields, after how many they are.
    fn fields(self, fields: impl ToArgs) -> Self {
        self.arg("FIELDS").arg(count(&fields)).arg(fields)
    }

    /// Sets fields, after how long they last and how many they are.
    fn pairs(self, expiry: Expiry, pairs: impl ToArgs) -> Self {
        let expiry = (expiry != Expiry::Never).then_some(expiry);
        self.arg(expiry).arg("FIELDS").arg(count(&pairs) / 2).arg(pairs)
    }
}

impl Client {
    /// Lets fields expire in so many milliseconds, each if the condition holds for it.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// client.hset("session:7", [("token", "t"), ("name", "Ada")]).await?;
    /// client.hpexpire("session:7", 60_000, None, ["token"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn hpexpire(
        &self,
        key: impl ToArg,
        millis: u64,
        condition: Option<ExpiryCondition>,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldChange>, Error> {
        let command = cmd("HPEXPIRE").arg(key).arg(millis).arg(condition);
        self.run(command.fields(fields)).await
    }

    /// The same at a time, in milliseconds since 1970.
    pub async fn hpexpire_at(
        &self,
        key: impl ToArg,
        millis: u64,
        condition: Option<ExpiryCondition>,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldChange>, Error> {
        let command = cmd("HPEXPIREAT").arg(key).arg(millis).arg(condition);
        self.run(command.fields(fields)).await
    }

    /// How long each of these fields has.
    pub async fn hpttl(
        &self,
        key: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldTtl>, Error> {
        self.run(cmd("HPTTL").arg(key).fields(fields)).await
    }

    /// When each of these fields expires, since 1970.
    pub async fn hexpires_at(
        &self,
        key: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldTtl>, Error> {
        self.run(cmd("HPEXPIRETIME").arg(key).fields(fields)).await
    }

    /// Lets fields stay for good.
    pub async fn hpersist(
        &self,
        key: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<Vec<FieldChange>, Error> {
        self.run(cmd("HPERSIST").arg(key).fields(fields)).await
    }

    /// The values of some fields, which from now on expire so: a `Vec` of `Option`.
    pub async fn hgetex<T: FromValue>(
        &self,
        key: impl ToArg,
        expiry: Expiry,
        fields: impl ToArgs,
    ) -> Result<T, Error> {
        let command = cmd("HGETEX").arg(key).arg(expiry);
        self.run(command.fields(fields)).await
    }

    /// The values of some fields, which are deleted: a `Vec` of `Option`.
    pub async fn hgetdel<T: FromValue>(
        &self,
        key: impl ToArg,
        fields: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("HGETDEL").arg(key).fields(fields)).await
    }

    /// Sets fields, given as pairs, that expire so.
    pub async fn hsetex(
        &self,
        key: impl ToArg,
        expiry: Expiry,
        pairs: impl ToArgs,
    ) -> Result<bool, Error> {
        self.run(cmd("HSETEX").arg(key).pairs(expiry, pairs)).await
    }

    /// The same if the condition holds for all of these fields. False if it did not, and none was
    /// set.
    pub async fn hsetex_if(
        &self,
        key: impl ToArg,
        condition: FieldCondition,
        expiry: Expiry,
        pairs: impl ToArgs,
    ) -> Result<bool, Error> {
        self.run(cmd("HSETEX").arg(key).arg(condition).pairs(expiry, pairs)).await
    }
}
