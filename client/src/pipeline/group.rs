//! The commands of a pipeline for one slot, in their order.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{Command, CommandTable, Notice, RetryClass, Slot};
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
    /// Sends the commands of one slot.
    ///
    /// The first time all go together on one connection. What has to be sent again goes when all of
    /// them have come back, one at a time, the oldest first; so none can overtake another on the
    /// way. Where a node itself has let one be overtaken, it is not sent again.
    pub(super) async fn run_group(
        &self,
        slot: Slot,
        group: Vec<Single<'_>>,
    ) -> Vec<(usize, Result<Bytes, Error>)> {
        let reads = group.iter().all(|single| single.class == RetryClass::Read);
        let read_from = if reads { self.terms.read_from } else { ReadFrom::Primary };
        let terms = Terms { read_from, ..self.terms };
        let started = Instant::now();
        let mut journeys: Vec<Journey<'_>> = group
            .iter()
            .map(|single| {
                let request =
                    Request::new(single.command.as_command().bytes(), single.class, terms);
                Journey::new(&self.cluster, request, Route::Slot(slot), started)
            })
            .collect();
        let first = self.first_leg(slot, &group, &journeys).await;
        let (node, ended) = match first {
            // Whatever a replica did not answer, the owner is asked as if for the first time.
            Some(FirstLeg { node, manner, ended }) => (Some((node, manner)), ended),
            None => (None, Vec::new()),
        };
        let ran: Vec<bool> = ended.iter().map(|ended| has_run(ended, node.as_ref())).collect();
        let mut ended = ended.into_iter();
        let mut replies = Vec::with_capacity(group.len());
        for (place, (single, journey)) in group.iter().zip(&mut journeys).enumerate() {
            let later = || (&group[place + 1..], &ran[place + 1..]);
            let reply = match (ended.next(), &node) {
                (Some(Ended::Reply(frame)), _) if ran[place] => Ok(frame),
                (Some(_), _) if self.is_overtaken(single, later()) => Err(Error::Overtaken),
                (Some(ended), Some((node, Manner::Plain | Manner::Asking))) => {
                    journey.resume(Attempt::of(ended, node.clone())).await
                }
                (Some(_) | None, _) => journey.go().await,
            };
            replies.push((single.index, reply));
        }
        replies
    }

    /// Sends as many as one connection takes, and waits for all of them.
    async fn first_leg(
        &self,
        slot: Slot,
        group: &[Single<'_>],
        journeys: &[Journey<'_>],
    ) -> Option<FirstLeg> {
        let first = journeys.first()?;
        let (node, manner, deadline) = match first.reader() {
            Some(node) => (node, Manner::Reading, first.reader_deadline()),
            None => (self.cluster.routes().owner(slot)?.clone(), Manner::Plain, first.deadline()),
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

    /// Whether one of the later commands has run, and the two must not change places.
    fn is_overtaken(&self, single: &Single<'_>, (later, ran): (&[Single<'_>], &[bool])) -> bool {
        let both_read = |other: &Single<'_>| {
            single.class == RetryClass::Read && other.class == RetryClass::Read
        };
        later.iter().zip(ran).any(|(other, &ran)| {
            ran && !both_read(other)
                && share_a_key(
                    &single.command.as_command(),
                    &other.command.as_command(),
                    &self.commands.table,
                )
        })
    }
}

fn has_run(ended: &Ended, node: Option<&(Arc<Node>, Manner)>) -> bool {
    let (Ended::Reply(frame), Some((node, _))) = (ended, node) else { return false };
    Notice::of_reply(frame, node.addr()).is_none()
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
