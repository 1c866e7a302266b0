//! The proxy that `slotway dev` puts in front of its cluster.

use std::{io, time::Duration};

use slotway::{Config, Secret, Tls};
use slotway_cluster::{Access, Front, FrontError, Post};
use slotway_proxy::{
    Bound, BoundListener, ListenAddress, Listener, Proxy, ProxyConfig, Socket,
    log::{Log, LogForm, LogSettings},
};
use tracing::level_filters::LevelFilter;

/// A person who presses Ctrl-C waits for it.
const DRAIN_DEADLINE: Duration = Duration::from_secs(1);

/// The proxy as it is by default.
#[derive(Debug)]
pub(crate) struct OwnProxy;

impl Front for OwnProxy {
    type Running = (Proxy, Log);

    async fn start(&self, post: Post) -> Result<(Proxy, Log), FrontError> {
        let mut config = ProxyConfig::new(cluster(&post));
        config.limits.drain_deadline = DRAIN_DEADLINE;
        let bound = bound(post);
        config.listeners = bound.listeners.iter().map(|bound| bound.listener.clone()).collect();
        // What it says of itself is seen with PROXY LOG: the screen is for what the nodes do.
        let settings = LogSettings { level: LevelFilter::INFO, form: LogForm::Json };
        let log = Log::install(settings, Box::new(io::sink()));
        let log = log.map_err(|error| FrontError {
            problem: error.to_string(),
            hint: "one process has one log".to_owned(),
        })?;
        let started = Proxy::start(&config, bound, &log).await;
        match started {
            Ok(proxy) => Ok((proxy, log)),
            Err(error) => Err(FrontError { problem: error.to_string(), hint: error.hint() }),
        }
    }

    async fn stop(&self, (proxy, _log): (Proxy, Log)) {
        proxy.drain().await;
    }
}

fn cluster(post: &Post) -> Config {
    let mut config = Config::new(post.seeds.clone()).with_name("slotway-proxy");
    let Access { user, password } = &post.access;
    if let Some(password) = password {
        config = config.with_password(password.as_bytes());
    }
    if let Some(user) = user {
        config = config.with_user(user);
    }
    match &post.ca {
        Some(ca) => config.with_tls(Tls::new().with_ca_file(ca)),
        None => config,
    }
}

/// Clients log in as they would at a node, but as `default`: the proxy knows no other user.
fn bound(post: Post) -> Bound {
    let password = post.access.password.map(Secret::new);
    let listener = |socket: std::net::TcpListener| {
        let socket = Socket::Tcp(socket);
        let port = socket.port().unwrap_or_default();
        let address = ListenAddress::Tcp { host: "localhost".into(), port };
        let password = password.clone();
        BoundListener { listener: Listener { address, password, ..Listener::default() }, socket }
    };
    Bound { listeners: post.clients.into_iter().map(listener).collect(), admin: post.admin }
}
