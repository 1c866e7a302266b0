//! What the connection answers, but has to ask the cluster for.

use std::{collections::BTreeMap, sync::Arc};

use slotway::{Client, Error, NodeStats};
use slotway_protocol::{
    CommandBuf, Health, NodeAddr, NodeInfo, Plan, Protocol, Shard, SlotTable, Value,
};

use super::{Identity, Moment, ReplyWriter, World, info};

/// What has to ask the cluster before it can be answered.
#[derive(Clone, Debug)]
pub enum Errand {
    /// Any node knows, and its answer is the answer.
    Ask(CommandBuf),
    /// `CONFIG GET`.
    ConfigGet(CommandBuf),
    /// `INFO`.
    Info(CommandBuf),
    /// `LASTSAVE`.
    LastSave,
    /// `PROXY NODES`.
    Nodes,
    /// `PROXY ROUTE` of this command.
    Route(CommandBuf),
}

/// For whom errands are run, as it was when the command came.
#[derive(Clone, Debug)]
pub struct Errands {
    client: Client,
    world: Arc<World>,
    protocol: Protocol,
    now: Moment,
}

/// What is not shown of a node's settings: the words by which the proxy itself is let in.
const SECRETS: [&str; 5] =
    ["requirepass", "masterauth", "primaryauth", "tls-key-file-pass", "tls-client-key-file-pass"];

impl Errands {
    /// Errands for this session, over this client of the cluster. Any client will do: the reply is
    /// in the session's own protocol.
    pub fn of(me: &Identity, client: &Client, world: &Arc<World>, now: Moment) -> Self {
        Self { client: client.clone(), world: world.clone(), protocol: me.protocol(), now }
    }

    /// Asks, and returns the reply as it goes to the client. An error says that nobody answered.
    pub async fn run(self, errand: Errand) -> Result<Vec<u8>, Error> {
        match errand {
            Errand::Ask(command) => Ok(self.written(&self.client.call(&command).await?)),
            Errand::ConfigGet(command) => {
                Ok(self.written(&self.shown(self.client.call(&command).await?)))
            }
            Errand::Info(command) => self.info(&command).await,
            Errand::LastSave => self.last_save().await,
            Errand::Nodes => Ok(self.nodes()),
            Errand::Route(command) => Ok(self.route(&command)),
        }
    }

    fn written(&self, value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        ReplyWriter::new(&mut out, self.protocol).value(value);
        out
    }

    async fn info(&self, command: &CommandBuf) -> Result<Vec<u8>, Error> {
        let (texts, missing) = match info::gather(&self.client, command).await? {
            info::Gathered::Texts { texts, missing } => (texts, missing),
            info::Gathered::Refused(error) => return Ok(self.written(&error)),
        };
        let own = info::Own::new(&self.world, self.now, texts.len(), missing);
        let text = info::compose(&texts, &own, info::wants_own(&command.as_command()));
        let mut out = Vec::new();
        ReplyWriter::new(&mut out, self.protocol).text(&text);
        Ok(out)
    }

    /// The time since which all is saved: the oldest of all primaries.
    async fn last_save(&self) -> Result<Vec<u8>, Error> {
        let mut oldest = None;
        for node in self.client.primaries() {
            let time: i64 = node.run(slotway::cmd("LASTSAVE")).await?;
            oldest = Some(oldest.map_or(time, |oldest: i64| oldest.min(time)));
        }
        Ok(self.written(&Value::Integer(oldest.unwrap_or(0))))
    }

    /// A node's settings, as those of a server that is no cluster.
    fn shown(&self, value: Value) -> Value {
        let Some(pairs) = value.as_pairs() else { return value };
        let databases = self.world.settings().databases.to_string();
        let pairs = pairs.map(|(name, value)| {
            let own = match name.as_str().unwrap_or_default() {
                "cluster-enabled" => Some("no"),
                "databases" => Some(databases.as_str()),
                secret if SECRETS.contains(&secret) => Some(""),
                _ => None,
            };
            let own = own.map(|own| Value::Bulk(own.to_owned().into()));
            (name.clone(), own.unwrap_or_else(|| value.clone()))
        });
        Value::Map(pairs.collect())
    }

    fn nodes(&self) -> Vec<u8> {
        let table = self.client.topology();
        let stats = self.client.stats().nodes;
        let stats = stats.iter().map(|node| (&node.addr, node)).collect();
        let mut out = Vec::new();
        let mut reply = ReplyWriter::new(&mut out, self.protocol);
        let shards = &table.topology().shards;
        let count = |shard: &Shard| usize::from(shard.primary.is_some()) + shard.replicas.len();
        reply.array(shards.iter().map(count).sum());
        for shard in shards {
            if let Some(primary) = &shard.primary {
                write_node(&mut reply, primary, "primary", shard, &stats);
            }
            for replica in &shard.replicas {
                write_node(&mut reply, replica, "replica", shard, &stats);
            }
        }
        out
    }

    fn route(&self, command: &CommandBuf) -> Vec<u8> {
        let settings = self.world.settings();
        let command = command.as_command();
        let plan = Plan::of(&command, &settings.table, &settings.rules);
        let mut out = Vec::new();
        let mut reply = ReplyWriter::new(&mut out, self.protocol);
        if let Plan::Refused(refusal) = plan {
            reply.error(&refusal.text(&command));
            return out;
        }
        let spec = settings.table.lookup(&command).ok();
        let table = self.client.topology();
        reply.map(4);
        reply.bulk(b"command");
        reply.bulk(spec.map_or("", |spec| spec.name()).as_bytes());
        reply.bulk(b"plan");
        reply.bulk(words(&plan, spec.map(|spec| spec.destination().to_string())).as_bytes());
        let slot = match plan {
            Plan::Single { slot, .. } => Some(slot),
            Plan::Pinned { slot, .. } => slot,
            Plan::AnyNode { .. }
            | Plan::Split(_)
            | Plan::Broadcast { .. }
            | Plan::Scan(_)
            | Plan::Answer(_)
            | Plan::Refused(_) => None,
        };
        reply.bulk(b"slot");
        match slot {
            Some(slot) => reply.integer(i64::from(slot.number())),
            None => reply.null(),
        }
        reply.bulk(b"node");
        match slot.and_then(|slot| owner(&table, slot)) {
            Some(node) => reply.bulk(node.to_string().as_bytes()),
            None => reply.null(),
        }
        out
    }
}

fn owner(table: &SlotTable, slot: slotway_protocol::Slot) -> Option<NodeAddr> {
    table.owner(slot)?.addr().cloned()
}

/// Where a command goes, for people.
fn words(plan: &Plan, destination: Option<String>) -> String {
    match plan {
        Plan::Split(split) => format!("the nodes of its keys, in {} parts", split.parts().len()),
        Plan::Single { .. } => "the node of its keys".to_owned(),
        Plan::AnyNode { .. } => "any node".to_owned(),
        Plan::Pinned { .. }
        | Plan::Broadcast { .. }
        | Plan::Scan(_)
        | Plan::Answer(_)
        | Plan::Refused(_) => destination.unwrap_or_default(),
    }
}

fn write_node(
    reply: &mut ReplyWriter<'_>,
    node: &NodeInfo,
    role: &str,
    shard: &Shard,
    stats: &BTreeMap<&NodeAddr, &NodeStats>,
) {
    let addr = node.addr.as_ref();
    let stats = addr.and_then(|addr| stats.get(addr));
    let slots: Vec<String> = shard.slots.iter().map(slots).collect();
    let health = match node.health {
        Health::Online => "online",
        Health::Loading => "loading",
        Health::Suspected => "suspected",
        Health::Failed => "failed",
        Health::Handshake => "handshake",
    };
    reply.map(8);
    for (name, value) in [
        ("address", addr.map_or_else(String::new, ToString::to_string)),
        ("id", node.id.map_or_else(String::new, |id| id.to_string())),
        ("role", role.to_owned()),
        ("health", health.to_owned()),
        ("slots", slots.join(" ")),
    ] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"connected");
    reply.integer(i64::from(stats.is_some_and(|stats| stats.connected)));
    reply.bulk(b"commands");
    reply.integer(stats.map_or(0, |stats| stats.commands.cast_signed()));
    reply.bulk(b"in-flight");
    reply.integer(stats.map_or(0, |stats| stats.in_flight as i64));
}

fn slots(range: &slotway_protocol::SlotRange) -> String {
    if range.len() == 1 {
        range.first().to_string()
    } else {
        format!("{}-{}", range.first(), range.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errand_can_be_run_by_anybody() {
        fn sent<T: Send + 'static>(_: impl Fn(Errands, Errand) -> T) {}
        sent(Errands::run);
    }
}
