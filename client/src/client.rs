//! What an application holds.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{
    Audience, Command, CommandBuf, CommandTable, Delivery, Merge, Merger, NodeAddr, Plan,
    PlanRules, RetryClass, Split, Value,
};
use tokio::time::Instant;

use crate::{
    Config, Error,
    cluster::Cluster,
    credentials::Rotation,
    follow::{Route, follow},
    node::Node,
    refresh::{keep_fresh, view_of},
};

/// A client of a whole cluster. Cheap to clone; all clones share the same connections, one to each
/// node that is needed.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) commands: Arc<Commands>,
}

/// What is known of commands, and which are let through.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) table: CommandTable,
    pub(crate) rules: PlanRules,
}

impl Client {
    /// Asks the seeds, one after another, for the cluster they belong to. One that answers is
    /// enough; other nodes are connected to when they are first needed.
    ///
    /// Where they are is said by a URL such as `redis://user:password@a:7000,b:7000`, or by a
    /// [`Config`].
    pub async fn connect<C>(config: C) -> Result<Self, Error>
    where
        C: TryInto<Config>,
        Error: From<C::Error>,
    {
        Self::connect_to(config.try_into()?).await
    }

    async fn connect_to(config: Config) -> Result<Self, Error> {
        let cluster = Arc::new(Cluster::new(Arc::new(config)));
        let rotation = cluster.config.credentials_provider.as_ref().map(Rotation::new);
        first_view(&cluster).await?;
        if let Some(rotation) = rotation {
            tokio::spawn(rotation.follow(Arc::downgrade(&cluster)));
        }
        tokio::spawn(keep_fresh(Arc::downgrade(&cluster)));
        let commands =
            Commands { table: CommandTable::builtin(), rules: PlanRules::allowing_all() };
        Ok(Self { cluster, commands: Arc::new(commands) })
    }

    /// Sends a command to where it belongs and returns what it was answered with, also if that is
    /// an error of the server.
    pub async fn call(&self, command: &CommandBuf) -> Result<Value, Error> {
        let frame = self.call_raw(command.as_command()).await?;
        let limits = &self.cluster.config.limits.reply;
        Ok(Value::decode(&frame, limits)?)
    }

    /// The same, with the reply as it came from the socket.
    async fn call_raw(&self, command: Command<'_>) -> Result<Bytes, Error> {
        let Commands { table, rules } = &*self.commands;
        let (cluster, bytes) = (&*self.cluster, command.bytes());
        match Plan::of(&command, table, rules) {
            Plan::Single { slot, class } => follow(cluster, bytes, Route::Slot(slot), class).await,
            Plan::AnyNode { class } => follow(cluster, bytes, Route::Any, class).await,
            Plan::Answer(_) => follow(cluster, bytes, Route::Any, RetryClass::Never).await,
            Plan::Split(split) => self.split(command, &split).await,
            Plan::Broadcast { to, merge, class } => self.broadcast(command, to, merge, class).await,
            Plan::Scan(_) => Err(Error::Refused("SCAN walks one node at a time".to_owned())),
            Plan::Pinned { why, .. } => {
                Err(Error::Refused(format!("{why:?} needs a connection of its own")))
            }
            Plan::Refused(refusal) => {
                Err(Error::Refused(String::from_utf8_lossy(&refusal.text(&command)).into_owned()))
            }
        }
    }

    /// Sends the parts of a command to their slots at once, and merges the replies.
    async fn split(&self, command: Command<'_>, split: &Split) -> Result<Bytes, Error> {
        let encode = |part| {
            let mut bytes = Vec::new();
            split.encode_part(part, &command, &mut bytes);
            bytes
        };
        let parts: Vec<Vec<u8>> = split.parts().iter().map(encode).collect();
        let calls = parts.iter().zip(split.parts()).map(|(part, place)| {
            follow(&self.cluster, part, Route::Slot(place.slot()), split.class())
        });
        merged(split.merger(), futures_util::future::join_all(calls).await)
    }

    /// Sends a command to many nodes at once, and merges the replies.
    async fn broadcast(
        &self,
        command: Command<'_>,
        to: Audience,
        merge: Merge,
        class: RetryClass,
    ) -> Result<Bytes, Error> {
        let routes = self.cluster.routes();
        let nodes: Vec<Arc<Node>> = match to {
            Audience::AllPrimaries => routes.primaries().cloned().collect(),
            Audience::AllNodes => routes.nodes().cloned().collect(),
        };
        drop(routes);
        let merger = Merger::new(merge, nodes.len());
        let calls = nodes
            .into_iter()
            .map(|node| follow(&self.cluster, command.bytes(), Route::Node(node), class));
        merged(merger, futures_util::future::join_all(calls).await)
    }
}

/// Every part has to be answered, or the whole is not.
fn merged(mut merger: Merger, replies: Vec<Result<Bytes, Error>>) -> Result<Bytes, Error> {
    let may_have_run = |reply: &Result<Bytes, Error>| match reply {
        Ok(_) => true,
        Err(error) => error.delivery() == Delivery::MaybeSent,
    };
    let touched = replies.iter().any(may_have_run);
    for (part, reply) in replies.into_iter().enumerate() {
        match reply {
            Ok(frame) => merger.add(part, frame),
            // That no byte of this part was sent says nothing of the others.
            Err(error) if touched => return Err(Error::Partly { source: Arc::new(error) }),
            Err(error) => return Err(error),
        }
    }
    let mut frame = Vec::new();
    merger.finish(&mut frame);
    Ok(frame.into())
}

/// Takes the first view that a seed gives.
async fn first_view(cluster: &Cluster) -> Result<(), Error> {
    let seeds = &cluster.config.seeds;
    let mut last = None;
    for addr in seeds {
        // Longer than credentials and a connection may take, so that it is known why there is none.
        let deadline = Instant::now() + cluster.config.limits.connect_timeout.saturating_mul(3);
        match view_of(&cluster.node(addr), deadline).await {
            Ok(view) => match cluster.publish(view) {
                Ok(()) => return Ok(()),
                Err(error) => last = Some((addr, Arc::new(error.into()))),
            },
            Err(error) => last = Some((addr, error)),
        }
    }
    let Some((node, source)) = last else {
        return Err(Error::Refused("no seed was given".to_owned()));
    };
    Err(Error::NoSeed { tried: seeds.len(), node: NodeAddr::clone(node), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<Bytes, Error> {
        Err(Error::Refused("no".to_owned()))
    }

    fn check(replies: Vec<Result<Bytes, Error>>, expected: Result<&str, Delivery>) {
        let merged = merged(Merger::new(Merge::Sum, replies.len()), replies);
        let got = merged.map(|frame| String::from_utf8_lossy(&frame).into_owned());
        assert_eq!(got.map_err(|error| error.delivery()), expected.map(str::to_owned));
    }

    #[test]
    fn what_was_done_in_part_may_have_been_done() {
        let one = || Ok(Bytes::from(":1\r\n"));
        check(vec![one(), one()], Ok(":2\r\n"));
        check(vec![refused(), refused()], Err(Delivery::NotSent));
        check(vec![refused(), one()], Err(Delivery::MaybeSent));
        check(vec![one(), refused()], Err(Delivery::MaybeSent));
        let unknown = Err(Error::Unknown { node: NodeAddr::new("a", 1) });
        check(vec![refused(), unknown], Err(Delivery::MaybeSent));
    }
}
