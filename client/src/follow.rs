//! Follows one command through the cluster: the only place that waits and sends again.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{
    Delivery, GiveUp, Learn, Mishap, NodeAddr, Notice, Now, Redirect, Repeats, RetryClass, Slot,
    Step, Target, Verdict,
};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use crate::{
    Error,
    cluster::Cluster,
    connection::{Ended, Manner},
    error::ConnectError,
    node::{Node, NotSent},
};

/// Where a command is to go.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// To whoever owns this slot.
    Slot(Slot),
    /// To any primary.
    Any,
    /// To this node and no other.
    Node(Arc<Node>),
}

/// How one attempt ended.
enum Attempt {
    Reply(Bytes, Arc<Node>),
    Ended(Ended, Arc<Node>),
    NotSent(NotSent, Arc<Node>),
    /// Nobody is known to take it.
    Nobody,
}

/// A command on its way.
struct Journey<'a> {
    cluster: &'a Cluster,
    command: &'a [u8],
    route: Route,
    class: RetryClass,
    redirect: Redirect,
    started: Instant,
    /// What a node said last that sent the command away.
    said: Bytes,
    /// The last node that could not be reached, and why.
    blocked: Option<(NodeAddr, Arc<ConnectError>)>,
}

/// Sends an encoded command and follows it until a node answers.
pub(crate) async fn follow(
    cluster: &Cluster,
    command: &[u8],
    route: Route,
    class: RetryClass,
) -> Result<Bytes, Error> {
    let slot = match route {
        Route::Slot(slot) => Some(slot),
        Route::Any | Route::Node(_) => None,
    };
    let redirect = Redirect::new(slot, class, cluster.config.limits.redirect());
    let started = Instant::now();
    let mut journey = Journey {
        cluster,
        command,
        route,
        class,
        redirect,
        started,
        said: Bytes::new(),
        blocked: None,
    };
    let mut target = Target::Owner;
    loop {
        let step = match journey.attempt(&target).await {
            Attempt::Reply(frame, node) => match Notice::of_reply(&frame, node.addr()) {
                None => return Ok(frame),
                Some(notice) => journey.turned_away(notice, frame, &node),
            },
            Attempt::Ended(ended, node) => journey.ended(ended, &node)?,
            Attempt::NotSent(reason, node) => journey.not_sent(reason, &node)?,
            Attempt::Nobody => journey.unreachable(),
        };
        match journey.take(step).await? {
            Next::Send(next) => target = next,
            Next::Answer(frame) => return Ok(frame),
        }
    }
}

/// What a step came to.
enum Next {
    Send(Target),
    Answer(Bytes),
}

impl Journey<'_> {
    async fn attempt(&self, target: &Target) -> Attempt {
        let Some((node, manner)) = self.find(target) else { return Attempt::Nobody };
        let deadline = self.started + self.cluster.config.limits.deadline;
        match node.send(self.command, manner, deadline).await {
            Err(reason) => Attempt::NotSent(reason, node),
            Ok(call) => match call.await {
                Ended::Reply(frame) => Attempt::Reply(frame, node),
                ended @ (Ended::Lost(_) | Ended::Late(_)) => Attempt::Ended(ended, node),
            },
        }
    }

    fn find(&self, target: &Target) -> Option<(Arc<Node>, Manner)> {
        let routes = self.cluster.routes();
        let (node, manner) = match target {
            Target::Owner => (self.owner(&routes), Manner::Plain),
            Target::Node(addr) => (routes.node_at(addr), Manner::Plain),
            Target::Asking(addr) => (routes.node_at(addr), Manner::Asking),
            Target::Fresh(addr) => {
                routes.node_at(addr).inspect(|node| node.disconnect());
                (routes.node_at(addr), Manner::Plain)
            }
        };
        Some((node?.clone(), manner))
    }

    fn owner<'r>(&'r self, routes: &'r crate::cluster::Routes) -> Option<&'r Arc<Node>> {
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
        self.said = frame;
        let routes = self.cluster.routes();
        let now = self.now(&routes);
        self.redirect.handle_notice(notice, node.addr(), now)
    }

    fn ended(&mut self, ended: Ended, node: &Node) -> Result<Step, Error> {
        match ended {
            Ended::Lost(progress) => {
                self.cluster.refresh();
                let mishap = Mishap::Lost { progress, repeats: 0 };
                match Verdict::of(self.class, mishap, Repeats::Reads) {
                    Verdict::SendAgain => Ok(self.unreachable()),
                    Verdict::UnknownOutcome | Verdict::Deliver | Verdict::Fail | Verdict::Close => {
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
            NotSent::Full(source) => Err(Error::Overloaded { node: node.addr().clone(), source }),
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
                    }
                    return Ok(Next::Send(to));
                }
                Step::WaitForTopology { after, within, witness } => {
                    sleep(after).await;
                    let mut rounds = self.cluster.rounds();
                    self.cluster.refresh_for(witness);
                    // Either a view came, or the time is up: the decision is the same.
                    let _ = timeout(within.saturating_sub(after), rounds.changed()).await;
                    let routes = self.cluster.routes();
                    let now = self.now(&routes);
                    step = self.redirect.handle_topology(now);
                }
            }
        }
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

    fn now<'r>(&self, routes: &'r crate::cluster::Routes) -> Now<'r> {
        let (elapsed, random) = (self.started.elapsed(), fastrand::u64(..));
        Now { table: &routes.table, elapsed, random }
    }
}
