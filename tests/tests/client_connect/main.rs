//! How the client connects: over TLS, with credentials that change, to a database, to one server.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod credentials;
mod databases;
mod load;
mod tls;

use slotway::{Client, ConnectError, Error};

/// Writes and reads keys of many slots.
async fn works(client: &Client) {
    for n in 0..100 {
        client.set(format!("works:{n}"), n).await.unwrap();
    }
    for n in 0..100 {
        assert_eq!(client.get::<i64>(format!("works:{n}")).await.unwrap(), n);
    }
}

/// Why the last seed could not be talked to.
#[track_caller]
fn reason(connected: Result<Client, Error>) -> String {
    match connected {
        Err(Error::NoSeed { source, .. }) => ConnectError::to_string(&source),
        other => panic!("{other:?}"),
    }
}
