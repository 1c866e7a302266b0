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
