//! A cluster whose nodes announce addresses that lead nowhere from here, as behind NAT or in
//! containers: rules say where they are.
//!
//! `nat URL RULE..`, where a rule is such as `172.18.0.0/16:* -> 127.0.0.1:*`.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use slotway::{AddressRule, Client, Config, cmd};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next();
    let rules: Result<Vec<AddressRule>, _> = args.map(|rule| rule.parse()).collect();

    let config: Config = url.as_deref().unwrap_or("redis://127.0.0.1:17001").parse()?;
    let client = Client::connect(config.with_address_rules(rules?)).await?;

    // Every node is asked, so every rule is needed.
    for node in client.primaries() {
        let pong: String = node.run(cmd("PING")).await?;
        println!("{}: {pong}", node.addr().host());
    }
    client.set("behind", "NAT").await?;
    println!("{:?}", client.get::<Option<String>>("behind").await?);
    Ok(())
}
