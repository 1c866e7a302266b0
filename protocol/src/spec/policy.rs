//! What a server recommends to clients of a cluster: where a command goes, and what its replies
//! together mean.

/// Which nodes a command is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum RequestPolicy {
    /// The node of its keys, or any if it has none.
    #[default]
    Keys,
    /// Every node, replicas too.
    AllNodes,
    /// Every primary.
    AllShards,
    /// The nodes of its keys, each with its own.
    MultiShard,
    /// None of these; a client must know the command.
    Special,
}

impl RequestPolicy {
    /// The policy in a server's word for it.
    pub(crate) const fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"all_nodes" => Some(Self::AllNodes),
            b"all_shards" => Some(Self::AllShards),
            b"multi_shard" => Some(Self::MultiShard),
            b"special" => Some(Self::Special),
            _ => None,
        }
    }
}

/// How the replies of several nodes become one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ResponsePolicy {
    /// Lists are joined; for a command with keys, in the order of the keys.
    #[default]
    Default,
    /// The first that is no error.
    OneSucceeded,
    /// Any, if none is an error.
    AllSucceeded,
    /// True where all are.
    LogicalAnd,
    /// True where one is.
    LogicalOr,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The sum.
    Sum,
    /// None of these; a client must know the command.
    Special,
}

impl ResponsePolicy {
    /// The policy in a server's word for it.
    pub(crate) const fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"one_succeeded" => Some(Self::OneSucceeded),
            b"all_succeeded" => Some(Self::AllSucceeded),
            b"agg_logical_and" => Some(Self::LogicalAnd),
            b"agg_logical_or" => Some(Self::LogicalOr),
            b"agg_min" => Some(Self::Min),
            b"agg_max" => Some(Self::Max),
            b"agg_sum" => Some(Self::Sum),
            b"special" => Some(Self::Special),
            _ => None,
        }
    }
}
