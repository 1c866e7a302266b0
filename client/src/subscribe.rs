//! Channels to listen to.
//!
//! Subscriptions share a few connections of their own: one to some node for channels and patterns,
//! which every node has, and one to each primary whose sharded channels or keyspace notifications
//! are listened to. Where a topic belongs is looked at again whenever the cluster changes, a node
//! sends it away, or a connection is lost; and whoever listens is told when messages may be missing.

mod choose;
mod hub;
mod inbox;
mod line;
mod login;
mod reach;
mod registry;

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
pub(crate) use hub::Hub;
use inbox::Inbox;
use slotway_protocol::{Channel, ChannelKind, Published};
use tokio::time::timeout;

use crate::{Client, Error, ToArgs, cluster::Cluster, cmd};

/// Messages of some channels, as they come.
///
/// A server sends a message once, to those who are there. Whatever happens to a connection or a
/// slot, the subscription is made again by itself; but what was published meanwhile is gone, and a
/// subscriber learns of that by [`Event::Interrupted`] and [`Event::Resubscribed`]. One that reads
/// too slowly learns by [`Event::Lagged`]. If there was none of these, nothing is missing.
///
/// A cluster keeps the order of what is published at one node. What two nodes are given may come in
/// any order, and around an interruption a message that was published at another node than the one
/// listened at may come a second time.
///
/// Channels of any sort can be added and taken away while it lives; those that should be told apart
/// in trouble belong into subscriptions of their own, which cost no connections. When it is
/// dropped, the server is told that nobody listens.
///
/// ```no_run
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::Event;
///
/// let mut news = client.subscribe(["sport", "weather"]).await?;
/// while let Some(event) = news.next().await {
///     match event {
///         Event::Message(message) => println!("{:?}: {:?}", message.channel, message.payload),
///         other => println!("something may be missing: {other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Subscription {
    cluster: Arc<Cluster>,
    inbox: Arc<Inbox>,
    /// How long the server may take to confirm channels.
    deadline: Duration,
}

/// What happened to a [`Subscription`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Somebody published something.
    Message(Message),
    /// A connection was lost, or a slot moves: from here on, messages may be missing. Others may
    /// come already.
    Interrupted,
    /// All channels are subscribed to again, and all that is published from here on comes. What
    /// was published since [`Event::Interrupted`] may be missing.
    Resubscribed,
    /// The subscriber is too slow: so many messages are missing here. The oldest went, and what
    /// follows is the newest.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The server does not permit a channel any more. No more messages of it will come.
    Refused {
        /// The channel or pattern.
        channel: Bytes,
        /// What the server said.
        error: Error,
    },
}

/// Something that was published.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// What sort of subscription it came for.
    pub kind: ChannelKind,
    /// The channel that it was published to.
    pub channel: Bytes,
    /// The pattern that it came for, if that was one.
    pub pattern: Option<Bytes>,
    /// What was published.
    pub payload: Bytes,
}

impl Client {
    /// Listens to channels. All that is published after this has returned comes.
    ///
    /// The channels of keyspace notifications, and patterns that fit some of them, are listened to at
    /// every primary, each of which tells of its own keys alone.
    pub async fn subscribe(&self, channels: impl ToArgs) -> Result<Subscription, Error> {
        self.listen(names(channels, ChannelKind::Plain)?).await
    }

    /// Listens to all channels whose names fit one of these patterns, such as `news.*`.
    pub async fn psubscribe(&self, patterns: impl ToArgs) -> Result<Subscription, Error> {
        self.listen(names(patterns, ChannelKind::Pattern)?).await
    }

    /// Listens to sharded channels, which live where the slots of their names live. They may belong
    /// to different slots. Servers know them from 7.0 on.
    pub async fn ssubscribe(&self, channels: impl ToArgs) -> Result<Subscription, Error> {
        self.listen(names(channels, ChannelKind::Sharded)?).await
    }

    /// Listens to the keyspace notifications of all primaries, such as `__keyevent@0__:expired` or
    /// `__keyspace@0__:user:*`. Servers send them only if `notify-keyspace-events` says so.
    pub async fn keyspace_events(&self, patterns: impl ToArgs) -> Result<Subscription, Error> {
        let topics = names(patterns, ChannelKind::Pattern)?;
        // Any other message would come once from each primary.
        if topics.iter().any(|topic| !topic.name.starts_with(b"__key")) {
            let why = "a pattern of keyspace notifications starts with __keyspace@ or __keyevent@";
            return Err(Error::Refused(why.to_owned()));
        }
        self.listen(topics).await
    }

    async fn listen(&self, topics: Vec<Channel>) -> Result<Subscription, Error> {
        let subscription = self.subscription();
        subscription.add(topics).await?;
        Ok(subscription)
    }

    /// A subscription to nothing yet, for those who do not wait for each channel: see
    /// [`Subscription::begin`].
    pub fn subscription(&self) -> Subscription {
        let inbox = Arc::new(Inbox::new(&self.cluster.config.limits));
        Subscription { cluster: self.cluster.clone(), inbox, deadline: self.terms.deadline }
    }
}

impl Subscription {
    /// The next event, or none when the last channel has been taken away. Nothing is lost if this
    /// is dropped while it waits.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.inbox.poll_next(cx)).await
    }

    /// Adds channels: either all of them, or none if this fails or is dropped.
    pub async fn subscribe(&self, channels: impl ToArgs) -> Result<(), Error> {
        self.add(names(channels, ChannelKind::Plain)?).await
    }

    /// Adds patterns of channels; like [`Self::subscribe`].
    pub async fn psubscribe(&self, patterns: impl ToArgs) -> Result<(), Error> {
        self.add(names(patterns, ChannelKind::Pattern)?).await
    }

    /// Adds sharded channels; like [`Self::subscribe`].
    pub async fn ssubscribe(&self, channels: impl ToArgs) -> Result<(), Error> {
        self.add(names(channels, ChannelKind::Sharded)?).await
    }

    /// Takes channels away. Their messages that have come already are still to be read.
    pub fn unsubscribe(&self, channels: impl ToArgs) -> Result<(), Error> {
        self.remove(&names(channels, ChannelKind::Plain)?);
        Ok(())
    }

    /// Takes patterns of channels away; like [`Self::unsubscribe`].
    pub fn punsubscribe(&self, patterns: impl ToArgs) -> Result<(), Error> {
        self.remove(&names(patterns, ChannelKind::Pattern)?);
        Ok(())
    }

    /// Takes sharded channels away; like [`Self::unsubscribe`].
    pub fn sunsubscribe(&self, channels: impl ToArgs) -> Result<(), Error> {
        self.remove(&names(channels, ChannelKind::Sharded)?);
        Ok(())
    }

    /// Asks for a channel and does not wait until it is confirmed, for which there is
    /// [`poll_confirmed`](Self::poll_confirmed). One that is there already stays as it is.
    pub fn begin(&self, channel: &Channel) {
        Hub::join(&self.cluster, &self.inbox, vec![channel.clone()]);
    }

    /// Whether all messages of a channel come that [`begin`](Self::begin) was called for, or why
    /// none will. Whoever does not want to wait any longer takes the channel away, and so does
    /// whoever wants to ask again for one that was refused.
    pub fn poll_confirmed(&self, cx: &Context<'_>, channel: &Channel) -> Poll<Result<(), Error>> {
        self.inbox.poll_settled(cx, channel)
    }

    /// Takes a channel of any sort away; like [`Self::unsubscribe`].
    pub fn end(&self, channel: &Channel) {
        self.remove(std::slice::from_ref(channel));
    }

    async fn add(&self, topics: Vec<Channel>) -> Result<(), Error> {
        let all = topics.clone();
        let new = Hub::join(&self.cluster, &self.inbox, topics);
        let mut joining = Joining { subscription: self, new };
        settled(&self.inbox, &all, self.deadline).await?;
        joining.new.clear();
        Ok(())
    }

    fn remove(&self, topics: &[Channel]) {
        self.cluster.hub.leave(&self.inbox, topics);
    }
}

async fn settled(inbox: &Inbox, topics: &[Channel], waited: Duration) -> Result<(), Error> {
    match timeout(waited, inbox.settle(topics)).await {
        Ok(settled) => settled,
        Err(_) => Err(Error::NotSubscribed { waited }),
    }
}

/// Topics that are taken away again unless they were confirmed.
struct Joining<'a> {
    subscription: &'a Subscription,
    new: Vec<Channel>,
}

impl Drop for Joining<'_> {
    fn drop(&mut self) {
        self.subscription.remove(&self.new);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.remove(&self.inbox.topics());
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.inbox.poll_next(cx)
    }
}

impl From<&Published> for Message {
    fn from(published: &Published) -> Self {
        let Published { to, channel, payload } = published;
        let pattern = (to.kind == ChannelKind::Pattern).then(|| to.name.clone());
        Self { kind: to.kind, channel: channel.clone(), pattern, payload: payload.clone() }
    }
}

/// The names that were given, as topics of one sort, each once.
fn names(given: impl ToArgs, kind: ChannelKind) -> Result<Vec<Channel>, Error> {
    let given = cmd("SUBSCRIBE").arg(given);
    let given = given.command()?.as_command();
    if given.len() == 1 {
        return Err(Error::Refused("no channel was named".to_owned()));
    }
    Ok(given
        .args()
        .skip(1)
        .map(|name| Channel { kind, name: Bytes::copy_from_slice(name) })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_free_to_move(_: impl Send + 'static) {}

    #[test]
    fn subscriptions_and_their_calls_move_between_threads() {
        let _ = |client: Client, mut subscription: Subscription| {
            is_free_to_move(async move { client.subscribe(["a", "b"]).await });
            is_free_to_move(async move {
                subscription.ssubscribe(vec!["c"]).await?;
                Ok::<_, Error>(subscription.next().await)
            });
        };
    }

    #[test]
    fn channels_are_named_one_by_one_or_together() {
        let plain = |names: &[&'static str]| -> Vec<Channel> {
            names
                .iter()
                .map(|name| Channel {
                    kind: ChannelKind::Plain,
                    name: Bytes::from_static(name.as_bytes()),
                })
                .collect()
        };
        assert_eq!(names("a", ChannelKind::Plain).unwrap(), plain(&["a"]));
        assert_eq!(names(("a", ["b", "c"]), ChannelKind::Plain).unwrap(), plain(&["a", "b", "c"]));
        assert!(matches!(names([""; 0], ChannelKind::Plain), Err(Error::Refused(_))));
    }
}
