//! Keys of any type.

use std::time::Duration;

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, Value, cmd};

/// How long a key has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ttl {
    /// There is no such key.
    Missing,
    /// It does not expire.
    Forever,
    /// It expires after this time.
    Left(Duration),
}

impl Ttl {
    fn of(reply: i64, unit_ms: u64) -> Result<Self, Error> {
        match (u64::try_from(reply), reply) {
            (Ok(count), _) => Ok(Self::Left(Duration::from_millis(count.saturating_mul(unit_ms)))),
            (_, -1) => Ok(Self::Forever),
            (_, -2) => Ok(Self::Missing),
            _ => Err(Error::unexpected("a time that is left", &Value::Integer(reply))),
        }
    }
}

/// On what condition an expiry is set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExpiryCondition {
    /// The key has none.
    Unset,
    /// The key has one.
    Set,
    /// The key would expire earlier.
    Later,
    /// The key would expire later, or never.
    Earlier,
}

impl ToArgs for ExpiryCondition {
    fn write_args(&self, cmd: &mut Cmd) {
        cmd.push(match self {
            Self::Unset => b"NX",
            Self::Set => b"XX",
            Self::Later => b"GT",
            Self::Earlier => b"LT",
        });
    }
}

impl Client {
    /// Deletes keys, wherever they are, and returns how many there were.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// let deleted = client.del(["one:slot", "another:slot"]).await?;
    /// client.expire("session", 3600).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn del(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("DEL").arg(keys)).await
    }

    /// The same, but their memory is freed later.
    pub async fn unlink(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("UNLINK").arg(keys)).await
    }

    /// How many of these keys exist; one that is named twice counts twice.
    pub async fn exists(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("EXISTS").arg(keys)).await
    }

    /// How many of these keys exist, which count as used now.
    pub async fn touch(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("TOUCH").arg(keys)).await
    }

    /// Lets a key expire in so many seconds. False if there is no such key.
    pub async fn expire(&self, key: impl ToArg, seconds: i64) -> Result<bool, Error> {
        self.run(cmd("EXPIRE").arg(key).arg(seconds)).await
    }

    /// Lets a key expire in so many milliseconds. False if there is no such key.
    pub async fn pexpire(&self, key: impl ToArg, millis: i64) -> Result<bool, Error> {
        self.run(cmd("PEXPIRE").arg(key).arg(millis)).await
    }

    /// Lets a key expire at a time, in seconds since 1970. False if there is no such key.
    pub async fn expire_at(&self, key: impl ToArg, seconds: i64) -> Result<bool, Error> {
        self.run(cmd("EXPIREAT").arg(key).arg(seconds)).await
    }

    /// Lets a key expire at a time, in milliseconds since 1970. False if there is no such key.
    pub async fn pexpire_at(&self, key: impl ToArg, millis: i64) -> Result<bool, Error> {
        self.run(cmd("PEXPIREAT").arg(key).arg(millis)).await
    }

    /// Lets a key expire in so many milliseconds, if the condition holds. False if it does not, or
    /// there is no such key.
    pub async fn pexpire_if(
        &self,
        key: impl ToArg,
        millis: i64,
        condition: ExpiryCondition,
    ) -> Result<bool, Error> {
        self.run(cmd("PEXPIRE").arg(key).arg(millis).arg(condition)).await
    }

    /// When a key expires, since 1970.
    pub async fn expires_at(&self, key: impl ToArg) -> Result<Ttl, Error> {
        Ttl::of(self.run(cmd("PEXPIRETIME").arg(key)).await?, 1)
    }

    /// How long a key has, in whole seconds.
    pub async fn ttl(&self, key: impl ToArg) -> Result<Ttl, Error> {
        Ttl::of(self.run(cmd("TTL").arg(key)).await?, 1000)
    }

    /// How long a key has, in milliseconds.
    pub async fn pttl(&self, key: impl ToArg) -> Result<Ttl, Error> {
        Ttl::of(self.run(cmd("PTTL").arg(key)).await?, 1)
    }

    /// Lets a key stay for good. False if it did anyway, or there is none.
    pub async fn persist(&self, key: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("PERSIST").arg(key)).await
    }

    /// The type of a key, such as `string` or `zset`; `none` without one.
    pub async fn type_of(&self, key: impl ToArg) -> Result<String, Error> {
        self.run(cmd("TYPE").arg(key)).await
    }

    /// Gives a key another name, in place of a key that has that one. Both names have to be in one
    /// slot, which `{a tag}` in both sees to; otherwise this is refused.
    pub async fn rename(&self, key: impl ToArg, name: impl ToArg) -> Result<(), Error> {
        self.run(cmd("RENAME").arg(key).arg(name)).await
    }

    /// The same, unless there is a key of that name: then it is false.
    pub async fn renamenx(&self, key: impl ToArg, name: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("RENAMENX").arg(key).arg(name)).await
    }

    /// Copies a key to another of the same slot, in place of what is there. False if there is none.
    pub async fn copy_over(&self, key: impl ToArg, to: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("COPY").arg(key).arg(to).arg("REPLACE")).await
    }

    /// Copies a key to another of the same slot. False if there is none, or the other exists.
    pub async fn copy(&self, key: impl ToArg, to: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("COPY").arg(key).arg(to)).await
    }

    /// The names of all keys of the cluster that match a pattern, as one list.
    ///
    /// Every primary does nothing else meanwhile: [`scan`](Self::scan) is for clusters in use.
    pub async fn keys<T: FromValue>(&self, pattern: impl ToArg) -> Result<T, Error> {
        self.run(cmd("KEYS").arg(pattern)).await
    }

    /// The name of a key by chance: an `Option`.
    pub async fn randomkey<T: FromValue>(&self) -> Result<T, Error> {
        self.run(cmd("RANDOMKEY")).await
    }
}
