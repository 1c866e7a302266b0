//! Binds everything that a configuration names, before any of it is used.

mod error;
mod socket;

use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
};

pub use error::BindError;
pub use socket::{Socket, SocketFile};

use crate::{Listener, ProxyConfig};

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

/// Runs a proxy until it is told to stop, and returns the exit code: 0 ok, 3 if it cannot listen.
pub fn serve(config: &ProxyConfig) -> u8 {
    // With nobody reading there is nothing left to tell.
    let mut stderr = anstream::stderr();
    for warning in &config.warnings {
        let _ = writeln!(stderr, "warning: {warning}");
    }
    match bind(config) {
        Ok(_bound) => 0,
        Err(error) => {
            let _ = writeln!(stderr, "error: {error}\nhint:  {}", error.hint());
            3
        }
    }
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
