//! Sorted sets that are combined, kept elsewhere, or taken from. All keys of a call have to be in one
//! slot.

use super::scripts::count;
use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// What becomes of the scores that one member has in several sets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Aggregate {
    /// They are added.
    #[default]
    Sum,
    /// The lowest counts.
    Min,
    /// The highest counts.
    Max,
}

/// An end of a sorted set, from which members are taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Extreme {
    /// The lowest scores.
    Lowest,
    /// The highest scores.
    Highest,
}

/// A part of a sorted set.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::ZRange;
///
/// let range = ZRange::scores("(10", "+inf").reversed().limit(0, 5);
/// let best: Vec<String> = client.zrange_of("scores", range).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ZRange {
    by: By,
    from: Vec<u8>,
    to: Vec<u8>,
    order: Order,
    limit: Option<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum By {
    Rank,
    Score,
    Name,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    LowestFirst,
    HighestFirst,
}

impl ZRange {
    /// From one rank to another, both included; negative ones count from the end.
    pub fn ranks(from: i64, to: i64) -> Self {
        Self::by(By::Rank, from, to)
    }

    /// The scores from one to another: a number, `(1` without the number itself, or `-inf` and `+inf`.
    pub fn scores(min: impl ToArg, max: impl ToArg) -> Self {
        Self::by(By::Score, min, max)
    }

    /// The names from one to another, where all scores are the same: `[a` with the name itself, `(a`
    /// without it, or `-` and `+`.
    pub fn names(min: impl ToArg, max: impl ToArg) -> Self {
        Self::by(By::Name, min, max)
    }

    fn by(by: By, from: impl ToArg, to: impl ToArg) -> Self {
        let (from, to) = (bytes_of(&from), bytes_of(&to));
        Self { by, from, to, order: Order::LowestFirst, limit: None }
    }

    /// The highest first. Ranks count from the highest then.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { order: Order::HighestFirst, ..self }
    }

    /// Only so many, after leaving out `skip` of them. Not of ranks, which say so themselves.
    #[must_use]
    pub fn limit(self, skip: u64, count: u64) -> Self {
        Self { limit: Some((skip, count)), ..self }
    }
}

impl ToArgs for ZRange {
    fn write_args(&self, cmd: &mut Cmd) {
        // Servers want the end where a reversed range starts first, but not of ranks.
        let ends = match (self.order, self.by) {
            (Order::LowestFirst, _) | (_, By::Rank) => [&self.from, &self.to],
            (Order::HighestFirst, By::Score | By::Name) => [&self.to, &self.from],
        };
        let by = match self.by {
            By::Rank => None,
            By::Score => Some("BYSCORE"),
            By::Name => Some("BYLEX"),
        };
        let order = match self.order {
            Order::LowestFirst => None,
            Order::HighestFirst => Some("REV"),
        };
        let limit = self.limit.map(|(skip, count)| ("LIMIT", skip, count));
        (ends, by, order, limit).write_args(cmd);
    }
}

impl ToArgs for Aggregate {
    fn write_args(&self, cmd: &mut Cmd) {
        let name = match self {
            Self::Sum => "SUM",
            Self::Min => "MIN",
            Self::Max => "MAX",
        };
        ("AGGREGATE", name).write_args(cmd);
    }
}

impl ToArgs for Extreme {
    fn write_args(&self, cmd: &mut Cmd) {
        match self {
            Self::Lowest => "MIN",
            Self::Highest => "MAX",
        }
        .write_args(cmd);
    }
}

impl Client {
    /// The members of a part of a sorted set.
    pub async fn zrange_of<T: FromValue>(
        &self,
        key: impl ToArg,
        range: ZRange,
    ) -> Result<T, Error> {
        self.run(cmd("ZRANGE").arg(key).arg(range)).await
    }

    /// Keeps a part of a sorted set in `to`, and returns how many members that are.
    pub async fn zrangestore(
        &self,
        to: impl ToArg,
        key: impl ToArg,
        range: ZRange,
    ) -> Result<u64, Error> {
        self.run(cmd("ZRANGESTORE").arg(to).arg(key).arg(range)).await
    }

    /// How many names there are from one to another, as [`ZRange::names`] has them.
    pub async fn zlexcount(
        &self,
        key: impl ToArg,
        min: impl ToArg,
        max: impl ToArg,
    ) -> Result<u64, Error> {
        self.run(cmd("ZLEXCOUNT").arg(key).arg(min).arg(max)).await
    }

    /// Removes the names from one to another, and returns how many.
    pub async fn zremrangebylex(
        &self,
        key: impl ToArg,
        min: impl ToArg,
        max: impl ToArg,
    ) -> Result<u64, Error> {
        self.run(cmd("ZREMRANGEBYLEX").arg(key).arg(min).arg(max)).await
    }

    /// Up to so many members by chance, each at most once, with their scores: a list of pairs.
    pub async fn zrandmember<T: FromValue>(&self, key: impl ToArg, count: u64) -> Result<T, Error> {
        self.run(cmd("ZRANDMEMBER").arg(key).arg(count).arg("WITHSCORES")).await
    }

    /// What is a member of any of these.
    pub async fn zunion<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("ZUNION").arg(count(&keys)).arg(keys)).await
    }

    /// The same with scores: a list of pairs of member and score.
    pub async fn zunion_with_scores<T: FromValue>(
        &self,
        keys: impl ToArgs,
        aggregate: Aggregate,
    ) -> Result<T, Error> {
        self.run(cmd("ZUNION").arg(count(&keys)).arg(keys).arg(aggregate).arg("WITHSCORES")).await
    }

    /// What is a member of all of these.
    pub async fn zinter<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("ZINTER").arg(count(&keys)).arg(keys)).await
    }

    /// The same with scores: a list of pairs of member and score.
    pub async fn zinter_with_scores<T: FromValue>(
        &self,
        keys: impl ToArgs,
        aggregate: Aggregate,
    ) -> Result<T, Error> {
        self.run(cmd("ZINTER").arg(count(&keys)).arg(keys).arg(aggregate).arg("WITHSCORES")).await
    }

    /// How many are members of all of these; counted up to `max` and no further.
    pub async fn zintercard(&self, keys: impl ToArgs, max: Option<u64>) -> Result<u64, Error> {
        let limit = max.map(|max| ("LIMIT", max));
        self.run(cmd("ZINTERCARD").arg(count(&keys)).arg(keys).arg(limit)).await
    }

    /// What is a member of the first of these and of no other.
    pub async fn zdiff<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("ZDIFF").arg(count(&keys)).arg(keys)).await
    }

    /// The same with scores: a list of pairs of member and score.
    pub async fn zdiff_with_scores<T: FromValue>(&self, keys: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("ZDIFF").arg(count(&keys)).arg(keys).arg("WITHSCORES")).await
    }

    /// Keeps in `to` what is a member of any of these, and returns how many that are.
    pub async fn zunionstore(
        &self,
        to: impl ToArg,
        keys: impl ToArgs,
        aggregate: Aggregate,
    ) -> Result<u64, Error> {
        self.run(cmd("ZUNIONSTORE").arg(to).arg(count(&keys)).arg(keys).arg(aggregate)).await
    }

    /// Keeps in `to` what is a member of all of these, and returns how many that are.
    pub async fn zinterstore(
        &self,
        to: impl ToArg,
        keys: impl ToArgs,
        aggregate: Aggregate,
    ) -> Result<u64, Error> {
        self.run(cmd("ZINTERSTORE").arg(to).arg(count(&keys)).arg(keys).arg(aggregate)).await
    }

    /// Keeps in `to` what is a member of the first of these and of no other, and returns how many that
    /// are.
    pub async fn zdiffstore(&self, to: impl ToArg, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("ZDIFFSTORE").arg(to).arg(count(&keys)).arg(keys)).await
    }

    /// Takes up to so many members from the first of these that has any: an `Option` of a pair of its
    /// key and a list of pairs of member and score.
    pub async fn zmpop<T: FromValue>(
        &self,
        keys: impl ToArgs,
        from: Extreme,
        max: u64,
    ) -> Result<T, Error> {
        self.run(cmd("ZMPOP").arg(count(&keys)).arg(keys).arg(from).arg("COUNT").arg(max)).await
    }
}

fn bytes_of(arg: &impl ToArg) -> Vec<u8> {
    let command = cmd("").arg(arg);
    // One that is too long for a command is no end of a range.
    let arg =
        command.command().ok().and_then(|command| command.as_command().arg(1).map(<[u8]>::to_vec));
    arg.unwrap_or_default()
}
