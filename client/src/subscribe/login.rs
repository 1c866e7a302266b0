//! What a subscriber's connection does when its credentials have changed.
//!
//! In RESP3 it logs in again where it is. A server takes no AUTH from a subscriber in RESP2: then
//! another connection takes its place, once it is there. What is published while the channels move
//! may be missing, and those who listen are told, as of any interruption.

use std::{pin::Pin, sync::Arc, time::Duration};

use slotway_protocol::{Credentials, Protocol};
use tokio::{sync::watch, time::sleep};
use tracing::warn;

use crate::{
    connect::caught,
    credentials::{CredentialsProvider, TRIES_MAX},
    error::ConnectError,
    node::Node,
    stream::Stream,
};

/// What a connection needs to be logged in as the provider says now.
#[derive(Debug)]
pub(super) enum Renewed {
    /// To log in with these.
    Login(Credentials),
    /// To make room for this one.
    Stream(Stream),
}

type Attempt<'a> = Pin<Box<dyn Future<Output = Result<Renewed, Arc<ConnectError>>> + Send + 'a>>;

/// Follows what the provider says for one connection.
pub(super) struct Login<'a> {
    node: &'a Node,
    protocol: Protocol,
    /// None if credentials never change.
    changes: Option<watch::Receiver<u64>>,
    attempt: Option<Attempt<'a>>,
    failures: u32,
}

impl<'a> Login<'a> {
    /// For a connection to this node that is about to be made.
    pub(super) fn new(node: &'a Node) -> Self {
        let provider = node.config().credentials_provider.as_ref();
        let changes = provider.map(CredentialsProvider::changes);
        Self { node, protocol: Protocol::Resp3, changes, attempt: None, failures: 0 }
    }

    /// Says what the connection talks.
    pub(super) fn talks(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Waits until something has to be done. Nothing is lost if this is dropped while it waits.
    pub(super) async fn renewed(&mut self) -> Renewed {
        loop {
            let changed = async {
                match &mut self.changes {
                    // It only fails when the provider is gone, which the node has.
                    Some(changes) => changes.changed().await.unwrap_or_default(),
                    None => std::future::pending().await,
                }
            };
            let attempt = async {
                match &mut self.attempt {
                    Some(attempt) => attempt.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = changed => {
                    self.failures = 0;
                    self.try_after(Duration::ZERO);
                }
                result = attempt => {
                    self.attempt = None;
                    match result {
                        Ok(renewed) => return renewed,
                        Err(error) => self.failed(&error.to_string()),
                    }
                }
            }
        }
    }

    /// Says that it did not work. It is tried again, unless that is hopeless until the next change.
    pub(super) fn failed(&mut self, why: &str) {
        warn!(node = %self.node.addr(), %why, "a subscriber keeps its old credentials for now");
        let wait = self.node.config().limits.backoff.delay(self.failures, fastrand::u64(..));
        self.failures = self.failures.saturating_add(1);
        if self.failures < TRIES_MAX {
            self.try_after(wait);
        }
    }

    fn try_after(&mut self, wait: Duration) {
        let (node, protocol) = (self.node, self.protocol);
        self.attempt = Some(Box::pin(async move {
            sleep(wait).await;
            // What the application says of who logs in may panic.
            let renewed = caught(renew(node, protocol)).await;
            renewed.unwrap_or(Err(Arc::new(ConnectError::Panicked)))
        }));
    }
}

async fn renew(node: &Node, protocol: Protocol) -> Result<Renewed, Arc<ConnectError>> {
    match (&node.config().credentials_provider, protocol) {
        (Some(provider), Protocol::Resp3) => {
            Ok(Renewed::Login(provider.ask(node.config().limits.connect_timeout).await?))
        }
        _ => Ok(Renewed::Stream(node.open_stream().await?.0)),
    }
}
