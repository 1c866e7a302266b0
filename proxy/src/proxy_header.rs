//! What a balancer says of a client before the client's first word: the header of the PROXY
//! protocol, version 2.
//!
//! What is not such a header, or not whole, is an error: whoever speaks without one is not let
//! through as somebody else.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// What every header begins with. No request does.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, what is said, of what sort, and how many bytes follow.
const FIXED: usize = SIGNATURE.len() + 4;
/// How long a header may be. One with the addresses of unix sockets has 232 bytes; the rest is for
/// what else balancers say.
pub const HEADER_MAX: usize = 4096;
/// The addresses of two unix sockets.
const UNIX: usize = 216;

/// What a balancer says of a client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Spoken {
    /// Nothing: it speaks for itself, as when it looks whether somebody is there. Or it does not
    /// know.
    Itself,
    /// Where the client comes from, and where it wanted to go.
    For {
        /// The client's address.
        peer: SocketAddr,
        /// The address that it connected to.
        local: SocketAddr,
    },
}

/// How far a header has come.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderScan {
    /// All of it: so many bytes, and what they say.
    Whole(usize, Spoken),
    /// Not yet: it takes so many bytes in all, as far as is known.
    Partial(usize),
}

/// Why a connection cannot be served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// It begins with something else.
    #[error("no header of the PROXY protocol, version 2")]
    Missing,
    /// Neither LOCAL nor PROXY.
    #[error("the PROXY header has the unknown command {0}")]
    Command(u8),
    /// Addresses of a sort that there is none of.
    #[error("the PROXY header has the unknown family {0:#04x}")]
    Family(u8),
    /// The addresses do not fit into it.
    #[error("the PROXY header ends within its addresses")]
    Short,
    /// Longer than any that makes sense.
    #[error("the PROXY header takes {0} bytes, and {HEADER_MAX} are the most")]
    Long(usize),
}

/// Looks at what came first on a connection. What a balancer adds behind the addresses is skipped.
pub fn scan_header(bytes: &[u8]) -> Result<HeaderScan, HeaderError> {
    let start = bytes.len().min(SIGNATURE.len());
    if bytes[..start] != SIGNATURE[..start] {
        return Err(HeaderError::Missing);
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(HeaderScan::Partial(FIXED));
    };
    let [.., said, family, high, low] = *fixed;
    if said >> 4 != 2 {
        return Err(HeaderError::Missing);
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    let whole = FIXED + len;
    if whole > HEADER_MAX {
        return Err(HeaderError::Long(whole));
    }
    let Some(addresses) = rest.get(..len) else { return Ok(HeaderScan::Partial(whole)) };
    let spoken = match said & 0xF {
        0 => Spoken::Itself,
        1 => spoken(family, addresses)?,
        other => return Err(HeaderError::Command(other)),
    };
    Ok(HeaderScan::Whole(whole, spoken))
}

fn spoken(family: u8, bytes: &[u8]) -> Result<Spoken, HeaderError> {
    match family {
        0x00 => Ok(Spoken::Itself),
        0x11 => {
            let [peer, local] = halves::<4>(bytes)?;
            Ok(between(peer.map_ip(Ipv4Addr::from), local.map_ip(Ipv4Addr::from)))
        }
        0x21 => {
            let [peer, local] = halves::<16>(bytes)?;
            Ok(between(peer.map_ip(Ipv6Addr::from), local.map_ip(Ipv6Addr::from)))
        }
        // A unix socket's client has no name.
        0x31 if bytes.len() >= UNIX => Ok(Spoken::Itself),
        0x31 => Err(HeaderError::Short),
        other => Err(HeaderError::Family(other)),
    }
}

/// An address of so many bytes, and a port.
struct End<const N: usize> {
    ip: [u8; N],
    port: u16,
}

impl<const N: usize> End<N> {
    fn map_ip<A: Into<std::net::IpAddr>>(self, ip: impl FnOnce([u8; N]) -> A) -> SocketAddr {
        SocketAddr::new(ip(self.ip).into(), self.port)
    }
}

/// Both addresses, then both ports: first the client's.
fn halves<const N: usize>(bytes: &[u8]) -> Result<[End<N>; 2], HeaderError> {
    let (peer, rest) = bytes.split_first_chunk::<N>().ok_or(HeaderError::Short)?;
    let (local, rest) = rest.split_first_chunk::<N>().ok_or(HeaderError::Short)?;
    let (ports, _) = rest.split_first_chunk::<4>().ok_or(HeaderError::Short)?;
    let [a, b, c, d] = *ports;
    Ok([
        End { ip: *peer, port: u16::from_be_bytes([a, b]) },
        End { ip: *local, port: u16::from_be_bytes([c, d]) },
    ])
}

fn between(peer: SocketAddr, local: SocketAddr) -> Spoken {
    Spoken::For { peer, local }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(said: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let len = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [SIGNATURE, &[said, family][..], &len, rest].concat()
    }

    fn tcp4() -> Vec<u8> {
        let addresses = [192, 0, 2, 7, 198, 51, 100, 9, 0xC3, 0x50, 0x18, 0xEB];
        header(0x21, 0x11, &addresses)
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Spoken, HeaderError>) {
        let found = scan_header(bytes).map(|scan| match scan {
            HeaderScan::Whole(len, spoken) => {
                assert_eq!(len, bytes.len());
                spoken
            }
            HeaderScan::Partial(wanted) => panic!("{wanted} bytes are wanted"),
        });
        assert_eq!(found, expected, "{bytes:?}");
        // Every beginning of it is a part, or wrong already.
        for end in 0..bytes.len() {
            match scan_header(&bytes[..end]) {
                Ok(HeaderScan::Partial(wanted)) => assert!(wanted > end),
                Ok(HeaderScan::Whole(..)) => panic!("{end} bytes were enough"),
                Err(error) => assert_eq!(Err(error), expected),
            }
        }
    }

    #[track_caller]
    fn between(peer: &str, local: &str) -> Result<Spoken, HeaderError> {
        Ok(Spoken::For { peer: peer.parse().unwrap(), local: local.parse().unwrap() })
    }

    #[test]
    fn addresses_are_the_client_s_and_where_it_went() {
        check(&tcp4(), between("192.0.2.7:50000", "198.51.100.9:6379"));
        let mut addresses = [0; 36];
        (addresses[0], addresses[1], addresses[15]) = (0x20, 0x01, 7);
        (addresses[31], addresses[33], addresses[35]) = (1, 5, 6);
        check(&header(0x21, 0x21, &addresses), between("[2001::7]:5", "[::1]:6"));
    }

    #[test]
    fn what_else_a_balancer_says_is_skipped() {
        let more = [&tcp4()[FIXED..], &[0x04, 0, 3, 1, 2, 3][..]].concat();
        check(&header(0x21, 0x11, &more), between("192.0.2.7:50000", "198.51.100.9:6379"));
        check(&header(0x20, 0x11, &tcp4()[FIXED..]), Ok(Spoken::Itself));
        check(&header(0x20, 0x00, b""), Ok(Spoken::Itself));
        check(&header(0x21, 0x00, b"anything"), Ok(Spoken::Itself));
        check(&header(0x21, 0x31, &[1; UNIX]), Ok(Spoken::Itself));
    }

    #[test]
    fn what_follows_the_header_is_the_client_s() {
        let bytes = [&tcp4()[..], b"PING\r\n"].concat();
        let HeaderScan::Whole(len, _) = scan_header(&bytes).unwrap() else { panic!() };
        assert_eq!(&bytes[len..], b"PING\r\n");
    }

    #[test]
    fn anything_else_is_refused() {
        check(b"*1\r\n$4\r\nPING\r\n", Err(HeaderError::Missing));
        check(b"PROXY TCP4 192.0.2.7 198.51.100.9 1 2\r\n", Err(HeaderError::Missing));
        check(&header(0x11, 0x11, &[0; 12]), Err(HeaderError::Missing));
        check(&header(0x22, 0x11, &[0; 12]), Err(HeaderError::Command(2)));
        check(&header(0x21, 0x12, &[0; 12]), Err(HeaderError::Family(0x12)));
        check(&header(0x21, 0x11, &[0; 11]), Err(HeaderError::Short));
        check(&header(0x21, 0x21, &[0; 35]), Err(HeaderError::Short));
        check(&header(0x21, 0x31, &[0; 215]), Err(HeaderError::Short));
        check(&header(0x20, 0x00, &[0; HEADER_MAX]), Err(HeaderError::Long(HEADER_MAX + FIXED)));
    }
}
