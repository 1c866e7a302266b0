//! WAIT and WAITAOF for writes that went over connections of others.
//!
//! A server answers them for what was written on the same connection: on one that everybody shares
//! they would hold everybody up, and on a new one they would be answered at once. So a connection is
//! leased, and something is written on it that leaves nothing behind: what replicas have of that,
//! they have of all that was written before it, by whomever.

use std::{num::NonZeroU16, sync::Arc, sync::OnceLock, time::Duration};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use slotway_protocol::{Block, Command, CommandBuf, NodeAddr, Notice, Slot, Value};
use tokio::time::{Instant, timeout_at};

use super::{Engine, Written, written::Places};
use crate::{Dedicated, Error, connection::Unit, node::Node, watch::server_error};

/// What a mark is answered with.
const MADE: &[u8] = b"*2\r\n+OK\r\n:1\r\n";
/// How many slots of a node are tried before it is waited for.
const SLOTS_TRIED: usize = 16;

/// What became of a mark.
#[derive(Debug)]
enum Mark {
    Made,
    /// The slot is on its way to this node, and so may be what was written to it.
    Asked(Slot, NodeAddr),
}

/// Why there is no mark.
#[derive(Debug)]
enum Unmarked {
    /// There may be one when the cluster is another.
    Now(Error),
    Ever(Error),
}

impl From<Error> for Unmarked {
    fn from(error: Error) -> Self {
        // Whether a mark was made does not matter: it leaves nothing.
        match error {
            Error::Aborted { .. } | Error::Unknown { .. } | Error::Unreachable { .. } => {
                Self::Now(error)
            }
            error => Self::Ever(error),
        }
    }
}

impl Engine {
    /// Answers WAIT or WAITAOF for what was written: the least of what the primaries say of which
    /// writes went to; or what any primary says, if none did.
    ///
    /// Every primary is written to: a key that is set and deleted in one transaction. Those who
    /// listen to keyspace notifications hear of a `set` and a `del` of a key
    /// `{…}slotway:wait:…`.
    pub async fn wait(&self, written: &Written, command: Command<'_>) -> Result<Bytes, Error> {
        let deadline = Instant::now() + self.client.terms.deadline;
        let own = if written.is_empty() {
            let slot = Slot::new(fastrand::u16(..Slot::COUNT)).unwrap_or(Slot::FIRST);
            vec![self.client.lease_owner(slot, deadline).await?]
        } else {
            self.mark_all(written, deadline).await?
        };
        let block = Block::of(&command);
        let replies = own.into_iter().map(|own| async move {
            let reply = own.send(command.bytes().into(), block).await?;
            let value = own.decode(&reply)?;
            own.give_back();
            Ok::<_, Error>((reply, value))
        });
        Ok(least(try_join_all(replies).await?))
    }

    /// Makes a mark on every primary that was written to, each on a connection of its own.
    async fn mark_all(
        &self,
        written: &Written,
        deadline: Instant,
    ) -> Result<Vec<Dedicated>, Error> {
        let cluster = &self.client.cluster;
        loop {
            let mut views = cluster.views();
            let error = match self.try_mark_all(&written.places, deadline).await {
                Ok(own) => return Ok(own),
                Err(Unmarked::Ever(error)) => return Err(error),
                Err(Unmarked::Now(error)) => error,
            };
            cluster.refresh_for(None);
            // Another view may name other owners.
            if timeout_at(deadline, views.changed()).await.is_err() {
                return Err(error);
            }
        }
    }

    async fn try_mark_all(
        &self,
        places: &Places,
        deadline: Instant,
    ) -> Result<Vec<Dedicated>, Unmarked> {
        let nodes = self.written_nodes(places)?;
        let marks = nodes.iter().map(|(node, slots)| self.mark_node(node, slots, deadline));
        let (mut marked, asked): (Vec<_>, Vec<_>) = try_join_all(marks).await?.into_iter().unzip();
        for (slot, addr) in asked.into_iter().flatten() {
            if marked.iter().any(|own| *own.node() == addr) {
                continue;
            }
            let cluster = &self.client.cluster;
            let node = cluster.routes().node_at(&addr).cloned();
            let node = node.unwrap_or_else(|| cluster.stranger(&addr));
            let own = self.client.lease_at(&node, deadline).await?;
            match mark(&own, slot, Way::Asking).await? {
                Mark::Made => marked.push(own),
                Mark::Asked(slot, _) => return Err(on_its_way(slot)),
            }
        }
        Ok(marked)
    }

    /// The primaries that were written to, and in which slots.
    fn written_nodes(&self, places: &Places) -> Result<Vec<(Arc<Node>, Vec<Slot>)>, Unmarked> {
        let routes = self.client.cluster.routes();
        let Places::These(slots) = places else {
            return Ok(routes.primaries().map(|node| (node.clone(), Vec::new())).collect());
        };
        let mut nodes: Vec<(Arc<Node>, Vec<Slot>)> = Vec::new();
        for &slot in slots {
            let Some(owner) = routes.owner(slot) else {
                let error =
                    Error::Refused(format!("CLUSTERDOWN slotway: slot {slot} has no owner"));
                return Err(Unmarked::Now(error));
            };
            match nodes.iter_mut().find(|(node, _)| Arc::ptr_eq(node, owner)) {
                Some((_, slots)) => slots.push(slot),
                None => nodes.push((owner.clone(), vec![slot])),
            }
        }
        Ok(nodes)
    }

    /// Makes a mark on one node. Returns the connection, and where else there may be something.
    async fn mark_node(
        &self,
        node: &Arc<Node>,
        slots: &[Slot],
        deadline: Instant,
    ) -> Result<(Dedicated, Vec<(Slot, NodeAddr)>), Unmarked> {
        let own = self.client.lease_at(node, deadline).await?;
        let marks = join_all(slots.iter().map(|&slot| mark(&own, slot, Way::Plain))).await;
        let (mut made, mut asked) = (0_usize, Vec::new());
        for mark in marks {
            match mark? {
                Mark::Made => made += 1,
                Mark::Asked(slot, addr) => asked.push((slot, addr)),
            }
        }
        let mut others = if made == 0 { self.some_slots(node) } else { Vec::new() };
        while made == 0 {
            let Some(slot) = others.pop() else { return Err(all_on_their_way(node)) };
            if let Mark::Made = mark(&own, slot, Way::Plain).await? {
                made += 1;
            }
        }
        Ok((own, asked))
    }

    fn some_slots(&self, node: &Arc<Node>) -> Vec<Slot> {
        let routes = self.client.cluster.routes();
        let is_its =
            |slot: &Slot| routes.owner(*slot).is_some_and(|owner| Arc::ptr_eq(owner, node));
        fastrand::choose_multiple(Slot::all().filter(is_its), SLOTS_TRIED)
    }
}

/// As whom a node is written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// The owner of the slot.
    Plain,
    /// The one that the slot is on its way to.
    Asking,
}

/// Writes a key of this slot that is gone again at once.
async fn mark(own: &Dedicated, slot: Slot, way: Way) -> Result<Mark, Unmarked> {
    let bytes = block(slot, way).map_err(Unmarked::Ever)?;
    let replies = match way {
        Way::Plain => 4,
        Way::Asking => 5,
    };
    let unit = Unit { bytes: &bytes, replies: NonZeroU16::MIN.saturating_add(replies - 1) };
    let reply = own.send(unit, Block::For(Duration::ZERO)).await?;
    if reply == MADE {
        return Ok(Mark::Made);
    }
    let error = server_error(own, &reply);
    match Notice::of_reply(&reply, own.node()) {
        Some(Notice::Ask { slot, to: Some(to) }) => Ok(Mark::Asked(slot, to)),
        Some(_) => Err(Unmarked::Now(error)),
        None => Err(Unmarked::Ever(error)),
    }
}

fn block(slot: Slot, way: Way) -> Result<Vec<u8>, Error> {
    let key = format!("{{{}}}slotway:wait:{:016x}", tag_of(slot), fastrand::u64(..));
    let commands: [&[&str]; 5] =
        [&["ASKING"], &["MULTI"], &["SET", &key, ""], &["DEL", &key], &["EXEC"]];
    let mut bytes = Vec::new();
    for words in &commands[usize::from(way == Way::Plain)..] {
        let command = CommandBuf::new(words).map_err(|error| Error::Refused(error.to_string()))?;
        bytes.extend_from_slice(command.as_command().bytes());
    }
    Ok(bytes)
}

/// A number that, as the tag of a key, puts it into this slot.
fn tag_of(slot: Slot) -> u32 {
    static TAGS: OnceLock<Vec<u32>> = OnceLock::new();
    TAGS.get_or_init(tags)[slot.index()]
}

/// Such a number for every slot: there are few to try for most, and many for the last.
fn tags() -> Vec<u32> {
    let mut tags = vec![u32::MAX; usize::from(Slot::COUNT)];
    let mut missing = tags.len();
    for number in 0..u32::MAX {
        let tag = &mut tags[Slot::of(number.to_string().as_bytes()).index()];
        if *tag == u32::MAX {
            *tag = number;
            missing -= 1;
        }
        if missing == 0 {
            break;
        }
    }
    tags
}

fn on_its_way(slot: Slot) -> Unmarked {
    Unmarked::Now(Error::Refused(format!("TRYAGAIN slotway: slot {slot} is on its way")))
}

fn all_on_their_way(node: &Node) -> Unmarked {
    let text = format!("TRYAGAIN slotway: the slots of {} are on their way", node.addr());
    Unmarked::Now(Error::Refused(text))
}

/// The least of several replies, number by number; the first that is none, if one is.
fn least(replies: Vec<(Bytes, Value)>) -> Bytes {
    let mut least: Option<Vec<i64>> = None;
    for (reply, value) in &replies {
        let Some(numbers) = numbers(value) else { return reply.clone() };
        least = Some(match least {
            None => numbers,
            Some(so_far) => so_far.into_iter().zip(numbers).map(|(a, b)| a.min(b)).collect(),
        });
    }
    let least = least.unwrap_or_default();
    let mut frame = match &replies[..] {
        [(_, Value::Integer(_)), ..] => Vec::new(),
        _ => format!("*{}\r\n", least.len()).into_bytes(),
    };
    least.iter().for_each(|number| frame.extend_from_slice(format!(":{number}\r\n").as_bytes()));
    frame.into()
}

fn numbers(value: &Value) -> Option<Vec<i64>> {
    let number = |value: &Value| match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    };
    match value.as_elements() {
        Some(elements) => elements.iter().map(number).collect(),
        None => Some(vec![number(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use slotway_protocol::ReplyLimits;

    use super::*;

    #[track_caller]
    fn check(replies: &[&'static str], expected: &str) {
        let limits = ReplyLimits::default();
        let decoded = |reply: &&'static str| {
            let reply = Bytes::from_static(reply.as_bytes());
            let value = Value::decode(&reply, &limits).unwrap();
            (reply, value)
        };
        assert_eq!(least(replies.iter().map(decoded).collect()), expected, "{replies:?}");
    }

    #[test]
    fn as_many_replicas_have_it_all_as_have_the_least() {
        check(&[":2\r\n"], ":2\r\n");
        check(&[":2\r\n", ":0\r\n", ":1\r\n"], ":0\r\n");
        check(&["*2\r\n:1\r\n:2\r\n", "*2\r\n:0\r\n:3\r\n"], "*2\r\n:0\r\n:2\r\n");
    }

    #[test]
    fn one_error_is_the_answer() {
        check(&[":2\r\n", "-ERR no\r\n"], "-ERR no\r\n");
    }

    #[test]
    fn every_slot_has_a_tag() {
        assert!(Slot::all().all(|slot| Slot::of(tag_of(slot).to_string().as_bytes()) == slot));
    }

    #[test]
    fn a_mark_is_one_transaction_in_its_slot() {
        let slot = Slot::of(b"order:7");
        let plain = String::from_utf8(block(slot, Way::Plain).unwrap()).unwrap();
        assert!(plain.starts_with("*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n"), "{plain}");
        let asking = String::from_utf8(block(slot, Way::Asking).unwrap()).unwrap();
        assert!(asking.starts_with("*1\r\n$6\r\nASKING\r\n*1\r\n$5\r\nMULTI\r\n"), "{asking}");
    }
}
