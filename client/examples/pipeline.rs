//! Many commands at once: one wait for all of them, wherever their keys are.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use slotway::{Client, cmd};

#[tokio::main]
async fn main() -> Result<(), slotway::Error> {
    let url = std::env::args().nth(1);
    let client = Client::connect(url.as_deref().unwrap_or("redis://127.0.0.1:17001")).await?;

    let mut fill = client.pipeline();
    for city in ["Oslo", "Lima", "Bonn"] {
        fill = fill.then(cmd("SET").arg(format!("city:{city}")).arg(city.len()));
    }
    // An error for each command; these all have to succeed.
    for reply in fill.run().await {
        reply?;
    }

    // Or all replies in one, the first error for all.
    let (length, cities, missing): (u64, u64, Option<String>) = client
        .pipeline()
        .then(cmd("GET").arg("city:Oslo"))
        .then(cmd("EXISTS").arg(["city:Oslo", "city:Lima", "city:Bonn"]))
        .then(cmd("GET").arg("city:Atlantis"))
        .all()
        .await?;
    println!("{length} letters, {cities} cities, {missing:?}");
    Ok(())
}
