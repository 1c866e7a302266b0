//! Binds everything that a configuration names, before any of it is used, and serves there until it is
//! told to stop.

mod error;
mod life;
mod socket;

use std::{
    env, fmt,
    io::{self, IsTerminal as _, Write as _},
    net::{SocketAddr, TcpListener},
    time::Duration,
};

pub use error::BindError;
use life::Signals;
pub use socket::{Socket, SocketFile};
use tokio::time::Instant;
use tracing::{info, level_filters::LevelFilter};

use crate::{
    ListenMode, Listener, LogFormat, LogLevel, Proxy, ProxyConfig,
    banner::{At, Endpoint, ListenInfo, banner},
    log::{Colour, Log, LogForm, LogSettings},
    notify::Notify,
    shutdown::INTERRUPTED,
};

/// Everything that is listened on. Nothing is accepted yet.
#[derive(Debug)]
pub struct Bound {
    /// Where clients connect: one for each address that a listener's host has.
    pub listeners: Vec<BoundListener>,
    /// Where operators do.
    pub admin: Option<TcpListener>,
}

/// A place where clients connect, listened on.
#[derive(Debug)]
pub struct BoundListener {
    /// What clients meet there.
    pub listener: Listener,
    /// The socket, which never blocks.
    pub socket: Socket,
}

impl BoundListener {
    fn endpoint(&self) -> Endpoint {
        let at = match &self.socket {
            Socket::Tcp(socket) => {
                socket.local_addr().map_or_else(|_| At::Path("?".into()), At::Port)
            }
            Socket::Unix(_, file) => At::Path(file.path().display().to_string()),
        };
        let mode = match self.listener.mode {
            ListenMode::Single => "single".to_owned(),
        };
        Endpoint { at, mode }
    }
}

/// Runs a proxy until it is told to stop, and returns the exit code: 0 ok, 3 if it cannot listen or
/// the cluster cannot be reached, 130 if it was interrupted a second time.
pub fn serve(config: &ProxyConfig) -> u8 {
    for warning in &config.warnings {
        tell(&format!("warning: {warning}"));
    }
    let log = match Log::install(settings(config), Box::new(io::stderr())) {
        Ok(log) => log,
        Err(error) => return fail(&error, "one process can have one proxy of this kind"),
    };
    let bound = match bind(config) {
        Ok(bound) => bound,
        Err(error) => return fail(&error, &error.hint()),
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(config, bound, &log)),
        Err(error) => fail(&error, "the system gives no event queue: see the limit of open files"),
    }
}

async fn run(config: &ProxyConfig, bound: Bound, log: &Log) -> u8 {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, "signals cannot be heard here"),
    };
    let notify = match Notify::from_env() {
        Ok(notify) => notify,
        Err(error) => return fail(&error, "unset NOTIFY_SOCKET, or let systemd set it"),
    };
    let began = Instant::now();
    let endpoints = bound.listeners.iter().map(BoundListener::endpoint).collect::<Vec<_>>();
    let proxy = tokio::select! {
        started = Proxy::start(config, bound, log) => match started {
            Ok(proxy) => proxy,
            Err(error) => return fail(&error, &error.hint()),
        },
        _ = signals.next() => return INTERRUPTED,
    };
    greet(config, &proxy, endpoints, began.elapsed());
    life::live(config, proxy, signals, &notify).await
}

/// What the configuration says of the log.
fn settings(config: &ProxyConfig) -> LogSettings {
    let is_terminal = io::stderr().is_terminal();
    let by_itself = LogForm::for_terminal(is_terminal, env::var("NO_COLOR").ok().as_deref());
    let form = match (config.log.format, by_itself) {
        (LogFormat::Auto, by_itself) => by_itself,
        (LogFormat::Json, _) => LogForm::Json,
        (LogFormat::Text, LogForm::Text(colour)) => LogForm::Text(colour),
        (LogFormat::Text, LogForm::Json) => LogForm::Text(Colour::Plain),
    };
    let level = match config.log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    LogSettings { level, form }
}

/// Tells a person where to connect, and a log that it is so.
fn greet(config: &ProxyConfig, proxy: &Proxy, listeners: Vec<Endpoint>, took: Duration) {
    let names = listeners.iter().map(|endpoint| endpoint.at.to_string()).collect::<Vec<_>>();
    if !io::stderr().is_terminal() {
        info!(listeners = names.join(", "), "ready");
        return;
    }
    let overview = proxy.view().overview();
    let servers = proxy.servers();
    let seeds = config.cluster.seeds.first().map(ToString::to_string);
    let info = ListenInfo {
        topology: overview.topology(),
        server: Some(&servers),
        seen_from: seeds.as_deref().unwrap_or_default(),
        listeners,
        admin: proxy.admin_addr(),
        took,
    };
    tell(banner(&info).trim_end());
}

/// Says why it cannot go on, and what to do about it.
fn fail(error: &dyn fmt::Display, hint: &str) -> u8 {
    tell(&format!("error: {error}\nhint:  {hint}"));
    3
}

fn tell(text: &str) {
    // With nobody reading there is nothing left to tell.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Listens on all of it, or on nothing.
pub fn bind(config: &ProxyConfig) -> Result<Bound, BindError> {
    let mut listeners = Vec::new();
    for listener in &config.listeners {
        let sockets = socket::of(&listener.address, listener.backlog)?;
        let bound = |socket| BoundListener { listener: listener.clone(), socket };
        listeners.extend(sockets.into_iter().map(bound));
    }
    let admin = config.admin.map(|admin| admin_socket(admin.address)).transpose()?;
    Ok(Bound { listeners, admin })
}

fn admin_socket(address: SocketAddr) -> Result<TcpListener, BindError> {
    // Whoever scrapes metrics comes alone.
    socket::tcp(address, 64).map_err(|source| BindError::Admin { address, source })
}
