//! `INFO` of the whole cluster, in the shape of one server's.

mod merge;
mod rules;

use std::fmt::Write as _;

use futures_util::future::join_all;
use slotway::{Client, Error};
use slotway_protocol::{Command, CommandBuf, Value};

use super::{Moment, Paused, World, args::is, face::Switch};
use merge::Report;

/// What the primaries said.
pub(super) enum Gathered {
    /// Their texts, and how many of them gave none.
    Texts { texts: Vec<String>, missing: usize },
    /// The same error from all.
    Refused(Value),
}

/// Asks all primaries at once. One that does not answer is missing from the sums, and the reply
/// says so; an error says that none answered.
pub(super) async fn gather(client: &Client, command: &CommandBuf) -> Result<Gathered, Error> {
    let nodes = client.primaries();
    let replies = join_all(nodes.iter().map(|node| node.call(command))).await;
    let count = replies.len();
    let (mut texts, mut refusal, mut error) = (Vec::new(), None, None);
    for reply in replies {
        match reply {
            Ok(Value::Error(text)) => refusal = Some(Value::Error(text)),
            Ok(value) => texts.extend(value.as_str().map(str::to_owned)),
            Err(failed) => error = Some(failed),
        }
    }
    match (texts.is_empty(), refusal, error) {
        (true, Some(refusal), _) => Ok(Gathered::Refused(refusal)),
        (true, None, Some(error)) => Err(error),
        // With no primary known there is nobody to ask: any node that is left may say why.
        (true, None, None) => {
            let value = client.call(command).await?;
            Ok(Gathered::Texts {
                texts: value.as_str().map(str::to_owned).into_iter().collect(),
                missing: 0,
            })
        }
        (false, ..) => {
            let missing = count - texts.len();
            Ok(Gathered::Texts { texts, missing })
        }
    }
}

/// Whether an `INFO` asks for the section of the proxy too.
pub(super) fn wants_own(command: &Command<'_>) -> bool {
    let all = ["all", "everything", "default", "slotway"];
    command.len() == 1
        || command.args().skip(1).any(|arg| all.iter().any(|section| is(arg, section)))
}

/// What `INFO` says of the proxy instead of the nodes.
#[derive(Debug)]
pub(super) struct Own {
    fields: Vec<(&'static str, String)>,
    section: String,
}

impl Own {
    /// As it is now, after this many primaries answered and that many did not.
    pub(super) fn new(world: &World, now: Moment, answered: usize, missing: usize) -> Self {
        let mut section = own_section(world, now);
        // Writing into a string does not fail.
        let _ = write!(section, "primaries_asked:{}\r\n", answered + missing);
        let _ = write!(section, "primaries_missing:{missing}\r\n");
        Self { fields: own_fields(world, now), section }
    }
}

/// The section of the proxy.
pub(super) fn own_section(world: &World, now: Moment) -> String {
    let settings = world.settings();
    format!(
        "# Slotway\r\nslotway_version:{}\r\nserver_version:{}\r\nuptime_in_seconds:{}\r\n\
         clients:{}\r\nclients_total:{}\r\nclients_rejected:{}\r\ndatabases:{}\r\n",
        env!("CARGO_PKG_VERSION"),
        world.backend().version(),
        now.run.as_secs(),
        world.directory().len(),
        world.directory().entered(),
        world.rejected(),
        settings.databases,
    )
}

/// What the nodes said, as if one server said it.
pub(super) fn compose(texts: &[String], own: &Own, with_own: bool) -> String {
    let reports: Vec<Report> = texts.iter().map(|text| Report::read(text)).collect();
    let mut report = merge::merged(&reports);
    rules::derive(&mut report);
    rules::stand_alone(&mut report);
    own.fields.iter().for_each(|(name, value)| report.replace(name, value));
    let mut text = report.to_string();
    if with_own {
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        text.push_str(&own.section);
    }
    text
}

/// What the proxy knows of its own clients and of itself.
fn own_fields(world: &World, now: Moment) -> Vec<(&'static str, String)> {
    let settings = world.settings();
    let (mut blocked, mut tracking, mut subscribed, mut watching, mut watched) =
        (0, 0, 0, 0, 0_u64);
    for card in world.directory().cards() {
        card.look(|face| {
            blocked += u32::from(face.standing.blocked == Switch::On);
            tracking += u32::from(face.tracking.is_on());
            subscribed += u32::from(face.standing.is_subscribed());
            watching += u32::from(face.standing.watched > 0);
            watched += u64::from(face.standing.watched);
        });
    }
    let pause = world.pause().state(now.run);
    let left = pause.map_or(0, |(until, _)| until.saturating_sub(now.run).as_millis());
    let actions = match pause {
        None => "none",
        Some((_, Paused::All)) => "all",
        Some((_, Paused::Writes)) => "write",
    };
    let reason = if pause.is_some() { "client_pause" } else { "none" };
    vec![
        ("process_id", std::process::id().to_string()),
        ("run_id", settings.run_id.clone()),
        ("tcp_port", settings.port.to_string()),
        ("server_time_usec", now.wall.as_micros().to_string()),
        ("uptime_in_seconds", now.run.as_secs().to_string()),
        ("uptime_in_days", (now.run.as_secs() / 86_400).to_string()),
        ("connected_clients", world.directory().len().to_string()),
        ("maxclients", settings.clients_max.to_string()),
        ("blocked_clients", blocked.to_string()),
        ("tracking_clients", tracking.to_string()),
        ("pubsub_clients", subscribed.to_string()),
        ("watching_clients", watching.to_string()),
        ("total_watched_keys", watched.to_string()),
        ("paused_reason", reason.to_owned()),
        ("paused_actions", actions.to_owned()),
        ("paused_timeout_milliseconds", left.to_string()),
        ("total_connections_received", world.directory().entered().to_string()),
        ("rejected_connections", world.rejected().to_string()),
    ]
}

#[cfg(test)]
mod tests;
