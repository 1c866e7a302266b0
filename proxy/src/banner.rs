//! What a person sees who starts the proxy on a terminal.

use std::{
    fmt::{self, Write as _},
    net::SocketAddr,
    time::Duration,
};

use slotway_protocol::Topology;

use crate::placement::{HostLoss, Then};

/// What the banner tells.
#[derive(Clone, Debug)]
pub struct ListenInfo<'a> {
    /// The cluster as it is known.
    pub topology: &'a Topology,
    /// The servers' product and version, if they said it: `valkey 9.1.0`.
    pub server: Option<&'a str>,
    /// The seed that answered.
    pub seen_from: &'a str,
    /// Where clients connect.
    pub listeners: Vec<Endpoint>,
    /// Where the admin port is, if there is one.
    pub admin: Option<SocketAddr>,
    /// How long all of it took.
    pub took: Duration,
}

/// Where clients connect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// The address or the path of a socket.
    pub at: At,
    /// What clients see there: `single`, ...
    pub mode: String,
}

/// What a listener is bound to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum At {
    /// A port.
    Port(SocketAddr),
    /// The same with TLS.
    TlsPort(SocketAddr),
    /// A socket in the file system.
    Path(String),
}

/// The lines to print.
pub fn banner(info: &ListenInfo<'_>) -> String {
    let mut lines = vec![format!("  cluster    {}", cluster(info))];
    let width =
        info.listeners.iter().map(|listener| listener.at.to_string().len()).max().unwrap_or(0);
    for (place, listener) in info.listeners.iter().enumerate() {
        let title = if place == 0 { "listening" } else { "" };
        let (at, mode, url) = (listener.at.to_string(), &listener.mode, listener.at.url());
        lines.push(format!("  {title:<9}  {at:<width$}   {mode:<15}  -> {url}"));
    }
    if let Some(admin) = info.admin {
        lines.push(format!("  admin      http://{admin}  (metrics, health, api)"));
    }
    let warning = warning(info.topology);
    if !warning.is_empty() {
        lines.push(String::new());
        lines.extend(warning);
    }
    lines.push(format!("  ready in {:.2}s", info.took.as_secs_f64()));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

impl At {
    /// What a client is given to connect.
    fn url(&self) -> String {
        let url = |scheme: &str, addr: &SocketAddr| {
            if addr.ip().is_unspecified() {
                return format!("{scheme}://<this host>:{}", addr.port());
            }
            format!("{scheme}://{addr}")
        };
        match self {
            Self::Port(addr) => url("redis", addr),
            Self::TlsPort(addr) => url("rediss", addr),
            Self::Path(path) => format!("unix://{path}"),
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(addr) | Self::TlsPort(addr) => addr.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

fn cluster(info: &ListenInfo<'_>) -> String {
    let topology = info.topology;
    let shards = topology.shards.iter().filter(|shard| !shard.slots.is_empty()).count();
    let mut text = format!("{}, {}", many(shards, "shard"), many(topology.nodes().count(), "node"));
    if let Some(server) = info.server {
        push(&mut text, server);
    }
    let all = usize::from(slotway_protocol::Slot::COUNT);
    match all.saturating_sub(topology.covered()) {
        0 => push(&mut text, &format!("all {all} slots covered")),
        open => push(&mut text, &format!("{open} of {all} slots NOT covered")),
    }
    push(&mut text, &format!("seen from {}", info.seen_from));
    text
}

fn push(text: &mut String, part: &str) {
    write!(text, ", {part}").expect("a String takes whatever is written");
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The worst that a single host can do to the cluster. A cluster that is all on one host is one to try things
/// on, or has nothing to spread over: that host is no news.
fn warning(topology: &Topology) -> Vec<String> {
    let losses = HostLoss::of_each(topology);
    if losses.len() < 2 {
        return Vec::new();
    }
    let fatal = losses.iter().filter(|loss| loss.then != Then::Survives);
    let Some(worst) = fatal.max_by_key(|loss| (loss.then == Then::NoMajority, loss.primaries))
    else {
        return Vec::new();
    };
    let HostLoss { host, primaries, of, then } = worst;
    let are = if *primaries == 1 { "is" } else { "are" };
    let (what, fix) = match then {
        Then::NoMajority => (
            "the cluster stops and cannot elect",
            "spread the primaries over three hosts or more: CLUSTER FAILOVER on a replica elsewhere",
        ),
        Then::NoReplica => (
            "some slots are gone, since no other host has a copy",
            "give each primary a replica on another host",
        ),
        Then::Survives => return Vec::new(),
    };
    vec![
        format!(
            "  warning: {primaries} of {of} primaries {are} on host {host}. If it dies, {what}."
        ),
        format!("           fix: {fix}."),
        String::new(),
    ]
}

#[cfg(test)]
mod tests {
    use slotway_protocol::{NodeAddr, NodeInfo, Shard, Slot, SlotRange};

    use super::*;

    /// Each shard is the last numbers of its nodes' addresses, and the slots from and to.
    fn topology(shards: &[(&[u8], u16, u16)]) -> Topology {
        let node = |host: &u8| NodeInfo::at(NodeAddr::new(format!("172.20.0.{host}"), 6379));
        let shard = |(hosts, first, last): &(&[u8], u16, u16)| {
            let mut nodes = hosts.iter().map(node);
            let range = SlotRange::new(Slot::new(*first).unwrap(), Slot::new(*last).unwrap());
            Shard {
                primary: nodes.next(),
                replicas: nodes.collect(),
                slots: range.into_iter().collect(),
                epoch: None,
            }
        };
        Topology { shards: shards.iter().map(shard).collect(), ..Topology::default() }
    }

    #[track_caller]
    fn check(topology: &Topology, listeners: Vec<At>, expected: &str) {
        let listeners =
            listeners.into_iter().map(|at| Endpoint { at, mode: "single".into() }).collect();
        let info = ListenInfo {
            topology,
            server: Some("redis 7.0.15"),
            seen_from: "172.20.0.3:6379",
            listeners,
            admin: Some("127.0.0.1:9379".parse().unwrap()),
            took: Duration::from_millis(42),
        };
        assert_eq!(banner(&info), expected);
    }

    #[test]
    fn a_first_session_tells_where_to_connect_and_what_is_wrong() {
        let shards = [(&[3, 4][..], 0, 5460), (&[3, 5], 5461, 10922), (&[4, 3], 10923, 16383)];
        check(
            &topology(&shards),
            vec![At::Port("0.0.0.0:6379".parse().unwrap())],
            "  cluster    3 shards, 6 nodes, redis 7.0.15, all 16384 slots covered, \
             seen from 172.20.0.3:6379\n\
             \x20 listening  0.0.0.0:6379   single           -> redis://<this host>:6379\n\
             \x20 admin      http://127.0.0.1:9379  (metrics, health, api)\n\
             \n\
             \x20 warning: 2 of 3 primaries are on host 172.20.0.3. \
             If it dies, the cluster stops and cannot elect.\n\
             \x20          fix: spread the primaries over three hosts or more: \
             CLUSTER FAILOVER on a replica elsewhere.\n\
             \n\
             \x20 ready in 0.04s\n",
        );
    }

    #[test]
    fn a_sound_cluster_is_told_in_four_lines() {
        let shards = [(&[1, 2][..], 0, 5460), (&[2, 3], 5461, 10922), (&[3, 1], 10923, 16382)];
        check(
            &topology(&shards),
            vec![
                At::TlsPort("[::]:6380".parse().unwrap()),
                At::Path("/run/slotway.sock".into()),
                At::Port("127.0.0.1:6379".parse().unwrap()),
            ],
            "  cluster    3 shards, 6 nodes, redis 7.0.15, 1 of 16384 slots NOT covered, \
             seen from 172.20.0.3:6379\n\
             \x20 listening  [::]:6380           single           -> rediss://<this host>:6380\n\
             \x20            /run/slotway.sock   single           -> unix:///run/slotway.sock\n\
             \x20            127.0.0.1:6379      single           -> redis://127.0.0.1:6379\n\
             \x20 admin      http://127.0.0.1:9379  (metrics, health, api)\n\
             \x20 ready in 0.04s\n",
        );
    }

    #[test]
    fn a_shard_on_one_host_is_warned_of_and_a_cluster_on_one_host_is_not() {
        let shards = [(&[1, 1][..], 0, 9), (&[2, 3], 10, 19), (&[3, 2], 20, 29)];
        let lines = warning(&topology(&shards)).concat();
        assert!(
            lines.contains("1 of 3 primaries is on host 172.20.0.1. If it dies, some slots"),
            "{lines}"
        );
        let shards = [(&[1][..], 0, 9), (&[1], 10, 19), (&[1], 20, 29)];
        assert_eq!(warning(&topology(&shards)), [""; 0]);
    }
}
