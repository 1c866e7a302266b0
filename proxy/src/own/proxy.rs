//! `PROXY`: the one command of ours.

use slotway_protocol::{Command, CommandBuf};

use crate::log::Colour;

use super::{
    Errand, Identity, Moment, Outcome, ReplyWriter, World,
    args::{integer, is, quoting},
    info,
};

/// What `PROXY HELP` says.
const HELP: [&str; 15] = [
    "PROXY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CLIENTS",
    "    List the clients of the proxy, as CLIENT LIST does.",
    "INFO",
    "    Show the state of the proxy, as the section slotway of INFO does.",
    "LOG [<count>]",
    "    List the latest events, the newest first. The default is 10.",
    "NODES",
    "    List the nodes of the cluster, as the proxy knows them.",
    "ROUTE <command> [<arg> ...]",
    "    Say where a command would go, without sending it.",
    "HELP",
    "    Print this help.",
    "",
    "Nodes, routes and events are those that the answering worker knows of.",
];

/// How many events are listed if nobody says how many.
const EVENTS: usize = 10;

/// Answers `PROXY` with any subcommand. Servers have no such command: where the table of commands
/// knows none of this name, the session asks here.
pub fn proxy(
    command: &Command<'_>,
    me: &mut Identity,
    world: &World,
    now: Moment,
    out: &mut Vec<u8>,
) -> Outcome {
    let typed = command.arg(1).unwrap_or_default();
    let word = typed.to_ascii_lowercase();
    let known = matches!(
        (word.as_slice(), command.len()),
        (b"help" | b"info" | b"nodes" | b"clients", 2) | (b"route", 3..) | (b"log", 2 | 3)
    );
    let mut reply = me.reply(out);
    if !known {
        refuse(command, &word, &mut reply);
        return Outcome::Answered;
    }
    let name = String::from_utf8_lossy(&word);
    me.card().came(&format!("proxy|{name}"), now.run);
    match word.as_slice() {
        b"info" => reply.text(&info::own_section(world, now)),
        b"nodes" => return Outcome::Errand(Errand::Nodes),
        b"clients" => {
            let wording = world.backend().wording();
            let cards = world.directory().cards();
            let lines: String = cards.iter().map(|card| card.line(now.run, wording)).collect();
            reply.text(&lines);
        }
        b"route" => {
            let words: Vec<&[u8]> = command.args().skip(2).collect();
            match CommandBuf::new(&words) {
                Ok(command) => return Outcome::Errand(Errand::Route(command)),
                Err(error) => reply.error(format!("ERR {error}").as_bytes()),
            }
        }
        b"log" => log(command, world, &mut reply),
        _ => {
            reply.array(HELP.len());
            HELP.iter().for_each(|line| reply.simple(line));
        }
    }
    Outcome::Answered
}

/// Whether a command is this one.
pub fn is_proxy(command: &Command<'_>) -> bool {
    is(command.name(), "proxy")
}

fn refuse(command: &Command<'_>, word: &[u8], reply: &mut ReplyWriter<'_>) {
    let known: [&[u8]; 6] = [b"help", b"info", b"nodes", b"clients", b"route", b"log"];
    if command.len() == 1 {
        reply.error(b"ERR wrong number of arguments for 'proxy' command");
    } else if known.contains(&word) {
        reply.error(&quoting("ERR wrong number of arguments for 'proxy|", word, "' command"));
    } else {
        let typed = command.arg(1).unwrap_or_default();
        let typed = &typed[..typed.len().min(128)];
        reply.error(&quoting("ERR unknown subcommand '", typed, "'. Try PROXY HELP."));
    }
}

fn log(command: &Command<'_>, world: &World, reply: &mut ReplyWriter<'_>) {
    let count = match command.arg(2).map(integer) {
        None => Some(EVENTS),
        Some(count) => count.and_then(|count| usize::try_from(count).ok()),
    };
    let Some(count) = count else {
        return reply.error(b"ERR count is not an integer or out of range");
    };
    let lines = world.log().newest(count);
    reply.array(lines.len());
    for line in lines.iter().rev() {
        reply.bulk(line.text(Colour::Plain).as_bytes());
    }
}
