//! Why a request is no longer followed, in words for whoever sent it.

use std::time::Duration;

use crate::{Delivery, Slot, SlotRange};

/// Why a request was given up. Its text is the error to answer with: the code comes first, and no
/// key or value is in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum GiveUp {
    /// Every node sent it on to another.
    #[error("CLUSTERDOWN slotway: {hops} redirects within {} led to no answer", seconds(*waited))]
    TooManyRedirects {
        /// How many were followed.
        hops: u8,
        /// How long that took.
        waited: Duration,
    },
    /// It was sent on to a node that the cluster did not name in time.
    #[error(
        "CLUSTERDOWN slotway: slot {slot} moved to a node that is not known for {}",
        seconds(*waited)
    )]
    UnknownNode {
        /// Its slot.
        slot: Slot,
        /// How long it waited.
        waited: Duration,
    },
    /// The slot's owner could not be reached in time, or there is none.
    #[error("CLUSTERDOWN slotway: {} no reachable primary for {}", have(*slots), seconds(*waited))]
    NoPrimary {
        /// The slots that share this fate.
        slots: SlotRange,
        /// How long it waited.
        waited: Duration,
    },
    /// The only node that could have answered was not reached in time.
    #[error("CLUSTERDOWN slotway: the node was not reachable for {}", seconds(*waited))]
    Unreachable {
        /// How long it waited.
        waited: Duration,
    },
    /// It was redirected in a way in which no server redirects it: another slot than its own, or
    /// words that cannot be read.
    #[error("ERR slotway: a node redirected the command in a way that does not fit it")]
    NotOurs,
    /// A script answered with a redirect that the cluster does not confirm. It may have written
    /// before.
    #[error(
        "UNKNOWNOUTCOME script may have been executed: it was redirected, but its slot did not move"
    )]
    Unproven,
}

impl GiveUp {
    /// Whether the request may have been executed.
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Unproven => Delivery::MaybeSent,
            Self::TooManyRedirects { .. }
            | Self::UnknownNode { .. }
            | Self::NoPrimary { .. }
            | Self::Unreachable { .. }
            | Self::NotOurs => Delivery::NotSent,
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}s", duration.as_secs_f64())
}

fn have(slots: SlotRange) -> String {
    match (slots.first(), slots.last()) {
        (first, last) if first == last => format!("slot {first} has"),
        (first, last) => format!("slots {first}-{last} have"),
    }
}
