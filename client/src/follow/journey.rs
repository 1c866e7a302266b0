//! A request that is followed until a node answers: the only place that waits and sends again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use slotway_protocol::{
    Block, Delivery, GiveUp, Learn, Mishap, NodeAddr, Notice, Now, Progress, Redirect, RetryClass,
    Step, Target, Verdict, lost_its_place,
};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::{Attempt, FOREVER, Route};
use crate::{
    Error, ReadFrom,
    cluster::{Cluster, Routes},
    connection::{Ended, Manner, NotTaken},
    error::ConnectError,
    node::{Node, NotSent},
    request::{Request, Via},
    stats::Counted,
};

/// A replica has this part of a call's time, so that enough is left for the primary.
const REPLICA_SHARE: u32 = 4;
/// A command that was held this long by a server has all its redirects and time before it again.
const HELD: Duration = Duration::from_millis(100);

/// A request on its way.
pub(crate) struct Journey<'a> {
    cluster: &'a Cluster,
    request: Request<'a>,
    route: Route,
    redirect: Redirect,
    started: Instant,
    /// How often it was sent again although it had been sent whole.
    repeats: u32,
    /// What a node said last that sent the request away.
    said: Bytes,
    /// The last node that could not be reached, and why.
    blocked: Option<(NodeAddr, Arc<ConnectError>)>,
}

/// What a step came to.
enum Next {
    Send(Target),
    Answer(Bytes),
}

impl<'a> Journey<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        request: Request<'a>,
        route: Route,
        started: Instant,
    ) -> Self {
        let redirect = redirect(cluster, &request, &route);
        let said = Bytes::new();
        Self { cluster, request, route, redirect, started, repeats: 0, said, blocked: None }
    }

    /// Sends it to whoever is to have it, and follows it from there.
    pub(crate) async fn go(&mut self) -> Result<Bytes, Error> {
        let first = self.attempt(&Target::Owner).await;
        self.resume(first).await
    }

    /// Follows it from an attempt that was made.
    pub(crate) async fn resume(&mut self, mut attempt: Attempt) -> Result<Bytes, Error> {
        loop {
            let step = match attempt {
                Attempt::Reply(frame, node) => match Notice::of_reply(&frame, node.addr()) {
                    None => return Ok(frame),
                    Some(notice) => self.turned_away(notice, frame, &node),
                },
                Attempt::Ended(ended, node) => self.ended(ended, &node)?,
                Attempt::NotSent(reason, node) => self.not_sent(reason, &node)?,
                Attempt::Nobody => self.unreachable(),
            };
            match self.take(step).await? {
                Next::Send(next) => attempt = self.attempt(&next).await,
                Next::Answer(frame) => return Ok(frame),
            }
        }
    }

    /// Who is to have it now.
    pub(crate) fn owner(&self) -> Option<Arc<Node>> {
        self.find(&Target::Owner).map(|(node, _)| node)
    }

    /// The replica that is to answer, if one is.
    pub(crate) fn reader(&self) -> Option<Arc<Node>> {
        let Route::Slot(slot) = self.route else { return None };
        if self.request.terms.read_from == ReadFrom::Primary
            || self.request.class != RetryClass::Read
        {
            return None;
        }
        let zone = self.cluster.config.zone.as_deref();
        self.cluster.routes().reader(slot, self.request.terms.read_from, zone).cloned()
    }

    /// Asks a replica. Whatever it says that is no answer, the owner is asked next.
    pub(super) async fn read(&self, node: Arc<Node>) -> Option<Bytes> {
        let call = node.send(self.request.unit, Manner::Reading, self.reader_deadline()).await;
        let call =
            call.inspect_err(|error| debug!(node = %node.addr(), ?error, "not read")).ok()?;
        let Ended::Reply(frame) = call.await else { return None };
        match Notice::of_reply(&frame, node.addr()) {
            None => Some(frame),
            Some(notice) => {
                debug!(node = %node.addr(), ?notice, "not read");
                if matches!(notice, Notice::Moved { .. }) {
                    self.cluster.refresh();
                }
                None
            }
        }
    }

    async fn attempt(&mut self, target: &Target) -> Attempt {
        let Some((node, manner)) = self.find(target) else { return Attempt::Nobody };
        if let Via::Lease(_) = self.request.via {
            return Box::pin(self.attempt_leased(node, manner)).await;
        }
        match node.send(self.request.unit, manner, self.deadline()).await {
            Err(reason) => Attempt::NotSent(reason, node),
            Ok(call) => Attempt::of(call.await, node),
        }
    }

    async fn attempt_leased(&mut self, node: Arc<Node>, manner: Manner) -> Attempt {
        let lease = match node.lease(self.started + self.request.terms.deadline).await {
            Ok(lease) => lease,
            Err(reason) => return Attempt::NotSent(reason, node),
        };
        let sent = Instant::now();
        let call = match lease.send(self.request.unit, manner, self.deadline()) {
            Ok(call) => call,
            Err(NotTaken::Closed) => return Attempt::Ended(Ended::Lost(Progress::NotSent), node),
            Err(NotTaken::Full(full)) => {
                lease.give_back();
                return Attempt::NotSent(NotSent::Full(full), node);
            }
        };
        let ended = call.await;
        if sent.elapsed() >= HELD {
            self.started = Instant::now();
            self.redirect = redirect(self.cluster, &self.request, &self.route);
        }
        match ended {
            Ended::Reply(frame) if lost_its_place(&frame) => {
                self.cluster.refresh();
                Attempt::Ended(Ended::Lost(Progress::NotSent), node)
            }
            Ended::Reply(frame) => {
                lease.give_back();
                Attempt::Reply(frame, node)
            }
            ended @ (Ended::Lost(_) | Ended::Late(_)) => Attempt::Ended(ended, node),
        }
    }

    /// When the time of an attempt that begins now is up.
    pub(crate) fn deadline(&self) -> Instant {
        let deadline = self.started + self.request.terms.deadline;
        match self.request.via {
            Via::Shared => deadline,
            Via::Lease(Block::For(time)) => deadline + time.min(FOREVER),
            Via::Lease(Block::Forever) => deadline + FOREVER,
        }
    }

    /// The same for an attempt at a replica.
    pub(crate) fn reader_deadline(&self) -> Instant {
        self.started + self.request.terms.deadline / REPLICA_SHARE
    }

    fn find(&self, target: &Target) -> Option<(Arc<Node>, Manner)> {
        let routes = self.cluster.routes();
        let (node, manner) = match target {
            Target::Owner => (self.owner_in(&routes), Manner::Plain),
            Target::Node(addr) => (routes.node_at(addr), Manner::Plain),
            Target::Asking(addr) => (routes.node_at(addr), Manner::Asking),
            Target::Fresh(addr) => {
                routes.node_at(addr).inspect(|node| node.disconnect());
                (routes.node_at(addr), Manner::Plain)
            }
        };
        Some((node?.clone(), manner))
    }

    fn owner_in<'r>(&'r self, routes: &'r Routes) -> Option<&'r Arc<Node>> {
        match &self.route {
            Route::Slot(slot) => routes.owner(*slot),
            Route::Node(node) => Some(node),
            Route::Any => {
                let count = routes.primaries().count();
                routes.primaries().nth(fastrand::usize(..count.max(1)))
            }
        }
    }

    fn turned_away(&mut self, notice: Notice, frame: Bytes, node: &Node) -> Step {
        debug!(node = %node.addr(), ?notice, "turned away");
        self.cluster.counters.count(Counted::of(&notice));
        self.said = frame;
        let routes = self.cluster.routes();
        let now = self.now(&routes);
        self.redirect.handle_notice(notice, node.addr(), now)
    }

    fn ended(&mut self, ended: Ended, node: &Node) -> Result<Step, Error> {
        match ended {
            Ended::Lost(progress) => {
                self.cluster.refresh();
                let mishap = Mishap::Lost { progress, repeats: self.repeats };
                if progress.delivery() == Delivery::MaybeSent {
                    self.repeats += 1;
                }
                match Verdict::of(self.request.class, mishap, self.request.terms.repeats) {
                    Verdict::SendAgain => {
                        self.cluster.counters.count(Counted::SentAgain);
                        Ok(self.unreachable())
                    }
                    Verdict::Fail => Err(Error::Aborted { node: node.addr().clone() }),
                    Verdict::UnknownOutcome | Verdict::Deliver | Verdict::Close => {
                        self.cluster.counters.count(Counted::Unknown);
                        Err(Error::Unknown { node: node.addr().clone() })
                    }
                }
            }
            Ended::Late(delivery) => Err(self.late(node, delivery)),
            Ended::Reply(_) => Ok(Step::Deliver),
        }
    }

    fn not_sent(&mut self, reason: NotSent, node: &Node) -> Result<Step, Error> {
        match reason {
            NotSent::Unreachable(error) => {
                debug!(node = %node.addr(), %error, "unreachable");
                self.cluster.refresh();
                self.blocked = Some((node.addr().clone(), error));
                Ok(self.unreachable())
            }
            NotSent::Late => Err(self.late(node, Delivery::NotSent)),
            NotSent::Full(full) => Err(full.error(node.addr(), &self.cluster.counters)),
            NotSent::AllLeased => {
                self.cluster.counters.count(Counted::Overloaded);
                Err(Error::AllLeased { leases_max: self.cluster.config.limits.leases_max })
            }
        }
    }

    fn gave_up(&mut self, reason: GiveUp) -> Error {
        match (reason, self.blocked.take()) {
            (GiveUp::NoPrimary { .. } | GiveUp::Unreachable { .. }, Some((node, source))) => {
                Error::Unreachable { reason, node, source }
            }
            (reason, _) => Error::GaveUp(reason),
        }
    }

    fn late(&self, node: &Node, delivery: Delivery) -> Error {
        self.cluster.counters.count(Counted::Late);
        // A node whose machine is gone closes no connection: that it is silent is all there is to
        // tell that another may have taken its place.
        self.cluster.refresh();
        let waited = self.started.elapsed();
        Error::Late { node: node.addr().clone(), waited, delivery }
    }

    fn unreachable(&mut self) -> Step {
        let routes = self.cluster.routes();
        let now = self.now(&routes);
        self.redirect.handle_unreachable(now)
    }

    /// Does what was decided, up to the next attempt.
    async fn take(&mut self, mut step: Step) -> Result<Next, Error> {
        loop {
            match step {
                Step::Deliver => return Ok(Next::Answer(self.said.clone())),
                Step::GiveUp(reason) => return Err(self.gave_up(reason)),
                Step::Send { to, after, learn } => {
                    self.learn(&to, learn);
                    if !after.is_zero() {
                        sleep(after).await;
                        // Sent when the time is up, it would run without anybody to hear of it.
                        if self.started.elapsed() >= self.request.terms.deadline {
                            return Ok(Next::Answer(self.said.clone()));
                        }
                    }
                    return Ok(Next::Send(to));
                }
                Step::WaitForTopology { after, within, witness } => {
                    if !self.owner_changes(after, witness.as_ref()).await {
                        let mut views = match &witness {
                            // What it says comes with a round, if it comes.
                            Some(_) => self.cluster.rounds(),
                            None => self.cluster.views(),
                        };
                        self.cluster.refresh_for(witness);
                        // Either a view came, or the time is up: the decision is the same.
                        let _ = timeout(within.saturating_sub(after), views.changed()).await;
                    }
                    let routes = self.cluster.routes();
                    let now = self.now(&routes);
                    step = self.redirect.handle_topology(now);
                }
            }
        }
    }

    /// Waits this long, or until another node is known to own the slot: whoever waits for a failover
    /// goes on as soon as it is over. Whether that is so.
    async fn owner_changes(&self, within: Duration, witness: Option<&NodeAddr>) -> bool {
        if within.is_zero() {
            return false;
        }
        let owner = || self.owner_in(&self.cluster.routes()).map(|node| node.addr().clone());
        let (Route::Slot(_), before) = (&self.route, owner()) else {
            sleep(within).await;
            return false;
        };
        let mut views = self.cluster.views();
        let changes = async {
            while owner() == before {
                self.cluster.refresh_for(witness.cloned());
                let _ = views.changed().await;
            }
        };
        timeout(within, changes).await.is_ok()
    }

    fn learn(&self, to: &Target, learn: Learn) {
        match (learn, to, &self.route) {
            (Learn::Patch, Target::Node(addr), Route::Slot(slot)) => {
                self.cluster.learn(*slot, addr);
            }
            (Learn::Nothing, _, _) => {}
            (Learn::Patch | Learn::Refresh, _, _) => self.cluster.refresh(),
        }
    }

    fn now<'r>(&self, routes: &'r Routes) -> Now<'r> {
        let (elapsed, random) = (self.started.elapsed(), fastrand::u64(..));
        Now { table: &routes.table, elapsed, random }
    }
}

fn redirect(cluster: &Cluster, request: &Request<'_>, route: &Route) -> Redirect {
    let slot = match route {
        Route::Slot(slot) => Some(*slot),
        Route::Any | Route::Node(_) => None,
    };
    let limits = cluster.config.limits.redirect(request.terms.deadline);
    Redirect::new(slot, request.class, limits)
}
