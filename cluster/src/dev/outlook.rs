//! What will become of a shard when a node of it is lost. Pure.

use super::event::ShardStatus;
use crate::ProcessState;

/// What the loss of a node leads to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outlook {
    /// Nobody misses it: it is a replica, or has no slots.
    Nothing,
    /// A replica will take its place.
    Failover,
    /// Its slots are down, since its shard has no replica that runs.
    NoHeir,
    /// Its slots are down: so few of the primaries that vote are left.
    NoMajority {
        /// How many are left.
        left: usize,
        /// How many there are.
        of: usize,
    },
}

impl Outlook {
    /// What it means that the node at `port` goes, which runs now.
    pub(crate) fn of_losing(port: u16, shards: &[ShardStatus]) -> Self {
        let voters = shards.iter().filter(|shard| !shard.slots.is_empty());
        let primaries: Vec<_> = voters.clone().filter_map(|shard| shard.nodes.first()).collect();
        let Some(shard) =
            voters.clone().find(|shard| shard.nodes.first().is_some_and(|node| node.port == port))
        else {
            return Self::Nothing;
        };
        let runs = |state| state == ProcessState::Running;
        if !shard.nodes[1..].iter().any(|node| runs(node.state)) {
            return Self::NoHeir;
        }
        let of = primaries.len();
        let left = primaries.iter().filter(|node| node.port != port && runs(node.state)).count();
        if left > of / 2 { Self::Failover } else { Self::NoMajority { left, of } }
    }

    /// What a person should know when nobody takes over, given the `verb` that brings it back.
    pub(crate) fn text(self, port: u16, verb: &str) -> Option<String> {
        let why = match self {
            Self::Nothing | Self::Failover => return None,
            Self::NoHeir => "no replica is left to take over".to_owned(),
            Self::NoMajority { left, of } => {
                format!("nobody takes over, since only {left} of {of} primaries are left to vote")
            }
        };
        Some(format!("{why}: its slots are down until `slotway dev {verb} {port}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::event::{NodeRole, NodeStatus},
        *,
    };

    /// A shard per word: its nodes, the primary first, `r`unning, `p`aused or `d`ead; the first
    /// of all has port 1. In capitals, it has no slots.
    fn shards(text: &str) -> Vec<ShardStatus> {
        let mut port = 0;
        let mut node = |letter: char| {
            port += 1;
            let state = match letter.to_ascii_lowercase() {
                'r' => ProcessState::Running,
                'p' => ProcessState::Paused,
                _ => ProcessState::Dead,
            };
            let (id, role) = (String::new(), NodeRole::Primary);
            NodeStatus { port, id, role, state, host: None, process: None }
        };
        let shard = |word: &str| ShardStatus {
            name: String::new(),
            slots: if word.starts_with(char::is_lowercase) { vec![(0, 1)] } else { vec![] },
            nodes: word.chars().map(&mut node).collect(),
        };
        text.split(' ').map(shard).collect()
    }

    #[track_caller]
    fn check(cluster: &str, port: u16, expected: Outlook) {
        assert_eq!(Outlook::of_losing(port, &shards(cluster)), expected, "{port} of {cluster}");
    }

    #[test]
    fn a_primary_is_replaced_when_a_replica_and_most_primaries_are_left() {
        check("rr rr rr", 1, Outlook::Failover);
        check("rr rr rr", 2, Outlook::Nothing);
        check("rdr r r", 1, Outlook::Failover);
        check("r rr rr", 1, Outlook::NoHeir);
        check("rd rr rr", 1, Outlook::NoHeir);
        check("rp rr rr", 1, Outlook::NoHeir);
    }

    #[test]
    fn without_most_primaries_nobody_is_elected() {
        check("rr", 1, Outlook::NoMajority { left: 0, of: 1 });
        check("rr rr", 1, Outlook::NoMajority { left: 1, of: 2 });
        check("rr dr rr", 1, Outlook::NoMajority { left: 1, of: 3 });
        check("rr pr rr", 1, Outlook::NoMajority { left: 1, of: 3 });
    }

    #[test]
    fn a_primary_without_slots_neither_votes_nor_is_missed() {
        check("rr rr rr R", 7, Outlook::Nothing);
        check("rr rr R", 1, Outlook::NoMajority { left: 1, of: 2 });
    }
}
