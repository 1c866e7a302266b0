//! A session of redis-rs, as its users have it: multiplexed, managed, blocking, and for pub/sub.

use std::{collections::BTreeSet, iter::once, time::Duration};

use futures_util::StreamExt;
use redis::{
    AsyncCommands, AsyncConnectionConfig, AsyncIter, Client, Commands, Pipeline, RedisError,
    RedisResult, Script, Value,
    aio::{MultiplexedConnection, transaction_async},
    cmd, pipe,
};
use slotway::Protocol;
use tokio::{join, sync::mpsc, task::spawn_blocking};

use crate::{
    client::{Stage, Steps, locked_version},
    commands::COMMANDS,
};

/// How many messages a session may have pending.
const MESSAGES_MAX: usize = 1000;

/// All of it.
pub(crate) fn session(stage: Stage) -> Steps {
    Box::pin(async move {
        stage.transcript.line("client", format!("redis-rs {}", locked_version("redis")));
        match steps(&stage).await {
            Ok(()) => stage.transcript.line("end", "yes"),
            Err(error) => stage.transcript.ended_by(error.to_string()),
        }
    })
}

async fn steps(stage: &Stage) -> RedisResult<()> {
    let protocol = match stage.protocol {
        Protocol::Resp2 => "resp2",
        Protocol::Resp3 => "resp3",
    };
    let client = Client::open(format!("{}/?protocol={protocol}", stage.url))?;
    // Blocking commands answer late; each step has its own bound.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let con = client.get_multiplexed_async_connection_with_config(&config).await?;
    let other = client.get_multiplexed_async_connection().await?;
    cmd("FLUSHALL").exec_async(&mut con.clone()).await?;
    cmd("SCRIPT").arg("FLUSH").exec_async(&mut con.clone()).await?;
    for command in COMMANDS {
        stage.either(command, raw(command, con.clone())).await;
    }
    pipelines(stage, con.clone()).await;
    transactions(stage, con.clone(), other.clone()).await;
    several_slots(stage, con.clone()).await;
    scripts(stage, con.clone()).await;
    scans(stage, con.clone()).await;
    stage.step("blpop woken", blocked(con.clone(), other.clone())).await;
    stage.step("pub/sub", pub_sub(&client, other.clone())).await;
    if stage.protocol == Protocol::Resp3 {
        stage.step("pub/sub by push", pushes(&client, other.clone())).await;
    }
    stage.step("managed", managed(&client)).await;
    stage.step("of another thread", blocking(client)).await;
    stage.step("1 MB", big(con)).await;
    Ok(())
}

async fn raw(command: &str, mut con: MultiplexedConnection) -> RedisResult<Value> {
    let mut words = command.split(' ');
    let mut cmd = cmd(words.next().unwrap_or_default());
    words.fold(&mut cmd, |cmd, word| cmd.arg(word)).query_async(&mut con).await
}

async fn run(pipe: Pipeline, mut con: MultiplexedConnection) -> RedisResult<Vec<Value>> {
    pipe.query_async(&mut con).await
}

async fn pipelines(stage: &Stage, mut con: MultiplexedConnection) {
    let mut many = pipe();
    for n in 0..500 {
        let key = format!("p:{n}");
        many.set(&key, n).incr(&key, 1).get(key);
    }
    stage.step("pipeline of 1500 commands over many slots", run(many, con.clone())).await;
    let mut errors = pipe();
    errors.set("p:s", "text").lpush("p:s", 1).get("p:s").hgetall("h").incr("p:s", 1);
    errors.mget(&["p:1", "p:2", "p:3"]).del(&["p:1", "p:2"]).cmd("NO.SUCH").arg("p:1").ping();
    let mut ignoring = errors.clone();
    ignoring.ignore_errors();
    let found = ignoring.query_async::<Vec<RedisResult<Value>>>(&mut con);
    stage.step("pipeline with errors in it", found).await;
    stage.error("pipeline that fails", run(errors, con)).await;
}

async fn transactions(stage: &Stage, con: MultiplexedConnection, mut other: MultiplexedConnection) {
    let mut one = pipe();
    one.atomic().set("{t}a", 1).incr("{t}a", 1).hset("{t}h", "f", "v").hgetall("{t}h");
    stage.step("transaction", run(one, con.clone())).await;
    let mut wrong = pipe();
    wrong.atomic().set("{t}a", "text").incr("{t}a", 1).get("{t}a");
    stage.error("transaction with an error in it", run(wrong, con.clone())).await;
    let mut refused = pipe();
    refused.atomic().set("{t}a", "never").cmd("GET");
    stage.error("transaction that is refused", run(refused, con.clone())).await;
    stage.step("after it", raw("GET {t}a", con.clone())).await;
    let mut disturbed = 0;
    let counted = transaction_async(con, &["{t}w"], |mut con, mut pipe| {
        disturbed += 1;
        let mut other = (disturbed <= 3).then(|| other.clone());
        async move {
            let value: Option<i64> = con.get("{t}w").await?;
            if let Some(other) = &mut other {
                other.incr::<_, _, ()>("{t}w", 10).await?;
            }
            pipe.set("{t}w", value.unwrap_or(0) + 1).get("{t}w").query_async(&mut con).await
        }
    });
    stage.step::<Vec<Value>, _>("watched and disturbed three times", counted).await;
    stage.step("what it left", other.get::<_, Value>("{t}w")).await;
}

async fn several_slots(stage: &Stage, con: MultiplexedConnection) {
    let mut across = pipe();
    across.atomic().set("across:1", 1).set("across:2", 2);
    stage.either("several slots in a transaction", run(across, con.clone())).await;
    stage.either("several slots in a command", raw("SUNION across:3 across:4", con)).await;
}

async fn scripts(stage: &Stage, mut con: MultiplexedConnection) {
    let script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for name in ["script", "script again"] {
        let mut con = con.clone();
        stage.step(name, script.key("script").arg(5).invoke_async::<i64>(&mut con)).await;
    }
    let wrong = Script::new("return redis.call('LPUSH', KEYS[1], 1)");
    stage.error("script with an error", wrong.key("h").invoke_async::<i64>(&mut con)).await;
    let flushed = cmd("SCRIPT").arg("FLUSH").exec_async(&mut con).await;
    stage
        .step("script after a flush", async {
            flushed?;
            script.key("script").arg(1).invoke_async::<i64>(&mut con).await
        })
        .await;
}

async fn scans(stage: &Stage, mut con: MultiplexedConnection) {
    let pairs: Vec<_> = (0..2000).map(|n| (format!("scan:{n}"), n)).collect();
    stage.step("mset of 2000 keys", con.mset::<_, _, Value>(&pairs)).await;
    stage
        .step("scan_match", async {
            let keys: AsyncIter<'_, String> = con.scan_match("scan:*").await?;
            let keys: Vec<RedisResult<String>> = keys.collect().await;
            let keys: BTreeSet<_> = keys.into_iter().collect::<RedisResult<_>>()?;
            Ok::<_, RedisError>(keys.len())
        })
        .await;
}

/// A command that waits on the same connection as others, and the push that wakes it.
async fn blocked(
    mut con: MultiplexedConnection,
    mut other: MultiplexedConnection,
) -> RedisResult<Value> {
    let (waiting, pushed) = join!(con.blpop(&["{b}1", "{b}2"], 0.0), async {
        loop {
            let info: String = cmd("INFO").arg("clients").query_async(&mut other).await?;
            if !info.contains("blocked_clients:0\r") {
                return other.rpush::<_, _, ()>("{b}2", "pushed").await;
            }
        }
    });
    pushed?;
    waiting
}

async fn pub_sub(client: &Client, mut other: MultiplexedConnection) -> RedisResult<Vec<String>> {
    let mut pubsub = client.get_async_pubsub().await?;
    pubsub.subscribe(&["c:1", "c:2"]).await?;
    pubsub.psubscribe("c:[34]").await?;
    let mut found = Vec::new();
    for channel in ["c:1", "c:2", "c:3", "none"] {
        found.push(format!("{} heard", other.publish::<_, _, i64>(channel, channel).await?));
    }
    for message in pubsub.on_message().take(3).collect::<Vec<_>>().await {
        let pattern = message.get_pattern::<Option<String>>()?;
        let text: String = message.get_payload()?;
        found.push(format!("{} {pattern:?} {text}", message.get_channel_name()));
    }
    found[4..].sort();
    pubsub.unsubscribe("c:1").await?;
    pubsub.punsubscribe("c:[34]").await?;
    for channel in ["c:1", "c:3", "c:2"] {
        found.push(format!("{} heard", other.publish::<_, _, i64>(channel, channel).await?));
    }
    for n in 0..200 {
        other.publish::<_, _, ()>("c:2", n).await?;
    }
    let last = pubsub.on_message().take(201).collect::<Vec<_>>().await;
    let texts = last.iter().map(redis::Msg::get_payload);
    let texts: Vec<String> = texts.collect::<RedisResult<_>>()?;
    let wanted: Vec<_> = once("c:2".into()).chain((0..200).map(|n| n.to_string())).collect();
    found.push(format!("200 in order: {}", texts == wanted));
    Ok(found)
}

async fn pushes(client: &Client, mut other: MultiplexedConnection) -> RedisResult<Vec<String>> {
    let (sender, mut pushes) = mpsc::channel(MESSAGES_MAX);
    let config = AsyncConnectionConfig::new().set_push_sender(move |push| sender.try_send(push));
    let mut con = client.get_multiplexed_async_connection_with_config(&config).await?;
    con.subscribe("c:1").await?;
    con.psubscribe("c:[34]").await?;
    let set: Value = con.set("while subscribed", 1).await?;
    let mut found = vec![format!("{set:?}")];
    for channel in ["c:1", "c:3"] {
        other.publish::<_, _, ()>(channel, "text").await?;
    }
    for _ in 0..4 {
        found.push(format!("{:?}", pushes.recv().await));
    }
    con.unsubscribe("c:1").await?;
    found.push(format!("{:?}", pushes.recv().await));
    found[1..5].sort();
    Ok(found)
}

async fn managed(client: &Client) -> RedisResult<Vec<i64>> {
    let mut con = client.get_connection_manager().await?;
    let gets = (0..200).map(|n| {
        let mut con = con.clone();
        async move { con.incr::<_, _, i64>(format!("managed:{}", n % 50), 1).await }
    });
    let mut found = futures_util::future::try_join_all(gets).await?;
    found.sort_unstable();
    found.push(con.get("managed:7").await?);
    Ok(found)
}

/// The synchronous client.
async fn blocking(client: Client) -> RedisResult<Vec<Value>> {
    let work = spawn_blocking(move || {
        let mut con = client.get_connection()?;
        con.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut found: Vec<Value> = vec![con.set("sync", 1)?, con.get("sync")?];
        found.push(con.del(&["sync", "p:5", "p:6", "nothing"])?);
        let value = redis::transaction(&mut con, &["{y}w"], |con, pipe| {
            pipe.set("{y}w", 5).get("{y}w").query::<Option<Value>>(con)
        })?;
        found.push(value);
        let keys: Vec<String> = con.scan_match("scan:199*")?.collect::<RedisResult<_>>()?;
        let sorted: BTreeSet<_> = keys.into_iter().collect();
        found.extend(sorted.into_iter().map(Value::SimpleString));
        Ok(found)
    });
    work.await.expect("it does not panic")
}

async fn big(mut con: MultiplexedConnection) -> RedisResult<bool> {
    let value: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
    let key: &[u8] = b"\x00\r\n\xff";
    con.set::<_, _, ()>(key, &value).await?;
    Ok(con.get::<_, Vec<u8>>(key).await? == value)
}
