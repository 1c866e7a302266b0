//! What one connection is subscribed to, against what it should be.
//!
//! Wishes may change at any time, also while the server has yet to answer an earlier one. Each
//! channel has at most one command under way, and when that is answered it is looked again at what
//! is wanted by then.

mod frame;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use frame::Frame;
pub use frame::Published;

use crate::{Credentials, NodeAddr, Notice, Slot, Value, encode_command};

/// So many channels at most are named in one command.
const CHANNELS_MAX: usize = 256;
/// And no more once their names are this long together.
const BYTES_MAX: usize = 64 << 10;

/// Something that can be subscribed to.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Channel {
    /// What `name` stands for.
    pub kind: ChannelKind,
    /// A channel, or a pattern of channels.
    pub name: Bytes,
}

/// The three sorts of subscriptions.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChannelKind {
    /// A channel that every node of the cluster knows.
    Plain,
    /// All plain channels whose name fits.
    Pattern,
    /// A channel that lives where its slot lives.
    Sharded,
}

/// The wishes for one connection, and how far they are fulfilled.
#[derive(Debug, Default)]
pub struct Subscriptions {
    entries: HashMap<Channel, Entry>,
    /// Those that may need a command. A channel that is not in `entries` needs none.
    due: Vec<Channel>,
    /// Whether any was turned away and has not been tried again.
    parked: bool,
    /// What the server has yet to answer, in order.
    sent: VecDeque<Sent>,
}

#[derive(Debug)]
struct Entry {
    wish: Wish,
    stand: Stand,
    /// Whether it is among those that are due.
    due: bool,
    batch: Batch,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    In,
    Out,
}

/// How a channel stands at the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stand {
    Off,
    Joining,
    On,
    Leaving,
}

/// Whether a channel may be named in a command together with others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Batch {
    Together,
    /// One of several was refused, and the error does not say which.
    Alone,
}

#[derive(Debug)]
enum Sent {
    Join(VecDeque<Channel>),
    Leave(VecDeque<Channel>),
    Ping,
    Login,
}

/// Whether a channel that is wanted has to be waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// Its messages come already.
    Active,
    /// They will when [`Heard::Joined`] says so.
    Pending,
}

/// What a frame meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Heard {
    /// Somebody published something.
    Message(Published),
    /// From here on, all messages of this channel come.
    Joined(Channel),
    /// The server ended a subscription, as it does when a slot has left. It is asked for again, so
    /// that the server says where the slot is now.
    Ended(Channel),
    /// The node does not serve these now. They are asked for again after
    /// [`Subscriptions::retry`].
    TurnedAway {
        /// All of one slot, if they are sharded.
        channels: Vec<Channel>,
        /// Why.
        notice: Notice,
    },
    /// The server will not do it. The channel is not wanted any more.
    Refused {
        /// This one.
        channel: Channel,
        /// The server's words.
        error: Bytes,
    },
    /// The server does not accept the login. The connection stays as it was.
    NotLoggedIn {
        /// The server's words.
        error: Bytes,
    },
    /// Nothing that concerns anybody.
    Nothing,
}

/// A frame that answers nothing that was sent: the connection cannot be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a frame came on a subscriber's connection that answers nothing")]
pub struct UnexpectedFrame;

impl Subscriptions {
    /// Wishes to have this channel.
    pub fn want(&mut self, channel: &Channel) -> Wanted {
        let entry = self.entries.entry(channel.clone()).or_insert(Entry::NEW);
        entry.wish = Wish::In;
        match entry.stand {
            Stand::On => return Wanted::Active,
            Stand::Off => entry.schedule(channel, &mut self.due),
            Stand::Joining | Stand::Leaving => {}
        }
        Wanted::Pending
    }

    /// Wishes to be without it.
    pub fn unwant(&mut self, channel: &Channel) {
        let Some(entry) = self.entries.get_mut(channel) else { return };
        entry.wish = Wish::Out;
        match entry.stand {
            Stand::On => entry.schedule(channel, &mut self.due),
            Stand::Off => {
                self.entries.remove(channel);
            }
            Stand::Joining | Stand::Leaving => {}
        }
    }

    /// Tries those again that were turned away.
    pub fn retry(&mut self) {
        if !std::mem::take(&mut self.parked) {
            return;
        }
        for (channel, entry) in &mut self.entries {
            if entry.wish == Wish::In && entry.stand == Stand::Off {
                entry.schedule(channel, &mut self.due);
            }
        }
        self.due.sort_unstable();
    }

    /// Whether there is nothing to have and nothing to wait for.
    pub fn is_idle(&self) -> bool {
        self.entries.is_empty() && self.sent.is_empty()
    }

    /// Appends the commands that are due.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        let mut joins = BTreeMap::new();
        let mut leaves = BTreeMap::new();
        for channel in std::mem::take(&mut self.due) {
            let Some(entry) = self.entries.get_mut(&channel) else { continue };
            entry.due = false;
            let together = match (entry.wish, entry.stand) {
                (Wish::In, Stand::Off) => {
                    entry.stand = Stand::Joining;
                    &mut joins
                }
                (Wish::Out, Stand::On) => {
                    entry.stand = Stand::Leaving;
                    &mut leaves
                }
                (Wish::In | Wish::Out, _) => continue,
            };
            let alone = (entry.batch == Batch::Alone).then(|| channel.name.clone());
            let slot = (channel.kind == ChannelKind::Sharded).then(|| Slot::of(&channel.name));
            together.entry((channel.kind, slot, alone)).or_insert_with(Vec::new).push(channel);
        }
        for ((kind, ..), channels) in leaves {
            let sent = send(kind.leave(), channels, out).map(Sent::Leave);
            self.sent.extend(sent);
        }
        for ((kind, ..), channels) in joins {
            let sent = send(kind.join(), channels, out).map(Sent::Join);
            self.sent.extend(sent);
        }
    }

    /// Appends a PING, whose answer shows that the connection lives.
    pub fn ping(&mut self, out: &mut Vec<u8>) {
        encode_command(out, &["PING"]);
        self.sent.push_back(Sent::Ping);
    }

    /// Appends an AUTH, for a connection whose credentials have changed. Servers take one from a
    /// subscriber in RESP3 alone.
    pub fn log_in(&mut self, login: &Credentials, out: &mut Vec<u8>) {
        out.extend_from_slice(login.auth().expose());
        self.sent.push_back(Sent::Login);
    }

    /// Takes in a frame that came from the node `from`.
    pub fn handle_frame(
        &mut self,
        frame: &Value,
        from: &NodeAddr,
    ) -> Result<Heard, UnexpectedFrame> {
        match Frame::read(frame).ok_or(UnexpectedFrame)? {
            Frame::Message(message) => Ok(Heard::Message(message)),
            Frame::Joined(channel) => self.joined(channel),
            Frame::Left(channel) => Ok(self.left(channel)),
            Frame::Pong => match self.sent.pop_front() {
                Some(Sent::Ping) => Ok(Heard::Nothing),
                _ => Err(UnexpectedFrame),
            },
            Frame::Ok => match self.sent.pop_front() {
                Some(Sent::Login) => Ok(Heard::Nothing),
                _ => Err(UnexpectedFrame),
            },
            Frame::Error(error) => self.failed(error, from),
            Frame::Unknown => Ok(Heard::Nothing),
        }
    }

    /// The connection is gone. Everything that is wanted is due on the next one. Returns what was
    /// subscribed to until now.
    pub fn lost(&mut self) -> Vec<Channel> {
        self.sent.clear();
        self.due.clear();
        self.parked = false;
        self.entries.retain(|_, entry| entry.wish == Wish::In);
        let mut active = Vec::new();
        for (channel, entry) in &mut self.entries {
            if entry.stand == Stand::On {
                active.push(channel.clone());
            }
            *entry = Entry::NEW;
            entry.schedule(channel, &mut self.due);
        }
        // What happens here is to depend on nothing but what was told.
        self.due.sort_unstable();
        active.sort_unstable();
        active
    }

    fn joined(&mut self, channel: Channel) -> Result<Heard, UnexpectedFrame> {
        let Some(Sent::Join(channels)) = self.sent.front_mut() else { return Err(UnexpectedFrame) };
        if channels.pop_front().as_ref() != Some(&channel) {
            return Err(UnexpectedFrame);
        }
        if channels.is_empty() {
            self.sent.pop_front();
        }
        let entry = self.entries.get_mut(&channel).ok_or(UnexpectedFrame)?;
        entry.stand = Stand::On;
        entry.batch = Batch::Together;
        match entry.wish {
            Wish::In => Ok(Heard::Joined(channel)),
            Wish::Out => {
                entry.schedule(&channel, &mut self.due);
                Ok(Heard::Nothing)
            }
        }
    }

    /// A server also says so unasked, and then again as the answer to a command that was under way:
    /// whichever comes first is taken for the answer.
    fn left(&mut self, channel: Channel) -> Heard {
        let mut asked = false;
        if let Some(Sent::Leave(channels)) = self.sent.front_mut()
            && channels.front() == Some(&channel)
        {
            asked = true;
            channels.pop_front();
            if channels.is_empty() {
                self.sent.pop_front();
            }
        }
        let Some(entry) = self.entries.get_mut(&channel) else { return Heard::Nothing };
        if !asked && entry.stand != Stand::On {
            return Heard::Nothing;
        }
        entry.stand = Stand::Off;
        match entry.wish {
            Wish::In => entry.schedule(&channel, &mut self.due),
            Wish::Out => {
                self.entries.remove(&channel);
            }
        }
        if asked { Heard::Nothing } else { Heard::Ended(channel) }
    }

    /// An error answers the whole of a command.
    fn failed(&mut self, error: Bytes, from: &NodeAddr) -> Result<Heard, UnexpectedFrame> {
        let channels = match self.sent.pop_front() {
            Some(Sent::Join(channels)) => channels,
            // Whoever refuses to say PONG is alive.
            Some(Sent::Ping) => return Ok(Heard::Nothing),
            Some(Sent::Login) => return Ok(Heard::NotLoggedIn { error }),
            Some(Sent::Leave(_)) | None => return Err(UnexpectedFrame),
        };
        let notice = Notice::parse(&error, from);
        let count = channels.len();
        let mut turned_away = Vec::new();
        for channel in channels {
            let Some(entry) = self.entries.get_mut(&channel) else { continue };
            entry.stand = Stand::Off;
            match (entry.wish, &notice) {
                (Wish::In, Some(_)) => turned_away.push(channel),
                (Wish::In, None) if count > 1 => {
                    entry.batch = Batch::Alone;
                    entry.schedule(&channel, &mut self.due);
                }
                (Wish::In, None) => {
                    self.entries.remove(&channel);
                    return Ok(Heard::Refused { channel, error });
                }
                (Wish::Out, _) => {
                    self.entries.remove(&channel);
                }
            }
        }
        let Some(notice) = notice else { return Ok(Heard::Nothing) };
        self.parked = true;
        Ok(Heard::TurnedAway { channels: turned_away, notice })
    }
}

impl Entry {
    const NEW: Self =
        Self { wish: Wish::In, stand: Stand::Off, due: false, batch: Batch::Together };

    fn schedule(&mut self, channel: &Channel, due: &mut Vec<Channel>) {
        if !self.due {
            self.due = true;
            due.push(channel.clone());
        }
    }
}

impl ChannelKind {
    fn join(self) -> &'static str {
        match self {
            Self::Plain => "SUBSCRIBE",
            Self::Pattern => "PSUBSCRIBE",
            Self::Sharded => "SSUBSCRIBE",
        }
    }

    fn leave(self) -> &'static str {
        match self {
            Self::Plain => "UNSUBSCRIBE",
            Self::Pattern => "PUNSUBSCRIBE",
            Self::Sharded => "SUNSUBSCRIBE",
        }
    }
}

/// Writes as few commands as name all of these.
fn send(
    verb: &'static str,
    channels: Vec<Channel>,
    out: &mut Vec<u8>,
) -> impl Iterator<Item = VecDeque<Channel>> {
    let mut commands = Vec::new();
    let mut command = VecDeque::new();
    let mut bytes = 0;
    for channel in channels {
        if command.len() == CHANNELS_MAX || bytes >= BYTES_MAX {
            commands.push(std::mem::take(&mut command));
            bytes = 0;
        }
        bytes += channel.name.len();
        command.push_back(channel);
    }
    commands.push(command);
    for command in &commands {
        let names = command.iter().map(|channel| &channel.name[..]);
        let words: Vec<&[u8]> = std::iter::once(verb.as_bytes()).chain(names).collect();
        encode_command(out, &words);
    }
    commands.into_iter()
}
