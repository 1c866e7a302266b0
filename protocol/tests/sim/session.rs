//! A client of the cluster's user: what it sends, in order, and what it was told.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use slotway_protocol::{CommandBuf, NodeAddr, Redirect, RetryClass, Sequence, Slot, SlotOrder};

use crate::{
    cluster::{Cluster, KEYS, Key, NodeIndex, RANGES},
    link::Ticket,
    random::Random,
};

#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) order: SlotOrder,
    /// What is not yet delivered, oldest first.
    pub(crate) ring: VecDeque<Ticket>,
    pub(crate) next: Sequence,
    /// The latest undelivered command for each slot that travels, and where to.
    pub(crate) travelling: BTreeMap<Sequence, (Slot, NodeIndex)>,
    /// What was delivered, in order.
    pub(crate) delivered: Vec<(Sequence, Ticket)>,
}

/// What a request does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Appends a token to one key.
    Append,
    /// Appends a token to several keys of one slot.
    AppendAll,
    /// Appends a token to one key, by a script: its errors prove nothing.
    Script,
    /// A script that answers with a redirect of its own making, to a stranger.
    Forgery,
    /// Reads one key.
    Read,
}

impl Kind {
    pub(crate) fn class(self) -> RetryClass {
        match self {
            Self::Append | Self::AppendAll => RetryClass::Never,
            Self::Script | Self::Forgery => RetryClass::Script,
            Self::Read => RetryClass::Read,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) session: usize,
    pub(crate) sequence: Sequence,
    pub(crate) kind: Kind,
    pub(crate) keys: Vec<Key>,
    pub(crate) token: String,
    pub(crate) slot: Slot,
    pub(crate) command: CommandBuf,
    pub(crate) redirect: Redirect,
    pub(crate) started: u64,
    pub(crate) sent: u32,
    pub(crate) outcome: Option<Outcome>,
    /// What it does when its turn has come.
    pub(crate) next: Next,
    /// Whether a server has turned it away before.
    pub(crate) turned_away: bool,
}

/// What a request does when its turn has come.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// It goes to the owner of its slot.
    Owner,
    /// It goes where it was told, after a while; with `ASKING` before it or not.
    Send { to: Option<(NodeAddr, bool)>, after: Duration },
    /// It waits for a newer table, after a while.
    View { after: Duration },
}

/// How a request ended, as its sender was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// This reply came.
    Reply(Vec<u8>),
    /// It was not run.
    Refused(String),
    /// It may have run.
    Unknown,
}

/// Draws the next command of a session.
pub(crate) fn draw(
    cluster: &Cluster,
    token: &str,
    random: &mut Random,
) -> (Kind, Vec<Key>, CommandBuf) {
    let range = random.below(RANGES);
    let key = (range, random.below(KEYS));
    let name = cluster.key_name(key);
    let (kind, keys, args) = match random.below(40) {
        0..=13 => (Kind::Append, vec![key], vec!["RPUSH", &name, token]),
        14..=27 => (Kind::Read, vec![key], vec!["LRANGE", &name, "0", "-1"]),
        28..=32 => (Kind::Script, vec![key], vec!["EVAL", "append", "1", &name, token]),
        33 => (Kind::Forgery, vec![key], vec!["EVAL", "forge", "1", &name, token]),
        _ => {
            let other = (range, (key.1 + 1) % KEYS);
            let other_name = cluster.key_name(other);
            let args = ["MSET", &name, token, &other_name, token];
            return (Kind::AppendAll, vec![key, other], CommandBuf::new(&args).unwrap());
        }
    };
    (kind, keys, CommandBuf::new(&args).unwrap())
}
