//! Commands that run as one, or not at all; the second time only if nobody changed what they
//! depend on.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use slotway::{Client, Error, cmd};

/// Takes one from the stock, unless there is none left. Whoever comes in between makes it try again.
async fn buy(client: &Client) -> Result<bool, Error> {
    loop {
        let mut watch = client.watch("{shop}:stock").await?;
        let stock: i64 = watch.run(cmd("GET").arg("{shop}:stock")).await?;
        if stock == 0 {
            return Ok(false);
        }
        let buy = [cmd("DECR").arg("{shop}:stock"), cmd("INCR").arg("{shop}:sold")];
        let done: Option<(i64, i64)> = watch.exec(buy).await?;
        if done.is_some() {
            return Ok(true);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1);
    let client = Client::connect(url.as_deref().unwrap_or("redis://127.0.0.1:17001")).await?;

    // `{shop}` puts both keys into one slot, as a transaction needs it.
    let ((), ()): ((), ()) = client
        .transaction()
        .then(cmd("SET").arg("{shop}:stock").arg(2))
        .then(cmd("SET").arg("{shop}:sold").arg(0))
        .run()
        .await?;

    let tries = [buy(&client).await?, buy(&client).await?, buy(&client).await?];
    let sold: i64 = client.get("{shop}:sold").await?;
    println!("{tries:?}, {sold} sold");
    Ok(())
}
