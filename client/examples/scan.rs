//! A walk over all keys of the cluster that match a pattern, whatever node they are on.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use slotway::{Client, cmd};

#[tokio::main]
async fn main() -> Result<(), slotway::Error> {
    let url = std::env::args().nth(1);
    let client = Client::connect(url.as_deref().unwrap_or("redis://127.0.0.1:17001")).await?;

    let mut fill = client.pipeline();
    for n in 0..100 {
        fill = fill.then(cmd("SET").arg(format!("user:{n}")).arg(n));
    }
    fill.all::<Vec<String>>().await?;

    // One page is kept at a time. A key can be found twice while nodes or slots change.
    let mut users = client.scan("user:*");
    let mut found = Vec::new();
    while let Some(key) = users.next().await {
        found.push(String::from_utf8_lossy(&key?).into_owned());
    }
    found.sort();
    found.dedup();
    println!("{} users", found.len());
    Ok(())
}
