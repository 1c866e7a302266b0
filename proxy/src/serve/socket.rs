//! Sockets that listen.

use std::{
    fmt, fs, io,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
    os::unix::{fs::FileTypeExt as _, net::UnixListener},
    path::{Path, PathBuf},
};

use socket2::{Domain, Protocol, SockAddr, Type};

use super::error::BindError;
use crate::ListenAddress;

/// A socket that listens, and never blocks.
#[derive(Debug)]
pub enum Socket {
    /// On an address.
    Tcp(TcpListener),
    /// On a path, whose file goes when this goes.
    Unix(UnixListener, SocketFile),
}

impl Socket {
    /// The port that it listens on, if it is on one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(|address| address.port()),
            Self::Unix(..) => None,
        }
    }
}

/// Where it really is, also if any free port was asked for.
impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("an address that is not known"),
            },
            Self::Unix(_, file) => file.path().display().fmt(f),
        }
    }
}

/// The file of a unix socket; it is removed when this goes.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl SocketFile {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody else may have removed it, and then it is gone as it should be.
        let _ = fs::remove_file(&self.0);
    }
}

/// Listens on every address that the host has.
pub(super) fn of(address: &ListenAddress, backlog: u32) -> Result<Vec<Socket>, BindError> {
    match address {
        ListenAddress::Unix(path) => {
            let taken = |source| BindError::Path { path: path.clone(), source };
            let listener = unix(path, backlog).map_err(taken)?;
            Ok(vec![Socket::Unix(listener, SocketFile(path.clone()))])
        }
        ListenAddress::Tcp { host, port } => {
            let fail = |source| BindError::Listen { address: address.clone(), source };
            host_sockets(host, *port, backlog).map_err(fail)
        }
    }
}

fn host_sockets(host: &str, port: u16, backlog: u32) -> io::Result<Vec<Socket>> {
    let mut addresses: Vec<_> = (host, port).to_socket_addrs()?.collect();
    addresses.sort_unstable();
    addresses.dedup();
    let mut sockets = Vec::new();
    let mut unknown = None;
    let mut port = port;
    for mut address in addresses {
        // All addresses of a host have the same port, also if it is any that is free.
        address.set_port(port);
        match tcp(address, backlog) {
            Ok(listener) => {
                port = listener.local_addr()?.port();
                sockets.push(Socket::Tcp(listener));
            }
            // `localhost` is often an IPv6 address too on machines that have none.
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => unknown = Some(error),
            Err(error) => return Err(error),
        }
    }
    match unknown {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// Listens on an address.
pub(super) fn tcp(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before may still be on their way out.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

fn unix(path: &Path, backlog: u32) -> io::Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        // A file that a person wrote is not ours to remove.
        if !found.file_type().is_socket() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if is_listened_on(path)? {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        // Nobody listens there any more.
        fs::remove_file(path)?;
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

/// Whether a process listens on this socket; one that has no time to accept does as well.
fn is_listened_on(path: &Path) -> io::Result<bool> {
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &Path) -> ListenAddress {
        ListenAddress::Unix(path.to_owned())
    }

    #[test]
    fn a_path_is_taken_over_from_the_dead_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let first = of(&at(&path), 1).unwrap();
        let error = of(&at(&path), 1).unwrap_err().to_string();
        assert!(error.ends_with("another process listens there"), "{error}");
        drop(first);
        assert!(!path.exists());
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        drop(of(&at(&path), 1).unwrap());
    }

    #[test]
    fn a_file_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "dear").unwrap();
        let error = of(&at(&path), 1).unwrap_err().to_string();
        assert!(error.ends_with("a file is there that is no socket"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"dear");
    }

    #[test]
    fn all_addresses_of_a_host_have_the_same_port() {
        let host = ListenAddress::Tcp { host: "localhost".into(), port: 0 };
        let ports = of(&host, 1).unwrap().into_iter().map(|socket| match socket {
            Socket::Tcp(listener) => listener.local_addr().unwrap().port(),
            Socket::Unix(..) => panic!("no path was given"),
        });
        let ports: Vec<_> = ports.collect();
        assert!(!ports.is_empty() && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    }
}
