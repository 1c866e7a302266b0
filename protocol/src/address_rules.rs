//! Where to reach nodes that announce addresses of another network.

use std::{net::IpAddr, str::FromStr, sync::Arc};

use crate::NodeAddr;

/// Rules that turn an announced address into one that can be reached from here.
///
/// The first rule that fits counts; an address that none fits stays as it is. The announced address
/// remains the name of the node: in the slot table, and in redirects. Only who dials it asks here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AddressRules {
    rules: Vec<AddressRule>,
}

/// One rule, such as `172.18.0.0/16:* -> 10.0.0.5:*` or `valkey-1:6379 -> localhost:7001`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressRule {
    hosts: Hosts,
    /// Any port, if none is given.
    port: Option<u16>,
    /// The announced host, if none is given.
    to_host: Option<Arc<str>>,
    /// The announced port, if none is given.
    to_port: Option<u16>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Hosts {
    Any,
    /// This name or address.
    Exact(Arc<str>),
    /// Addresses that begin with these bits.
    Net(IpAddr, u8),
}

/// Why a text is no rule.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AddressRuleError {
    /// It has no arrow.
    #[error("`{0}` has no `->`; write FROM -> TO, as in 172.18.0.0/16:* -> 10.0.0.5:*")]
    NoArrow(String),
    /// A side is no host and port.
    #[error("`{0}` is no HOST:PORT; either may be *")]
    BadSide(String),
    /// The part behind a slash is no number of bits that such an address has.
    #[error("`{0}` is no network; write an address and its number of bits, as in 172.18.0.0/16")]
    BadNetwork(String),
}

impl AddressRules {
    /// These rules, the first that fits first.
    pub fn new(rules: impl IntoIterator<Item = AddressRule>) -> Self {
        Self { rules: rules.into_iter().collect() }
    }

    /// Where to reach the node that is announced at `addr`.
    pub fn reach(&self, addr: &NodeAddr) -> NodeAddr {
        let rule = self.rules.iter().find(|rule| rule.fits(addr));
        rule.map_or_else(|| addr.clone(), |rule| rule.target(addr))
    }
}

impl AddressRule {
    /// The rule for one address.
    pub fn pair(announced: &NodeAddr, reach: &NodeAddr) -> Self {
        Self {
            hosts: Hosts::Exact(announced.host().into()),
            port: Some(announced.port()),
            to_host: Some(reach.host().into()),
            to_port: Some(reach.port()),
        }
    }

    fn fits(&self, addr: &NodeAddr) -> bool {
        self.port.is_none_or(|port| port == addr.port())
            && match &self.hosts {
                Hosts::Any => true,
                Hosts::Exact(host) => **host == *addr.host(),
                Hosts::Net(net, bits) => {
                    addr.host().parse().is_ok_and(|ip| is_within(ip, *net, *bits))
                }
            }
    }

    fn target(&self, addr: &NodeAddr) -> NodeAddr {
        let host = self.to_host.as_deref().unwrap_or_else(|| addr.host());
        NodeAddr::new(host, self.to_port.unwrap_or_else(|| addr.port()))
    }
}

/// Whether the first `bits` of two addresses are the same.
fn is_within(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    let differ = match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => u128::from(ip.to_bits() ^ net.to_bits()) << 96,
        (IpAddr::V6(ip), IpAddr::V6(net)) => ip.to_bits() ^ net.to_bits(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    differ.leading_zeros() >= u32::from(bits)
}

impl FromStr for AddressRule {
    type Err = AddressRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_arrow = || AddressRuleError::NoArrow(text.to_owned());
        let (from, to) = text.split_once("->").ok_or_else(no_arrow)?;
        let (from_host, port) = side(from.trim())?;
        let (to_host, to_port) = side(to.trim())?;
        let hosts = match from_host {
            "*" => Hosts::Any,
            host => match host.split_once('/') {
                None => Hosts::Exact(host.into()),
                Some(_) => network(host)?,
            },
        };
        let to_host = (to_host != "*").then(|| to_host.into());
        Ok(Self { hosts, port, to_host, to_port })
    }
}

/// Reads `HOST:PORT`; brackets around an IPv6 host are dropped.
fn side(text: &str) -> Result<(&str, Option<u16>), AddressRuleError> {
    let bad = || AddressRuleError::BadSide(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let bare = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']'));
    let bare = bare.filter(|bare| !bare.is_empty() && !bare.contains(' ')).ok_or_else(bad)?;
    let port = match port {
        "*" => None,
        digits => Some(digits.parse().ok().filter(|&port| port > 0).ok_or_else(bad)?),
    };
    Ok((bare, port))
}

fn network(text: &str) -> Result<Hosts, AddressRuleError> {
    let bad = || AddressRuleError::BadNetwork(text.to_owned());
    let (addr, bits) = text.split_once('/').ok_or_else(bad)?;
    let addr: IpAddr = addr.parse().map_err(|_| bad())?;
    let most = if addr.is_ipv4() { 32 } else { 128 };
    let bits = bits.parse().ok().filter(|&bits: &u8| bits <= most).ok_or_else(bad)?;
    Ok(Hosts::Net(addr, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rules: &[&str], announced: &str, reached: &str) {
        let rules = AddressRules::new(rules.iter().map(|rule| rule.parse().unwrap()));
        let reach = rules.reach(&announced.parse().unwrap());
        assert_eq!(reach.to_string(), reached, "{announced} by {rules:?}");
    }

    #[track_caller]
    fn refuse(rule: &str, error: &str) {
        let got = rule.parse::<AddressRule>().unwrap_err();
        assert_eq!(got.to_string(), error);
    }

    #[test]
    fn an_address_that_no_rule_fits_stays_as_it_is() {
        check(&[], "10.0.0.1:6379", "10.0.0.1:6379");
        check(&["10.0.0.2:* -> localhost:*"], "10.0.0.1:6379", "10.0.0.1:6379");
    }

    #[test]
    fn a_star_stands_for_any_and_for_the_same() {
        check(&["*:* -> localhost:*"], "10.0.0.1:7001", "localhost:7001");
        check(&["*:7001 -> *:17001"], "10.0.0.1:7001", "10.0.0.1:17001");
        check(&["node-1:* -> 127.0.0.1:6001"], "node-1:6379", "127.0.0.1:6001");
    }

    #[test]
    fn a_network_is_known_by_its_bits() {
        let rule = "172.18.0.0/16:* -> 10.0.0.5:*";
        check(&[rule], "172.18.3.4:7001", "10.0.0.5:7001");
        check(&[rule], "172.19.3.4:7001", "172.19.3.4:7001");
        check(&[rule], "node-1:7001", "node-1:7001");
        check(&["10.0.0.7/32:* -> a:*"], "10.0.0.7:1", "a:1");
        check(&["10.0.0.7/32:* -> a:*"], "10.0.0.6:1", "10.0.0.6:1");
        check(&["0.0.0.0/0:* -> a:*"], "10.0.0.6:1", "a:1");
        check(&["[fd00::/8]:* -> [::1]:*"], "[fd12::1]:7001", "[::1]:7001");
        check(&["[fd00::/8]:* -> [::1]:*"], "10.0.0.6:1", "10.0.0.6:1");
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = ["10.0.0.1:6379 -> localhost:7001", "10.0.0.0/24:* -> gateway:*"];
        check(&rules, "10.0.0.1:6379", "localhost:7001");
        check(&rules, "10.0.0.2:6379", "gateway:6379");
    }

    #[test]
    fn a_pair_is_a_rule_for_one_address() {
        let [from, to] = [NodeAddr::new("10.0.0.1", 1), NodeAddr::new("localhost", 2)];
        let rules = AddressRules::new([AddressRule::pair(&from, &to)]);
        assert_eq!(rules.reach(&from), to);
        assert_eq!(rules.reach(&to), to);
    }

    #[test]
    fn what_is_no_rule_is_named() {
        refuse(
            "10.0.0.1:1 10.0.0.2:1",
            "`10.0.0.1:1 10.0.0.2:1` has no `->`; write FROM -> TO, as in 172.18.0.0/16:* -> \
             10.0.0.5:*",
        );
        for side in ["10.0.0.1", ":1", "a:0", "a:x", "a:65536", "[a:1", "a b:1", ""] {
            refuse(
                &format!("{side} -> a:1"),
                &format!("`{side}` is no HOST:PORT; either may be *"),
            );
        }
        for net in ["10.0.0.0/33", "10.0.0.0/", "a/8", "10.0.0.0/-1"] {
            let text =
                "is no network; write an address and its number of bits, as in 172.18.0.0/16";
            refuse(&format!("{net}:* -> a:1"), &format!("`{net}` {text}"));
        }
    }
}
