//! Binds everything that a configuration names, before any of it is used, and serves there until it is
//! told to stop.

mod error;
mod socket;

use std::{
    fmt,
    io::{self, IsTerminal as _, Write as _},
    net::{SocketAddr, TcpListener},
    pin::pin,
};

pub use error::BindError;
pub use socket::{Socket, SocketFile};
use tokio::{
    signal::{self, unix::SignalKind},
    time::{Instant, sleep},
};
use tracing::{info, warn};

use crate::{
    ListenMode, Listener, LogFormat, Proxy, ProxyConfig,
    admin::{AdminView, HEALTHY_SILENCE_MAX},
    banner::{At, Endpoint, ListenInfo, banner},
    log::{Colour, Log, LogForm, LogSettings},
    notify::{News, Notify},
    shutdown::{INTERRUPTED, Shutdown, Signal},
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

/// Runs a proxy until it is told to stop, and returns the exit code: 0 ok, 3 if it cannot listen or
/// the cluster cannot be reached, 130 if it was interrupted a second time.
pub fn serve(config: &ProxyConfig) -> u8 {
    let began = Instant::now();
    for warning in &config.warnings {
        tell(&format!("warning: {warning}"));
    }
    let bound = match bind(config) {
        Ok(bound) => bound,
        Err(error) => return fail(&error, &error.hint()),
    };
    let log = match Log::install(log_settings(config), Box::new(io::stderr())) {
        Ok(log) => log,
        Err(error) => return fail(&error, "something else logs in this process"),
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(config, bound, &log, began)),
        Err(error) => fail(&error, "the system gives no event queue: see the limit of open files"),
    }
}

fn log_settings(config: &ProxyConfig) -> LogSettings {
    let is_terminal = io::stderr().is_terminal();
    let no_color = std::env::var("NO_COLOR").ok();
    let form = match config.log.format {
        LogFormat::Auto => LogForm::for_terminal(is_terminal, no_color.as_deref()),
        LogFormat::Json => LogForm::Json,
        LogFormat::Text if is_terminal => LogForm::for_terminal(true, no_color.as_deref()),
        LogFormat::Text => LogForm::Text(Colour::Plain),
    };
    LogSettings { level: config.log.level.into(), form }
}

async fn run(config: &ProxyConfig, bound: Bound, log: &Log, began: Instant) -> u8 {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, "signals cannot be heard here"),
    };
    let notify = match Notify::from_env() {
        Ok(notify) => notify,
        Err(error) => return fail(&error, "NOTIFY_SOCKET names no socket of a service manager"),
    };
    let endpoints: Vec<Endpoint> = bound.listeners.iter().map(endpoint).collect();
    let proxy = tokio::select! {
        started = Proxy::start(config, bound, Some(log)) => match started {
            Ok(proxy) => proxy,
            Err(error) => return fail(&error, &error.hint()),
        },
        _ = signals.next() => return INTERRUPTED,
    };
    say_ready(config, &proxy, endpoints, began);
    report(&notify, &News::Ready);
    let view = proxy.view().clone();
    let signal = tokio::select! {
        signal = signals.next() => signal,
        () = stay_alive(&notify, &view) => return fail(&"the service manager is gone", "start again"),
    };
    report(&notify, &News::Stopping);
    info!(clients = view.connected(), "stopping: no more clients are taken");
    let within = config.limits.drain_deadline;
    let mut state = Shutdown::Running.handle_signal(signal, Instant::now(), within);
    let drained = pin!(proxy.drain());
    let mut drained = drained;
    loop {
        tokio::select! {
            () = &mut drained => return 0,
            signal = signals.next() => state = state.handle_signal(signal, Instant::now(), within),
        }
        if let Shutdown::Over { code } = state {
            return code;
        }
    }
}

/// Tells the person at the terminal, or the log, that clients are served.
fn say_ready(config: &ProxyConfig, proxy: &Proxy, listeners: Vec<Endpoint>, began: Instant) {
    for listener in &listeners {
        info!(at = listener.at.name(), mode = %listener.mode, "listening");
    }
    let overview = proxy.view().overview();
    let server = proxy.server();
    let seed = config.cluster.seeds.first().map(ToString::to_string).unwrap_or_default();
    if io::stderr().is_terminal() {
        tell(&banner(&ListenInfo {
            topology: overview.topology(),
            server: Some(&server),
            seen_from: &seed,
            listeners,
            admin: proxy.admin_addr(),
            took: began.elapsed(),
        }));
    }
}

fn endpoint(bound: &BoundListener) -> Endpoint {
    let at = match bound.socket.address() {
        Some(address) => At::Port(address),
        None => At::Path(bound.socket.to_string()),
    };
    let mode = match bound.listener.mode {
        ListenMode::Single => "single",
    };
    Endpoint { at, mode: mode.to_owned() }
}

/// Tells the service manager that all workers are alive, for as long as they are.
async fn stay_alive(notify: &Notify, view: &AdminView) {
    let Some(every) = notify.alive_every() else { return std::future::pending().await };
    loop {
        let now = Instant::now();
        if view.workers().iter().all(|worker| worker.silent(now) < HEALTHY_SILENCE_MAX) {
            report(notify, &News::Alive);
        }
        sleep(every).await;
    }
}

fn report(notify: &Notify, news: &News<'_>) {
    if let Err(error) = notify.tell(news) {
        warn!(%error, "the service manager cannot be told");
    }
}

/// What ends a proxy.
struct Signals {
    interrupt: signal::unix::Signal,
    terminate: signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        let hear = signal::unix::signal;
        Ok(Self { interrupt: hear(interrupt)?, terminate: hear(terminate)? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
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
