//! Sorted sets: members in the order of their scores.

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// To which members a score is given. Without any of these, to all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ZAddOptions {
    which: Option<Which>,
    counted: Counted,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Which {
    New,
    Old,
    Greater,
    Less,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Counted {
    #[default]
    Added,
    Changed,
}

impl ZAddOptions {
    /// To all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only to new ones.
    #[must_use]
    pub fn nx(self) -> Self {
        Self { which: Some(Which::New), ..self }
    }

    /// Only to those that are members already.
    #[must_use]
    pub fn xx(self) -> Self {
        Self { which: Some(Which::Old), ..self }
    }

    /// To new ones, and to those whose score was less.
    #[must_use]
    pub fn gt(self) -> Self {
        Self { which: Some(Which::Greater), ..self }
    }

    /// To new ones, and to those whose score was greater.
    #[must_use]
    pub fn lt(self) -> Self {
        Self { which: Some(Which::Less), ..self }
    }

    /// Counts those whose score changed too, and not only new ones.
    #[must_use]
    pub fn ch(self) -> Self {
        Self { counted: Counted::Changed, ..self }
    }
}

impl ToArgs for ZAddOptions {
    fn write_args(&self, cmd: &mut Cmd) {
        let which = self.which.map(|which| match which {
            Which::New => "NX",
            Which::Old => "XX",
            Which::Greater => "GT",
            Which::Less => "LT",
        });
        let counted = match self.counted {
            Counted::Added => None,
            Counted::Changed => Some("CH"),
        };
        (which, counted).write_args(cmd);
    }
}

impl Client {
    /// Adds members, given as pairs of score and member, or changes their scores. Returns how many are
    /// new.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// client.zadd("scores", [(3.5, "ada"), (2.0, "alan")]).await?;
    /// let best: Vec<(String, f64)> = client.zrevrange_with_scores("scores", 0, 9).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn zadd(&self, key: impl ToArg, pairs: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("ZADD").arg(key).arg(pairs)).await
    }

    /// The same, for those to which `options` let it happen.
    pub async fn zadd_with(
        &self,
        key: impl ToArg,
        pairs: impl ToArgs,
        options: ZAddOptions,
    ) -> Result<u64, Error> {
        self.run(cmd("ZADD").arg(key).arg(options).arg(pairs)).await
    }

    /// Adds to the score of a member, and returns the sum.
    pub async fn zincr_by(
        &self,
        key: impl ToArg,
        member: impl ToArg,
        by: f64,
    ) -> Result<f64, Error> {
        self.run(cmd("ZINCRBY").arg(key).arg(by).arg(member)).await
    }

    /// Removes members, and returns how many there were.
    pub async fn zrem(&self, key: impl ToArg, members: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("ZREM").arg(key).arg(members)).await
    }

    /// How many members there are.
    pub async fn zcard(&self, key: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("ZCARD").arg(key)).await
    }

    /// How many members have a score in this range. A bound is a number, `(1` without the number
    /// itself, or `-inf` and `+inf`.
    pub async fn zcount(
        &self,
        key: impl ToArg,
        min: impl ToArg,
        max: impl ToArg,
    ) -> Result<u64, Error> {
        self.run(cmd("ZCOUNT").arg(key).arg(min).arg(max)).await
    }

    /// The score of a member.
    pub async fn zscore(&self, key: impl ToArg, member: impl ToArg) -> Result<Option<f64>, Error> {
        self.run(cmd("ZSCORE").arg(key).arg(member)).await
    }

    /// The scores of some members, in their order.
    pub async fn zmscore(
        &self,
        key: impl ToArg,
        members: impl ToArgs,
    ) -> Result<Vec<Option<f64>>, Error> {
        self.run(cmd("ZMSCORE").arg(key).arg(members)).await
    }

    /// How many members have a lower score.
    pub async fn zrank(&self, key: impl ToArg, member: impl ToArg) -> Result<Option<u64>, Error> {
        self.run(cmd("ZRANK").arg(key).arg(member)).await
    }

    /// How many members have a higher score.
    pub async fn zrevrank(
        &self,
        key: impl ToArg,
        member: impl ToArg,
    ) -> Result<Option<u64>, Error> {
        self.run(cmd("ZREVRANK").arg(key).arg(member)).await
    }

    /// The members from one rank to another, both included, the lowest first; negative ones count from
    /// the end.
    pub async fn zrange<T: FromValue>(
        &self,
        key: impl ToArg,
        from: i64,
        to: i64,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(from).arg(to)).await
    }

    /// The same with scores: a list of pairs of member and score.
    pub async fn zrange_with_scores<T: FromValue>(
        &self,
        key: impl ToArg,
        from: i64,
        to: i64,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(from).arg(to).arg("WITHSCORES")).await
    }

    /// The members from one rank to another, both included, the highest first.
    pub async fn zrevrange<T: FromValue>(
        &self,
        key: impl ToArg,
        from: i64,
        to: i64,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(from).arg(to).arg("REV")).await
    }

    /// The same with scores: a list of pairs of member and score.
    pub async fn zrevrange_with_scores<T: FromValue>(
        &self,
        key: impl ToArg,
        from: i64,
        to: i64,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(from).arg(to).arg(("REV", "WITHSCORES"))).await
    }

    /// The members with a score in this range, as in [`zcount`](Self::zcount), the lowest first.
    pub async fn zrange_by_score<T: FromValue>(
        &self,
        key: impl ToArg,
        min: impl ToArg,
        max: impl ToArg,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(min).arg(max).arg("BYSCORE")).await
    }

    /// The same with scores: a list of pairs of member and score.
    pub async fn zrange_by_score_with_scores<T: FromValue>(
        &self,
        key: impl ToArg,
        min: impl ToArg,
        max: impl ToArg,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(min).arg(max).arg(("BYSCORE", "WITHSCORES"))).await
    }

    /// Takes up to so many members with the lowest scores: a list of pairs of member and score.
    pub async fn zpopmin<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("ZPOPMIN").arg(key).arg(count)).await
    }

    /// Takes up to so many members with the highest scores: a list of pairs of member and score.
    pub async fn zpopmax<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("ZPOPMAX").arg(key).arg(count)).await
    }

    /// Removes the members from one rank to another, and returns how many.
    pub async fn zremrangebyrank(&self, key: impl ToArg, from: i64, to: i64) -> Result<u64, Error> {
        self.run(cmd("ZREMRANGEBYRANK").arg(key).arg(from).arg(to)).await
    }

    /// Removes the members with a score in this range, and returns how many.
    pub async fn zremrangebyscore(
        &self,
        key: impl ToArg,
        min: impl ToArg,
        max: impl ToArg,
    ) -> Result<u64, Error> {
        self.run(cmd("ZREMRANGEBYSCORE").arg(key).arg(min).arg(max)).await
    }
}
