//! Many commands at once.

mod group;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::join_all;
use slotway_protocol::{CommandBuf, Plan, RetryClass, Slot, Value};

use crate::{
    Client, Cmd, Error, FromValue,
    reply::{accepted, value_of},
    state,
};

/// Commands that are sent together and whose replies are handed over together.
///
/// They may go to any slots. Those for one slot run in their order, whatever happens to the slot
/// meanwhile, and so do those without keys, such as PUBLISH; those for different slots run side by
/// side. A command that itself goes to several
/// slots or nodes, such as an MGET over both, waits for those before it, and those after it for it.
/// It is no [`Transaction`](crate::Transaction): others' commands may run in between, and one that
/// fails stops no other.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::cmd;
///
/// let pipeline = client.pipeline().then(cmd("INCR").arg("visits")).then(cmd("GET").arg("name"));
/// let (visits, name): (u64, Option<String>) = pipeline.all().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Pipeline {
    client: Client,
    commands: Vec<Cmd>,
}

/// A command that goes to one node.
struct Single<'a> {
    index: usize,
    command: &'a CommandBuf,
    class: RetryClass,
}

/// The commands of each slot in their order, and those without keys.
type Groups<'a> = BTreeMap<Option<Slot>, Vec<Single<'a>>>;

type Replies = Vec<Option<Result<Bytes, Error>>>;

impl Client {
    /// A pipeline without commands yet.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline { client: self.clone(), commands: Vec::new() }
    }
}

impl Pipeline {
    /// Adds a command at the end.
    pub fn then(mut self, cmd: Cmd) -> Self {
        self.commands.push(cmd);
        self
    }

    /// How many commands it has.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Sends the commands. Each has its own reply or error, in their order.
    pub async fn run(self) -> Vec<Result<Value, Error>> {
        let Self { client, commands } = self;
        let limits = &client.cluster.config.limits;
        if commands.len() > limits.batch_max {
            let error = too_many(commands.len(), limits.batch_max);
            return commands.iter().map(|_| Err(error.clone())).collect();
        }
        let mut replies: Replies = commands.iter().map(|_| None).collect();
        client.run_all(&commands, &mut replies).await;
        client.forget_all_written(&commands);
        let missing = || Err(Error::Refused("the command was passed over".to_owned()));
        let decode = |frame: Bytes| accepted(value_of(&frame, &limits.reply)?);
        replies.into_iter().map(|reply| reply.unwrap_or_else(missing).and_then(decode)).collect()
    }

    /// Sends the commands and returns their replies as a tuple, a list, or what else of that length
    /// there is. The first error stands for all; the other commands were run all the same.
    pub async fn all<T: FromValue>(self) -> Result<T, Error> {
        let replies: Result<Vec<Value>, Error> = self.run().await.into_iter().collect();
        T::from_value(Value::Array(replies?))
    }
}

pub(crate) fn too_many(count: usize, max: usize) -> Error {
    Error::Refused(format!("{count} commands at once are more than Limits::batch_max, {max}"))
}

impl Client {
    async fn run_all(&self, commands: &[Cmd], replies: &mut Replies) {
        let mut together: Groups<'_> = BTreeMap::new();
        for (index, cmd) in commands.iter().enumerate() {
            let command = match cmd.command() {
                Ok(command) => command,
                Err(error) => {
                    replies[index] = Some(Err(error));
                    continue;
                }
            };
            let parts = command.as_command();
            match Plan::of(&parts, &self.commands.table, &self.commands.rules) {
                Plan::Single { slot, class } => {
                    together.entry(Some(slot)).or_default().push(Single { index, command, class });
                }
                Plan::AnyNode { .. } | Plan::Answer(_) => {
                    match state::check(&parts, &self.commands.table) {
                        Err(error) => replies[index] = Some(Err(error)),
                        Ok(()) => {
                            let class = self.class_of(&parts);
                            let single = Single { index, command, class };
                            together.entry(None).or_default().push(single);
                        }
                    }
                }
                Plan::Pinned { .. } => {
                    let text = "it may wait, and all behind it would too: send it by itself";
                    replies[index] = Some(Err(Error::Refused(text.to_owned())));
                }
                Plan::Split(_) | Plan::Broadcast { .. } | Plan::Scan(_) | Plan::Refused(_) => {
                    self.run_groups(std::mem::take(&mut together), replies).await;
                    replies[index] = Some(self.call_raw(parts).await);
                }
            }
        }
        self.run_groups(together, replies).await;
    }

    async fn run_groups(&self, groups: Groups<'_>, replies: &mut Replies) {
        let groups = groups.into_iter().map(|(slot, group)| self.run_group(slot, group));
        for (index, reply) in join_all(groups).await.into_iter().flatten() {
            replies[index] = Some(reply);
        }
    }
}
