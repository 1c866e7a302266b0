//! The subcommands that concern other sessions.

use std::{sync::Arc, time::Duration};

use slotway_protocol::Command;

use super::{SYNTAX, Said};
use crate::own::{
    Ask, Identity, Moment, Paused, Unblock, Wording, World,
    args::{integer, is, quoting},
    directory::Card,
    face::Switch,
    filter::{Filter, Kind},
};

/// `CLIENT LIST` with its filters.
pub(super) fn list(
    command: &Command<'_>,
    me: &Identity,
    world: &World,
    now: Moment,
) -> Result<Said, Vec<u8>> {
    let wording = world.backend().wording();
    let cards = if wording >= Wording::Valkey8 {
        let filter = Filter::read(command, 2, world)?;
        let skip = filter.skip_me == Some(Switch::On);
        chosen(&filter, skip.then(|| me.id()), world, now.run)
    } else {
        match command.arg(2) {
            None => world.directory().cards(),
            Some(option) if is(option, "type") && command.len() == 4 => {
                let kind = Kind::named(command.arg(3).unwrap_or_default(), wording)?;
                chosen(&Filter::of_kind(kind), None, world, now.run)
            }
            Some(option) if is(option, "id") && command.len() > 3 => named(command, world)?,
            Some(_) => return Err(SYNTAX.into()),
        }
    };
    Ok(Said::Text(cards.iter().map(|card| card.line(now.run, wording)).collect()))
}

/// `CLIENT KILL`, in the old form with an address or in the new one with filters.
pub(super) fn kill(
    command: &Command<'_>,
    me: &Identity,
    world: &World,
    now: Moment,
) -> Result<Said, Vec<u8>> {
    let (filter, spared) = if command.len() == 3 {
        (Filter::from_addr(command.arg(2).unwrap_or_default()), None)
    } else {
        let filter = Filter::read(command, 2, world)?;
        let skip = filter.skip_me != Some(Switch::Off);
        (filter, skip.then(|| me.id()))
    };
    let chosen = chosen(&filter, spared, world, now.run);
    for card in chosen.iter().filter(|card| card.id() != me.id()) {
        card.ask(Ask::Close);
        // It is gone from now on, whenever its worker comes to it.
        world.directory().leave(card.id());
    }
    let said = match (command.len(), chosen.len()) {
        (3, 0) => return Err("ERR No such client".into()),
        (3, _) => Said::Ok,
        (_, count) => Said::Number(i64::try_from(count).unwrap_or(i64::MAX)),
    };
    let killed_itself = chosen.iter().any(|card| card.id() == me.id());
    Ok(if killed_itself { Said::Last(Box::new(said)) } else { said })
}

/// `CLIENT PAUSE milliseconds [WRITE|ALL]`.
pub(super) fn pause(command: &Command<'_>, world: &World, now: Moment) -> Result<Said, Vec<u8>> {
    let wording = world.backend().wording();
    too_many(command, 4, wording)?;
    let paused = match command.arg(3) {
        None => Paused::All,
        Some(mode) if is(mode, "all") => Paused::All,
        Some(mode) if is(mode, "write") => Paused::Writes,
        Some(_) => return Err("ERR CLIENT PAUSE mode must be WRITE or ALL".into()),
    };
    let time = integer(command.arg(2).unwrap_or_default())
        .ok_or("ERR timeout is not an integer or out of range")?;
    let time = u64::try_from(time).map_err(|_| "ERR timeout is negative")?;
    let latest = i64::MAX.cast_unsigned().saturating_sub(now.wall.as_millis() as u64);
    if time > latest && wording >= Wording::Valkey8 {
        return Err("ERR timeout is out of range".into());
    }
    let until = now.run.saturating_add(Duration::from_millis(time));
    world.pause().begin(until, paused, now.run);
    Ok(Said::Ok)
}

/// `CLIENT UNBLOCK id [TIMEOUT|ERROR]`.
pub(super) fn unblock(command: &Command<'_>, world: &World) -> Result<Said, Vec<u8>> {
    too_many(command, 4, world.backend().wording())?;
    let how = match command.arg(3) {
        None => Unblock::Timeout,
        Some(reason) if is(reason, "timeout") => Unblock::Timeout,
        Some(reason) if is(reason, "error") => Unblock::Error,
        Some(_) => return Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR".into()),
    };
    let id = integer(command.arg(2).unwrap_or_default())
        .ok_or("ERR value is not an integer or out of range")?;
    let card = u64::try_from(id).ok().and_then(|id| world.directory().card(id));
    let blocked = card.filter(|card| card.is_blocked());
    if let Some(card) = &blocked {
        card.ask(Ask::Unblock(how));
    }
    Ok(Said::Number(i64::from(blocked.is_some())))
}

/// Redis counts the arguments of some subcommands by itself.
fn too_many(command: &Command<'_>, most: usize, wording: Wording) -> Result<(), Vec<u8>> {
    if command.len() <= most || wording >= Wording::Valkey8 {
        return Ok(());
    }
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    Err(quoting(before, command.arg(1).unwrap_or_default(), "'. Try CLIENT HELP."))
}

fn chosen(filter: &Filter, spared: Option<u64>, world: &World, now: Duration) -> Vec<Arc<Card>> {
    let mut cards = world.directory().cards();
    cards.retain(|card| Some(card.id()) != spared && filter.admits(card, now));
    cards
}

/// The sessions with the ids that a `CLIENT LIST ID` names, in that order.
fn named(command: &Command<'_>, world: &World) -> Result<Vec<Arc<Card>>, &'static str> {
    let mut cards = Vec::new();
    for id in command.args().skip(3) {
        let id = integer(id).ok_or("ERR Invalid client ID")?;
        cards.extend(u64::try_from(id).ok().and_then(|id| world.directory().card(id)));
    }
    Ok(cards)
}
