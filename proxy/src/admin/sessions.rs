//! Who is connected, as `/api/v1/clients` shows it.

use std::time::Duration;

use serde::Serialize;
use slotway_protocol::Protocol;

use crate::{
    metrics::SessionSums,
    own::{Card, Directory, Standing, Switch},
};

/// Some of the connected clients.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sessions {
    /// How many there are in all.
    pub connected: usize,
    /// Those that are shown.
    pub clients: Vec<SessionView>,
}

/// A connected client. No key and no value is in it.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    /// The number that `CLIENT ID` gives.
    pub id: u64,
    /// Where it comes from.
    pub addr: String,
    /// Where it came to.
    pub local_addr: String,
    /// What it called itself with `CLIENT SETNAME`.
    pub name: String,
    /// The user that it logged in as.
    pub user: String,
    /// The database that it selected.
    pub database: u32,
    /// The version of the protocol: 2 or 3.
    pub protocol: u8,
    /// The library that it says it is.
    pub library: String,
    /// The library's version.
    pub library_version: String,
    /// What it is in the middle of.
    pub state: SessionState,
    /// The last command that it sent, without its arguments.
    pub last_command: String,
    /// For how long it has been connected.
    pub connected_seconds: u64,
    /// For how long it has sent nothing.
    pub idle_seconds: u64,
    /// How many commands it has sent.
    pub commands: u64,
    /// Bytes that came from it.
    pub received_bytes: u64,
    /// Bytes that went to it.
    pub sent_bytes: u64,
    /// Bytes that it has still to read.
    pub output_bytes: usize,
    /// Channels and patterns that it listens to.
    pub subscriptions: u64,
}

/// What a client is in the middle of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Nothing in particular.
    Normal,
    /// It waits in a command that blocks.
    Blocked,
    /// It is between MULTI and EXEC.
    Queueing,
    /// It watches keys.
    Watching,
    /// It listens to channels.
    Subscribed,
}

impl Sessions {
    /// As many of those in the directory as are asked for, at a time since the proxy began.
    pub(super) fn of(directory: &Directory, now: Duration, most: usize) -> Self {
        let cards = directory.cards();
        let clients = cards.iter().take(most).map(|card| SessionView::of(card, now)).collect();
        Self { connected: cards.len(), clients }
    }
}

/// What all of them are in the middle of.
pub(super) fn sums(directory: &Directory) -> SessionSums {
    let standings = directory.cards().into_iter().map(|card| card.face().standing);
    standings.fold(SessionSums::default(), |mut sums, standing| {
        sums.subscriptions += subscriptions(&standing);
        sums.leases += u64::from(standing.blocked == Switch::On) + u64::from(standing.watched > 0);
        sums
    })
}

fn subscriptions(standing: &Standing) -> u64 {
    let Standing { channels, patterns, shard_channels, .. } = *standing;
    [channels, patterns, shard_channels].map(u64::from).iter().sum()
}

impl SessionView {
    fn of(card: &Card, now: Duration) -> Self {
        let (arrival, face) = (card.arrival(), card.face());
        Self {
            id: card.id(),
            addr: arrival.peer.clone(),
            local_addr: arrival.local.clone(),
            name: face.name,
            user: face.user,
            database: face.database,
            protocol: match face.protocol {
                Protocol::Resp2 => 2,
                Protocol::Resp3 => 3,
            },
            library: face.library,
            library_version: face.library_version,
            state: SessionState::of(&face.standing),
            last_command: face.activity.command,
            connected_seconds: now.saturating_sub(arrival.at).as_secs(),
            idle_seconds: now.saturating_sub(face.activity.at).as_secs(),
            commands: face.activity.commands,
            received_bytes: face.activity.bytes_in,
            sent_bytes: face.activity.bytes_out,
            output_bytes: face.activity.unsent,
            subscriptions: subscriptions(&face.standing),
        }
    }
}

impl SessionState {
    fn of(standing: &Standing) -> Self {
        if standing.blocked == Switch::On {
            Self::Blocked
        } else if standing.queued.is_some() {
            Self::Queueing
        } else if standing.watched > 0 {
            Self::Watching
        } else if standing.is_subscribed() {
            Self::Subscribed
        } else {
            Self::Normal
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_in_the_middle_of_what_it_cannot_leave_at_once() {
        let watching = Standing { watched: 2, ..Standing::default() };
        let queueing = Standing { queued: Some(0), ..watching };
        let blocked = Standing { blocked: Switch::On, ..Standing::default() };
        let listening = Standing { shard_channels: 1, ..Standing::default() };
        for (standing, state) in [
            (Standing::default(), SessionState::Normal),
            (watching, SessionState::Watching),
            (queueing, SessionState::Queueing),
            (blocked, SessionState::Blocked),
            (listening, SessionState::Subscribed),
        ] {
            assert_eq!(SessionState::of(&standing), state, "{standing:?}");
        }
    }
}
