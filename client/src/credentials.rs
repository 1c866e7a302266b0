//! Credentials that change while the client lives.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use slotway_protocol::{Credentials, Secret};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tracing::warn;

use crate::{
    Limits,
    cluster::Cluster,
    connect::caught,
    connection::{Connection, Ended, Manner, NotTaken, Unit},
    error::ConnectError,
    node::Node,
};

/// How often open connections are logged in again before that is left to the next change.
pub(crate) const TRIES_MAX: u32 = 10;

type AnyError = Box<dyn Error + Send + Sync>;
type Asked = Pin<Box<dyn Future<Output = Result<Credentials, AnyError>> + Send>>;

/// Says who logs in, for passwords and tokens that change.
///
/// It is asked for each new connection, so what it answers should be kept at hand. When its answer
/// has changed, [`changed`](Self::changed) logs the open connections in again; no call notices.
///
/// ```
/// use std::convert::Infallible;
///
/// use slotway::{Config, Credentials, CredentialsProvider, Secret};
/// use tokio::sync::watch;
///
/// let (renew, password) = watch::channel("first".to_owned());
/// let provider = CredentialsProvider::new(move || {
///     let password = Secret::new(password.borrow().as_str());
///     async { Ok::<_, Infallible>(Credentials { user: Some("app".into()), password }) }
/// });
/// let config: Config = "redis://10.0.0.1:7000".parse()?;
/// let config = config.with_credentials_provider(provider.clone());
///
/// // Whenever there is a new one:
/// renew.send_replace("second".to_owned());
/// provider.changed();
/// # Ok::<_, slotway::UrlError>(())
/// ```
#[derive(Clone)]
pub struct CredentialsProvider {
    ask: Arc<dyn Fn() -> Asked + Send + Sync>,
    changes: watch::Sender<u64>,
}

impl CredentialsProvider {
    /// Asks this function. It has as long as a connection may take,
    /// [`Limits::connect_timeout`].
    pub fn new<F, A, E>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let ask = move || {
            let asked = ask();
            let asked: Asked = Box::pin(async move { asked.await.map_err(Into::into) });
            asked
        };
        Self { ask: Arc::new(ask), changes: watch::Sender::new(0) }
    }

    /// Says that the answer is another one now: every open connection of every client with this
    /// provider, or a clone of it, logs in again.
    ///
    /// A connection that somebody has for himself ([`Dedicated`](crate::Dedicated),
    /// [`Watch`](crate::Watch), a command that waits) is used to its end as it is, and by nobody
    /// after that. One for subscriptions that talks RESP2 cannot log in again: another takes its
    /// place, and those who listen are told of an interruption.
    pub fn changed(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    /// How often it was said so far that the answer has changed.
    pub(crate) fn change(&self) -> u64 {
        *self.changes.borrow()
    }

    /// The same, and when it is said again.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Who logs in now.
    pub(crate) async fn ask(&self, within: Duration) -> Result<Credentials, ConnectError> {
        match timeout(within, caught(async { (self.ask)().await })).await {
            Ok(Some(answer)) => answer.map_err(ConnectError::Credentials),
            Ok(None) => Err(ConnectError::Credentials("it panicked".into())),
            Err(_) => {
                let text = format!("it did not answer within {within:?}");
                Err(ConnectError::Credentials(text.into()))
            }
        }
    }
}

/// What it answers is a secret, and the function says nothing.
impl fmt::Debug for CredentialsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsProvider(..)")
    }
}

/// Logs a client's connections in again when their credentials have changed.
#[derive(Debug)]
pub(crate) struct Rotation {
    provider: CredentialsProvider,
    changes: watch::Receiver<u64>,
}

impl Rotation {
    /// Takes note of changes from now on.
    pub(crate) fn new(provider: &CredentialsProvider) -> Self {
        Self { provider: provider.clone(), changes: provider.changes() }
    }

    /// Does it for as long as anybody uses the client.
    pub(crate) async fn follow(mut self, cluster: Weak<Cluster>) {
        loop {
            let Some(strong) = cluster.upgrade() else { return };
            let patience = strong.config.limits.refresh_max;
            drop(strong);
            if timeout(patience, self.changes.changed()).await.is_ok() {
                self.log_in_again(&cluster).await;
            }
        }
    }

    /// Tries until it works, or there is another change, or it is hopeless.
    async fn log_in_again(&self, cluster: &Weak<Cluster>) {
        for failures in 0..TRIES_MAX {
            let Some(cluster) = cluster.upgrade() else { return };
            let limits = cluster.config.limits;
            match self.try_once(&cluster.nodes(), &limits).await {
                Ok(()) => return,
                Err(why) => warn!(%why, "connections keep their old credentials for now"),
            }
            drop(cluster);
            sleep(limits.backoff.delay(failures, fastrand::u64(..))).await;
            if self.changes.has_changed().unwrap_or(true) {
                return;
            }
        }
    }

    async fn try_once(&self, nodes: &[Arc<Node>], limits: &Limits) -> Result<(), String> {
        let login = self.provider.ask(limits.connect_timeout).await;
        let command = login.map_err(|error| error.to_string())?.auth();
        let logins = nodes.iter().map(|node| log_in_all(node, &command, limits.deadline));
        let failed = futures_util::future::join_all(logins).await.into_iter().find_map(Result::err);
        failed.map_or(Ok(()), Err)
    }
}

/// Logs in on the connections to a node. One that is being made may have asked before the change:
/// it is waited for.
async fn log_in_all(node: &Node, auth: &Secret, within: Duration) -> Result<(), String> {
    for connection in node.settled().await {
        log_in(&connection, auth, within).await.map_err(|why| format!("{}: {why}", node.addr()))?;
    }
    Ok(())
}

async fn log_in(connection: &Connection, auth: &Secret, within: Duration) -> Result<(), String> {
    let deadline = Instant::now() + within;
    let ended = match connection.send(Unit::from(auth.expose()), Manner::Urgent, deadline) {
        Ok(call) => call.await,
        // The next connection asks by itself.
        Err(NotTaken::Closed) => return Ok(()),
        Err(NotTaken::Full(full)) => return Err(full.to_string()),
    };
    match ended {
        Ended::Reply(frame) if frame.starts_with(b"+") => Ok(()),
        Ended::Reply(frame) => Err(refusal(frame.get(1..).unwrap_or_default())),
        Ended::Late(_) => Err(format!("no answer within {within:?}")),
        Ended::Lost(_) => Ok(()),
    }
}

/// Why a login failed: the first word of the error, since the rest could repeat the password.
pub(crate) fn refusal(error: &[u8]) -> String {
    let code = error.split(|byte| !byte.is_ascii_uppercase()).next().unwrap_or_default();
    format!("they are not accepted: {}", String::from_utf8_lossy(code))
}
