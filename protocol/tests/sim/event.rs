//! What can happen in a run, on purpose or not.

use slotway_protocol::Topology;

use crate::{cluster::NodeIndex, link::Ticket, script::Step};

/// A mistake planted into the joints, to see that the checks find it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bug {
    None,
    /// A command that was answered by ASK goes out without `ASKING`.
    AskingNotSent,
    /// Two tickets of one connection change places.
    TicketsSwapped,
    /// A write whose reply never came is sent again.
    ResentAfterMaybeSent,
    /// Whatever view comes last is believed.
    OlderEpochTaken,
}

/// What a run came across.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Met {
    Moved,
    Ask,
    TryAgain,
    ClusterDown,
    LostUnsent,
    LostPartlySent,
    LostSent,
    LostReplyStarted,
    Overtaken,
    Unproven,
    Failover,
    NodeAdded,
    NodeRemoved,
    HeldForOrder,
}

impl Met {
    pub(crate) const ALL: [Self; 14] = [
        Self::Moved,
        Self::Ask,
        Self::TryAgain,
        Self::ClusterDown,
        Self::LostUnsent,
        Self::LostPartlySent,
        Self::LostSent,
        Self::LostReplyStarted,
        Self::Overtaken,
        Self::Unproven,
        Self::Failover,
        Self::NodeAdded,
        Self::NodeRemoved,
        Self::HeldForOrder,
    ];
}

#[derive(Debug)]
pub(crate) enum Event {
    Issue(usize),
    Flush(NodeIndex, u64),
    ToServer(NodeIndex, u64, Vec<u8>),
    ToClient(NodeIndex, u64, Vec<u8>),
    Lost(NodeIndex, u64),
    Retry(Ticket),
    /// A node told its view; none if it is gone.
    View(Option<Topology>),
    AskForView,
    WantView(Ticket),
    Cluster(Step),
}
