//! Prints what is published to some channels, and says so when something may be missing. Without
//! channels it greets itself.
//!
//! `cargo run --example pubsub -- redis://127.0.0.1:17001 news 'sport.*'`

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use slotway::{Client, Event};

#[tokio::main]
async fn main() -> Result<(), slotway::Error> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1:17001".to_owned());
    let (patterns, channels): (Vec<_>, Vec<_>) = args.partition(|name| name.contains('*'));

    let client = Client::connect(url).await?;
    let only_greets = channels.is_empty() && patterns.is_empty();
    let mut subscription = client.subscribe("greetings").await?;
    if !channels.is_empty() {
        subscription.subscribe(channels).await?;
    }
    if !patterns.is_empty() {
        subscription.psubscribe(patterns).await?;
    }
    client.publish("greetings", "hello").await?;

    while let Some(event) = subscription.next().await {
        if let Event::Message(message) = event {
            println!("{:?}: {:?}", message.channel, message.payload);
        } else {
            println!("something may be missing: {event:?}");
        }
        if only_greets {
            break;
        }
    }
    Ok(())
}
