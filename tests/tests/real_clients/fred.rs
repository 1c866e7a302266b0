//! A session of fred: one client, a pool, and a client for subscriptions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use fred::{
    clients::SubscriberClient,
    prelude::*,
    types::{
        ClusterHash, CustomCommand, InfoKind, Message, RespVersion,
        scripts::{Library, Script},
        streams::XReadResponse,
    },
};
use futures_util::{TryStreamExt, future::try_join_all};
use slotway::Protocol;
use tokio::{join, sync::broadcast};

use crate::{
    client::{Stage, Steps, locked_version},
    commands::COMMANDS,
};

type Outcome<T> = Result<T, Error>;

/// All of it.
pub(crate) fn session(stage: Stage) -> Steps {
    Box::pin(async move {
        stage.transcript.line("client", format!("fred {}", locked_version("fred")));
        match steps(&stage).await {
            Ok(()) => stage.transcript.line("end", "yes"),
            Err(error) => stage.transcript.ended_by(error.to_string()),
        }
    })
}

fn builder(stage: &Stage) -> Outcome<Builder> {
    let mut config = Config::from_url(&stage.url)?;
    config.version = match stage.protocol {
        Protocol::Resp2 => RespVersion::RESP2,
        Protocol::Resp3 => RespVersion::RESP3,
    };
    let mut builder = Builder::from_config(config);
    builder.with_performance_config(|config| config.broadcast_channel_capacity = 1000);
    Ok(builder)
}

async fn steps(stage: &Stage) -> Outcome<()> {
    let builder = builder(stage)?;
    let (client, other) = (builder.build()?, builder.build()?);
    client.init().await?;
    other.init().await?;
    client.flushall::<()>(false).await?;
    client.script_flush(false).await?;
    for command in COMMANDS {
        stage.either(command, raw(command, &client)).await;
    }
    stage.step("hgetall as a map", client.hgetall::<BTreeMap<String, String>, _>("h")).await;
    stage.step("streams", streams(&client)).await;
    pipelines(stage, &client).await;
    transactions(stage, &client, &other).await;
    scripts(stage, &client).await;
    stage.step("scan", scan(&client)).await;
    stage.step("blpop woken", blocked(&client, &other)).await;
    stage.step("pub/sub", pub_sub(&builder.build_subscriber_client()?, &other)).await;
    stage.step("pool", pool(&builder)).await;
    stage.step("1 MB", big(&client)).await;
    stage.step("quit", client.quit()).await;
    other.quit().await
}

/// A reply whose maps have an order: fred's have none.
struct Ordered(Value);

impl fmt::Debug for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Value::Array(items) = &self.0 {
            return f.debug_list().entries(items.iter().cloned().map(Self)).finish();
        }
        let Value::Map(map) = &self.0 else { return write!(f, "{:?}", self.0) };
        let entry =
            |(key, value): (&Key, &Value)| (key.as_str_lossy().into_owned(), Self(value.clone()));
        f.debug_map().entries(map.iter().map(entry).collect::<BTreeMap<_, _>>()).finish()
    }
}

async fn raw(command: &str, client: &Client) -> Outcome<Ordered> {
    let mut words = command.split(' ');
    // It holds back what follows a command that blocks, if it knows.
    let blocks = command.starts_with('B') || command.contains(" BLOCK ");
    let name = words.next().unwrap_or_default().to_owned();
    let custom = CustomCommand::new(name, ClusterHash::FirstKey, blocks);
    client.custom(custom, words.map(str::to_owned).collect::<Vec<_>>()).await.map(Ordered)
}

async fn streams(client: &Client) -> Outcome<Vec<XReadResponse<String, String, String, String>>> {
    for n in 1..4 {
        client.xadd::<(), _, _, _, _>("x:2", false, None, format!("1-{n}"), ("a", n)).await?;
    }
    client.xgroup_create::<(), _, _, _>("x:2", "g", "0", false).await?;
    let read = client.xread_map(Some(2), None, "x:2", "1-1").await?;
    let of_group = client.xreadgroup_map("g", "one", None, None, false, "x:2", ">").await?;
    client.xack::<(), _, _, _>("x:2", "g", vec!["1-1", "1-2"]).await?;
    let again = client.xreadgroup_map("g", "one", None, None, false, "x:2", "0").await?;
    Ok(vec![read, of_group, again])
}

async fn pipelines(stage: &Stage, client: &Client) {
    stage
        .step("pipeline of 1500 commands over many slots", async {
            let pipe = client.pipeline();
            for n in 0..500 {
                let key = format!("p:{n}");
                pipe.set::<(), _, _>(&key, n, None, None, false).await?;
                pipe.incr::<(), _>(&key).await?;
                pipe.get::<(), _>(&key).await?;
            }
            pipe.all::<Vec<Value>>().await
        })
        .await;
    stage
        .step("pipeline with errors in it", async {
            let pipe = client.pipeline();
            pipe.set::<(), _, _>("p:s", "text", None, None, false).await?;
            pipe.lpush::<(), _, _>("p:s", 1).await?;
            pipe.get::<(), _>("p:s").await?;
            pipe.mget::<(), _>(vec!["p:1", "p:2", "p:3"]).await?;
            pipe.incr::<(), _>("p:s").await?;
            pipe.del::<(), _>(vec!["p:1", "p:2"]).await?;
            Ok::<_, Error>(pipe.try_all::<Value>().await)
        })
        .await;
    let gets = try_join_all((0..1000).map(|n| client.incr::<i64, _>(format!("many:{}", n % 100))));
    stage.step("1000 at once", gets).await;
}

async fn transactions(stage: &Stage, client: &Client, other: &Client) {
    stage
        .step("transaction", async {
            let multi = client.multi();
            multi.set::<(), _, _>("{t}a", 1, None, None, false).await?;
            multi.incr::<(), _>("{t}a").await?;
            multi.hset::<(), _, _>("{t}h", ("f", "v")).await?;
            multi.hgetall::<(), _>("{t}h").await?;
            multi.exec::<Vec<Value>>(true).await
        })
        .await;
    stage
        .error("transaction with an error in it", async {
            let multi = client.multi();
            multi.set::<(), _, _>("{t}a", "text", None, None, false).await?;
            multi.incr::<(), _>("{t}a").await?;
            multi.exec::<Vec<Value>>(true).await
        })
        .await;
    stage
        .either("transaction that is disturbed", async {
            client.watch("{t}a").await?;
            let multi = client.multi();
            other.set::<(), _, _>("{t}a", "other", None, None, false).await?;
            multi.set::<(), _, _>("{t}a", "mine", None, None, false).await?;
            multi.exec::<Value>(true).await
        })
        .await;
    stage.step("what it left", other.get::<Value, _>("{t}a")).await;
    stage
        .either("several slots in a transaction", async {
            let multi = client.multi();
            multi.set::<(), _, _>("across:1", 1, None, None, false).await?;
            multi.set::<(), _, _>("across:2", 2, None, None, false).await?;
            multi.exec::<Vec<Value>>(true).await
        })
        .await;
    let across = vec!["across:3", "across:4"];
    stage.either("several slots in a command", client.sunion::<Value, _>(across)).await;
}

async fn scripts(stage: &Stage, client: &Client) {
    let script = Script::from_lua("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for name in ["script", "script again"] {
        let value = script.evalsha_with_reload::<i64, _, _>(client, "script", 5);
        stage.step(name, value).await;
    }
    stage
        .error(
            "script with an error",
            client.eval::<Value, _, _, _>("return redis.call('LPUSH', KEYS[1], 1)", "h", ()),
        )
        .await;
    stage.step("function", async {
        let code = "#!lua name=lib\nredis.register_function('f', function(k, a) return redis.call('SET', k[1], a[1]) end)";
        let library = Library::from_code(client, code).await?;
        let set: Value = client.fcall("f", "by function", "v").await?;
        client.function_delete::<(), _>("lib").await?;
        let got: Value = client.get("by function").await?;
        Ok::<_, Error>((library.name().to_string(), set, got))
    })
    .await;
}

async fn scan(client: &Client) -> Outcome<usize> {
    let pairs: Vec<_> = (0..2000).map(|n| (format!("scan:{n}"), n)).collect();
    client.mset(pairs).await?;
    let keys: Vec<Key> = client.scan_buffered("scan:*", Some(100), None).try_collect().await?;
    Ok(keys.into_iter().collect::<BTreeSet<_>>().len())
}

/// A command that waits, and the push that wakes it.
async fn blocked(client: &Client, other: &Client) -> Outcome<Value> {
    let (waiting, pushed) = join!(client.blpop(vec!["{b}1", "{b}2"], 10.0), async {
        loop {
            let info: String = other.info(Some(InfoKind::Clients)).await?;
            if !info.contains("blocked_clients:0\r") {
                return other.rpush::<(), _, _>("{b}2", "pushed").await;
            }
        }
    });
    pushed?;
    waiting
}

async fn pub_sub(subscriber: &SubscriberClient, other: &Client) -> Outcome<Vec<String>> {
    subscriber.init().await?;
    let mut messages = subscriber.message_rx();
    subscriber.subscribe(vec!["c:1", "c:2"]).await?;
    subscriber.psubscribe("c:[34]").await?;
    subscriber.ssubscribe("{shard}1").await?;
    let mut found = Vec::new();
    for channel in ["c:1", "c:2", "c:3", "none"] {
        found.push(format!("{} heard", other.publish::<i64, _, _>(channel, channel).await?));
    }
    found.push(format!("{} heard", other.spublish::<i64, _, _>("{shard}1", "sharded").await?));
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(next(&mut messages).await?);
    }
    heard.sort();
    found.extend(heard);
    subscriber.unsubscribe("c:1").await?;
    subscriber.punsubscribe("c:[34]").await?;
    for channel in ["c:1", "c:3"] {
        found.push(format!("{} heard", other.publish::<i64, _, _>(channel, channel).await?));
    }
    for n in 0..200 {
        other.publish::<(), _, _>("c:2", n.to_string()).await?;
    }
    for n in 0..200 {
        let (got, wanted) = (next(&mut messages).await?, format!("Message c:2 String(\"{n}\")"));
        if got != wanted {
            found.push(format!("{got} instead of {wanted}"));
        }
    }
    subscriber.quit().await?;
    Ok(found)
}

async fn next(messages: &mut broadcast::Receiver<Message>) -> Outcome<String> {
    let lost =
        |error: broadcast::error::RecvError| Error::new(ErrorKind::Unknown, error.to_string());
    let message = messages.recv().await.map_err(lost)?;
    Ok(format!("{:?} {} {:?}", message.kind, message.channel, message.value))
}

async fn pool(builder: &Builder) -> Outcome<Vec<i64>> {
    let pool = builder.build_pool(5)?;
    pool.init().await?;
    let calls = (0..500).map(|n| pool.incr::<i64, _>(format!("pool:{}", n % 20)));
    let mut found = try_join_all(calls).await?;
    found.sort_unstable();
    pool.quit().await?;
    Ok(found)
}

async fn big(client: &Client) -> Outcome<bool> {
    let value: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
    let key: &[u8] = b"\x00\r\n\xff";
    let sent = bytes::Bytes::from(value);
    client.set::<(), _, _>(key, sent.clone(), Some(Expiration::EX(100)), None, false).await?;
    Ok(client.get::<bytes::Bytes, _>(key).await? == sent)
}
