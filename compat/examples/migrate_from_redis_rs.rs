//! Code for the redis crate, with slotway behind it: only the line that connects is another.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use redis::{AsyncCommands, RedisResult, aio::ConnectionLike};

/// Knows nothing of slotway.
async fn visit(con: &mut (impl ConnectionLike + Send + Sync), page: &str) -> RedisResult<u64> {
    let key = format!("{{{page}}}:visits");
    let last = format!("{{{page}}}:last");
    let (visits,): (u64,) =
        redis::pipe().atomic().incr(&key, 1).set(&last, "now").ignore().query_async(con).await?;
    Ok(visits)
}

#[tokio::main]
async fn main() -> RedisResult<()> {
    let url = std::env::args().nth(1);
    let url = url.as_deref().unwrap_or("redis://127.0.0.1:17001");

    // Before:
    // let client = redis::cluster::ClusterClient::new([url])?;
    // let mut con = client.get_async_connection().await?;
    let mut con = slotway_redis::connect(url).await?;

    let _: usize = con.del(&["{home}:visits", "{about}:visits"]).await?;
    for page in ["home", "about", "home"] {
        println!("{page}: {}", visit(&mut con, page).await?);
    }
    let script = redis::Script::new("return redis.call('GET', KEYS[1])");
    let home: u64 = script.key("{home}:visits").invoke_async(&mut con).await?;
    println!("home has {home}");
    Ok(())
}
