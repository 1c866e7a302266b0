//! What befalls the cluster in a run.

use crate::{
    cluster::{NodeIndex, RANGES, Range},
    event::{Event, Met},
    world::World,
};

/// A change of the cluster, or a step of one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Something new begins.
    Begin,
    /// The next key of a range moves, or the move ends.
    MoveKeys { range: Range, to: NodeIndex },
    /// A replica takes the place of a primary that was killed.
    Promote { killed: NodeIndex },
    /// A node that was killed comes back, as a replica.
    Return(NodeIndex),
    /// One node tells another what it knows.
    Gossip { from: NodeIndex, to: NodeIndex },
}

impl World {
    pub(crate) fn change_cluster(&mut self, step: Step) {
        match step {
            Step::Begin => self.begin(),
            Step::MoveKeys { range, to } => self.move_keys(range, to),
            Step::Promote { killed } => self.promote(killed),
            Step::Return(node) => {
                self.cluster.nodes[node].alive = true;
                self.spread_news_to(node);
            }
            Step::Gossip { from, to } => {
                if self.cluster.nodes[from].alive && self.cluster.nodes[to].alive {
                    self.cluster.gossip(from, to);
                }
            }
        }
    }

    fn begin(&mut self) {
        let primaries = self.cluster.live_primaries();
        if primaries.is_empty() {
            return;
        }
        let victim = *self.random.pick(&primaries);
        match self.random.below(7) {
            0 | 1 => self.begin_move(),
            2 => self.kill(victim),
            3 => {
                if let Some(replica) = self.cluster.replica_of(victim)
                    && !self.is_involved_in_a_move(victim)
                {
                    self.cluster.promote(victim, replica);
                    self.spread_news_of(replica);
                }
            }
            4 if self.cluster.nodes.len() < 9 => {
                self.meet(Met::NodeAdded);
                self.cluster.add_primary();
                self.begin_move();
            }
            5 => self.remove(),
            _ => {
                let node = self.random.below(self.cluster.nodes.len());
                self.cut(node);
            }
        }
    }

    fn begin_move(&mut self) {
        let range = self.random.below(RANGES);
        let to = *self.random.pick(&self.cluster.live_primaries());
        let from = self.cluster.owner(range);
        if to != from && self.cluster.nodes[from].alive && !self.cluster.is_moving(range) {
            self.cluster.start_move(range, to);
            self.plan(Step::MoveKeys { range, to });
        }
    }

    fn move_keys(&mut self, range: Range, to: NodeIndex) {
        if self.cluster.move_key(range, to, &mut self.random) {
            return self.plan(Step::MoveKeys { range, to });
        }
        let from = self.cluster.owner(range);
        self.cluster.finish_move(range, to);
        self.spread_news_of(to);
        self.spread_news_of(from);
    }

    fn kill(&mut self, node: NodeIndex) {
        if self.cluster.replica_of(node).is_none() || self.is_involved_in_a_move(node) {
            return;
        }
        self.cluster.nodes[node].alive = false;
        self.cut(node);
        self.plan(Step::Promote { killed: node });
    }

    /// A primary without slots leaves for good.
    fn remove(&mut self) {
        let primaries = self.cluster.live_primaries();
        let spare = primaries.into_iter().find(|&node| {
            !self.cluster.owns_any(node)
                && !self.is_involved_in_a_move(node)
                && self.cluster.replica_of(node).is_none()
        });
        if let Some(node) = spare {
            self.meet(Met::NodeRemoved);
            self.cluster.nodes[node].alive = false;
            self.cut(node);
        }
    }

    fn promote(&mut self, killed: NodeIndex) {
        if let Some(replica) = self.cluster.replica_of(killed) {
            self.meet(Met::Failover);
            self.cluster.promote(killed, replica);
            self.spread_news_of(replica);
            self.plan(Step::Return(killed));
        }
    }

    fn is_involved_in_a_move(&self, node: NodeIndex) -> bool {
        self.cluster.takes_part_in_a_move(node)
    }

    /// The other nodes hear of it, each in its own time.
    fn spread_news_of(&mut self, from: NodeIndex) {
        for to in 0..self.cluster.nodes.len() {
            self.plan(Step::Gossip { from, to });
        }
    }

    fn spread_news_to(&mut self, to: NodeIndex) {
        for from in 0..self.cluster.nodes.len() {
            self.plan(Step::Gossip { from, to });
        }
    }

    fn plan(&mut self, step: Step) {
        let delay = match step {
            Step::Begin | Step::MoveKeys { .. } => self.random.between(200, 3_000),
            Step::Gossip { .. } => self.random.between(100, 20_000),
            Step::Promote { .. } => self.random.between(5_000, 80_000),
            Step::Return(_) => self.random.between(5_000, 50_000),
        };
        self.agenda.after(delay, Event::Cluster(step));
    }
}
