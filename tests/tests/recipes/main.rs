//! The recipes of docs/client/recipes.md: each block of code there stands here too, and runs
//! against a real cluster.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod checks;
mod settings;

use std::collections::BTreeMap;

use slotway::{Client, Cmd, Delivery, Error, Repeats, SetOptions, StreamReads, Value, cmd};

async fn product(client: &Client, id: u64) -> Result<String, Error> {
    let key = format!("product:{id}");
    if let Some(cached) = client.get::<Option<String>>(&key).await? {
        return Ok(cached);
    }
    let product = load(id).await;
    client.set_with(&key, &product, SetOptions::new().ex(300)).await?;
    Ok(product)
}

async fn product_changed(client: &Client, id: u64) -> Result<(), Error> {
    client.unlink(format!("product:{id}")).await?;
    Ok(())
}

async fn lock(client: &Client, name: &str, token: &str, millis: u64) -> Result<bool, Error> {
    let options = SetOptions::new().nx().px(millis);
    match client.set_with(name, token, options).await {
        // The lock may be ours: whose token is in it?
        Err(error) if error.delivery() == Delivery::MaybeSent => {
            Ok(client.get::<Option<String>>(name).await?.as_deref() == Some(token))
        }
        taken => taken,
    }
}

const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end
return 0";

async fn unlock(client: &Client, name: &str, token: &str) -> Result<bool, Error> {
    client.eval(UNLOCK, name, token).await
}

const COUNT: &str = "local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count";

async fn allowed(client: &Client, user: &str, max: u64) -> Result<bool, Error> {
    let window_millis = 60_000;
    let count: u64 = client.eval(COUNT, format!("rate:{user}"), window_millis).await?;
    Ok(count <= max)
}

type Job = BTreeMap<String, String>;

async fn add_job(client: &Client, id: &str, task: &str) -> Result<(), Error> {
    // The job has an id of its own: an XADD that is repeated adds it twice.
    client.xadd("jobs", "*", [("id", id), ("task", task)]).await?;
    Ok(())
}

async fn prepare(client: &Client) -> Result<(), Error> {
    match client.xgroup_create("jobs", "workers", "0").await {
        Err(Error::Server { code, .. }) if code == "BUSYGROUP" => Ok(()),
        other => other,
    }
}

async fn next_job(client: &Client, worker: &str) -> Result<Option<(String, Job)>, Error> {
    // It waits for a second, on a connection of its own, and holds up no other call.
    let read = cmd("XREADGROUP")
        .arg(("GROUP", "workers", worker))
        .arg(("COUNT", 1, "BLOCK", 1000))
        .arg(("STREAMS", "jobs", ">"));
    let jobs: Option<StreamReads<Job>> = client.run(read).await?;
    Ok(jobs.unwrap_or_default().into_values().flatten().next())
}

async fn finish(client: &Client, entry: &str) -> Result<(), Error> {
    client.xack("jobs", "workers", entry).await?;
    Ok(())
}

async fn abandoned_job(client: &Client, worker: &str) -> Result<Option<(String, Job)>, Error> {
    // What another worker has had for a minute and not finished.
    let claim = cmd("XAUTOCLAIM").arg(("jobs", "workers", worker)).arg((60_000, "0", "COUNT", 1));
    let reply: Vec<Value> = client.run(claim).await?;
    let jobs: Vec<(String, Job)> = match reply.into_iter().nth(1) {
        Some(jobs) => slotway::FromValue::from_value(jobs)?,
        None => Vec::new(),
    };
    Ok(jobs.into_iter().next())
}

const COUNT_ONCE: &str = "if redis.call('SET', KEYS[2], 1, 'NX', 'EX', 86400) then
    return redis.call('INCR', KEYS[1])
end
return tonumber(redis.call('GET', KEYS[1]))";

async fn count_once(client: &Client, page: &str, event: &str) -> Result<u64, Error> {
    // `{page}` puts both keys into one slot, as a script needs it.
    let keys = [format!("{{{page}}}:visits"), format!("{{{page}}}:seen:{event}")];
    client.eval(COUNT_ONCE, keys, ()).await
}

async fn profile(client: &Client, user: u64) -> Result<(Option<String>, u64, u64), Error> {
    client
        .pipeline()
        .then(cmd("GET").arg(format!("name:{user}")))
        .then(cmd("SCARD").arg(format!("friends:{user}")))
        .then(cmd("INCR").arg(format!("seen:{user}")))
        .all()
        .await
}

async fn import(client: &Client, names: &[(u64, &str)]) -> Result<usize, Error> {
    let mut pipeline = client.pipeline();
    for (user, name) in names {
        pipeline = pipeline.then(cmd("SET").arg(format!("name:{user}")).arg(*name));
    }
    let replies = pipeline.run().await;
    Ok(replies.iter().filter(|reply| reply.is_ok()).count())
}

async fn transfer(client: &Client, from: &str, to: &str, amount: i64) -> Result<bool, Error> {
    let from = format!("{{bank}}:{from}");
    let to = format!("{{bank}}:{to}");
    loop {
        let mut watch = client.watch(&from).await?;
        let balance: Option<i64> = watch.run(cmd("GET").arg(&from)).await?;
        if balance.unwrap_or(0) < amount {
            return Ok(false);
        }
        let moves = [cmd("DECRBY").arg((&from, amount)), cmd("INCRBY").arg((&to, amount))];
        let done: Option<(i64, i64)> = watch.exec(moves).await?;
        if done.is_some() {
            return Ok(true);
        }
    }
}

async fn unless_sent(client: &Client, cmd: Cmd) -> Result<Value, Error> {
    let mut tries = 0;
    loop {
        match client.run(cmd.clone()).await {
            Err(error) if error.delivery() == Delivery::NotSent && tries < 3 => tries += 1,
            other => return other,
        }
    }
}

async fn remember(client: &Client, key: &str, value: &str) -> Result<(), Error> {
    client.with_repeats(Repeats::IdempotentToo).set(key, value).await
}

/// What the application would ask its database.
async fn load(id: u64) -> String {
    format!("product {id}")
}
