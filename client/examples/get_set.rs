//! The first program of the README: sets a key of a cluster and reads it.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use slotway::Client;

#[tokio::main]
async fn main() -> Result<(), slotway::Error> {
    let url = std::env::args().nth(1);
    let client = Client::connect(url.as_deref().unwrap_or("redis://127.0.0.1:17001")).await?;
    client.set("greeting", "hello").await?;
    let greeting: Option<String> = client.get("greeting").await?;
    println!("{greeting:?}");
    Ok(())
}
