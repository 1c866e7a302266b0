//! The proxy that `slotway dev` puts in front of its cluster.

use std::{ffi::OsString, fmt, io, net::TcpListener};

use clap::{Args as _, Command, FromArgMatches as _};
use slotway_cluster::{Front, FrontError, Post};
use slotway_proxy::{
    Bound, BoundListener, Listener, Proxy, ProxyArgs, ProxyConfig, Socket,
    log::{Log, LogForm, LogSettings},
};
use tracing::level_filters::LevelFilter;

/// A person who presses Ctrl-C waits for it.
const DRAIN_DEADLINE: &str = "--drain-deadline=1s";

/// The proxy as `slotway proxy` runs it.
#[derive(Debug)]
pub(crate) struct OwnProxy;

/// It has its log with it.
#[derive(Debug)]
pub(crate) struct Running {
    proxy: Proxy,
    _log: Log,
}

impl Front for OwnProxy {
    type Running = Running;

    async fn start(&self, post: Post) -> Result<Running, FrontError> {
        let config = config(&post)?;
        let [listener] = &config.listeners[..] else {
            return Err(failed("it listens at one place only"));
        };
        let bound = bound(post, listener);
        // What it says is at the admin port; the terminal is the cluster's.
        let settings = LogSettings { level: LevelFilter::INFO, form: LogForm::Json };
        let log = Log::install(settings, Box::new(io::sink())).map_err(failed)?;
        let started = Proxy::start(&config, bound, &log).await;
        let proxy = started
            .map_err(|error| FrontError { problem: error.to_string(), hint: error.hint() })?;
        Ok(Running { proxy, _log: log })
    }

    async fn stop(&self, running: Running) {
        running.proxy.drain().await;
    }
}

/// What would be typed for it after `slotway proxy`, so that whoever asks what holds is told.
fn config(post: &Post) -> Result<ProxyConfig, FrontError> {
    let command = ProxyArgs::augment_args(Command::new("slotway"));
    let matches = command.try_get_matches_from(flags(post)).map_err(failed)?;
    ProxyArgs::from_arg_matches(&matches).map_err(failed)?.load_alone().map_err(failed)
}

fn flags(post: &Post) -> Vec<OsString> {
    let seeds = post.seeds.iter().map(ToString::to_string);
    let mut flags = vec!["slotway".into(), DRAIN_DEADLINE.into()];
    flags.extend(seeds.map(OsString::from));
    let port = post.clients.first().and_then(port_of).unwrap_or_default();
    flags.push(format!("--listen=localhost:{port}").into());
    flags.push(match post.admin.as_ref().and_then(port_of) {
        Some(port) => format!("--admin=127.0.0.1:{port}").into(),
        None => "--admin=off".into(),
    });
    let login = [("user", &post.access.user), ("password", &post.access.password)];
    // Clients log in as they would at a node, but as `default`: the proxy knows no other user.
    let asked = [("listen-password", &post.access.password)];
    for (name, value) in login.into_iter().chain(asked) {
        flags.extend(value.as_ref().map(|value| format!("--{name}={value}").into()));
    }
    if let Some(ca) = &post.ca {
        let mut file = OsString::from("--ca-file=");
        file.push(ca);
        flags.extend(["--tls".into(), file]);
    }
    flags
}

fn port_of(listener: &TcpListener) -> Option<u16> {
    listener.local_addr().ok().map(|address| address.port())
}

fn bound(post: Post, listener: &Listener) -> Bound {
    let bound = |socket| BoundListener { listener: listener.clone(), socket: Socket::Tcp(socket) };
    Bound { listeners: post.clients.into_iter().map(bound).collect(), admin: post.admin }
}

/// The proxy does not take what `slotway dev` gives it.
fn failed(why: impl fmt::Display) -> FrontError {
    let problem = format!("the proxy cannot be started: {why}");
    FrontError { problem, hint: "start the cluster without it: --no-proxy".into() }
}

#[cfg(test)]
mod tests {
    use slotway::NodeAddr;
    use slotway_cluster::Access;

    use super::*;

    fn post(access: Access, admin: Option<TcpListener>) -> Post {
        let seeds = vec![NodeAddr::new("127.0.0.1", 17_001), NodeAddr::new("127.0.0.1", 17_002)];
        let clients = vec![TcpListener::bind(("127.0.0.1", 0)).unwrap()];
        Post { seeds, access, ca: None, clients, admin }
    }

    #[test]
    fn the_configuration_says_what_holds() {
        let admin = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let post = post(Access::user("app", "-, open='x'"), Some(admin));
        let config = config(&post).unwrap();
        assert_eq!(config.cluster.seeds, post.seeds);
        let login = config.cluster.credentials.as_ref().unwrap();
        assert_eq!(login.user.as_deref(), Some("app"));
        assert_eq!(login.password.expose(), b"-, open='x'");
        let asked = config.listeners[0].password.as_ref().unwrap();
        assert_eq!(asked.expose(), b"-, open='x'");
        let port = port_of(&post.clients[0]).unwrap();
        assert_eq!(config.listeners[0].address.to_string(), format!("localhost:{port}"));
        let shown = config.settings.to_json().to_string();
        assert!(shown.contains(&format!("localhost:{port}")), "{shown}");
        assert!(!shown.contains("open="), "{shown}");
    }

    #[test]
    fn an_open_cluster_has_an_open_proxy() {
        let config = config(&post(Access::default(), None)).unwrap();
        assert!(config.cluster.credentials.is_none());
        assert!(config.listeners[0].password.is_none());
        assert!(config.admin.is_none());
    }
}
