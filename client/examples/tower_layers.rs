//! Layers of tower around the client: a bound on how many calls are under way, a time for each, and
//! another try for those that were not executed.

#![expect(clippy::print_stdout, reason = "it shows what it read")]

use std::{future::Ready, time::Duration};

use slotway::{Client, Cmd, Delivery, Error, Value, cmd};
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt,
    retry::{Policy, RetryLayer},
};

/// Tries again what was not executed, so many times.
#[derive(Clone)]
struct Unsent(u32);

impl Policy<Cmd, Value, Error> for Unsent {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Cmd, result: &mut Result<Value, Error>) -> Option<Ready<()>> {
        let error = result.as_ref().err()?;
        // A command that may have been executed must not run twice: an INCR would count twice.
        if error.delivery() == Delivery::MaybeSent || self.0 == 0 {
            return None;
        }
        self.0 -= 1;
        Some(std::future::ready(()))
    }

    fn clone_request(&mut self, cmd: &Cmd) -> Option<Cmd> {
        Some(cmd.clone())
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = std::env::args().nth(1);
    let client = Client::connect(url.as_deref().unwrap_or("redis://127.0.0.1:17001")).await?;

    let mut service = ServiceBuilder::new()
        // More than 100 calls at a time are turned away at once.
        .load_shed()
        .concurrency_limit(100)
        // Around the other tries, so that it bounds all of them together.
        .timeout(Duration::from_secs(1))
        .layer(RetryLayer::new(Unsent(2)))
        .service(client.clone());

    service.ready().await?.call(cmd("SET").arg("greeting").arg("hello")).await?;
    let greeting = service.ready().await?.call(cmd("GET").arg("greeting")).await?;
    println!("{:?}", greeting.as_str());

    // A node alone is a service too.
    let mut answers = 0;
    for mut node in client.primaries() {
        let pong = node.ready().await?.call(cmd("PING")).await?;
        answers += usize::from(pong.as_str() == Some("PONG"));
    }
    println!("{answers} primaries answer");
    Ok(())
}
