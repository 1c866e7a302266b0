//! Who said it, and how to read the addresses they gave.

use super::TopologyError;
use crate::{NodeAddr, Value};

/// The node that answered, and how it was reached. What it says about addresses is relative to
/// that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// Where it was reached. A node that is named without a host is at this host.
    pub addr: NodeAddr,
    /// Which of two announced ports counts.
    pub transport: Transport,
}

/// How the nodes are talked to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// Over TCP alone: `port` counts, and `tls-port` only where it is the only one.
    Plain,
    /// Over TLS: `tls-port` counts, and `port` only where it is the only one.
    Tls,
}

impl Origin {
    /// Reads an announced endpoint.
    ///
    /// No host, and the wildcard addresses that a node announces before it has learned its own,
    /// mean the host that answered; `?` means that nobody knows. Port 0 means that the node does
    /// not listen that way: the port that answered is then the best guess.
    pub(super) fn endpoint(
        &self,
        host: Option<&str>,
        port: u16,
    ) -> Result<Option<NodeAddr>, TopologyError> {
        let port = if port == 0 { self.addr.port() } else { port };
        Ok(match host {
            Some("?") => None,
            None | Some("" | "0.0.0.0" | "::" | "[::]") => {
                Some(NodeAddr::new(self.addr.host(), port))
            }
            Some(host) => Some(NodeAddr::new(checked_host(host)?, port)),
        })
    }

    /// The port that counts, of those announced.
    pub(super) fn port(&self, plain: Option<u16>, tls: Option<u16>) -> u16 {
        let (plain, tls) = (plain.filter(|&port| port > 0), tls.filter(|&port| port > 0));
        match self.transport {
            Transport::Plain => plain.or(tls),
            Transport::Tls => tls.or(plain),
        }
        .unwrap_or(0)
    }
}

/// A host that can be a name or an address: it goes to logs, and to other clients.
pub(super) fn checked_host(host: &str) -> Result<&str, TopologyError> {
    let graphic = host.bytes().all(|byte| byte.is_ascii_graphic());
    if graphic && host.len() <= 255 {
        Ok(host)
    } else {
        Err(TopologyError::Malformed("a host is neither a name nor an address"))
    }
}

/// Text that a node announced about itself; empty text is none.
pub(super) fn text(value: &Value) -> Result<Option<&str>, TopologyError> {
    if *value == Value::Null {
        return Ok(None);
    }
    let text = value.as_str().ok_or(TopologyError::Malformed("a text is not text"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

pub(super) fn port(value: &Value) -> Result<u16, TopologyError> {
    let port = value.as_integer().and_then(|port| port.try_into().ok());
    port.ok_or(TopologyError::Malformed("a port is not a number up to 65535"))
}
