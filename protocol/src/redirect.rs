//! Follows one request around the cluster until a node answers it.

mod give_up;
mod notice;

use std::time::Duration;

pub use give_up::GiveUp;
pub use notice::Notice;

use crate::{Backoff, NodeAddr, RetryClass, Slot, SlotTable, table::Node};

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
        /// The node whose own CLUSTER NODES is among the views that are needed: it knows what it
        /// meant, and only it knows which of its slots are on their way.
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
        let step = if self.is_script() {
            self.follow_proven(&redirect, from, now)
        } else {
            self.follow(&redirect, now)
        };
        step.unwrap_or_else(|| self.wait_for_topology(redirect, Duration::ZERO, now))
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
                let Some(to) = now.table.node_at(to) else {
                    // Of several nodes that are called so, it is the one that owns the slot.
                    self.owner(now).filter(|owner| owner.info().is_called(to))?;
                    return self.follow_owner(from, now);
                };
                let to = to.addr()?.clone();
                Some(self.send(Target::Node(to), Duration::ZERO, Learn::Patch))
            }
            Pending::Ask { from, to } => {
                let to = to.as_ref()?;
                // Of several nodes that are called so, it is the one that the slot goes to.
                let node = now.table.node_at(to).or_else(|| self.destination(from, to, now));
                let to = node?.addr()?.clone();
                Some(self.send(Target::Asking(to), Duration::ZERO, Learn::Nothing))
            }
            Pending::Unreachable => None,
        }
    }

    /// The node called `to` that the slot is on its way to, as the cluster says.
    fn destination<'a>(&self, from: &NodeAddr, to: &NodeAddr, now: Now<'a>) -> Option<&'a Node> {
        let from = now.table.node_at(from)?.info().id;
        let moves = now.table.topology().moves.iter();
        let leaving = moves.filter(|step| Some(step.slot) == self.slot && Some(step.from) == from);
        let mut goals = leaving.filter_map(|step| now.table.node_with_id(step.to));
        goals.find(|node| node.info().is_called(to))
    }

    /// Goes to the slot's owner, if that is no longer `from`.
    fn follow_owner(&mut self, from: &NodeAddr, now: Now<'_>) -> Option<Step> {
        let owner = self.owner(now)?.addr()?;
        let moved = !is_same(owner, from, now.table);
        moved.then(|| self.send(Target::Owner, Duration::ZERO, Learn::Nothing))
    }

    /// Goes only where the cluster itself says that the slot is, or is on its way to.
    fn follow_proven(&mut self, redirect: &Pending, from: &NodeAddr, now: Now<'_>) -> Option<Step> {
        if let Pending::Ask { to: Some(to), .. } = redirect
            && self.destination(from, to, now).is_some()
        {
            return self.follow(redirect, now);
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
            Pending::Moved { from, .. } | Pending::Ask { from, .. } => Some(from.clone()),
            Pending::Unreachable => None,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{NodeId, NodeInfo, Shard, SlotMove, SlotRange, Topology, unknown_outcome};

    const SLOT: u16 = 42;

    fn slot() -> Slot {
        Slot::new(SLOT).unwrap()
    }

    fn addr(port: u16) -> NodeAddr {
        NodeAddr::new("10.0.0.1", port)
    }

    fn id(port: u16) -> NodeId {
        NodeId::parse(format!("{port:040}").as_bytes()).unwrap()
    }

    fn node(port: u16) -> NodeInfo {
        let hostname = Some(format!("node-{port}.example").into());
        NodeInfo { id: Some(id(port)), hostname, ..NodeInfo::at(addr(port)) }
    }

    /// Node 1 with replica 4 owns slot 42, unless another does; 2 owns the rest.
    fn view(owner: u16) -> Topology {
        let slots = |first, last| {
            vec![SlotRange::new(Slot::new(first).unwrap(), Slot::new(last).unwrap()).unwrap()]
        };
        let shard = |port: u16, replicas: &[u16]| Shard {
            primary: Some(node(port)),
            replicas: replicas.iter().copied().map(node).collect(),
            slots: if port == owner { slots(0, 99) } else { Vec::new() },
            epoch: None,
        };
        let mut shards = vec![shard(1, &[4]), shard(2, &[]), shard(3, &[])];
        shards[1].slots.extend(slots(100, 16_383));
        Topology { shards, ..Topology::default() }
    }

    fn table(owner: u16) -> SlotTable {
        SlotTable::new(view(owner)).unwrap()
    }

    fn now(table: &SlotTable, millis: u64) -> Now<'_> {
        Now { table, elapsed: Duration::from_millis(millis), random: 0 }
    }

    fn follow(class: RetryClass) -> Redirect {
        Redirect::new(Some(slot()), class, RedirectLimits::default())
    }

    fn notice(error: &str) -> Notice {
        Notice::parse(error.as_bytes(), &addr(1)).unwrap()
    }

    /// What a fresh redirect makes of what node 1, the owner of the slot, says.
    fn judged(class: RetryClass, error: &str) -> Step {
        follow(class).handle_notice(notice(error), &addr(1), now(&table(1), 0))
    }

    fn send(to: Target, millis: u64, learn: Learn) -> Step {
        Step::Send { to, after: Duration::from_millis(millis), learn }
    }

    fn asked() -> Step {
        let within = Duration::from_secs(5);
        Step::WaitForTopology { after: Duration::ZERO, within, witness: Some(addr(1)) }
    }

    fn refresh(millis: u64) -> Step {
        let within = Duration::from_secs(5);
        Step::WaitForTopology { after: Duration::from_millis(millis), within, witness: None }
    }

    #[track_caller]
    fn check(error: &str, expected: Step) {
        for class in [RetryClass::Read, RetryClass::Idempotent, RetryClass::Never] {
            assert_eq!(judged(class, error), expected, "{class:?} after {error:?}");
        }
    }

    #[test]
    fn moved_teaches_and_ask_does_not() {
        check("MOVED 42 10.0.0.1:3", send(Target::Node(addr(3)), 0, Learn::Patch));
        check("ASK 42 10.0.0.1:3", send(Target::Asking(addr(3)), 0, Learn::Nothing));
        check("MOVED 42 node-3.example:3", send(Target::Node(addr(3)), 0, Learn::Patch));
        check("ASK 42 :3", send(Target::Asking(addr(3)), 0, Learn::Nothing));
    }

    #[test]
    fn a_node_that_no_node_named_is_asked_about_and_not_dialled() {
        for error in ["MOVED 42 203.0.113.9:6379", "MOVED 42 ?:3", "ASK 42 203.0.113.9:6379"] {
            check(error, asked());
        }
    }

    /// The twins: both nodes announce this one address, and are reached apart.
    fn twins(owner: u16, moves: Vec<SlotMove>) -> SlotTable {
        let mut view = Topology { moves, ..view(owner) };
        for shard in &mut view.shards[..2] {
            shard.primary.as_mut().unwrap().addr = Some(addr(6379));
        }
        let reach = |node: &NodeInfo, _: &Shard| {
            let at = [1, 2].into_iter().find(|&port| node.id == Some(id(port)));
            Some(NodeAddr::new("gateway", at.unwrap_or(9)))
        };
        SlotTable::new(view.reached(reach)).unwrap()
    }

    fn twin(port: u16) -> NodeAddr {
        addr(6379).of_node(id(port))
    }

    #[test]
    fn an_address_of_two_nodes_means_the_one_that_the_cluster_says() {
        let mut redirect = follow(RetryClass::Never);
        let mut judge = |error: &str, table: &SlotTable| {
            redirect.handle_notice(notice(error), &twin(1), now(table, 0))
        };
        let old = twins(1, Vec::new());
        for error in ["MOVED 42 10.0.0.1:6379", "ASK 42 10.0.0.1:6379"] {
            let step = judge(error, &old);
            let Step::WaitForTopology { witness, .. } = step else { panic!("{step:?}") };
            assert_eq!(witness, Some(twin(1)), "{error}");
        }
        let step = judge("MOVED 42 10.0.0.1:6379", &twins(2, Vec::new()));
        assert_eq!(step, send(Target::Owner, 0, Learn::Nothing));
        let moving = |to| twins(1, vec![SlotMove { slot: slot(), from: id(1), to: id(to) }]);
        let step = judge("ASK 42 10.0.0.1:6379", &moving(2));
        assert_eq!(step, send(Target::Asking(twin(2)), 0, Learn::Nothing));
        let step = judge("ASK 42 10.0.0.1:6379", &moving(3));
        assert!(matches!(step, Step::WaitForTopology { .. }), "{step:?}");
    }

    #[test]
    fn a_fresh_view_that_knows_the_node_or_another_owner_settles_it() {
        let mut redirect = follow(RetryClass::Never);
        let old = table(1);
        assert_eq!(
            redirect.handle_notice(notice("MOVED 42 10.0.0.1:9"), &addr(1), now(&old, 0)),
            asked()
        );
        // The view does not know it yet.
        let Step::WaitForTopology { after, .. } = redirect.handle_topology(now(&old, 5)) else {
            panic!("it should wait");
        };
        assert!(after >= Duration::from_millis(10), "no loop turns without a wait");
        let mut grown = view(1);
        grown.shards.push(Shard { primary: Some(node(9)), ..Shard::default() });
        let grown = SlotTable::new(grown).unwrap();
        assert_eq!(
            redirect.clone().handle_topology(now(&grown, 20)),
            send(Target::Node(addr(9)), 0, Learn::Patch)
        );
        assert_eq!(
            redirect.clone().handle_topology(now(&table(3), 20)),
            send(Target::Owner, 0, Learn::Nothing)
        );
        let waited = Duration::from_secs(5);
        assert_eq!(
            redirect.handle_topology(now(&old, 5000)),
            Step::GiveUp(GiveUp::UnknownNode { slot: slot(), waited })
        );
    }

    #[test]
    fn a_node_that_names_itself_is_reached_anew() {
        check("MOVED 42 10.0.0.1:1", send(Target::Fresh(addr(1)), 10, Learn::Refresh));
        check("MOVED 42 node-1.example:1", send(Target::Fresh(addr(1)), 10, Learn::Refresh));
        check("MOVED 42 :1", send(Target::Fresh(addr(1)), 10, Learn::Refresh));
    }

    #[test]
    fn a_redirect_for_another_slot_leads_nowhere() {
        for error in ["MOVED 43 10.0.0.1:3", "ASK 43 10.0.0.1:3", "MOVED 42", "ASK x"] {
            check(error, Step::GiveUp(GiveUp::NotOurs));
            let script = judged(RetryClass::Script, error);
            assert_eq!(script, Step::GiveUp(GiveUp::Unproven));
        }
        let mut keyless = Redirect::new(None, RetryClass::Read, RedirectLimits::default());
        let step = keyless.handle_notice(notice("MOVED 42 :3"), &addr(1), now(&table(1), 0));
        assert_eq!(step, Step::GiveUp(GiveUp::NotOurs));
    }

    #[test]
    fn what_will_pass_is_waited_for() {
        check("TRYAGAIN later", send(Target::Node(addr(1)), 10, Learn::Nothing));
        check("BUSY script", send(Target::Node(addr(1)), 10, Learn::Nothing));
        check("CLUSTERDOWN slot", send(Target::Owner, 10, Learn::Refresh));
        check("LOADING data", send(Target::Owner, 10, Learn::Refresh));
        check("MASTERDOWN link", send(Target::Owner, 10, Learn::Refresh));
        check("READONLY replica", send(Target::Owner, 10, Learn::Refresh));
        check("NOAUTH login", send(Target::Fresh(addr(1)), 10, Learn::Nothing));
    }

    #[test]
    fn a_replica_in_trouble_is_left_for_its_primary_at_once() {
        for error in ["LOADING data", "MASTERDOWN link", "READONLY replica"] {
            let step =
                follow(RetryClass::Read).handle_notice(notice(error), &addr(4), now(&table(1), 0));
            assert_eq!(step, send(Target::Owner, 0, Learn::Refresh), "{error}");
        }
    }

    #[test]
    fn try_again_stays_where_ask_led() {
        let (table, mut redirect) = (table(1), follow(RetryClass::Never));
        redirect.handle_notice(notice("ASK 42 10.0.0.1:3"), &addr(1), now(&table, 0));
        for _ in 0..9 {
            let step = redirect.handle_notice(notice("TRYAGAIN"), &addr(3), now(&table, 0));
            assert_eq!(step, send(Target::Asking(addr(3)), 10, Learn::Nothing));
        }
    }

    #[test]
    fn what_does_not_pass_is_delivered_as_the_node_said_it() {
        let (table, mut redirect) = (table(1), follow(RetryClass::Never));
        for error in ["TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "NOAUTH", "BUSY"] {
            let step = redirect.handle_notice(notice(error), &addr(1), now(&table, 5000));
            assert_eq!(step, Step::Deliver, "{error}");
            let step = redirect.handle_notice(notice(error), &addr(1), now(&table, 4995));
            let Step::Send { after, .. } = step else { panic!("{step:?}") };
            assert_eq!(after, Duration::from_millis(5), "no wait outlasts the deadline");
        }
    }

    #[test]
    fn redirects_are_followed_five_times() {
        let (table, mut redirect) = (table(1), follow(RetryClass::Never));
        for hop in 0..5 {
            let (from, to) = if hop % 2 == 0 { (1, 3) } else { (3, 1) };
            let moved = notice(&format!("MOVED 42 10.0.0.1:{to}"));
            let step = redirect.handle_notice(moved, &addr(from), now(&table, hop));
            assert_eq!(step, send(Target::Node(addr(to)), 0, Learn::Patch));
        }
        let step = redirect.handle_notice(notice("MOVED 42 :1"), &addr(3), now(&table, 9));
        let waited = Duration::from_millis(9);
        assert_eq!(step, Step::GiveUp(GiveUp::TooManyRedirects { hops: 5, waited }));
    }

    #[test]
    fn a_script_is_followed_only_where_its_slot_went() {
        let mut redirect = follow(RetryClass::Script);
        let old = table(1);
        let step = redirect.handle_notice(notice("MOVED 42 10.0.0.1:3"), &addr(1), now(&old, 0));
        assert_eq!(step, asked(), "even to a known node");
        let moved = redirect.clone().handle_topology(now(&table(3), 5));
        assert_eq!(moved, send(Target::Owner, 0, Learn::Nothing));
        let known = follow(RetryClass::Script).handle_notice(
            notice("MOVED 42 10.0.0.1:3"),
            &addr(1),
            now(&table(3), 0),
        );
        assert_eq!(known, send(Target::Owner, 0, Learn::Nothing), "the table knew it first");
        // A forged one is never confirmed.
        let mut views = 0;
        let last = loop {
            match redirect.handle_topology(now(&old, 5)) {
                Step::WaitForTopology { .. } => views += 1,
                other @ (Step::Deliver | Step::Send { .. } | Step::GiveUp(_)) => break other,
            }
        };
        assert_eq!((last, views), (Step::GiveUp(GiveUp::Unproven), 4));
    }

    #[test]
    fn a_script_is_asked_on_only_where_its_slot_is_going() {
        let mut redirect = follow(RetryClass::Script);
        let step = redirect.handle_notice(notice("ASK 42 :3"), &addr(1), now(&table(1), 0));
        let Step::WaitForTopology { witness, .. } = step else { panic!("{step:?}") };
        assert_eq!(witness, Some(addr(1)));
        let with_move = |to| {
            let moves = vec![SlotMove { slot: slot(), from: id(1), to: id(to) }];
            SlotTable::new(Topology { moves, ..view(1) }).unwrap()
        };
        let elsewhere = redirect.clone().handle_topology(now(&with_move(2), 5));
        assert!(matches!(elsewhere, Step::WaitForTopology { .. }), "{elsewhere:?}");
        let proven = redirect.handle_topology(now(&with_move(3), 5));
        assert_eq!(proven, send(Target::Asking(addr(3)), 0, Learn::Nothing));
    }

    #[test]
    fn a_script_that_says_it_should_wait_is_not_believed() {
        for error in ["TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "BUSY", "NOAUTH"] {
            assert_eq!(judged(RetryClass::Script, error), Step::Deliver, "{error}");
        }
    }

    #[test]
    fn a_slot_without_an_owner_is_held_and_then_named() {
        let (nobody, mut redirect) = (table(9), follow(RetryClass::Never));
        assert_eq!(redirect.handle_unreachable(now(&nobody, 0)), refresh(10));
        let step = redirect.clone().handle_topology(now(&table(1), 100));
        assert_eq!(step, send(Target::Owner, 0, Learn::Nothing));
        assert!(matches!(
            redirect.handle_topology(now(&nobody, 100)),
            Step::WaitForTopology { .. }
        ));
        let Step::GiveUp(end) = redirect.handle_topology(now(&nobody, 5000)) else {
            panic!("it should end");
        };
        assert_eq!(
            end.to_string(),
            "CLUSTERDOWN slotway: slots 0-99 have no reachable primary for 5.0s"
        );
    }

    #[test]
    fn only_an_unknown_outcome_has_a_code_that_nobody_retries() {
        let waited = Duration::from_millis(1234);
        let slots = SlotRange::from(slot());
        for (end, text) in [
            (
                GiveUp::TooManyRedirects { hops: 5, waited },
                "CLUSTERDOWN slotway: 5 redirects within 1.2s led to no answer",
            ),
            (
                GiveUp::UnknownNode { slot: slot(), waited },
                "CLUSTERDOWN slotway: slot 42 moved to a node that is not known for 1.2s",
            ),
            (
                GiveUp::NoPrimary { slots, waited },
                "CLUSTERDOWN slotway: slot 42 has no reachable primary for 1.2s",
            ),
            (
                GiveUp::Unreachable { waited },
                "CLUSTERDOWN slotway: the node was not reachable for 1.2s",
            ),
            (
                GiveUp::NotOurs,
                "ERR slotway: a node redirected the command in a way that does not fit it",
            ),
        ] {
            assert_eq!(end.to_string(), text);
            assert_eq!(end.delivery(), crate::Delivery::NotSent);
        }
        assert_eq!(GiveUp::Unproven.delivery(), crate::Delivery::MaybeSent);
        assert!(GiveUp::Unproven.to_string().starts_with("UNKNOWNOUTCOME "));
        assert!(unknown_outcome(&addr(1)).starts_with("UNKNOWNOUTCOME "));
    }

    proptest! {
        #[test]
        fn every_request_ends_and_goes_only_to_nodes_that_are_known(
            events in prop::collection::vec((0..12usize, 1..6u16, 1..6u16, any::<u64>()), 2000),
            script: bool,
        ) {
            const ERRORS: [&str; 9] = [
                "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "NOAUTH", "BUSY",
                "ERR max number of clients reached", "CLUSTERDOWN",
            ];
            let class = if script { RetryClass::Script } else { RetryClass::Never };
            let (mut redirect, mut elapsed, mut hops) = (follow(class), Duration::ZERO, 0);
            let mut ended = false;
            let mut waiting = false;
            for (kind, from, port, random) in events {
                let table = table(port);
                let now = Now { table: &table, elapsed, random };
                let error = match kind {
                    0 => format!("MOVED 42 10.0.0.1:{port}"),
                    1 => format!("ASK 42 10.0.0.1:{port}"),
                    2 => String::new(),
                    other => ERRORS[other - 3].into(),
                };
                let step = match Notice::parse(error.as_bytes(), &addr(from)) {
                    _ if waiting => redirect.handle_topology(now),
                    Some(notice) => redirect.handle_notice(notice, &addr(from), now),
                    None => redirect.handle_unreachable(now),
                };
                waiting = matches!(step, Step::WaitForTopology { .. });
                match step {
                    Step::Send { to, after, .. } => {
                        elapsed += after;
                        hops += usize::from(after.is_zero());
                        if let Target::Node(to) | Target::Asking(to) | Target::Fresh(to) = to {
                            prop_assert!(to == addr(from) || table.node_at(&to).is_some());
                        }
                    }
                    Step::WaitForTopology { after, .. } => elapsed += after,
                    Step::Deliver | Step::GiveUp(_) => {
                        ended = true;
                        break;
                    }
                }
            }
            prop_assert!(ended, "after {:?} and {} hops it still goes on", elapsed, hops);
            prop_assert!(elapsed <= Duration::from_secs(5));
        }
    }
}
