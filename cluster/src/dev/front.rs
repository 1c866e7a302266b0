//! Whoever stands in front of the cluster, and the ports where it is met.

use std::{
    fs::File,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
    path::PathBuf,
};

use slotway_protocol::NodeAddr;

use super::{
    args::{AdminPort, StartArgs},
    event::ProxyStatus,
};
use crate::{Access, Error, LocalCluster, PortRange, ports::lock_port};

/// The port of one server, which clients expect.
const CLIENTS_PORT: u16 = 6379;
const ADMIN_PORT: u16 = 9379;

/// Whoever stands in front of the cluster of `slotway dev`, so that it is one server for any
/// client. The cluster only knows that there is somebody.
pub trait Front {
    /// One that has been started.
    type Running;

    /// Starts it. Everything in the post is its own from now on.
    fn start(&self, post: Post) -> impl Future<Output = Result<Self::Running, FrontError>>;

    /// Stops it, while the nodes still run: what was asked is answered.
    fn stop(&self, running: Self::Running) -> impl Future<Output = ()>;
}

/// What a [`Front`] is put in front of, and where.
#[derive(Debug)]
pub struct Post {
    /// The nodes.
    pub seeds: Vec<NodeAddr>,
    /// Who may talk to the nodes; clients are to be asked for the same password.
    pub access: Access,
    /// Whose signature the nodes have, if they talk TLS.
    pub ca: Option<PathBuf>,
    /// Where clients connect. These listen already, and never block.
    pub clients: Vec<TcpListener>,
    /// Where whoever wants to know how it is connects; nowhere, if nothing is given.
    pub admin: Option<TcpListener>,
}

/// Why a [`Front`] could not be started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FrontError {
    /// Why.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl From<FrontError> for Error {
    fn from(FrontError { problem, hint }: FrontError) -> Self {
        Self::Front { problem, hint }
    }
}

/// The ports of a front.
#[derive(Debug)]
pub(crate) struct Doors {
    clients: Door,
    admin: Option<Door>,
}

/// The doors that have been chosen by their number; the others are opened when the nodes have
/// taken theirs.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    clients: Option<Door>,
    admin: Option<Door>,
}

impl Chosen {
    /// Opens those whose port somebody named, before a node takes it.
    pub(crate) fn open(args: &StartArgs) -> Result<Self, Error> {
        let clients = args.proxy_port.map(Door::open).transpose()?;
        let admin = match args.admin {
            Some(AdminPort::From(port)) => Some(Door::open(port)?),
            Some(AdminPort::Off) | None => None,
        };
        Ok(Self { clients, admin })
    }

    /// Opens the rest too.
    pub(crate) fn complete(self, args: &StartArgs) -> Result<Doors, Error> {
        let open = |door: Option<Door>, port| door.map_or_else(|| Door::open(port), Ok);
        let clients = open(self.clients, CLIENTS_PORT)?;
        let admin = match args.admin {
            Some(AdminPort::Off) => None,
            Some(AdminPort::From(_)) | None => Some(open(self.admin, ADMIN_PORT)?),
        };
        Ok(Doors { clients, admin })
    }
}

impl Doors {
    /// What people are told of them.
    pub(crate) fn status(&self) -> ProxyStatus {
        ProxyStatus::of(self.clients.port, self.admin.as_ref().map(|door| door.port))
    }

    /// Which ports are others than one would expect.
    pub(crate) fn notes(&self) -> Vec<String> {
        let doors = [(Some(&self.clients), "proxy"), (self.admin.as_ref(), "admin port")];
        let moved = doors.into_iter().filter_map(|(door, name)| Some((door?, name)));
        let moved = moved.filter(|(door, _)| door.port != door.wanted);
        moved
            .map(|(door, name)| {
                format!("port {} is taken; the {name} has {}", door.wanted, door.port)
            })
            .collect()
    }

    /// Everything that a front is given, and what keeps its ports from others of ours.
    pub(crate) fn post(self, cluster: &LocalCluster) -> (Post, Vec<File>) {
        let (lock, clients) = (self.clients.lock, self.clients.listeners);
        let mut locks = vec![lock];
        let admin = self.admin.and_then(|door| {
            locks.push(door.lock);
            door.listeners.into_iter().next()
        });
        let post = Post {
            seeds: cluster.nodes().iter().map(|node| node.addr().clone()).collect(),
            access: cluster.settings().access.clone(),
            ca: cluster.tls().map(|tls| tls.ca.clone()),
            clients,
            admin,
        };
        (post, locks)
    }
}

/// A port that is listened on at every address that `localhost` may be.
#[derive(Debug)]
struct Door {
    wanted: u16,
    port: u16,
    listeners: Vec<TcpListener>,
    lock: File,
}

impl Door {
    /// Opens the first free port from `wanted` on.
    fn open(wanted: u16) -> Result<Self, Error> {
        let last = wanted.saturating_add(PortRange::TRIES - 1);
        for port in wanted..=last {
            let Some(lock) = lock_port(port)? else { continue };
            match listen(port) {
                Ok(listeners) => return Ok(Self { wanted, port, listeners, lock }),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(cannot_listen(port, &error)),
            }
        }
        Err(Error::Front {
            problem: format!("there is no free port from {wanted} to {last} for the proxy"),
            hint: "choose others with --proxy-port and --admin, or leave it out with --no-proxy"
                .into(),
        })
    }
}

fn listen(port: u16) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::new();
    for address in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        match TcpListener::bind((address, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                listeners.push(listener);
            }
            // Somebody is met there by those who come that way.
            Err(error) if address.is_ipv4() || error.kind() == ErrorKind::AddrInUse => {
                return Err(error);
            }
            // Many machines have no IPv6 at all.
            Err(_) => {}
        }
    }
    Ok(listeners)
}

fn cannot_listen(port: u16, error: &io::Error) -> Error {
    let hint = if error.kind() == ErrorKind::PermissionDenied && port < 1024 {
        "ports below 1024 are for root; choose another with --proxy-port or --admin"
    } else {
        "choose another with --proxy-port or --admin, or leave the proxy out with --no-proxy"
    };
    Error::Front { problem: format!("cannot listen on port {port}: {error}"), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::PortPair;

    /// A port that no other test uses now.
    fn free() -> u16 {
        PortPair::find(PortRange::Any).unwrap().client()
    }

    #[test]
    fn a_door_is_where_localhost_is_and_nobody_else() {
        let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, free())).unwrap();
        let wanted = stranger.local_addr().unwrap().port();
        let first = Door::open(wanted).unwrap();
        assert!(first.port > wanted);
        TcpStream::connect(("localhost", first.port)).unwrap();
        let second = Door::open(wanted).unwrap();
        assert!(second.port > first.port);
    }

    #[test]
    fn a_port_that_was_named_is_kept_from_the_nodes() {
        let port = free();
        let args = StartArgs { proxy_port: Some(port), ..StartArgs::default() };
        let chosen = Chosen::open(&args).unwrap();
        let named = chosen.clients.as_ref().unwrap().port;
        assert!(PortPair::claim(named).unwrap().is_none());
        assert!(chosen.admin.is_none());
    }

    #[test]
    fn what_moved_is_noted_and_what_is_off_is_not_there() {
        let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, free())).unwrap();
        let wanted = stranger.local_addr().unwrap().port();
        let args = StartArgs {
            proxy_port: Some(wanted),
            admin: Some(AdminPort::Off),
            ..StartArgs::default()
        };
        let doors = Chosen::open(&args).unwrap().complete(&args).unwrap();
        let status = doors.status();
        assert_eq!(status.url, format!("redis://localhost:{}", status.port));
        assert_eq!(status.admin, None);
        let note = format!("port {wanted} is taken; the proxy has {}", status.port);
        assert_eq!(doors.notes(), [note]);
    }

    #[test]
    fn without_a_free_port_nothing_is_started() {
        let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, u16::MAX));
        let error = Door::open(u16::MAX).map(|door| door.port).unwrap_err();
        assert_eq!(error.exit_code(), 3, "{error}");
        drop(stranger);
    }
}
