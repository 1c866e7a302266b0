//! The commands of a pipeline for one slot, in their order.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{Command, CommandTable, Delivery, NodeAddr, Notice, RetryClass, Slot};
use tokio::time::Instant;

use super::Single;
use crate::{
    Client, Error, ReadFrom,
    connection::{Connection, Ended, Manner},
    follow::{Attempt, Journey, Route},
    node::{Node, NotSent},
    request::Request,
    terms::Terms,
};

/// How far the first attempts came: so many commands went out together, to this node.
struct FirstLeg {
    node: Arc<Node>,
    manner: Manner,
    ended: Vec<Ended>,
}

impl Client {
    /// Sends the commands of one slot, or those of none.
    ///
    /// The first time all go together on one connection. What has to be sent again goes when all of
    /// them have come back, one at a time, the oldest first; so none can overtake another on the
    /// way. Where a node itself has let one be overtaken, it is not sent again.
    pub(super) async fn run_group(
        &self,
        slot: Option<Slot>,
        group: Vec<Single<'_>>,
    ) -> Vec<(usize, Result<Bytes, Error>)> {
        let reads = group.iter().all(|single| single.class == RetryClass::Read);
        let read_from = if reads { self.terms.read_from } else { ReadFrom::Primary };
        let terms = Terms { read_from, ..self.terms };
        let started = Instant::now();
        let route = slot.map_or(Route::Any, Route::Slot);
        let mut journeys: Vec<Journey<'_>> = group
            .iter()
            .map(|single| {
                let request =
                    Request::new(single.command.as_command().bytes(), single.class, terms);
                Journey::new(&self.cluster, request, route.clone(), started)
            })
            .collect();
        let first = self.first_leg(&group, &journeys).await;
        let (node, ended) = match first {
            // Whatever a replica did not answer, the owner is asked as if for the first time.
            Some(FirstLeg { node, manner, ended }) => (Some((node, manner)), ended),
            None => (None, Vec::new()),
        };
        let addr = node.as_ref().map(|(node, _)| node.addr());
        let ran: Vec<Ran> = ended
            .iter()
            .zip(&group)
            .map(|(ended, single)| Ran::of(ended, single.class, addr))
            .collect();
        let mut ended = ended.into_iter();
        let mut replies = Vec::with_capacity(group.len());
        for (place, (single, journey)) in group.iter().zip(&mut journeys).enumerate() {
            let overtaken = || {
                let later = group[place + 1..].iter().zip(&ran[place + 1..]);
                self.is_overtaken(single, later)
            };
            let reply = match (ended.next(), &node) {
                (Some(Ended::Reply(frame)), _) if ran[place] == Ran::Yes => Ok(frame),
                (Some(Ended::Lost(_) | Ended::Reply(_)), Some((node, _))) if overtaken() => {
                    Err(ran[place].overtaken(node.addr()))
                }
                (Some(ended), Some((node, Manner::Plain | Manner::Urgent | Manner::Asking))) => {
                    journey.resume(Attempt::of(ended, node.clone())).await
                }
                (Some(_) | None, _) => journey.go().await,
            };
            replies.push((single.index, reply));
        }
        replies
    }

    /// Sends as many as one connection takes, and waits for all of them.
    async fn first_leg(&self, group: &[Single<'_>], journeys: &[Journey<'_>]) -> Option<FirstLeg> {
        let first = journeys.first()?;
        let (node, manner, deadline) = match first.reader() {
            Some(node) => (node, Manner::Reading, first.reader_deadline()),
            None => (first.owner()?, Manner::Plain, first.deadline()),
        };
        let connection: Result<Arc<Connection>, NotSent> = node.connection(manner, deadline).await;
        let connection = connection.ok()?;
        let sent = group.iter().map_while(|single| {
            connection.send(single.command.as_command().bytes(), manner, deadline).ok()
        });
        // Nothing may come between them, so all are sent before the first is awaited.
        let calls: Vec<_> = sent.collect();
        let mut ended = Vec::with_capacity(group.len());
        for call in calls {
            ended.push(call.await);
        }
        Some(FirstLeg { node, manner, ended })
    }

    /// Whether one of the later commands may have run, and the two must not change places.
    fn is_overtaken<'s>(
        &self,
        single: &Single<'_>,
        mut later: impl Iterator<Item = (&'s Single<'s>, &'s Ran)>,
    ) -> bool {
        let both_read = |other: &Single<'_>| {
            [single.class, other.class] == [RetryClass::Read, RetryClass::Read]
        };
        later.any(|(other, ran)| {
            *ran != Ran::No
                && !both_read(other)
                && share_a_key(
                    &single.command.as_command(),
                    &other.command.as_command(),
                    &self.commands.table,
                )
        })
    }
}

/// What the end of a first attempt says of whether the command ran.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ran {
    Yes,
    /// Nobody knows.
    Maybe,
    /// It did not; or it only read, and nobody has seen what.
    No,
}

impl Ran {
    fn of(ended: &Ended, class: RetryClass, node: Option<&NodeAddr>) -> Self {
        let delivery = match (ended, node) {
            (Ended::Reply(frame), Some(node)) => match Notice::of_reply(frame, node) {
                None => return Self::Yes,
                // A script can have written before it said so.
                Some(_) if class == RetryClass::Script => Delivery::MaybeSent,
                Some(_) => Delivery::NotSent,
            },
            (Ended::Reply(_), None) => Delivery::NotSent,
            (Ended::Lost(progress), _) => progress.delivery(),
            (Ended::Late(delivery), _) => *delivery,
        };
        match (delivery, class) {
            (Delivery::NotSent, _) | (Delivery::MaybeSent, RetryClass::Read) => Self::No,
            (Delivery::MaybeSent, _) => Self::Maybe,
        }
    }

    /// Why a command that was overtaken is not sent again.
    fn overtaken(self, node: &NodeAddr) -> Error {
        match self {
            Self::Maybe | Self::Yes => Error::Unknown { node: node.clone() },
            Self::No => Error::Overtaken,
        }
    }
}

fn share_a_key(one: &Command<'_>, other: &Command<'_>, table: &CommandTable) -> bool {
    let keys = |command: &Command<'_>| -> Vec<Vec<u8>> {
        let found = table.lookup(command).ok().and_then(|spec| spec.keys(command).ok());
        let Some(found) = found else { return Vec::new() };
        found.iter().filter_map(|key| command.arg(key.position).map(<[u8]>::to_vec)).collect()
    };
    let first = keys(one);
    keys(other).iter().any(|key| first.contains(key))
}

#[cfg(test)]
mod tests {
    use slotway_protocol::{CommandBuf, Progress};

    use super::*;

    #[track_caller]
    fn check(ended: Ended, class: RetryClass, expected: Ran) {
        let node = NodeAddr::new("a", 1);
        assert_eq!(Ran::of(&ended, class, Some(&node)), expected, "{ended:?} {class:?}");
    }

    #[test]
    fn what_may_have_run_is_told_from_what_did_not() {
        use RetryClass::{Idempotent, Never, Read, Script};
        let reply = |text: &'static str| Ended::Reply(Bytes::from_static(text.as_bytes()));
        check(reply("+OK\r\n"), Never, Ran::Yes);
        check(reply("-WRONGTYPE x\r\n"), Never, Ran::Yes);
        check(reply("-MOVED 1 b:2\r\n"), Never, Ran::No);
        check(reply("-MOVED 1 b:2\r\n"), Script, Ran::Maybe);
        // Sent whole on a connection that is lost: a later command like that must not be overtaken.
        check(Ended::Lost(Progress::Sent), Never, Ran::Maybe);
        check(Ended::Lost(Progress::ReplyStarted), Idempotent, Ran::Maybe);
        check(Ended::Lost(Progress::Sent), Read, Ran::No);
        check(Ended::Lost(Progress::PartlySent), Never, Ran::No);
        check(Ended::Late(Delivery::MaybeSent), Never, Ran::Maybe);
        check(Ended::Late(Delivery::NotSent), Never, Ran::No);
    }

    #[test]
    fn what_may_have_run_is_never_said_not_to_have() {
        let node = NodeAddr::new("a", 1);
        let delivery = |ran: Ran| ran.overtaken(&node).delivery();
        assert_eq!(delivery(Ran::Maybe), Delivery::MaybeSent);
        assert_eq!(delivery(Ran::No), Delivery::NotSent);
    }

    #[test]
    fn commands_share_what_they_both_name() {
        let share = |one: &[&str], other: &[&str]| {
            let (one, other) = [one, other].map(|words| CommandBuf::new(words).unwrap()).into();
            share_a_key(&one.as_command(), &other.as_command(), &CommandTable::builtin())
        };
        assert!(share(&["SET", "{t}a", "1"], &["MGET", "{t}b", "{t}a"]));
        assert!(!share(&["SET", "{t}a", "{t}b"], &["GET", "{t}b"]));
        assert!(!share(&["PUBLISH", "a", "b"], &["PUBLISH", "a", "b"]));
    }
}
