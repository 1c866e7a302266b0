//! Sets. Those that are combined have to be in one slot.

use crate::{Client, Error, FromValue, ToArg, ToArgs, cmd};

impl Client {
    /// Adds members, and returns how many are new.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use std::collections::BTreeSet;
    ///
    /// client.sadd("{user:7}:roles", ["admin", "author"]).await?;
    /// client.sadd("{user:7}:groups", "author").await?;
    /// let both: BTreeSet<String> = client.sinter(["{user:7}:roles", "{user:7}:groups"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sadd(&self, key: impl ToArg, members: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("SADD").arg(key).arg(members)).await
    }

    /// Removes members, and returns how many there were.
    pub async fn srem(&self, key: impl ToArg, members: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("SREM").arg(key).arg(members)).await
    }

    /// All members.
    pub async fn smembers<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("SMEMBERS").arg(key)).await
    }

    /// Whether this is a member.
    pub async fn sismember(&self, key: impl ToArg, member: impl ToArg) -> Result<bool, Error> {
        self.run(cmd("SISMEMBER").arg(key).arg(member)).await
    }

    /// Whether each of these is a member, in their order.
    pub async fn smismember(
        &self,
        key: impl ToArg,
        members: impl ToArgs,
    ) -> Result<Vec<bool>, Error> {
        self.run(cmd("SMISMEMBER").arg(key).arg(members)).await
    }

    /// How many members there are.
    pub async fn scard(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("SCARD").arg(key)).await
    }

    /// Takes a member by chance: an `Option`.
    pub async fn spop<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("SPOP").arg(key)).await
    }

    /// Takes up to so many members by chance.
    pub async fn spop_many<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("SPOP").arg(key).arg(count)).await
    }

    /// A member by chance: an `Option`.
    pub async fn srandmember<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("SRANDMEMBER").arg(key)).await
    }

    /// Up to so many members by chance, each at most once.
    pub async fn srandmember_many<T: FromValue>(
        &self,
        key: impl ToArg,
        count: u64,
    ) -> Result<T, Error> {
        self.run(cmd("SRANDMEMBER").arg(key).arg(count)).await
    }

    /// Moves a member to another set. False if it was none.
    pub async fn smove(
        &self,
        key: impl ToArg,
        to: impl ToArg,
        member: impl ToArg,
    ) -> Result<bool, Error> {
        self.run(cmd("SMOVE").arg(key).arg(to).arg(member)).await
    }

    /// What is a member of any of these.
    pub async fn sunion<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("SUNION").arg(keys)).await
    }

    /// What is a member of all of these.
    pub async fn sinter<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("SINTER").arg(keys)).await
    }

    /// How many are members of all of these; counted up to `max` and no further.
    pub async fn sintercard(&self, keys: impl ToArgs, max: Option<u64>) -> Result<u64, Error> {
        let limit = max.map(|max| ("LIMIT", max));
        self.run(cmd("SINTERCARD").arg(super::scripts::count(&keys)).arg(keys).arg(limit)).await
    }

    /// What is a member of the first of these and of no other.
    pub async fn sdiff<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("SDIFF").arg(keys)).await
    }

    /// Keeps in `to` what is a member of any of these, and returns how many that are.
    pub async fn sunionstore(&self, to: impl ToArg, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("SUNIONSTORE").arg(to).arg(keys)).await
    }

    /// Keeps in `to` what is a member of all of these, and returns how many that are.
    pub async fn sinterstore(&self, to: impl ToArg, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("SINTERSTORE").arg(to).arg(keys)).await
    }

    /// Keeps in `to` what is a member of the first of these and of no other, and returns how many that
    /// are.
    pub async fn sdiffstore(&self, to: impl ToArg, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("SDIFFSTORE").arg(to).arg(keys)).await
    }
}
