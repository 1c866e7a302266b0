//! `CLIENT`: what a session says of itself, asks of others and is told about all.

mod others;

use slotway_protocol::Command;

use super::{
    Errand, Identity, Moment, Outcome, TrackingSupport, Wording, World,
    args::{is, is_plain, quoting},
    face::Switch,
    hello::BAD_NAME,
};

const SYNTAX: &str = "ERR syntax error";
const NO_TRACKING: &str =
    "ERR CLIENT TRACKING is not supported here: invalidations would not reach this connection";

/// What a subcommand came to, when it is not an error.
enum Said {
    Ok,
    Number(i64),
    Text(String),
    Name(String),
    TrackingInfo,
    Errand(Errand),
    /// The session ended itself, and this is its last reply.
    Last(Box<Self>),
}

/// `CLIENT` with any subcommand.
pub(super) fn client(
    command: &Command<'_>,
    me: &mut Identity,
    world: &World,
    now: Moment,
    out: &mut Vec<u8>,
) -> Outcome {
    match run(command, me, world, now) {
        Ok(Said::Errand(errand)) => return Outcome::Errand(errand),
        Ok(Said::Last(said)) => {
            write(&said, me, out);
            return Outcome::Farewell;
        }
        Ok(said) => write(&said, me, out),
        Err(text) => me.reply(out).error(&text),
    }
    Outcome::Answered
}

fn write(said: &Said, me: &Identity, out: &mut Vec<u8>) {
    let mut reply = me.reply(out);
    match said {
        Said::Ok | Said::Errand(_) => reply.simple("OK"),
        Said::Number(number) => reply.integer(*number),
        Said::Text(text) => reply.text(text),
        Said::Name(name) if name.is_empty() => reply.null(),
        Said::Name(name) => reply.bulk(name.as_bytes()),
        Said::TrackingInfo => me.card().look(|face| face.tracking.write(&mut reply)),
        Said::Last(said) => write(said, me, out),
    }
}

fn run(
    command: &Command<'_>,
    me: &mut Identity,
    world: &World,
    now: Moment,
) -> Result<Said, Vec<u8>> {
    let typed = command.arg(1).unwrap_or_default();
    let word = typed.to_ascii_lowercase();
    if since(&word).is_none_or(|since| world.backend().wording() < since) {
        let typed = &typed[..typed.len().min(128)];
        return Err(quoting("ERR unknown subcommand '", typed, "'. Try CLIENT HELP."));
    }
    match word.as_slice() {
        b"list" => others::list(command, me, world, now),
        b"kill" => others::kill(command, me, world, now),
        b"pause" => others::pause(command, world, now),
        b"unpause" => {
            world.pause().end();
            Ok(Said::Ok)
        }
        b"unblock" => others::unblock(command, world),
        b"info" => Ok(Said::Text(me.line(world, now.run))),
        // The words are the same everywhere.
        b"help" => Ok(Said::Errand(Errand::Ask(command.to_buf()))),
        b"tracking" | b"trackinginfo" | b"caching" | b"getredir" => {
            tracking(&word, command, me, world)
        }
        _ => of_itself(&word, command, me),
    }
}

/// The generation of servers that brought a subcommand.
fn since(word: &[u8]) -> Option<Wording> {
    Some(match word {
        b"caching" | b"getname" | b"getredir" | b"help" | b"id" | b"info" | b"kill" | b"list"
        | b"no-evict" | b"pause" | b"reply" | b"setname" | b"tracking" | b"trackinginfo"
        | b"unblock" | b"unpause" => Wording::Redis70,
        b"no-touch" | b"setinfo" => Wording::Redis72,
        b"capa" | b"import-source" => Wording::Valkey8,
        _ => return None,
    })
}

/// What a session says of itself, or asks about itself.
fn of_itself(word: &[u8], command: &Command<'_>, me: &mut Identity) -> Result<Said, Vec<u8>> {
    let arg = command.arg(2).unwrap_or_default();
    match word {
        b"id" => return Ok(Said::Number(me.id().cast_signed())),
        b"getname" => return Ok(Said::Name(me.card().look(|face| face.name.clone()))),
        b"setname" if is_plain(arg) => me.rename(arg),
        b"setname" => return Err(BAD_NAME.into()),
        b"setinfo" => set_info(arg, command.arg(3).unwrap_or_default(), me)?,
        b"reply" if is(arg, "on") => me.reply_on(),
        b"reply" if is(arg, "off") => me.reply_off(),
        b"reply" if is(arg, "skip") => me.reply_skip(),
        b"no-evict" => {
            let to = switch(arg)?;
            me.card().change(|face| face.no_evict = to);
        }
        b"no-touch" => {
            let to = switch(arg)?;
            me.card().change(|face| face.no_touch = to);
        }
        // What it can do that is not known here is of no use here.
        b"capa" => {
            if command.args().skip(2).any(|arg| is(arg, "redirect")) {
                me.card().change(|face| face.redirectable = Switch::On);
            }
        }
        b"import-source" if !is(arg, "off") => {
            return Err("ERR Server is not in import mode".into());
        }
        b"import-source" => {}
        _ => return Err(SYNTAX.into()),
    }
    Ok(Said::Ok)
}

fn set_info(option: &[u8], value: &[u8], me: &Identity) -> Result<(), Vec<u8>> {
    let is_name = is(option, "lib-name");
    if !is_name && !is(option, "lib-ver") {
        return Err(quoting("ERR Unrecognized option '", option, "'"));
    }
    if !is_plain(value) {
        let name = if is_name { "LIB-NAME" } else { "LIB-VER" };
        let error = format!("ERR {name} cannot contain spaces, newlines or special characters.");
        return Err(error.into_bytes());
    }
    let value = String::from_utf8_lossy(value).into_owned();
    me.card().change(|face| {
        *if is_name { &mut face.library } else { &mut face.library_version } = value;
    });
    Ok(())
}

fn tracking(
    word: &[u8],
    command: &Command<'_>,
    me: &Identity,
    world: &World,
) -> Result<Said, Vec<u8>> {
    let arg = command.arg(2).unwrap_or_default();
    match word {
        b"trackinginfo" => return Ok(Said::TrackingInfo),
        b"getredir" => return Ok(Said::Number(me.card().look(|face| face.tracking.redirect()))),
        b"caching" => me.card().change(|face| face.tracking.caching(arg))?,
        _ => {
            let directory = world.directory();
            let mut tracking = me.card().look(|face| face.tracking.clone());
            tracking.set(command, |id| directory.card(id).is_some())?;
            if tracking.is_on() && world.settings().tracking == TrackingSupport::Refused {
                return Err(NO_TRACKING.into());
            }
            me.card().change(|face| face.tracking = tracking);
        }
    }
    Ok(Said::Ok)
}

fn switch(arg: &[u8]) -> Result<Switch, &'static str> {
    match (is(arg, "on"), is(arg, "off")) {
        (true, _) => Ok(Switch::On),
        (_, true) => Ok(Switch::Off),
        _ => Err(SYNTAX),
    }
}
