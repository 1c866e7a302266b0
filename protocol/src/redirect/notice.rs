//! Reads the errors that concern a request's way through the cluster.

use memchr::memchr;

use crate::{NodeAddr, Slot, number::parse_u64};

/// An error that concerns a request's way, not its meaning: where it should go, or that it should
/// wait.
///
/// A node that sends one did not run the request, if that was a single native command. A script can
/// return any of them after it has written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// The slot has a new owner.
    Moved {
        /// The slot that the node computed.
        slot: Slot,
        /// The owner, unless the node does not know how it is to be called.
        to: Option<NodeAddr>,
    },
    /// The slot is on its way, and this request's keys may be at its destination already.
    Ask {
        /// The slot that the node computed.
        slot: Slot,
        /// The destination, unless the node does not know how it is to be called.
        to: Option<NodeAddr>,
    },
    /// MOVED or ASK, but not as a server writes them.
    Garbled,
    /// The keys of one request are on both ends of a slot's way.
    TryAgain,
    /// The slot has no owner, or the cluster no majority.
    ClusterDown,
    /// The node reads its data set.
    Loading,
    /// The node is a replica that lost its primary.
    MasterDown,
    /// The node is a replica, and the request a write.
    ReadOnly,
    /// The connection is not logged in.
    NoAuth,
    /// A script runs and lets nothing else through.
    Busy,
    /// The node takes no more connections.
    TooManyClients,
}

impl Notice {
    /// Reads a whole reply as it came from the socket; anything but a notice is none.
    ///
    /// One look at the first byte tells ordinary replies apart.
    #[inline]
    pub fn of_reply(reply: &[u8], answered_by: &NodeAddr) -> Option<Self> {
        match reply {
            [b'-', line @ ..] => Self::parse(line.strip_suffix(b"\r\n")?, answered_by),
            [b'!', bulk @ ..] => {
                let body = bulk.get(memchr(b'\n', bulk)? + 1..)?;
                Self::parse(body.strip_suffix(b"\r\n")?, answered_by)
            }
            _ => None,
        }
    }

    /// Reads the text of an error, without the `-` before it.
    ///
    /// A redirect that names no host means the host of the node that answered.
    pub fn parse(error: &[u8], answered_by: &NodeAddr) -> Option<Self> {
        let (code, rest) = match memchr(b' ', error) {
            Some(space) => (&error[..space], &error[space + 1..]),
            None => (error, &[][..]),
        };
        match code {
            b"MOVED" => Some(match parse_target(rest, answered_by) {
                Some((slot, to)) => Self::Moved { slot, to },
                None => Self::Garbled,
            }),
            b"ASK" => Some(match parse_target(rest, answered_by) {
                Some((slot, to)) => Self::Ask { slot, to },
                None => Self::Garbled,
            }),
            b"TRYAGAIN" => Some(Self::TryAgain),
            b"CLUSTERDOWN" => Some(Self::ClusterDown),
            b"LOADING" => Some(Self::Loading),
            b"MASTERDOWN" => Some(Self::MasterDown),
            b"READONLY" => Some(Self::ReadOnly),
            b"NOAUTH" => Some(Self::NoAuth),
            b"BUSY" => Some(Self::Busy),
            b"ERR" if rest == b"max number of clients reached" => Some(Self::TooManyClients),
            _ => None,
        }
    }
}

/// Reads `3999 10.0.0.7:6381`.
fn parse_target(text: &[u8], answered_by: &NodeAddr) -> Option<(Slot, Option<NodeAddr>)> {
    let space = memchr(b' ', text)?;
    let slot = Slot::new(parse_u64(&text[..space])?.try_into().ok()?)?;
    let target = &text[space + 1..];
    if !target.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let target = std::str::from_utf8(target).ok()?;
    let (host, port) = target.rsplit_once(':')?;
    let port: u16 = parse_u64(port.as_bytes())?.try_into().ok()?;
    let addr = match host {
        // Nobody can be reached at port 0: the node does not know the port that is asked for.
        _ if port == 0 => None,
        "?" => None,
        "" | "0.0.0.0" | "::" => Some(NodeAddr::new(answered_by.host(), port)),
        _ => Some(target.parse().ok()?),
    };
    Some((slot, addr))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answered_by() -> NodeAddr {
        NodeAddr::new("10.0.0.1", 7000)
    }

    #[track_caller]
    fn check(error: &str, expected: Option<Notice>) {
        assert_eq!(Notice::parse(error.as_bytes(), &answered_by()), expected, "error {error:?}");
    }

    #[track_caller]
    fn check_target(target: &str, expected: Option<(&str, u16)>) {
        let slot = Slot::new(3999).unwrap();
        let to = expected.map(|(host, port)| NodeAddr::new(host, port));
        check(&format!("MOVED 3999 {target}"), Some(Notice::Moved { slot, to: to.clone() }));
        check(&format!("ASK 3999 {target}"), Some(Notice::Ask { slot, to }));
    }

    #[test]
    fn a_redirect_names_its_target_in_any_form_that_servers_write() {
        check_target("10.0.0.7:6381", Some(("10.0.0.7", 6381)));
        check_target("node-1.example:6381", Some(("node-1.example", 6381)));
        check_target("::1:6379", Some(("::1", 6379)));
        check_target("[fd00::1]:6379", Some(("fd00::1", 6379)));
        check_target(":6381", Some(("10.0.0.1", 6381)));
        check_target("0.0.0.0:6381", Some(("10.0.0.1", 6381)));
        check_target(":::6381", Some(("10.0.0.1", 6381)));
        check_target("?:6381", None);
        check_target("10.0.0.7:0", None);
    }

    #[test]
    fn a_redirect_in_any_other_form_is_garbled() {
        for rest in [
            "",
            " ",
            " 1",
            " 1 ",
            " 1 a",
            " 1 a:",
            " 1 :",
            " 16384 a:1",
            " -1 a:1",
            " 01 a:1",
            " +1 a:1",
            " 1 a:65536",
            " 1 a:01",
            " 1 a:1 b",
            " 1  a:1",
            " 1 a\t:1",
            " 1 a:b:1",
            " 99999999999999999999 a:1",
            " 1 é:1",
            " x a:1",
        ] {
            check(&format!("MOVED{rest}"), Some(Notice::Garbled));
            check(&format!("ASK{rest}"), Some(Notice::Garbled));
        }
    }

    #[test]
    fn an_error_that_asks_for_patience_is_known_by_its_code() {
        check("TRYAGAIN Multiple keys request during rehashing of slot", Some(Notice::TryAgain));
        check("CLUSTERDOWN Hash slot not served", Some(Notice::ClusterDown));
        check("CLUSTERDOWN The cluster is down", Some(Notice::ClusterDown));
        check("LOADING Redis is loading the dataset in memory", Some(Notice::Loading));
        check("MASTERDOWN Link with MASTER is down", Some(Notice::MasterDown));
        check("READONLY You can't write against a read only replica.", Some(Notice::ReadOnly));
        check("NOAUTH Authentication required.", Some(Notice::NoAuth));
        check("BUSY Redis is busy running a script.", Some(Notice::Busy));
        check("ERR max number of clients reached", Some(Notice::TooManyClients));
        check("TRYAGAIN", Some(Notice::TryAgain));
    }

    #[test]
    fn any_other_error_is_none_of_ours() {
        for error in [
            "",
            " ",
            "ERR unknown command 'MOVED'",
            "WRONGTYPE Operation",
            "moved 1 a:1",
            "BUSYKEY Target key name already exists.",
            "BUSYGROUP exists",
            "MOVEDX 1 a:1",
            "ASKING",
            "MISCONF Errors writing",
            "OOM command not allowed",
            "NOSCRIPT No script",
            "ERR max number of clients reached, or not",
            "CROSSSLOT Keys in request",
            "READONLYX",
        ] {
            check(error, None);
        }
    }

    #[test]
    fn a_reply_is_a_notice_only_if_it_is_an_error() {
        let parse = |reply: &str| Notice::of_reply(reply.as_bytes(), &answered_by());
        assert_eq!(parse("-TRYAGAIN later\r\n"), Some(Notice::TryAgain));
        assert_eq!(parse("!14\r\nTRYAGAIN later\r\n"), Some(Notice::TryAgain));
        for reply in ["+TRYAGAIN later\r\n", "$8\r\nTRYAGAIN\r\n", "", "-", "!", "-TRYAGAIN", "!\n"]
        {
            assert_eq!(parse(reply), None, "reply {reply:?}");
        }
    }

    proptest! {
        #[test]
        fn no_error_is_too_strange_to_read(error: Vec<u8>) {
            let _ = Notice::parse(&error, &answered_by());
            let _ = Notice::of_reply(&error, &answered_by());
        }

        #[test]
        fn a_redirect_names_a_possible_address_or_none(
            slot in "[0-9]{1,6}", target in "[a-z0-9:.?\\[\\]-]{0,16}", ask: bool,
        ) {
            let code = if ask { "ASK" } else { "MOVED" };
            let error = format!("{code} {slot} {target}");
            let notice = Notice::parse(error.as_bytes(), &answered_by()).unwrap();
            if let Notice::Moved { to: Some(to), .. } | Notice::Ask { to: Some(to), .. } = notice {
                prop_assert!(to.port() > 0 && !to.host().is_empty() && to.host() != "?");
            }
        }
    }
}
