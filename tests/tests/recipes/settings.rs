//! Recipes that say how to connect.

use std::time::Duration;

use slotway::{AddressMap, Client, Config, Error, Tls};

async fn behind_nat() -> Result<Client, Box<dyn std::error::Error>> {
    let rules = ["172.18.0.0/16:* -> 10.0.0.5:*".parse()?, "*:6379 -> *:7379".parse()?];
    let config = Config::try_from("redis://10.0.0.5:7001")?.with_address_rules(rules);
    Ok(Client::connect(config).await?)
}

async fn behind_published_ports() -> Result<Client, Error> {
    let seeds = Config::try_from("redis://localhost:7001,localhost:7002,localhost:7003")?;
    Client::connect(seeds.with_address_map(AddressMap::ByNodeId)).await
}

async fn over_tls() -> Result<Client, Error> {
    let tls = Tls::new()
        .with_ca_file("/etc/valkey/ca.pem")
        .with_client_certificate_files("/etc/valkey/client.pem", "/etc/valkey/client.key");
    let config = Config::try_from("rediss://app:secret@valkey.example.com:6379")?.with_tls(tls);
    Client::connect(config).await
}

async fn with_deadlines() -> Result<Option<String>, Error> {
    let config = Config::try_from("redis://localhost:7001")?;
    // Two seconds for each call, from its start to its reply.
    let client = Client::connect(config.with_deadline(Duration::from_secs(2))).await?;
    // Less for these; both clients share all connections.
    let hurried = client.with_deadline(Duration::from_millis(50));
    hurried.get("name").await
}

/// They connect to places that only a reader has: here it is enough that they can be built.
#[test]
fn settings_are_what_the_client_takes() {
    drop((behind_nat(), behind_published_ports(), over_tls(), with_deadlines()));
    for rule in ["172.18.0.0/16:* -> 10.0.0.5:*", "*:6379 -> *:7379"] {
        rule.parse::<slotway::AddressRule>().unwrap();
    }
}
