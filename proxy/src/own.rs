//! What a client's connection answers by itself, in the words of the servers behind.
//!
//! [`answer`] decides at once, from arguments alone. What has to ask the cluster first comes out as
//! an [`Errand`], which [`Errands`] run beside the session. Nothing here is on the way of commands
//! that have keys.
//!
//! A session asks, for each command: [`barred`], where it has to log in or listens; then its plan;
//! then [`answer`], if the plan says that the connection has to, or [`proxy`], if it knows no such
//! command; and last [`Identity::hearing`], whether the reply is sent at all.

mod args;
mod backend;
mod client;
mod directory;
mod errand;
mod face;
mod filter;
mod hello;
mod identity;
mod info;
mod pause;
mod proxy;
mod tracking;
mod world;
mod writer;

use slotway_protocol::{Command, CommandFlags, LoginState, Protocol, SessionCommand};

use args::integer;
pub use backend::{Backend, Wording};
pub use directory::{Ask, Card, Directory, Hangup, Unblock};
pub use errand::{Errand, Errands};
pub use face::{Activity, Arrival, Face, Standing, Switch, Via};
pub use hello::NOT_LOGGED_IN;
pub use identity::{Hearing, Identity};
pub use pause::{Pause, Paused};
pub use proxy::{is_proxy, proxy};
pub use tracking::{Changed, Interests, Invalidation, Tracking, Unseen, broken_redirect};
pub use world::{Moment, Settings, TrackingSupport, World};
pub use writer::ReplyWriter;

/// What became of a command that the connection answers itself.
#[derive(Debug)]
pub enum Outcome {
    /// The reply is written.
    Answered,
    /// The reply is written; after it the connection is closed.
    Farewell,
    /// The reply is written, and the session begins anew: it leaves its transaction, watches
    /// nothing and listens to nothing.
    Reset,
    /// The cluster has to be asked first; nothing is written.
    Errand(Errand),
    /// It is none of these commands: the session knows its transaction and its channels.
    Unanswered,
}

const NO_CLUSTER: &str = "ERR This instance has cluster support disabled";

/// What a connection may run that listens and talks RESP2.
const WHILE_LISTENING: [&str; 9] = [
    "ping",
    "psubscribe",
    "punsubscribe",
    "quit",
    "reset",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "unsubscribe",
];

/// Answers a command of which the plan says that its connection has to.
///
/// Its name, its subcommand and the number of its arguments are known to be right. The reply goes
/// behind what `out` holds. Whether it is sent at all says [`Identity::hearing`], to be asked after
/// this; protocol and database of `me` may be others afterwards.
pub fn answer(
    which: SessionCommand,
    command: &Command<'_>,
    me: &mut Identity,
    world: &World,
    now: Moment,
    out: &mut Vec<u8>,
) -> Outcome {
    if let Ok(spec) = world.settings().table.lookup(command) {
        me.card().came(spec.name(), now.run);
    }
    match which {
        SessionCommand::Client => return client::client(command, me, world, now, out),
        SessionCommand::Command => return Outcome::Errand(Errand::Ask(command.to_buf())),
        SessionCommand::ConfigGet => return Outcome::Errand(Errand::ConfigGet(command.to_buf())),
        SessionCommand::Info => return Outcome::Errand(Errand::Info(command.to_buf())),
        SessionCommand::LastSave => return Outcome::Errand(Errand::LastSave),
        SessionCommand::Discard
        | SessionCommand::Exec
        | SessionCommand::Multi
        | SessionCommand::Unsubscribe
        | SessionCommand::Unwatch => return Outcome::Unanswered,
        SessionCommand::Auth => auth(command, me, out),
        SessionCommand::Hello => hello(command, me, world, out),
        SessionCommand::Ping => ping(command, me, out),
        SessionCommand::Select => select(command, me, world, out),
        SessionCommand::Quit => {
            me.reply(out).simple("OK");
            return Outcome::Farewell;
        }
        SessionCommand::Reset => {
            me.reset(world);
            me.reply(out).simple("RESET");
            return Outcome::Reset;
        }
        SessionCommand::AclWhoami => me.reply(out).bulk(me.user().as_bytes()),
        SessionCommand::Cluster => me.reply(out).error(NO_CLUSTER.as_bytes()),
        SessionCommand::Readonly | SessionCommand::Readwrite => readonly(me, world, out),
        SessionCommand::Echo => me.reply(out).bulk(command.arg(1).unwrap_or_default()),
        SessionCommand::Role => role(me, out),
        SessionCommand::Time => time(me, now, out),
    }
    Outcome::Answered
}

/// What a client is told whose connection, as it is now, may not run a command: it has to log in
/// first, or it listens and talks RESP2. To be asked before the plan; what is wrong with a command
/// by itself the plan says, where servers look at that first.
pub fn barred(command: &Command<'_>, me: &Identity, world: &World) -> Option<Vec<u8>> {
    let pending = me.login() == LoginState::Pending;
    let spec = world.settings().table.lookup(command);
    let spec = spec.ok().filter(|spec| spec.arity().admits(command.len()));
    let Some(spec) = spec else {
        // The newest say nothing of commands to those whom they do not know.
        let silent = pending && world.backend().wording() >= Wording::Valkey9;
        return silent.then(|| NOT_LOGGED_IN.into());
    };
    if pending && !spec.flags().contains(CommandFlags::NO_AUTH) {
        return Some(NOT_LOGGED_IN.into());
    }
    let listens = me.protocol() == Protocol::Resp2 && me.standing().is_subscribed();
    (listens && !WHILE_LISTENING.contains(&spec.name())).then(|| {
        let text = format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
             are allowed in this context",
            spec.name()
        );
        text.into_bytes()
    })
}

fn auth(command: &Command<'_>, me: &mut Identity, out: &mut Vec<u8>) {
    match hello::auth(command, me) {
        Ok(()) => me.reply(out).simple("OK"),
        Err(text) => me.reply(out).error(&text),
    }
}

fn hello(command: &Command<'_>, me: &mut Identity, world: &World, out: &mut Vec<u8>) {
    match hello::hello(command, me, world) {
        Ok(()) => hello::introduction(me, world, out),
        Err(text) => me.reply(out).error(&text),
    }
}

/// Servers that are no part of a cluster let its clients be since Valkey 8.
fn readonly(me: &Identity, world: &World, out: &mut Vec<u8>) {
    if world.backend().wording() >= Wording::Valkey8 {
        me.reply(out).simple("OK");
    } else {
        me.reply(out).error(NO_CLUSTER.as_bytes());
    }
}

/// A primary that nobody replicates.
fn role(me: &Identity, out: &mut Vec<u8>) {
    let mut reply = me.reply(out);
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(0);
    reply.array(0);
}

/// By the clock of the proxy: those of several nodes would jump.
fn time(me: &Identity, now: Moment, out: &mut Vec<u8>) {
    let mut reply = me.reply(out);
    reply.array(2);
    reply.bulk(now.wall.as_secs().to_string().as_bytes());
    reply.bulk(now.wall.subsec_micros().to_string().as_bytes());
}

fn ping(command: &Command<'_>, me: &Identity, out: &mut Vec<u8>) {
    let mut reply = me.reply(out);
    let listens = me.protocol() == Protocol::Resp2 && me.standing().is_subscribed();
    if listens && command.len() <= 2 {
        reply.array(2);
        reply.bulk(b"pong");
        reply.bulk(command.arg(1).unwrap_or_default());
        return;
    }
    match (command.arg(1), command.len()) {
        (None, _) => reply.simple("PONG"),
        (Some(text), 2) => reply.bulk(text),
        // The table lets any number through.
        _ => reply.error(b"ERR wrong number of arguments for 'ping' command"),
    }
}

fn select(command: &Command<'_>, me: &mut Identity, world: &World, out: &mut Vec<u8>) {
    let number = integer(command.arg(1).unwrap_or_default());
    let error = match number {
        None => "ERR value is not an integer or out of range",
        Some(number) if i32::try_from(number).is_err() => {
            "ERR value is out of range, value must between -2147483648 and 2147483647"
        }
        Some(number) => {
            let database = u32::try_from(number).ok();
            if let Some(database) = database.filter(|&known| known < world.settings().databases) {
                me.select(database);
                return me.reply(out).simple("OK");
            }
            "ERR DB index is out of range"
        }
    };
    me.reply(out).error(error.as_bytes());
}

#[cfg(test)]
mod tests;
