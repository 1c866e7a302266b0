//! Binds everything that a configuration names, before any of it is used, and serves there until it is
//! told to stop.

mod error;
mod socket;

use std::{
    fmt,
    io::{self, Write as _},
    net::{SocketAddr, TcpListener},
};

pub use error::BindError;
pub use socket::{Socket, SocketFile};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Listener, Proxy, ProxyConfig};

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
    for warning in &config.warnings {
        tell(&format!("warning: {warning}"));
    }
    let bound = match bind(config) {
        Ok(bound) => bound,
        Err(error) => return fail(&error, &error.hint()),
    };
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(config, bound)),
        Err(error) => fail(&error, "the system gives no event queue: see the limit of open files"),
    }
}

async fn run(config: &ProxyConfig, bound: Bound) -> u8 {
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(&error, "signals cannot be heard here"),
    };
    let addresses =
        bound.listeners.iter().map(|bound| bound.socket.to_string()).collect::<Vec<_>>();
    let proxy = tokio::select! {
        started = Proxy::start(config, bound) => match started {
            Ok(proxy) => proxy,
            Err(error) => return fail(&error, &error.hint()),
        },
        () = signals.next() => return 130,
    };
    tell(&format!("listening on {}", addresses.join(", ")));
    signals.next().await;
    tokio::select! {
        () = proxy.drain() => 0,
        () = signals.next() => 130,
    }
}

/// What ends a proxy.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
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
