//! A session of redis-rs, asynchronous and multiplexed as most of its users have it.

use redis::{AsyncCommands, RedisResult};
use slotway::Protocol;

use crate::client::{Stage, Steps, locked_version};

/// All of it.
pub(crate) fn session(stage: Stage) -> Steps {
    Box::pin(async move {
        stage.transcript.line("client", format!("redis-rs {}", locked_version("redis")));
        if let Err(error) = steps(&stage).await {
            stage.transcript.ended_by(error.to_string());
        }
    })
}

async fn steps(stage: &Stage) -> RedisResult<()> {
    let protocol = match stage.protocol {
        Protocol::Resp2 => "resp2",
        Protocol::Resp3 => "resp3",
    };
    let client = redis::Client::open(format!("{}/?protocol={protocol}", stage.url))?;
    let mut con = client.get_multiplexed_async_connection().await?;
    let _: () = redis::cmd("FLUSHALL").query_async(&mut con).await?;
    stage.step("set", con.set::<_, _, String>("s", "value")).await;
    stage.error("lpush on a string", con.lpush::<_, _, i64>("s", "x")).await;
    stage.transcript.line("end", "yes");
    Ok(())
}
