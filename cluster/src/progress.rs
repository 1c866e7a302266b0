//! How far a start has come, for those who show it.

/// A step of a start: how much of how much is done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// Nodes that answer.
    Nodes(usize, usize),
    /// Shards that have their slots.
    Slots(usize, usize),
    /// Nodes that are ready in every respect.
    Ready(usize, usize),
}

/// Takes the steps of a start.
pub(crate) type OnProgress<'a> = &'a (dyn Fn(Progress) + Send + Sync);
