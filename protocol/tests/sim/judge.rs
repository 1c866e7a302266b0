//! What becomes of a reply, a loss, a view: here the crate decides, and the world does as told.

use std::time::Duration;

use slotway_protocol::{
    Delivery, Freshness, Learn, Mishap, Moved, Notice, Now, Origin, Progress, Repeats, SlotTable,
    Step, Target, Topology, Transport, Value, Verdict,
};

use crate::{
    cluster::{Cluster, NodeIndex},
    event::{Bug, Event, Met},
    link::Ticket,
    session::{Kind, Next, Outcome},
    world::World,
};

impl World {
    pub(crate) fn answered(&mut self, ticket: Ticket, node: NodeIndex, reply: Vec<u8>) {
        let request = &self.requests[ticket];
        self.sessions[request.session].travelling.remove(&request.sequence);
        let addr = self.cluster.nodes[node].addr.clone();
        let Some(notice) = Notice::of_reply(&reply, &addr) else {
            let outcome =
                if reply.starts_with(b"-") { refused(&reply) } else { Outcome::Reply(reply) };
            return self.finish(ticket, outcome);
        };
        self.meet_notice(&notice);
        let (elapsed, random) = (self.elapsed(ticket), self.random.next());
        let now = Now { table: &self.table, elapsed, random };
        let step = self.requests[ticket].redirect.handle_notice(notice, &addr, now);
        self.follow(ticket, step, &reply);
    }

    fn meet_notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Moved { .. } => self.meet(Met::Moved),
            Notice::Ask { .. } => self.meet(Met::Ask),
            Notice::TryAgain => self.meet(Met::TryAgain),
            Notice::ClusterDown => self.meet(Met::ClusterDown),
            Notice::Garbled
            | Notice::Loading
            | Notice::MasterDown
            | Notice::ReadOnly
            | Notice::NoAuth
            | Notice::Busy
            | Notice::TooManyClients => self.fail(format!("the model never says {notice:?}")),
        }
    }

    pub(crate) fn after_loss(&mut self, ticket: Ticket, progress: Progress) {
        self.meet(match progress {
            Progress::NotSent => Met::LostUnsent,
            Progress::PartlySent => Met::LostPartlySent,
            Progress::Sent => Met::LostSent,
            Progress::ReplyStarted | Progress::ReplyForwarded => Met::LostReplyStarted,
        });
        let class = self.requests[ticket].kind.class();
        let verdict = Verdict::of(class, Mishap::Lost { progress, repeats: 0 }, Repeats::Reads);
        match verdict {
            Verdict::SendAgain => self.unreachable(ticket),
            Verdict::UnknownOutcome if self.bug == Bug::ResentAfterMaybeSent => {
                self.unreachable(ticket);
            }
            Verdict::UnknownOutcome => self.finish(ticket, Outcome::Unknown),
            Verdict::Deliver | Verdict::Fail | Verdict::Close => {
                self.fail(format!("{verdict:?} after a loss of {:?}", self.requests[ticket].kind));
            }
        }
    }

    pub(crate) fn unreachable(&mut self, ticket: Ticket) {
        let (elapsed, random) = (self.elapsed(ticket), self.random.next());
        let now = Now { table: &self.table, elapsed, random };
        let step = self.requests[ticket].redirect.handle_unreachable(now);
        self.follow(ticket, step, b"");
    }

    fn follow(&mut self, ticket: Ticket, step: Step, reply: &[u8]) {
        match step {
            Step::Deliver => self.finish(ticket, refused(reply)),
            Step::GiveUp(reason) if reason.delivery() == Delivery::MaybeSent => {
                self.meet(Met::Unproven);
                self.finish(ticket, Outcome::Unknown);
            }
            Step::GiveUp(reason) => self.finish(ticket, Outcome::Refused(reason.to_string())),
            Step::Send { to, after, learn } => {
                let (target, learn_from) = match to {
                    Target::Owner => (None, None),
                    Target::Node(addr) | Target::Fresh(addr) => {
                        (Some((addr.clone(), false)), Some(addr))
                    }
                    Target::Asking(addr) => (Some((addr.clone(), true)), Some(addr)),
                };
                if learn == Learn::Patch
                    && let Some(addr) = learn_from
                    && let Moved::Replaced(table) =
                        self.table.learn_moved(self.requests[ticket].slot, &addr)
                {
                    self.table = table;
                }
                if learn != Learn::Nothing {
                    self.refresh();
                }
                self.again(ticket, Next::Send { to: target, after });
            }
            Step::WaitForTopology { after, .. } => self.again(ticket, Next::View { after }),
        }
    }

    pub(crate) fn want_view(&mut self, ticket: Ticket) {
        self.waiting.push(ticket);
        self.refresh();
    }

    /// Asks for a view, unless one is already on its way.
    pub(crate) fn refresh(&mut self) {
        if !self.refreshing {
            self.refreshing = true;
            let delay = self.random.between(100, 2_000);
            self.agenda.after(delay, Event::AskForView);
        }
    }

    /// A node that the table knows is asked; any of them, so also one that is behind.
    pub(crate) fn ask_for_view(&mut self) {
        let known = self.table.nodes();
        let addr = known[self.random.below(known.len())].addr().cloned();
        let node = addr.and_then(|addr| self.cluster.find(&addr));
        let alive = node.filter(|&node| self.cluster.nodes[node].alive);
        let view = alive.map(|node| read_view(&self.cluster, node));
        let delay = self.random.between(100, 2_000);
        self.agenda.after(delay, Event::View(view));
    }

    pub(crate) fn take_view(&mut self, view: Option<Topology>) {
        self.refreshing = false;
        let Some(view) = view else { return self.refresh() };
        let before = self.table.epoch();
        let older = view.freshness(self.table.topology()) == Freshness::Older;
        if !older || self.bug == Bug::OlderEpochTaken {
            self.table = SlotTable::new(view).expect("the model is small");
        }
        if self.table.epoch() < before {
            self.fail(format!("the table went back from {before:?} to {:?}", self.table.epoch()));
        }
        for ticket in std::mem::take(&mut self.waiting) {
            let (elapsed, random) = (self.elapsed(ticket), self.random.next());
            let now = Now { table: &self.table, elapsed, random };
            let step = self.requests[ticket].redirect.handle_topology(now);
            self.follow(ticket, step, b"");
        }
    }

    /// Whether a later command of the same session has run, or may have, that must not run before
    /// this one: they have a key in common, and one of them writes.
    pub(crate) fn is_overtaken(&self, ticket: Ticket) -> bool {
        let request = &self.requests[ticket];
        let session = &self.sessions[request.session];
        session.ring.iter().map(|&other| &self.requests[other]).any(|other| {
            let ran = matches!(other.outcome, Some(Outcome::Reply(_) | Outcome::Unknown));
            let meets = other.keys.iter().any(|key| request.keys.contains(key));
            let writes = other.kind != Kind::Read || request.kind != Kind::Read;
            other.sequence > request.sequence && ran && meets && writes
        })
    }

    fn elapsed(&self, ticket: Ticket) -> Duration {
        Duration::from_micros(self.agenda.now - self.requests[ticket].started)
    }
}

/// What a node says to `CLUSTER NODES`, read as a client reads it.
pub(crate) fn read_view(cluster: &Cluster, node: NodeIndex) -> Topology {
    let answer = Value::Bulk(cluster.nodes_text(node).into());
    let origin = Origin { addr: cluster.nodes[node].addr.clone(), transport: Transport::Plain };
    Topology::from_nodes(&answer, &origin).expect("the model writes what servers write")
}

fn refused(reply: &[u8]) -> Outcome {
    Outcome::Refused(String::from_utf8_lossy(reply).trim_end().to_owned())
}
