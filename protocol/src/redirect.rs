//! Follows one request around the cluster until a node answers it.

mod give_up;
mod notice;

use std::time::Duration;

pub use give_up::GiveUp;
pub use notice::Notice;

use crate::{Backoff, NodeAddr, NodeId, RetryClass, Slot, SlotTable, table::Node};

/// How long, and how often, a request is sent after its keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RedirectLimits {
    /// How many redirects it follows.
    pub hops_max: u8,
    /// How long it may take altogether, waits included.
    pub deadline: Duration,
    /// The waits before it is sent again to a node that was not ready.
    pub backoff: Backoff,
}

impl Default for RedirectLimits {
    fn default() -> Self {
        Self { hops_max: 5, deadline: Duration::from_secs(5), backoff: Backoff::default() }
    }
}

/// What a decision is made on.
#[derive(Clone, Copy, Debug)]
pub struct Now<'a> {
    /// The newest table.
    pub table: &'a SlotTable,
    /// How long ago the request came.
    pub elapsed: Duration,
    /// Any number, drawn anew for each decision.
    pub random: u64,
}

/// What to do next with a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Hand the last error that a node sent to whoever asked, unchanged.
    Deliver,
    /// Send it again.
    Send {
        /// Where to.
        to: Target,
        /// How long to wait first. Later requests for the same slot of the same connection wait
        /// too.
        after: Duration,
        /// What the error taught about the table.
        learn: Learn,
    },
    /// Ask known nodes for a view, then call [`Redirect::handle_topology`]. It is also to be
    /// called when `within` has passed.
    WaitForTopology {
        /// How long to wait before asking.
        after: Duration,
        /// How much time is left.
        within: Duration,
        /// The node whose own CLUSTER NODES is among the views that are needed: only it knows
        /// which of its slots are on their way.
        witness: Option<NodeAddr>,
    },
    /// Answer with the text of this instead.
    GiveUp(GiveUp),
}

/// Where an attempt goes. Every address is that of a node which the table knows, or which just
/// answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// Whoever owns the slot when it is sent.
    Owner,
    /// This node, whatever the table says.
    Node(NodeAddr),
    /// This node, with ASKING before it in one unit.
    Asking(NodeAddr),
    /// This node, over a new connection to whatever its name now stands for.
    Fresh(NodeAddr),
}

/// What an error taught about the table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Learn {
    /// Nothing.
    Nothing,
    /// The slot belongs to the target: [`SlotTable::with_moved`]. As other slots may have moved
    /// with it, a refresh is due too; the request does not wait for it.
    Patch,
    /// The table is out of date: a refresh is due. The request does not wait for it.
    Refresh,
}

/// Follows one request under a budget of hops and time.
///
/// A redirect is a hint. An address that only an error named is never dialled, since whoever can
/// run a script can write any error; the nodes that the cluster itself names are asked first.
#[derive(Clone, Debug)]
pub struct Redirect {
    slot: Option<Slot>,
    class: RetryClass,
    limits: RedirectLimits,
    hops: u8,
    waits: u32,
    /// Where the last attempt went with ASKING.
    asked: Option<NodeAddr>,
    pending: Option<Pending>,
}

/// What a fresh view has to tell.
#[derive(Clone, Debug)]
enum Pending {
    /// Is the slot no longer at `from`, and `to` a node?
    Moved { from: NodeAddr, to: Option<NodeAddr> },
    /// Is the slot on its way from `from`, and `to` a node?
    Ask { from: NodeAddr, to: Option<NodeAddr> },
    /// Who can be reached?
    Unreachable,
}

impl Redirect {
    /// Starts to follow a request for this slot; one without keys has none.
    pub fn new(slot: Option<Slot>, class: RetryClass, limits: RedirectLimits) -> Self {
        Self { slot, class, limits, hops: 0, waits: 0, asked: None, pending: None }
    }

    /// Judges an error with which the node `from` turned the request away.
    pub fn handle_notice(&mut self, notice: Notice, from: &NodeAddr, now: Now<'_>) -> Step {
        let redirect = match notice {
            Notice::Moved { slot, to } if self.slot == Some(slot) => {
                Pending::Moved { from: from.clone(), to }
            }
            Notice::Ask { slot, to } if self.slot == Some(slot) => {
                Pending::Ask { from: from.clone(), to }
            }
            // No server redirects a command for a slot that is not the command's.
            Notice::Moved { .. } | Notice::Ask { .. } | Notice::Garbled if self.is_script() => {
                return Step::GiveUp(GiveUp::Unproven);
            }
            Notice::Moved { .. } | Notice::Ask { .. } | Notice::Garbled => {
                return Step::GiveUp(GiveUp::NotOurs);
            }
            Notice::TryAgain
            | Notice::ClusterDown
            | Notice::Loading
            | Notice::MasterDown
            | Notice::ReadOnly
            | Notice::NoAuth
            | Notice::Busy
            | Notice::TooManyClients => return self.handle_refusal(&notice, from, now),
        };
        if let Some(step) = self.spend_hop(now) {
            return step;
        }
        // A script may have written the redirect itself, after it wrote other things.
        if self.is_script() {
            return self.wait_for_topology(redirect, Duration::ZERO, now);
        }
        match self.follow(&redirect, now) {
            Some(step) => step,
            None => self.wait_for_topology(redirect, Duration::ZERO, now),
        }
    }

    /// Goes on after [`Step::WaitForTopology`]: the table in `now` was made after that, or the
    /// time is up.
    pub fn handle_topology(&mut self, now: Now<'_>) -> Step {
        let Some(pending) = self.pending.take() else {
            return self.send(Target::Owner, Duration::ZERO, Learn::Nothing);
        };
        let answer = match &pending {
            Pending::Moved { from, .. } | Pending::Ask { from, .. } if self.is_script() => {
                self.follow_proven(&pending, from, now)
            }
            Pending::Moved { from, .. } | Pending::Ask { from, .. } => {
                self.follow(&pending, now).or_else(|| self.follow_owner(from, now))
            }
            Pending::Unreachable => self
                .owner(now)
                .and_then(Node::addr)
                .map(|_| self.send(Target::Owner, Duration::ZERO, Learn::Nothing)),
        };
        if let Some(step) = answer {
            return step;
        }
        if self.is_script()
            && !matches!(pending, Pending::Unreachable)
            && let Some(step) = self.spend_hop(now)
        {
            return step;
        }
        let after = self.next_wait(now);
        self.wait_for_topology(pending, after, now)
    }

    /// Judges that the slot has no owner, or that its owner cannot be reached; the request was not
    /// sent, or may be sent again ([`Verdict::SendAgain`](crate::Verdict::SendAgain)).
    pub fn handle_unreachable(&mut self, now: Now<'_>) -> Step {
        let after = self.next_wait(now);
        self.wait_for_topology(Pending::Unreachable, after, now)
    }

    /// Goes where a redirect says, if it says something that the table can confirm as a node.
    fn follow(&mut self, redirect: &Pending, now: Now<'_>) -> Option<Step> {
        match redirect {
            Pending::Moved { from, to } => {
                let to = to.as_ref()?;
                if is_same(to, from, now.table) {
                    let after = self.next_wait(now);
                    return Some(self.send(Target::Fresh(from.clone()), after, Learn::Refresh));
                }
                let to = now.table.node_at(to)?.addr()?.clone();
                Some(self.send(Target::Node(to), Duration::ZERO, Learn::Patch))
            }
            Pending::Ask { to, .. } => {
                let to = now.table.node_at(to.as_ref()?)?.addr()?.clone();
                Some(self.send(Target::Asking(to), Duration::ZERO, Learn::Nothing))
            }
            Pending::Unreachable => None,
        }
    }

    /// Goes to the slot's owner, if that is no longer `from`.
    fn follow_owner(&mut self, from: &NodeAddr, now: Now<'_>) -> Option<Step> {
        let owner = self.owner(now)?.addr()?;
        let moved = !is_same(owner, from, now.table);
        moved.then(|| self.send(Target::Owner, Duration::ZERO, Learn::Nothing))
    }

    /// Goes only where the cluster itself says that the slot is, or is on its way to.
    fn follow_proven(&mut self, redirect: &Pending, from: &NodeAddr, now: Now<'_>) -> Option<Step> {
        if let Pending::Ask { to, .. } = redirect {
            let id = |addr: &NodeAddr| -> Option<NodeId> { now.table.node_at(addr)?.info().id };
            let (leaves, goes) = (id(from), to.as_ref().and_then(id));
            let moves = &now.table.topology().moves;
            let proven = moves.iter().any(|step| {
                Some(step.slot) == self.slot && Some(step.from) == leaves && Some(step.to) == goes
            });
            if proven {
                return self.follow(redirect, now);
            }
        }
        self.follow_owner(from, now)
    }

    /// Judges an error that is no redirect.
    fn handle_refusal(&mut self, notice: &Notice, from: &NodeAddr, now: Now<'_>) -> Step {
        // What a script says about itself proves nothing, so it is not run again.
        if self.is_script() || self.remaining(now).is_zero() {
            return Step::Deliver;
        }
        let here = || Target::Node(from.clone());
        match notice {
            Notice::TryAgain | Notice::Busy => {
                let to = self.asked.clone().map_or_else(here, Target::Asking);
                self.send_later(to, Learn::Nothing, now)
            }
            Notice::NoAuth | Notice::TooManyClients => match self.spend_hop(now) {
                Some(_) => Step::Deliver,
                None => self.send_later(Target::Fresh(from.clone()), Learn::Nothing, now),
            },
            // Without a slot, no other node can take its place.
            Notice::MasterDown | Notice::ReadOnly if self.slot.is_none() => Step::Deliver,
            Notice::ClusterDown | Notice::Loading if self.slot.is_none() => {
                self.send_later(here(), Learn::Refresh, now)
            }
            Notice::ClusterDown => self.send_later(Target::Owner, Learn::Refresh, now),
            Notice::Loading | Notice::MasterDown | Notice::ReadOnly => {
                // A replica's trouble: its primary can help at once.
                let elsewhere = self
                    .owner(now)
                    .and_then(Node::addr)
                    .is_some_and(|owner| !is_same(owner, from, now.table));
                if elsewhere && self.spend_hop(now).is_none() {
                    return self.send(Target::Owner, Duration::ZERO, Learn::Refresh);
                }
                self.send_later(Target::Owner, Learn::Refresh, now)
            }
            Notice::Moved { .. } | Notice::Ask { .. } | Notice::Garbled => Step::Deliver,
        }
    }

    fn send_later(&mut self, to: Target, learn: Learn, now: Now<'_>) -> Step {
        let after = self.next_wait(now);
        self.send(to, after, learn)
    }

    fn send(&mut self, to: Target, after: Duration, learn: Learn) -> Step {
        self.asked = if let Target::Asking(addr) = &to { Some(addr.clone()) } else { None };
        Step::Send { to, after, learn }
    }

    fn wait_for_topology(&mut self, pending: Pending, after: Duration, now: Now<'_>) -> Step {
        let within = self.remaining(now);
        if within.is_zero() {
            return Step::GiveUp(self.late(&pending, now));
        }
        let witness = match &pending {
            Pending::Ask { from, .. } => Some(from.clone()),
            Pending::Moved { .. } | Pending::Unreachable => None,
        };
        self.pending = Some(pending);
        Step::WaitForTopology { after, within, witness }
    }

    /// What to say when the time is up.
    fn late(&self, pending: &Pending, now: Now<'_>) -> GiveUp {
        let waited = now.elapsed;
        match (pending, self.slot) {
            (Pending::Moved { .. } | Pending::Ask { .. }, _) if self.is_script() => {
                GiveUp::Unproven
            }
            (Pending::Moved { .. } | Pending::Ask { .. }, Some(slot)) => {
                GiveUp::UnknownNode { slot, waited }
            }
            (_, Some(slot)) => GiveUp::NoPrimary { slots: now.table.range_around(slot), waited },
            (_, None) => GiveUp::Unreachable { waited },
        }
    }

    /// Takes a hop from the budget; says how it ends when there is none left.
    fn spend_hop(&mut self, now: Now<'_>) -> Option<Step> {
        let give_up = |reason| Some(Step::GiveUp(reason));
        if self.hops < self.limits.hops_max && !self.remaining(now).is_zero() {
            self.hops += 1;
            return None;
        }
        if self.is_script() {
            return give_up(GiveUp::Unproven);
        }
        give_up(GiveUp::TooManyRedirects { hops: self.hops, waited: now.elapsed })
    }

    /// The next wait; it never goes beyond the deadline.
    fn next_wait(&mut self, now: Now<'_>) -> Duration {
        let wait = self.limits.backoff.delay(self.waits, now.random);
        self.waits = self.waits.saturating_add(1);
        wait.min(self.remaining(now))
    }

    fn remaining(&self, now: Now<'_>) -> Duration {
        self.limits.deadline.saturating_sub(now.elapsed)
    }

    fn owner<'a>(&self, now: Now<'a>) -> Option<&'a Node> {
        now.table.owner(self.slot?)
    }

    fn is_script(&self) -> bool {
        self.class == RetryClass::Script
    }
}

/// Whether two addresses are those of one node.
fn is_same(one: &NodeAddr, other: &NodeAddr, table: &SlotTable) -> bool {
    let index = |addr| table.node_at(addr).map(Node::index);
    one == other || index(one).is_some_and(|one| index(other) == Some(one))
}
