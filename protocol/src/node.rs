//! What a node is called and where it is.

use std::{fmt, net::Ipv6Addr, str::FromStr, sync::Arc};

/// A host and a port, as a node announced them or a person typed them.
///
/// Cheap to clone. IPv6 addresses are kept without brackets and shown with them.
///
/// Behind one NAT several nodes may announce the same address. Then it is the name of none of them,
/// and each goes by the address and its id ([`NodeAddr::of_node`]), shown as `10.0.0.7:6379#07c37dfe`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeAddr {
    host: Arc<str>,
    port: u16,
    /// Which of several nodes it is that announce this. No text is read as such a name, so no
    /// redirect can speak it.
    node: Option<NodeId>,
}

impl NodeAddr {
    /// The address `host:port`; brackets around an IPv6 host are dropped.
    pub fn new(host: impl AsRef<str>, port: u16) -> Self {
        let host = host.as_ref();
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        Self { host: bare.into(), port, node: None }
    }

    /// The name of one of several nodes that announce this address.
    #[must_use]
    pub fn of_node(&self, id: NodeId) -> Self {
        Self { node: Some(id), ..self.clone() }
    }

    /// The address alone, as it was announced.
    #[must_use]
    pub fn announced(&self) -> Self {
        Self { node: None, ..self.clone() }
    }

    /// Which node it is, if several announce this address.
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }

    /// The path of a Unix socket, which is where a server on this machine may be. No node announces
    /// such an address: the host would be no name.
    pub fn socket(path: impl AsRef<str>) -> Self {
        Self { host: path.as_ref().into(), port: 0, node: None }
    }

    /// Whether it is the path of a Unix socket, which is then its host.
    pub fn is_socket(&self) -> bool {
        self.port == 0 && self.host.starts_with('/')
    }

    /// Its host: an IP address or a name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for NodeAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_socket() {
            f.write_str(&self.host)?;
        } else if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        match self.node {
            // As many digits as tell nodes apart for a reader.
            Some(id) => {
                f.write_str("#")?;
                id.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            None => Ok(()),
        }
    }
}

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NodeAddrError {
    /// Nothing stands before the port.
    #[error("the host is missing; write host:port")]
    NoHost,
    /// No port is given.
    #[error("the port is missing; write host:port")]
    NoPort,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    BadPort,
}

impl FromStr for NodeAddr {
    type Err = NodeAddrError;

    /// Reads `host:port`, `[v6]:port`, and the bare `v6:port` that servers write in redirects: the
    /// last colon is the one before the port.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(NodeAddrError::NoPort)?;
        if host.is_empty() || host == "[]" {
            return Err(NodeAddrError::NoHost);
        }
        // `::1` and `[::1]` have no port, though they have a colon.
        let bare = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'));
        match bare {
            Some(bare) if !bare.contains(':') || bare.parse::<Ipv6Addr>().is_ok() => {}
            _ => return Err(NodeAddrError::NoPort),
        }
        // `parse` alone would take a leading `+`.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if port > 0 && digits => Ok(Self::new(host, port)),
            _ => Err(NodeAddrError::BadPort),
        }
    }
}

/// The 40 hexadecimal digits by which a cluster knows a node, whatever its address.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId([u8; 20]);

impl NodeId {
    /// Reads 40 hexadecimal digits.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits: &[u8; 40] = text.try_into().ok()?;
        let mut id = [0; 20];
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Some(Self(id))
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, u16), NodeAddrError>) {
        let got: Result<NodeAddr, _> = text.parse();
        assert_eq!(
            got.as_ref().map(|addr| (addr.host(), addr.port())),
            expected.as_ref().map(|&pair| pair),
            "address {text:?}"
        );
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        check("10.0.0.7:6379", Ok(("10.0.0.7", 6379)));
        check("valkey-0.svc:7000", Ok(("valkey-0.svc", 7000)));
        check("[::1]:6379", Ok(("::1", 6379)));
        check("fd00::7:6379", Ok(("fd00::7", 6379)));
    }

    #[test]
    fn what_is_not_an_address_is_named() {
        check("6379", Err(NodeAddrError::NoPort));
        check("::1", Err(NodeAddrError::NoPort));
        check("[::1]", Err(NodeAddrError::NoPort));
        check(":6379", Err(NodeAddrError::NoHost));
        check("a:0", Err(NodeAddrError::BadPort));
        check("a:65536", Err(NodeAddrError::BadPort));
        check("a:", Err(NodeAddrError::BadPort));
        check("a:+1", Err(NodeAddrError::BadPort));
    }

    #[test]
    fn an_address_reads_back_as_it_was_shown() {
        for addr in [NodeAddr::new("::1", 1), NodeAddr::new("[fd00::1]", 2), NodeAddr::new("a", 3)]
        {
            assert_eq!(addr.to_string().parse(), Ok(addr));
        }
    }

    #[test]
    fn the_name_of_one_of_several_nodes_cannot_be_written() {
        let id = NodeId::parse(b"07c37dfeb235213a872192d90877d0cd55635b91").unwrap();
        let shared = NodeAddr::new("::1", 6379);
        let name = shared.of_node(id);
        assert_eq!(name.to_string(), "[::1]:6379#07c37dfe");
        assert!(name.to_string().parse::<NodeAddr>().is_err());
        assert_ne!(name, shared);
        assert_eq!((name.announced(), name.node()), (shared, Some(id)));
    }

    #[test]
    fn an_id_reads_back_as_it_was_shown() {
        let text = "07c37dfeb235213a872192d90877d0cd55635b91";
        assert_eq!(NodeId::parse(text.as_bytes()).unwrap().to_string(), text);
        assert_eq!(NodeId::parse(b"07c37d"), None);
        assert_eq!(NodeId::parse(&[b'g'; 40]), None);
    }
}
