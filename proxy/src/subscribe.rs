//! What a session does whose client subscribes.
//!
//! A [`Listening`] is one client's subscriptions, told and confirmed in a server's words. The
//! connections behind it are those of the [`Client`] that it is made from: all sessions that share a
//! client share them, and a channel that many listen to is subscribed to once.

mod audience;
mod frame;
mod glob;
mod held;

use std::{
    collections::{BTreeSet, VecDeque},
    fmt, mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

pub use audience::Audience;
use bytes::Bytes;
use held::Held;
pub use held::SubscriptionCounts;
use slotway::{Channel, ChannelKind, Client, Error, Event, Protocol, Subscription};
use slotway_protocol::Command;
use tokio::time::{Sleep, sleep};

/// The subscriptions of one client.
///
/// The session makes requests of it in the order in which they come, and takes its output, in which
/// confirmations and messages stand as a server would send them. A confirmation is there once every
/// message that is published from then on will come. So a session asks when all earlier replies have
/// been put into its output, and goes on to the next command that is no [`SubscribeVerb`] when
/// [`is_busy`](Self::is_busy) says no.
///
/// Whatever happens to nodes and slots, subscriptions are made again, and the client hears nothing of
/// it; what was published meanwhile is lost, as always with a server that nobody hears.
pub struct Listening {
    client: Client,
    subscriptions_max: usize,
    error_reply: fn(&Error) -> Vec<u8>,
    subscription: Option<Subscription>,
    held: Held,
    turns: VecDeque<Turn>,
    /// So many names are in `turns`.
    names_waiting: usize,
    /// What the first of `turns` waits for, once it has begun.
    begun: Option<Begun>,
    interruptions: u64,
}

/// The six commands that change what a client listens to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SubscribeVerb {
    /// `SUBSCRIBE`, `PSUBSCRIBE` and `SSUBSCRIBE`.
    Join(ChannelKind),
    /// `UNSUBSCRIBE`, `PUNSUBSCRIBE` and `SUNSUBSCRIBE`.
    Leave(ChannelKind),
}

/// What a session learns of its subscriptions.
#[derive(Debug)]
pub enum Listened {
    /// There is output to be written, and there may be more behind it.
    Output,
    /// The client reads too slowly, and this many messages were dropped. A server closes the
    /// connection of such a client, so that it knows.
    Overrun {
        /// How many.
        missed: u64,
    },
    /// The cluster does not permit a channel any more that was confirmed. A server closes the
    /// connection of such a client.
    Forbidden {
        /// What the cluster said.
        error: Error,
    },
}

/// A request that has not been answered.
#[derive(Debug)]
struct Turn {
    verb: SubscribeVerb,
    names: Vec<Bytes>,
}

#[derive(Debug)]
struct Begun {
    unconfirmed: Vec<Channel>,
    deadline: Pin<Box<Sleep>>,
}

impl SubscribeVerb {
    /// The verb of a command, if it is one of these.
    pub fn of(command: &Command<'_>) -> Option<Self> {
        const VERBS: [(&str, SubscribeVerb); 6] = [
            ("SUBSCRIBE", SubscribeVerb::Join(ChannelKind::Plain)),
            ("PSUBSCRIBE", SubscribeVerb::Join(ChannelKind::Pattern)),
            ("SSUBSCRIBE", SubscribeVerb::Join(ChannelKind::Sharded)),
            ("UNSUBSCRIBE", SubscribeVerb::Leave(ChannelKind::Plain)),
            ("PUNSUBSCRIBE", SubscribeVerb::Leave(ChannelKind::Pattern)),
            ("SUNSUBSCRIBE", SubscribeVerb::Leave(ChannelKind::Sharded)),
        ];
        let is_named = |name: &str| command.name().eq_ignore_ascii_case(name.as_bytes());
        VERBS.iter().find(|(name, _)| is_named(name)).map(|(_, verb)| *verb)
    }
}

impl Listening {
    /// Nothing yet. All sessions that are given the same client share its connections.
    /// `error_reply` says in a server's words why a channel cannot be listened to.
    pub fn new(
        client: Client,
        subscriptions_max: usize,
        error_reply: fn(&Error) -> Vec<u8>,
    ) -> Self {
        Self {
            client,
            subscriptions_max,
            error_reply,
            subscription: None,
            held: Held::default(),
            turns: VecDeque::new(),
            names_waiting: 0,
            begun: None,
            interruptions: 0,
        }
    }

    /// The same, counted among all who listen.
    #[must_use]
    pub fn among(mut self, audience: Arc<Audience>) -> Self {
        self.held = Held::among(audience);
        self
    }

    /// Takes a request in. Its answer comes with [`poll_output`](Self::poll_output), behind those of
    /// earlier ones: one confirmation for each name, or one error for all of them.
    pub fn request(&mut self, verb: SubscribeVerb, command: &Command<'_>) {
        let names: Vec<Bytes> = command.args().skip(1).map(Bytes::copy_from_slice).collect();
        self.names_waiting += names.len();
        if let SubscribeVerb::Join(kind) = verb
            && self.held.total() + self.names_waiting <= self.subscriptions_max
        {
            // All that a pipeline asks for is under way at once.
            self.begin(kind, &names);
        }
        self.turns.push_back(Turn { verb, names });
    }

    /// Whether requests have not been answered. Until then, the session keeps other replies back.
    pub fn is_busy(&self) -> bool {
        !self.turns.is_empty()
    }

    /// Whether the client has subscriptions: to one that speaks RESP2, a server refuses most
    /// commands then.
    pub fn is_subscribed(&self) -> bool {
        self.held.total() > 0
    }

    /// How many subscriptions of each sort the client has.
    pub fn counts(&self) -> SubscriptionCounts {
        self.held.counts()
    }

    /// How often messages may have been lost, since a node or a slot was on its way.
    pub fn interruptions(&self) -> u64 {
        self.interruptions
    }

    /// Ends all subscriptions and says nothing, as RESET does.
    pub fn reset(&mut self) {
        self.subscription = None;
        self.held.clear();
        self.turns = VecDeque::new();
        self.names_waiting = 0;
        self.begun = None;
    }

    /// Appends answers and messages, whole frames of the protocol that the client speaks now, until
    /// `out` is longer than `out_max`. Whoever wants no more for the time being does not call it:
    /// messages wait, within the client's limits. It is to be called after each request.
    pub fn poll_output(
        &mut self,
        cx: &mut Context<'_>,
        protocol: Protocol,
        out: &mut Vec<u8>,
        out_max: usize,
    ) -> Poll<Listened> {
        let before = out.len();
        if before > out_max {
            return Poll::Ready(Listened::Output);
        }
        while out.len() <= out_max {
            if self.poll_turn(cx, protocol, out).is_ready() {
                continue;
            }
            match self.poll_event(cx) {
                Poll::Ready(Event::Message(message)) => {
                    // What came before its confirmation, or after it was left, is nobody's.
                    let name = message.pattern.as_ref().unwrap_or(&message.channel);
                    if self.held.has(message.kind, name) {
                        frame::message(&message, protocol, out);
                    }
                }
                Poll::Ready(Event::Lagged { missed }) => {
                    return Poll::Ready(Listened::Overrun { missed });
                }
                Poll::Ready(Event::Refused { error, .. }) => {
                    return Poll::Ready(Listened::Forbidden { error });
                }
                Poll::Ready(Event::Interrupted) => self.interruptions += 1,
                Poll::Ready(_) => {}
                Poll::Pending => break,
            }
        }
        if out.len() > before { Poll::Ready(Listened::Output) } else { Poll::Pending }
    }

    /// Answers the first request. Pending also if there is none.
    fn poll_turn(
        &mut self,
        cx: &mut Context<'_>,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) -> Poll<()> {
        let Some(turn) = self.turns.front() else { return Poll::Pending };
        let joined = match turn.verb {
            SubscribeVerb::Join(kind) => match self.poll_joined(cx, kind) {
                Poll::Ready(joined) => joined,
                Poll::Pending => return Poll::Pending,
            },
            SubscribeVerb::Leave(_) => Ok(()),
        };
        self.begun = None;
        let Some(Turn { verb, names }) = self.turns.pop_front() else { return Poll::Pending };
        self.names_waiting -= names.len();
        match (verb, joined) {
            (SubscribeVerb::Leave(kind), _) => self.leave(kind, names, protocol, out),
            (SubscribeVerb::Join(kind), Ok(())) => {
                for name in names {
                    let count = self.held.join(kind, &name);
                    frame::confirmation(verb, Some(&name), count, protocol, out);
                }
            }
            (SubscribeVerb::Join(kind), Err(error)) => {
                for name in names {
                    self.end(kind, name);
                }
                out.extend((self.error_reply)(&error));
            }
        }
        Poll::Ready(())
    }

    /// Whether all channels of the first request are confirmed.
    fn poll_joined(&mut self, cx: &mut Context<'_>, kind: ChannelKind) -> Poll<Result<(), Error>> {
        if self.begun.is_none() {
            let names = self.turns.front_mut().map(|turn| mem::take(&mut turn.names));
            let names = names.unwrap_or_default();
            let begun = self.begin_within_bounds(kind, &names);
            if let Some(turn) = self.turns.front_mut() {
                turn.names = names;
            }
            let unconfirmed = match begun {
                Ok(unconfirmed) => unconfirmed,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let deadline = Box::pin(sleep(self.client.config().limits.deadline));
            self.begun = Some(Begun { unconfirmed, deadline });
        }
        let (Some(begun), Some(subscription)) = (&mut self.begun, &self.subscription) else {
            return Poll::Ready(Ok(()));
        };
        while let Some(channel) = begun.unconfirmed.last() {
            match subscription.poll_confirmed(cx, channel) {
                Poll::Ready(Ok(())) => drop(begun.unconfirmed.pop()),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    let waited = self.client.config().limits.deadline;
                    let late = begun.deadline.as_mut().poll(cx);
                    return late.map(|()| Err(Error::NotSubscribed { waited }));
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Like [`Self::begin`], unless the client would have more than it may.
    fn begin_within_bounds(
        &mut self,
        kind: ChannelKind,
        names: &[Bytes],
    ) -> Result<Vec<Channel>, Error> {
        let new: BTreeSet<&Bytes> =
            names.iter().filter(|name| !self.held.has(kind, name)).collect();
        if self.held.total() + new.len() > self.subscriptions_max {
            return Err(Error::Refused(format!(
                "ERR slotway: a connection may have {} subscriptions at most",
                self.subscriptions_max
            )));
        }
        Ok(self.begin(kind, names))
    }

    /// Asks for the channels that the client does not have, and returns them.
    fn begin(&mut self, kind: ChannelKind, names: &[Bytes]) -> Vec<Channel> {
        let subscription = self.subscription.get_or_insert_with(|| self.client.subscription());
        let new = names.iter().filter(|name| !self.held.has(kind, name));
        let new: Vec<Channel> = new.map(|name| Channel { kind, name: name.clone() }).collect();
        new.iter().for_each(|channel| subscription.begin(channel));
        new
    }

    /// Takes a channel away, unless the client has it.
    fn end(&self, kind: ChannelKind, name: Bytes) {
        if let Some(subscription) = &self.subscription
            && !self.held.has(kind, &name)
        {
            subscription.end(&Channel { kind, name });
        }
    }

    fn leave(
        &mut self,
        kind: ChannelKind,
        names: Vec<Bytes>,
        protocol: Protocol,
        out: &mut Vec<u8>,
    ) {
        let verb = SubscribeVerb::Leave(kind);
        let names = if names.is_empty() { self.held.names(kind) } else { names };
        if names.is_empty() {
            frame::confirmation(verb, None, self.held.count(kind), protocol, out);
        }
        for name in names {
            let count = self.held.leave(kind, &name);
            frame::confirmation(verb, Some(&name), count, protocol, out);
            self.end(kind, name);
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(subscription) = &mut self.subscription else { return Poll::Pending };
        match pin!(subscription.next()).poll(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            // One without channels has nothing to say until it gets one.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names of channels are the client's own.
        f.debug_struct("Listening").field("counts", &self.held.counts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use slotway_protocol::CommandBuf;

    use super::*;

    #[test]
    fn six_commands_change_what_a_client_listens_to() {
        let verb =
            |words: &[&str]| SubscribeVerb::of(&CommandBuf::new(words).unwrap().as_command());
        assert_eq!(verb(&["subscribe", "a"]), Some(SubscribeVerb::Join(ChannelKind::Plain)));
        assert_eq!(verb(&["SSubscribe", "a"]), Some(SubscribeVerb::Join(ChannelKind::Sharded)));
        assert_eq!(verb(&["PUNSUBSCRIBE"]), Some(SubscribeVerb::Leave(ChannelKind::Pattern)));
        assert_eq!(verb(&["PUBLISH", "a", "b"]), None);
        assert_eq!(verb(&["SUBSCRIBES", "a"]), None);
    }
}
