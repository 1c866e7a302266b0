//! Lists. What waits for an element is not here: it needs a connection of its own.

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// An end of a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Where a list starts.
    Left,
    /// Where it ends.
    Right,
}

impl ToArgs for Side {
    fn write_args(&self, cmd: &mut Cmd) {
        cmd.push(match self {
            Self::Left => b"LEFT",
            Self::Right => b"RIGHT",
        });
    }
}

impl Client {
    /// Adds values at the left, one after another, and returns how many there are now.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// client.lpush("queue", ["second", "first"]).await?;
    /// let first: Option<String> = client.lpop("queue").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn lpush(&self, key: impl ToArg, values: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("LPUSH").arg(key).arg(values)).await
    }

    /// Adds values at the right, one after another, and returns how many there are now.
    pub async fn rpush(&self, key: impl ToArg, values: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("RPUSH").arg(key).arg(values)).await
    }

    /// The same at the left, but only if there is a list already; otherwise 0.
    pub async fn lpushx(&self, key: impl ToArg, values: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("LPUSHX").arg(key).arg(values)).await
    }

    /// The same at the right, but only if there is a list already; otherwise 0.
    pub async fn rpushx(&self, key: impl ToArg, values: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("RPUSHX").arg(key).arg(values)).await
    }

    /// Takes the leftmost value: an `Option`.
    pub async fn lpop<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("LPOP").arg(key)).await
    }

    /// Takes the rightmost value: an `Option`.
    pub async fn rpop<T: FromValue>(&self, key: impl ToArg) -> Result<T, Error> {
        self.run(cmd("RPOP").arg(key)).await
    }

    /// Takes up to so many values from the left: an `Option` of a list.
    pub async fn lpop_many<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("LPOP").arg(key).arg(count)).await
    }

    /// Takes up to so many values from the right: an `Option` of a list.
    pub async fn rpop_many<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("RPOP").arg(key).arg(count)).await
    }

    /// How many values there are.
    pub async fn llen(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("LLEN").arg(key)).await
    }

    /// The values from one position to another, both included; negative ones count from the end.
    pub async fn lrange<T: FromValue>(
        &self,
        key: impl ToArg,
        from: i64,
        to: i64,
    ) -> Result<T, Error> {
        self.run(cmd("LRANGE").arg(key).arg(from).arg(to)).await
    }

    /// The value at a position: an `Option`.
    pub async fn lindex<T: FromValue>(&self, key: impl ToArg, at: i64) -> Result<T, Error> {
        self.run(cmd("LINDEX").arg(key).arg(at)).await
    }

    /// Replaces the value at a position, which has to exist.
    pub async fn lset(&self, key: impl ToArg, at: i64, value: impl ToArg) -> Result<(), Error> {
        self.run(cmd("LSET").arg(key).arg(at).arg(value)).await
    }

    /// Drops all but the values from one position to another.
    pub async fn ltrim(&self, key: impl ToArg, from: i64, to: i64) -> Result<(), Error> {
        self.run(cmd("LTRIM").arg(key).arg(from).arg(to)).await
    }

    /// Removes values that equal `value`, and returns how many: the first `count` from the left, with a
    /// negative `count` from the right, with 0 all.
    pub async fn lrem(&self, key: impl ToArg, count: i64, value: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("LREM").arg(key).arg(count).arg(value)).await
    }

    /// The position of the first value that equals `value`.
    pub async fn lpos(&self, key: impl ToArg, value: impl ToArg) -> Result<Option<u64>, Error> {
        self.run(cmd("LPOS").arg(key).arg(value)).await
    }

    /// The positions of all values that equal `value`, up to `max` of them.
    pub async fn lpos_all(
        &self,
        key: impl ToArg,
        value: impl ToArg,
        max: Option<u64>,
    ) -> Result<Vec<u64>, Error> {
        // For the server, 0 is all.
        self.run(cmd("LPOS").arg(key).arg(value).arg("COUNT").arg(max.unwrap_or(0))).await
    }

    /// Inserts a value before the first that equals `pivot`, and returns how many there are now; none if
    /// there is no such value.
    pub async fn linsert_before(
        &self,
        key: impl ToArg,
        pivot: impl ToArg,
        value: impl ToArg,
    ) -> Result<Option<u64>, Error> {
        self.linsert(cmd("LINSERT").arg(key).arg("BEFORE").arg(pivot).arg(value)).await
    }

    /// The same behind it.
    pub async fn linsert_after(
        &self,
        key: impl ToArg,
        pivot: impl ToArg,
        value: impl ToArg,
    ) -> Result<Option<u64>, Error> {
        self.linsert(cmd("LINSERT").arg(key).arg("AFTER").arg(pivot).arg(value)).await
    }

    async fn linsert(&self, cmd: Cmd) -> Result<Option<u64>, Error> {
        let count: i64 = self.run(cmd).await?;
        Ok(u64::try_from(count).ok().filter(|count| *count > 0))
    }

    /// Takes up to so many values from the first of these lists of one slot that has any: an `Option`
    /// of a pair of its key and a list.
    pub async fn lmpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        side: Side,
        count: u64,
    ) -> Result<T, Error> {
        let numkeys = super::scripts::count(&keys);
        self.run(cmd("LMPOP").arg(numkeys).arg(keys).arg(side).arg("COUNT").arg(count)).await
    }

    /// Moves a value from one side of a list to one side of another of the same slot, and returns it:
    /// an `Option`.
    pub async fn lmove<T: FromValue>(
        &self,
        key: impl ToArg,
        to: impl ToArg,
        from_side: Side,
        to_side: Side,
    ) -> Result<T, Error> {
        self.run(cmd("LMOVE").arg(key).arg(to).arg(from_side).arg(to_side)).await
    }
}
