//! Ports that nobody else takes: neither another cluster of ours, nor a stranger.
//!
//! A node needs two: one for clients, one for the cluster bus. Asking the system for any free
//! port would give one from the range that outgoing connections use too, where it can be lost
//! again before the server binds it. So ports come from below that range, are locked by a file
//! between processes of ours, and are bound once to see whether a stranger has them.

use std::{
    env,
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
};

use crate::Error;

/// How far the bus port is from the client port, as redis-cli assumes when it meets nodes.
const BUS_OFFSET: u16 = 10_000;

/// Where to look for ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PortRange {
    /// Anywhere; another start gets others.
    Any,
    /// The first free ones from this on.
    From(u16),
}

impl PortRange {
    /// With their bus ports, all of these are below the range for outgoing connections.
    const ANY_FIRST: u16 = 11_000;
    const ANY_LAST: u16 = 21_999;
    /// How many ports are tried from a base on before giving up.
    pub(crate) const TRIES: u16 = 500;
}

/// A port for clients and one for the bus, ours until dropped.
#[derive(Debug)]
pub struct PortPair {
    client: u16,
    bus: u16,
    _locks: [File; 2],
}

impl PortPair {
    /// The port for clients.
    pub fn client(&self) -> u16 {
        self.client
    }

    /// The port for the cluster bus.
    pub fn bus(&self) -> u16 {
        self.bus
    }

    /// `client` and its bus port, if both are free.
    pub fn claim(client: u16) -> Result<Option<Self>, Error> {
        let bus = bus_of(client);
        let Some(client_lock) = claim_port(client)? else { return Ok(None) };
        let Some(bus_lock) = claim_port(bus)? else { return Ok(None) };
        Ok(Some(Self { client, bus, _locks: [client_lock, bus_lock] }))
    }

    /// The first free pair of a range.
    pub fn find(range: PortRange) -> Result<Self, Error> {
        let (first, last, candidates) = candidates(range);
        for client in candidates {
            if let Some(pair) = Self::claim(client)? {
                return Ok(pair);
            }
        }
        Err(Error::NoPort { first, last })
    }
}

/// Every client port has a bus port; the high ones have theirs below.
fn bus_of(client: u16) -> u16 {
    client.checked_add(BUS_OFFSET).unwrap_or_else(|| client - BUS_OFFSET)
}

/// The ports to try, in order, with the first and the last of them.
fn candidates(range: PortRange) -> (u16, u16, Box<dyn Iterator<Item = u16>>) {
    match range {
        PortRange::From(base) => {
            let last = base.saturating_add(PortRange::TRIES - 1);
            (base, last, Box::new(base..=last))
        }
        PortRange::Any => {
            let (first, last) = (PortRange::ANY_FIRST, PortRange::ANY_LAST);
            let count = last - first + 1;
            // Processes that start together should not queue for the same port.
            let start = (RandomState::new().hash_one(0) % u64::from(count)) as u16;
            (first, last, Box::new((0..count).map(move |step| first + (start + step) % count)))
        }
    }
}

/// A lock on `port`, if no process of ours has it and it can be bound.
fn claim_port(port: u16) -> Result<Option<File>, Error> {
    let lock = lock_port(port)?;
    Ok(lock.filter(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()))
}

/// A lock on `port`, if no process of ours has it.
pub(crate) fn lock_port(port: u16) -> Result<Option<File>, Error> {
    let folder = lock_folder();
    let bad = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::PortLock { action, path, source }
    };
    fs::create_dir_all(&folder).map_err(bad("create", &folder))?;
    let path = folder.join(port.to_string());
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(bad("open", &path))?;
    Ok(lock.try_lock().is_ok().then_some(lock))
}

/// One folder per user: another user's lock files could not be opened.
fn lock_folder() -> PathBuf {
    env::temp_dir().join(format!("slotway-ports-{}", rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let first = PortPair::find(PortRange::Any).unwrap();
        assert!(PortPair::claim(first.client()).unwrap().is_none());
        let next = PortPair::find(PortRange::From(first.client())).unwrap();
        assert!(next.client() > first.client());
        let port = first.client();
        drop(first);
        assert!(PortPair::claim(port).unwrap().is_some());
    }

    #[test]
    fn a_port_of_a_stranger_is_passed_over() {
        let stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = stranger.local_addr().unwrap().port();
        assert!(PortPair::claim(port).unwrap().is_none());
    }

    #[test]
    fn a_taken_bus_port_takes_the_client_port_with_it() {
        let pair = PortPair::find(PortRange::Any).unwrap();
        let port = pair.client();
        drop(pair);
        let _stranger = TcpListener::bind((Ipv4Addr::LOCALHOST, bus_of(port))).unwrap();
        assert!(PortPair::claim(port).unwrap().is_none());
    }

    #[test]
    fn every_port_has_a_bus_port() {
        for port in [1, 17_001, 55_535, 55_536, u16::MAX] {
            assert_eq!(bus_of(port).abs_diff(port), BUS_OFFSET);
        }
    }
}
