//! All that one client's connection is.

use std::{sync::Arc, time::Duration};

use slotway_protocol::{LoginState, Protocol, Secret};

use super::{
    Directory, ReplyWriter, Wording, World,
    directory::Card,
    face::{Activity, Arrival, Standing, Switch},
    tracking::Tracking,
};

/// The user that a connection is, as long as there are no others.
pub(super) const DEFAULT_USER: &str = "default";

/// All that one client's connection is. It is in the directory for as long as this lives.
#[derive(Debug)]
pub struct Identity {
    card: Arc<Card>,
    directory: Arc<Directory>,
    login: LoginState,
    protocol: Protocol,
    database: u32,
    replies: Replies,
    /// What it has to log in with; nothing lets everybody in.
    password: Option<Arc<Secret>>,
}

/// Whether the client is sent replies, after `CLIENT REPLY`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Replies {
    On,
    Off,
    /// The command that is being answered is the last one with a reply.
    SkipNext,
    /// The command that is being answered is the one without.
    Skip,
}

/// Whether the reply to a command is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hearing {
    /// It is.
    Heard,
    /// The client asked not to be sent it.
    Muted,
}

impl Identity {
    /// The connection of a client that has just come.
    pub fn new(world: &World, arrival: Arrival, password: Option<Arc<Secret>>) -> Self {
        let directory = world.directory().clone();
        let card = directory.enter(arrival, DEFAULT_USER);
        Self {
            card,
            directory,
            login: first_login(password.as_deref()),
            protocol: Protocol::Resp2,
            database: 0,
            replies: Replies::On,
            password,
        }
    }

    /// What it has to log in with, if that is anything.
    pub(super) fn password(&self) -> Option<&Secret> {
        self.password.as_deref()
    }

    /// Its number.
    pub fn id(&self) -> u64 {
        self.card.id()
    }

    /// What others see of it, and the way by which they ask something of it.
    pub fn card(&self) -> &Arc<Card> {
        &self.card
    }

    /// How it is talked to.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The database that its commands are for.
    pub fn database(&self) -> u32 {
        self.database
    }

    /// Whether it still has to say who it is.
    pub fn login(&self) -> LoginState {
        self.login
    }

    /// Who it is.
    pub fn user(&self) -> String {
        self.card.look(|face| face.user.clone())
    }

    /// What it is in the middle of, as it was last told.
    pub fn standing(&self) -> Standing {
        self.card.look(|face| face.standing)
    }

    /// Notes what it is in the middle of. To be called whenever that changes.
    pub fn stand(&self, standing: Standing) {
        self.card.stand(standing);
    }

    /// Notes what it did. Once for each batch of commands is often enough.
    pub fn note(&self, activity: Activity) {
        self.card.note(activity);
    }

    /// Whether the reply to the command that was just taken up is sent. To be called once for each
    /// command, in order, when it was answered or sent on.
    #[inline]
    pub fn hearing(&mut self) -> Hearing {
        match self.replies {
            Replies::On => Hearing::Heard,
            Replies::Off => Hearing::Muted,
            Replies::SkipNext => {
                self.replies = Replies::Skip;
                Hearing::Muted
            }
            Replies::Skip => {
                self.replies = Replies::On;
                Hearing::Muted
            }
        }
    }

    /// `CLIENT REPLY ON`.
    pub(super) fn reply_on(&mut self) {
        self.replies = Replies::On;
    }

    /// `CLIENT REPLY OFF`.
    pub(super) fn reply_off(&mut self) {
        self.replies = Replies::Off;
    }

    /// `CLIENT REPLY SKIP`.
    pub(super) fn reply_skip(&mut self) {
        if self.replies != Replies::Off {
            self.replies = Replies::SkipNext;
        }
    }

    /// `SELECT`, when the database exists.
    pub(super) fn select(&mut self, database: u32) {
        self.database = database;
        self.card.change(|face| face.database = database);
    }

    /// `HELLO` with a version.
    pub(super) fn speak(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.card.change(|face| face.protocol = protocol);
    }

    /// The password was right.
    pub(super) fn log_in(&mut self) {
        self.login = LoginState::Done;
    }

    /// `CLIENT SETNAME`, when it can be shown.
    pub(super) fn rename(&self, name: &[u8]) {
        let name = String::from_utf8_lossy(name).into_owned();
        self.card.change(|face| face.name = name);
    }

    /// `RESET`: all is as it was at the start, except what the client said about itself as a
    /// program.
    pub(super) fn reset(&mut self, world: &World) {
        let wording = world.backend().wording();
        self.login = first_login(self.password.as_deref());
        self.replies = Replies::On;
        self.speak(Protocol::Resp2);
        self.select(0);
        self.card.change(|face| {
            DEFAULT_USER.clone_into(&mut face.user);
            face.name.clear();
            face.tracking = Tracking::default();
            face.no_touch = Switch::Off;
            // Redis 7.0 forgets to.
            if wording > Wording::Redis70 {
                face.no_evict = Switch::Off;
            }
            face.standing = Standing::default();
        });
    }

    /// Writes replies to this client.
    pub(super) fn reply<'a>(&self, out: &'a mut Vec<u8>) -> ReplyWriter<'a> {
        ReplyWriter::new(out, self.protocol)
    }

    /// Its line in `CLIENT LIST`.
    pub(super) fn line(&self, world: &World, now: Duration) -> String {
        self.card.line(now, world.backend().wording())
    }
}

/// Whether a new client has to say who it is.
fn first_login(password: Option<&Secret>) -> LoginState {
    match password {
        Some(_) => LoginState::Pending,
        None => LoginState::Done,
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.directory.leave(self.card.id());
    }
}
