//! Which of several views is to be believed.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use super::{
    NodeInfo, Shard, SlotRange, Topology,
    draft::{NodeKey, in_order},
};
use crate::{NodeId, Slot};

/// How one view stands to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// It knows of later changes.
    Newer,
    /// Their epochs are equal, or that of one is not known: the one that was read later counts.
    Undecided,
    /// It was overtaken, and must not replace the other.
    Older,
    /// They have no node in common: not an old view of this cluster but another cluster, as after
    /// a reset. Epochs start anew there, so they cannot be compared.
    Unrelated,
}

impl Topology {
    /// How this view stands to another, by their epochs.
    ///
    /// The epoch of a cluster only grows, and every failover and every finished move of a slot
    /// makes a higher one, or goes to the node that has the highest. So a lower epoch proves that
    /// a view is old, while an equal one proves nothing. A cluster that was restored from a backup
    /// goes back to lower epochs under the same ids: after all nodes were asked, and all say so,
    /// even an [`Older`](Freshness::Older) view is to be believed.
    pub fn freshness(&self, than: &Self) -> Freshness {
        let (Some(mine), Some(theirs)) = (self.epoch, than.epoch) else {
            return Freshness::Undecided;
        };
        if !self.has_node_of(than) {
            return Freshness::Unrelated;
        }
        match mine.cmp(&theirs) {
            std::cmp::Ordering::Greater => Freshness::Newer,
            std::cmp::Ordering::Equal => Freshness::Undecided,
            std::cmp::Ordering::Less => Freshness::Older,
        }
    }

    /// What is to follow after a known view, given what several nodes said: the newest of their
    /// views, or, as an error, the newest if it must not replace the known one. None if nobody said
    /// anything.
    ///
    /// A view that was overtaken must not, and neither must one that gives fewer slots away, unless
    /// it is newer. A node of another cluster, which may have come to an address of ours, is
    /// believed only if nobody speaks of the known one.
    pub fn successor(mut views: Vec<Self>, known: &Self) -> Option<Result<Self, Self>> {
        let is_ours = |view: &Self| known.epoch.is_none() || view.has_node_of(known);
        if views.iter().any(is_ours) {
            views.retain(is_ours);
        }
        let newest = Self::newest(views)?;
        let believed = match newest.freshness(known) {
            Freshness::Newer => true,
            Freshness::Undecided => newest.covered() >= known.covered(),
            Freshness::Unrelated => newest.covered() > 0,
            Freshness::Older => false,
        };
        Some(if believed { Ok(newest) } else { Err(newest) })
    }

    /// This view, with its nodes called as `other` calls them.
    ///
    /// CLUSTER NODES names nodes by their IP addresses. CLUSTER SHARDS names them as they want to be
    /// called, and knows more of how they are.
    #[must_use]
    pub fn called_as_in(mut self, other: &Self) -> Self {
        let named = other.nodes().filter_map(|node| Some((node.id?, node)));
        let named: HashMap<NodeId, &NodeInfo> = named.collect();
        for node in self.shards.iter_mut().flat_map(Shard::nodes_mut) {
            let Some(other) = node.id.and_then(|id| named.get(&id)) else { continue };
            // A node that does not know how it wants to be called is still at its IP address.
            let ip = node.addr.as_ref().map(|addr| addr.host().into());
            node.addr = other.addr.clone().or_else(|| node.addr.take());
            node.ip = other.ip.clone().or(ip);
            node.hostname = other.hostname.clone().or_else(|| node.hostname.take());
            node.zone = other.zone.clone().or_else(|| node.zone.take());
            node.offset = other.offset.or(node.offset);
            node.health = node.health.max(other.health);
        }
        in_order(self)
    }

    /// What several nodes that were asked at the same time say together, whatever the order they
    /// answered in.
    ///
    /// The best view is taken: one with slots before one without, then the highest epoch, then
    /// the most slots, then what most others say too. A slot that the best view gives to another
    /// node than some other view does goes to the owner with the higher configuration epoch,
    /// where both are known (CLUSTER NODES): that is how the nodes themselves decide. Slots that
    /// the best view gives to nobody stay without owner. Addresses that it does not know are taken
    /// from the others, by node id.
    pub fn newest(mut views: Vec<Self>) -> Option<Self> {
        // The last criterion is the content, so that the order of the views never matters.
        views.sort_by_cached_key(Self::ownership);
        let votes: Vec<_> = views.iter().map(Self::ownership).collect();
        let mut ranked: Vec<_> = views.into_iter().zip(&votes).collect();
        ranked.sort_by_cached_key(|(view, ownership)| {
            let votes = votes.iter().filter(|other| other == ownership).count();
            let covered = view.covered();
            (Reverse((covered > 0, view.epoch, covered, votes)), view.clone())
        });
        let ranked: Vec<_> = ranked.into_iter().map(|(view, _)| view).collect();
        let mut newest = with_higher_claims(&ranked)?;
        newest.epoch = ranked.iter().filter_map(|view| view.epoch).max();
        newest.moves = ranked.iter().flat_map(|view| &view.moves).copied().collect();
        newest.learn_from(&ranked);
        Some(in_order(newest))
    }

    /// Who owns what, in few words.
    fn ownership(&self) -> Vec<(Vec<SlotRange>, Option<NodeId>)> {
        let owned = self.shards.iter().filter(|shard| !shard.slots.is_empty());
        let id = |shard: &Shard| shard.primary.as_ref().and_then(|node| node.id);
        owned.map(|shard| (shard.slots.clone(), id(shard))).collect()
    }

    fn has_node_of(&self, other: &Self) -> bool {
        let ids: HashSet<_> = self.nodes().filter_map(|node| node.id).collect();
        let addrs: HashSet<_> = self.nodes().filter_map(|node| node.addr.as_ref()).collect();
        other.nodes().any(|node| match node.id {
            Some(id) if !ids.is_empty() => ids.contains(&id),
            _ => node.addr.as_ref().is_some_and(|addr| addrs.contains(addr)),
        })
    }

    /// Takes over what other views know about its nodes and it does not.
    fn learn_from(&mut self, views: &[Self]) {
        let mut known: HashMap<NodeId, Vec<&NodeInfo>> = HashMap::new();
        for node in views.iter().flat_map(Self::nodes) {
            if let Some(id) = node.id {
                known.entry(id).or_default().push(node);
            }
        }
        for node in self.shards.iter_mut().flat_map(Shard::nodes_mut) {
            for other in node.id.and_then(|id| known.get(&id)).into_iter().flatten() {
                node.addr = node.addr.take().or_else(|| other.addr.clone());
                node.ip = node.ip.take().or_else(|| other.ip.clone());
                node.hostname = node.hostname.take().or_else(|| other.hostname.clone());
                node.zone = node.zone.take().or_else(|| other.zone.clone());
            }
        }
    }
}

/// The first view, with the slots that others claim under a higher epoch at their owners.
fn with_higher_claims(ranked: &[Topology]) -> Option<Topology> {
    let (best, others) = ranked.split_first()?;
    let mut claims: Vec<Option<&Shard>> = vec![None; usize::from(Slot::COUNT)];
    for shard in &best.shards {
        shard.slots.iter().for_each(|range| claims[range.indices()].fill(Some(shard)));
    }
    let mut changed = false;
    for shard in others.iter().flat_map(|view| &view.shards) {
        for at in shard.slots.iter().flat_map(|range| range.indices()) {
            let held = claims[at].and_then(|held| held.epoch);
            if held.is_some_and(|held| Some(held) < shard.epoch) {
                claims[at] = Some(shard);
                changed = true;
            }
        }
    }
    Some(if changed { regrouped(best, &claims) } else { best.clone() })
}

/// A view in which every slot is at the owner of its claim, and every node at one place.
fn regrouped(best: &Topology, claims: &[Option<&Shard>]) -> Topology {
    let mut shards: Vec<(Shard, &Shard)> = Vec::new();
    let mut owners: HashMap<Option<NodeKey>, usize> = HashMap::new();
    for (slot, claim) in Slot::all().zip(claims) {
        let Some(claim) = claim else { continue };
        let owner = claim.primary.as_ref().and_then(NodeKey::of);
        let at = *owners.entry(owner).or_insert_with(|| {
            let shard = Shard { slots: Vec::new(), ..(*claim).clone() };
            shards.push((shard, claim));
            shards.len() - 1
        });
        shards[at].0.slots.push(slot.into());
        // Of several views of a shard, the newest says who its replicas are.
        if shards[at].1.epoch < claim.epoch {
            let slots = std::mem::take(&mut shards[at].0.slots);
            shards[at] = (Shard { slots, ..(*claim).clone() }, claim);
        }
    }
    // An owner of slots is in its own shard alone, and no node is in two.
    let mut placed: HashSet<_> = owners.into_keys().flatten().collect();
    shards.sort_by_key(|(shard, _)| Reverse(shard.epoch));
    let mut shards: Vec<_> = shards.into_iter().map(|(shard, _)| shard).collect();
    for shard in &mut shards {
        shard.replicas.retain(|node| NodeKey::of(node).is_some_and(|key| placed.insert(key)));
    }
    let idle = best.shards.iter().map(|shard| {
        let mut idle = Shard { slots: Vec::new(), ..shard.clone() };
        let mut is_free = |node: &NodeInfo| NodeKey::of(node).is_some_and(|key| placed.insert(key));
        idle.primary = idle.primary.filter(&mut is_free);
        idle.replicas.retain(is_free);
        idle
    });
    shards.extend(idle.filter(|shard| shard.nodes().next().is_some()));
    Topology { shards, ..best.clone() }
}
