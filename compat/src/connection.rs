//! What stands where a connection of the redis crate stood.

use std::sync::Arc;

use redis::{
    Cmd, ErrorKind, Pipeline, RedisFuture, RedisResult, Value as Theirs, aio::ConnectionLike,
};
use slotway::{Client, Config, Delivery, Error, Value};

use crate::{
    command::translate,
    error::{into_redis_error, refusal, server_error},
    value::to_redis,
};

/// A connection in the redis crate's sense: all that implements `AsyncCommands` and is taken by
/// `query_async` and `invoke_async`. Cheap to clone, and nothing has to be pooled.
///
/// Behind it is a [`Client`], with its routing, deadlines and limits.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Client,
}

/// Connects, as [`Client::connect`] does.
pub async fn connect<C>(config: C) -> RedisResult<Connection>
where
    C: TryInto<Config>,
    Error: From<C::Error>,
{
    Ok(Client::connect(config).await.map_err(into_redis_error)?.into())
}

impl Connection {
    /// The client behind it, for what the redis crate has no word for.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl From<Client> for Connection {
    fn from(client: Client) -> Self {
        Self { client }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Theirs> {
        Box::pin(async move {
            let reply = self.client.run::<Value>(translate(cmd)?).await;
            one(reply).unwrap_or_else(|error| Err(into_redis_error(error)))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Theirs>> {
        Box::pin(async move {
            let replies = if pipeline.is_transaction() {
                transaction(&self.client, pipeline).await?
            } else {
                each(&self.client, pipeline).await?
            };
            Ok(replies.into_iter().skip(offset).take(count).collect())
        })
    }

    fn get_db(&self) -> i64 {
        i64::from(self.client.config().database)
    }
}

/// A reply, also if it is an error of the server. Outside of it is what is none of a server's.
fn one(reply: Result<Value, Error>) -> Result<RedisResult<Theirs>, Error> {
    match reply {
        Ok(value) => Ok(to_redis(value)),
        Err(Error::Server { code, message }) => {
            Ok(Ok(Theirs::ServerError(server_error(&code, &message))))
        }
        Err(error) => Err(error),
    }
}

/// The same within a pipeline, where a command that was not sent stops none of the others.
fn one_of_many(reply: Result<Value, Error>) -> Result<RedisResult<Theirs>, Error> {
    let said = match &reply {
        Err(Error::Refused(text)) => refusal(text),
        Err(Error::GaveUp(reason)) => refusal(&reason.to_string()),
        _ => return one(reply),
    };
    Ok(Ok(Theirs::ServerError(said)))
}

/// The reply to each command, in order.
async fn each(client: &Client, pipeline: &Pipeline) -> RedisResult<Vec<Theirs>> {
    let mut commands = client.pipeline();
    for command in pipeline.cmd_iter() {
        commands = commands.then(translate(command)?);
    }
    let replies = commands.run().await;
    let touched = replies.iter().any(|reply| match reply {
        Ok(_) => true,
        Err(error) => error.delivery() == Delivery::MaybeSent,
    });
    if !touched && let Some(Err(error)) = replies.first() {
        return Err(into_redis_error(error.clone()));
    }
    let whole = |error: Error| match error {
        // A pipeline of which any part ran must not look as if it had not been sent.
        error if error.delivery() == Delivery::NotSent => {
            into_redis_error(Error::Partly { source: Arc::new(error) })
        }
        error => into_redis_error(error),
    };
    let replies = replies.into_iter();
    replies.map(|reply| one_of_many(reply).unwrap_or_else(|error| Err(whole(error)))).collect()
}

/// The replies to MULTI, to each command, and to EXEC.
async fn transaction(client: &Client, pipeline: &Pipeline) -> RedisResult<Vec<Theirs>> {
    let mut commands = client.transaction();
    for command in pipeline.cmd_iter() {
        commands = commands.then(translate(command)?);
    }
    let replies = commands.run::<Value>().await.map_err(into_redis_error)?;
    let queued = Theirs::SimpleString("QUEUED".to_owned());
    let mut all = vec![Theirs::Okay];
    all.resize(pipeline.len() + 1, queued);
    let exec = to_redis(replies)?;
    if !matches!(exec, Theirs::Array(_)) {
        return Err((ErrorKind::UnexpectedReturnType, "EXEC gave no list").into());
    }
    all.push(exec);
    Ok(all)
}
