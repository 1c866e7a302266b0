//! What the cluster would lose with a host.

use std::collections::BTreeMap;

use slotway_protocol::{NodeInfo, Topology};

/// What becomes of the cluster if one host is gone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostLoss {
    /// The host, as the nodes announce it.
    pub host: String,
    /// How many primaries with slots are on it.
    pub primaries: usize,
    /// How many there are in all.
    pub of: usize,
    /// What follows.
    pub then: Then,
}

/// What follows from the loss of a host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Then {
    /// The cluster goes on, by itself.
    Survives,
    /// The primaries that are left are no majority: they can elect nobody.
    NoMajority,
    /// Some slots have no replica anywhere else.
    NoReplica,
}

impl HostLoss {
    /// What the loss of each host would do, in the order of the hosts' names.
    pub fn of_each(topology: &Topology) -> Vec<Self> {
        let mut hosts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for host in topology.nodes().filter_map(host) {
            hosts.entry(host).or_default();
        }
        let serving: Vec<_> =
            topology.shards.iter().filter(|shard| !shard.slots.is_empty()).collect();
        for (place, shard) in serving.iter().enumerate() {
            let primary = shard.primary.as_ref().and_then(host);
            if let Some(primaries) = primary.and_then(|host| hosts.get_mut(host)) {
                primaries.push(place);
            }
        }
        let of = serving.len();
        let losses = hosts.into_iter().map(|(lost, primaries)| {
            let elsewhere = |node: &NodeInfo| host(node).is_some_and(|host| host != lost);
            let replaced = |place: &usize| serving[*place].replicas.iter().any(elsewhere);
            let then = if primaries.is_empty() {
                Then::Survives
            } else if (of - primaries.len()) * 2 <= of {
                Then::NoMajority
            } else if primaries.iter().all(replaced) {
                Then::Survives
            } else {
                Then::NoReplica
            };
            Self { host: lost.to_owned(), primaries: primaries.len(), of, then }
        });
        losses.collect()
    }
}

/// The machine that a node is on, by its IP address if that is known: names may be many for one.
fn host(node: &NodeInfo) -> Option<&str> {
    node.ip.as_deref().or_else(|| Some(node.addr.as_ref()?.host()))
}

#[cfg(test)]
mod tests {
    use slotway_protocol::{NodeAddr, Shard, Slot, SlotRange};

    use super::*;

    /// Each shard is the hosts of its primary and of its replicas, a letter each.
    #[track_caller]
    fn check(shards: &[&str], expected: &[(&str, usize, Then)]) {
        let node = |host: char| NodeInfo::at(NodeAddr::new(host.to_string(), 7000));
        let shard = |(place, hosts): (usize, &&str)| {
            let slot = Slot::new(place as u16);
            let mut nodes = hosts.chars().map(node);
            Shard {
                primary: nodes.next(),
                replicas: nodes.collect(),
                slots: slot.and_then(|slot| SlotRange::new(slot, slot)).into_iter().collect(),
                epoch: None,
            }
        };
        let shards = shards.iter().enumerate().map(shard).collect();
        let losses = HostLoss::of_each(&Topology { shards, ..Topology::default() });
        let losses: Vec<_> =
            losses.iter().map(|loss| (loss.host.as_str(), loss.primaries, loss.then)).collect();
        assert_eq!(losses, expected);
    }

    #[test]
    fn three_hosts_with_a_replica_elsewhere_survive_any_loss() {
        let each = [("a", 1, Then::Survives), ("b", 1, Then::Survives), ("c", 1, Then::Survives)];
        check(&["ab", "bc", "ca"], &each);
    }

    #[test]
    fn a_host_with_most_primaries_is_the_end() {
        check(
            &["ab", "ac", "ba"],
            &[("a", 2, Then::NoMajority), ("b", 1, Then::Survives), ("c", 0, Then::Survives)],
        );
        check(&["ab", "ba"], &[("a", 1, Then::NoMajority), ("b", 1, Then::NoMajority)]);
    }

    #[test]
    fn a_shard_that_is_all_on_one_host_goes_with_it() {
        check(
            &["aa", "bc", "cb"],
            &[("a", 1, Then::NoReplica), ("b", 1, Then::Survives), ("c", 1, Then::Survives)],
        );
    }

    #[test]
    fn a_cluster_of_nobody_loses_nothing() {
        check(&[], &[]);
    }
}
