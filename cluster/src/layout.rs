//! Which node serves what, and on which host it stands. Pure: numbers in, a plan out.

use slotway_protocol::Slot;

/// The part that a node is started for. A failover may change it later.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Owns slots and takes writes.
    Primary,
    /// Copies a primary and takes its place when it is gone.
    Replica,
}

/// One node to start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seat {
    /// The shard it belongs to, counted from 0.
    pub shard: usize,
    /// What it starts as.
    pub role: Role,
    /// The host label it gets, counted from 0; none without labels.
    pub host: Option<usize>,
}

/// Why a cluster of this shape cannot be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LayoutError {
    /// No primary, no cluster.
    #[error("a cluster needs at least one primary")]
    NoPrimary,
    /// More than [`Layout::NODES_MAX`].
    #[error("{0} nodes are more than the {max} that are started on one machine", max = Layout::NODES_MAX)]
    TooManyNodes(usize),
    /// A replica would stand beside its primary.
    #[error("with one host a replica would stand beside its primary")]
    OneHost,
}

/// The shape of a cluster: its nodes, primaries first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layout {
    seats: Vec<Seat>,
    shards: usize,
}

impl Layout {
    /// The most nodes that are started on one machine: 50 is where the handshakes of every pair
    /// begin to cost more than the start itself.
    pub const NODES_MAX: usize = 50;

    /// Places `primaries` shards with `replicas` copies each on `hosts` labels, if any.
    ///
    /// No replica shares its primary's host, primaries are spread first, so that the loss of one
    /// host costs as few votes as can be.
    pub fn new(
        primaries: usize,
        replicas: usize,
        hosts: Option<usize>,
    ) -> Result<Self, LayoutError> {
        if primaries == 0 {
            return Err(LayoutError::NoPrimary);
        }
        let nodes = primaries.saturating_mul(replicas.saturating_add(1));
        if nodes > Self::NODES_MAX {
            return Err(LayoutError::TooManyNodes(nodes));
        }
        if hosts.is_some_and(|hosts| hosts < 2) && replicas > 0 {
            return Err(LayoutError::OneHost);
        }
        let mut seats = Vec::with_capacity(nodes);
        for shard in 0..primaries {
            let host = hosts.map(|hosts| shard % hosts.max(1));
            seats.push(Seat { shard, role: Role::Primary, host });
        }
        for copy in 0..replicas {
            for shard in 0..primaries {
                let host = hosts.map(|hosts| (shard + 1 + copy % (hosts - 1)) % hosts);
                seats.push(Seat { shard, role: Role::Replica, host });
            }
        }
        Ok(Self { seats, shards: primaries })
    }

    /// Its nodes: all primaries in the order of their slots, then the replicas.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The first and the last slot of a shard.
    pub fn slots(&self, shard: usize) -> (u16, u16) {
        slot_range(shard, self.shards)
    }
}

/// The part of all slots that shard number `shard` of `shards` gets.
fn slot_range(shard: usize, shards: usize) -> (u16, u16) {
    // Rounded, not cut: the same ranges as redis-cli gives.
    let edge = |shard: usize| (2 * shard * usize::from(Slot::COUNT) + shards) / (2 * shards);
    // At most NODES_MAX shards, so every edge is within 0..=16384 and no range is empty.
    (edge(shard) as u16, (edge(shard + 1) - 1) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(primaries: usize, replicas: usize, hosts: usize) {
        let layout = Layout::new(primaries, replicas, Some(hosts)).unwrap();
        let seats = layout.seats();
        assert_eq!(seats.len(), primaries * (replicas + 1));
        for replica in seats.iter().filter(|seat| seat.role == Role::Replica) {
            let primary = seats[replica.shard];
            assert_eq!(primary.role, Role::Primary);
            assert_ne!(primary.host, replica.host, "{primaries}x{replicas} on {hosts}");
        }
        for host in 0..hosts {
            let here = seats[..primaries].iter().filter(|seat| seat.host == Some(host)).count();
            assert!(here <= primaries.div_ceil(hosts), "primaries pile up on host {host}");
        }
    }

    #[test]
    fn no_replica_stands_beside_its_primary() {
        for (primaries, replicas, hosts) in
            [(3, 1, 3), (3, 2, 3), (3, 1, 2), (5, 3, 2), (4, 4, 3), (1, 1, 2), (7, 2, 5)]
        {
            check(primaries, replicas, hosts);
        }
    }

    #[test]
    fn every_slot_has_exactly_one_shard() {
        for primaries in 1..=Layout::NODES_MAX {
            let layout = Layout::new(primaries, 0, None).unwrap();
            let mut next = 0;
            for shard in 0..primaries {
                let (first, last) = layout.slots(shard);
                assert_eq!(first, next, "shard {shard} of {primaries}");
                assert!(last >= first);
                next = last + 1;
            }
            assert_eq!(next, Slot::COUNT);
        }
    }

    #[test]
    fn three_shards_have_the_ranges_that_everybody_knows() {
        let layout = Layout::new(3, 0, None).unwrap();
        let ranges = [0, 1, 2].map(|shard| layout.slots(shard));
        assert_eq!(ranges, [(0, 5460), (5461, 10922), (10923, 16383)]);
    }

    #[test]
    fn impossible_shapes_are_named() {
        assert_eq!(Layout::new(0, 1, None), Err(LayoutError::NoPrimary));
        assert_eq!(Layout::new(3, 1, Some(1)), Err(LayoutError::OneHost));
        assert_eq!(Layout::new(3, 1, Some(0)), Err(LayoutError::OneHost));
        assert_eq!(Layout::new(30, 1, None), Err(LayoutError::TooManyNodes(60)));
        assert_eq!(
            Layout::new(usize::MAX, usize::MAX, None),
            Err(LayoutError::TooManyNodes(usize::MAX))
        );
    }
}
