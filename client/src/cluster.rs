//! The cluster as the client knows it: who owns what, and the nodes.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use slotway_protocol::{
    Health, Moved, Node as Known, NodeAddr, NodeInfo, Slot, SlotTable, Topology, TopologyError,
};
use tokio::sync::{Semaphore, watch};

use crate::{
    Config, ReadFrom,
    budget::Budget,
    cache::Cache,
    engine::Sink,
    node::{Common, Node},
    pace::Pace,
    places::{Place, Places},
    refresh::{Bells, WITNESSES_MAX},
    stats::Counters,
    subscribe::Hub,
};

/// Calls look at routes for less than a microsecond.
const RETIRE_LOOKS: usize = 100;

/// What all clones of a client share.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: Arc<Config>,
    pub(crate) places: Places,
    routes: ArcSwap<Routes>,
    /// Every node that the routes name, or that was named when they were made: connections outlive
    /// a new table.
    nodes: Mutex<HashMap<NodeAddr, Arc<Node>>>,
    /// Rung when the table is thought to be old.
    pub(crate) bells: Bells,
    /// Nodes whose own views are needed.
    witnesses: Mutex<Vec<NodeAddr>>,
    /// How many views in a row were refused.
    doubts: AtomicU32,
    pub(crate) counters: Arc<Counters>,
    pub(crate) cache: Option<Arc<Cache>>,
    /// How many more connections may be leased.
    leases: Arc<Semaphore>,
    budget: Arc<Budget>,
    pace: Arc<Pace>,
    /// How many views have been asked for and taken, or not.
    rounds: watch::Sender<u64>,
    /// Changes with these rounds, and with each view that is taken.
    views: watch::Sender<u64>,
    /// What is listened to.
    pub(crate) hub: Hub,
    /// Changes with every way and every connection.
    epoch: Arc<AtomicU64>,
    sink: Option<Arc<dyn Sink>>,
}

/// One table, and its nodes beside it: what one attempt at a call goes by.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) table: SlotTable,
    /// In the order of the table's nodes; none for those without an address.
    nodes: Arc<[Option<Arc<Node>>]>,
}

impl Cluster {
    pub(crate) fn new(config: Arc<Config>, sink: Option<Arc<dyn Sink>>) -> Self {
        let cache = config.cache;
        let routes = Routes { table: SlotTable::empty(), nodes: Arc::default() };
        let budget = Budget::new(&config.limits);
        let pace = Arc::new(Pace::new(&config.limits));
        let leases = Arc::new(Semaphore::new(config.limits.leases_max));
        Self {
            places: Places::new(config.address_map.clone()),
            config,
            routes: ArcSwap::from_pointee(routes),
            nodes: Mutex::default(),
            bells: Bells::default(),
            witnesses: Mutex::default(),
            doubts: AtomicU32::new(0),
            counters: Arc::default(),
            cache: cache.map(Cache::new).map(Arc::new),
            leases,
            budget,
            pace,
            rounds: watch::Sender::new(0),
            views: watch::Sender::new(0),
            hub: Hub::default(),
            epoch: Arc::default(),
            sink,
        }
    }

    /// The routes as of now.
    pub(crate) fn routes(&self) -> Guard<Arc<Routes>> {
        self.routes.load()
    }

    /// A number that has changed when the way of any slot, or a connection, has.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    fn ways_changed(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Replaces the routes by those of a newer view.
    pub(crate) fn publish(&self, view: Topology) -> Result<(), TopologyError> {
        let table = SlotTable::new(self.places.reached(view))?;
        let mut known = self.nodes.lock();
        let mut kept = HashMap::new();
        let nodes = table.nodes().iter().map(|node| {
            let addr = node.addr()?;
            let place = self.places.of(node.info());
            let node = match known.remove(addr).or_else(|| kept.get(addr).cloned()) {
                Some(node) => {
                    node.relocate(place);
                    node
                }
                None => self.new_node(addr, place),
            };
            kept.insert(addr.clone(), node.clone());
            Some(node)
        });
        let nodes = nodes.collect();
        // Nodes that left are dropped, and close when nothing is owed to them.
        *known = kept;
        drop(known);
        retire(self.routes.swap(Arc::new(Routes { table, nodes })));
        self.ways_changed();
        self.views.send_modify(|views| *views += 1);
        self.check_cache();
        Ok(())
    }

    /// The node at an address that a person gave, whether the table knows it or not.
    pub(crate) fn seed(&self, addr: &NodeAddr) -> Arc<Node> {
        let routes = self.routes();
        let place = self.places.of_seed(addr);
        let known = if self.places.names_are_places() {
            routes.node_at(addr)
        } else {
            routes.nodes().find(|node| node.place().at == place.at)
        };
        known.cloned().unwrap_or_else(|| self.stranger(addr))
    }

    /// Whoever is at this address, over a new connection.
    pub(crate) fn stranger(&self, addr: &NodeAddr) -> Arc<Node> {
        self.new_node(addr, self.places.of_seed(addr))
    }

    fn new_node(&self, addr: &NodeAddr, place: Place) -> Arc<Node> {
        let common = Common {
            config: self.config.clone(),
            leases: self.leases.clone(),
            counters: self.counters.clone(),
            cache: self.cache.clone(),
            budget: self.budget.clone(),
            pace: self.pace.clone(),
            epoch: self.epoch.clone(),
            sink: self.sink.clone(),
        };
        Arc::new(Node::new(addr.clone(), place, common))
    }

    /// All nodes that may have connections.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        self.nodes.lock().values().cloned().collect()
    }

    /// Takes in what a MOVED said of one slot, and asks for the rest.
    pub(crate) fn learn(&self, slot: Slot, owner: &NodeAddr) {
        let moved = |routes: &Routes| routes.table.learn_moved(slot, owner);
        if let Moved::Replaced(_) = moved(&self.routes.load()) {
            self.routes.rcu(|routes| match moved(routes) {
                Moved::Replaced(table) => Arc::new(Routes { table, nodes: routes.nodes.clone() }),
                Moved::Patched | Moved::Unchanged | Moved::UnknownNode => routes.clone(),
            });
        }
        self.ways_changed();
        self.check_cache();
        self.refresh();
    }

    /// Drops from the cache what its owner would no longer tell about.
    fn check_cache(&self) {
        let Some(cache) = &self.cache else { return };
        let routes = self.routes();
        cache.keep_owned(|node, slot| routes.owner(slot).is_some_and(|owner| owner.addr() == node));
    }

    /// Asks for a new view, soon, and does not wait for it.
    pub(crate) fn refresh(&self) {
        self.bells.hint.notify_one();
    }

    /// Asks for a view for a call that waits for it: for that of one node among others, or because
    /// the owner of a slot cannot be reached.
    pub(crate) fn refresh_for(&self, witness: Option<NodeAddr>) {
        let Some(witness) = witness else { return self.bells.outage.notify_one() };
        let mut witnesses = self.witnesses.lock();
        if witnesses.len() < WITNESSES_MAX && !witnesses.contains(&witness) {
            witnesses.push(witness);
        }
        drop(witnesses);
        self.refresh();
    }

    pub(crate) fn take_witnesses(&self) -> Vec<NodeAddr> {
        std::mem::take(&mut *self.witnesses.lock())
    }

    /// How many views in a row were refused.
    pub(crate) fn doubts(&self) -> u32 {
        self.doubts.load(Ordering::Relaxed)
    }

    pub(crate) fn trust(&self) {
        self.doubts.store(0, Ordering::Relaxed);
    }

    pub(crate) fn doubt(&self) {
        // It is only compared with a small number: only one task writes.
        self.doubts.store(self.doubts().saturating_add(1), Ordering::Relaxed);
    }

    /// Whether seeds have to be asked who they are: a node has no place, or cannot be reached
    /// there.
    pub(crate) fn has_lost_nodes(&self) -> bool {
        let lost =
            |(info, node): (&NodeInfo, &Arc<Node>)| self.places.is_lost(info) || node.is_failing();
        self.places.is_by_id() && self.routes().described().any(lost)
    }

    /// Says that a view was asked for, whatever came of it.
    pub(crate) fn end_round(&self) {
        self.rounds.send_modify(|rounds| *rounds += 1);
        self.views.send_modify(|views| *views += 1);
    }

    /// Told of each view that is taken from now on, and of each round of asking that ends without.
    pub(crate) fn views(&self) -> watch::Receiver<u64> {
        self.views.subscribe()
    }

    /// Told of each round of asking that ends from now on.
    pub(crate) fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }
}

/// Drops old routes when nobody looks at them any more: that takes a while where there are many
/// nodes, and a call should not be the one to do it.
fn retire(old: Arc<Routes>) {
    for _ in 0..RETIRE_LOOKS {
        if Arc::strong_count(&old) == 1 {
            break;
        }
        std::thread::yield_now();
    }
}

impl Routes {
    /// The owner of a slot.
    pub(crate) fn owner(&self, slot: Slot) -> Option<&Arc<Node>> {
        self.nodes.get(self.table.owner(slot)?.index())?.as_ref()
    }

    /// The node that is to answer a read, unless that is the owner.
    pub(crate) fn reader(
        &self,
        slot: Slot,
        from: ReadFrom,
        zone: Option<&str>,
    ) -> Option<&Arc<Node>> {
        let replicas = || self.table.replicas(slot).filter(|node| is_well(node));
        let near = |node: &Known| zone.is_some() && node.info().zone.as_deref() == zone;
        let is_near = |node: &&Known| near(node);
        let chosen = match from {
            ReadFrom::Primary => None,
            ReadFrom::PreferReplica => any_of(replicas()),
            ReadFrom::Any => {
                let replicas_count = replicas().count();
                replicas().nth(fastrand::usize(..=replicas_count))
            }
            ReadFrom::SameZone if replicas().any(near) => any_of(replicas().filter(is_near)),
            ReadFrom::SameZone if self.table.owner(slot).is_some_and(near) => None,
            ReadFrom::SameZone => any_of(replicas()),
        };
        self.nodes.get(chosen?.index())?.as_ref()
    }

    /// The node at an address, if the table knows it.
    pub(crate) fn node_at(&self, addr: &NodeAddr) -> Option<&Arc<Node>> {
        self.nodes.get(self.table.node_at(addr)?.index())?.as_ref()
    }

    /// The nodes that own a slot, each once.
    pub(crate) fn primaries(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.table.primaries().filter_map(|node| self.nodes.get(node.index())?.as_ref())
    }

    /// All nodes, with what the view says of them.
    pub(crate) fn described(&self) -> impl Iterator<Item = (&NodeInfo, &Arc<Node>)> {
        let nodes = self.table.nodes().iter().zip(&*self.nodes);
        nodes.filter_map(|(known, node)| Some((known.info(), node.as_ref()?)))
    }

    /// So many nodes in a random order, each at most once.
    pub(crate) fn drawn(&self, count: usize) -> Vec<(&NodeInfo, &Arc<Node>)> {
        let known = self.table.nodes();
        let mut places: Vec<usize> = if known.len() <= count {
            (0..known.len()).collect()
        } else {
            (0..count).map(|_| fastrand::usize(..known.len())).collect()
        };
        fastrand::shuffle(&mut places);
        let node = |at: usize| Some((known[at].info(), self.nodes.get(at)?.as_ref()?));
        places.into_iter().filter_map(node).collect()
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter().flatten()
    }
}

fn is_well(node: &Known) -> bool {
    node.addr().is_some() && node.info().health == Health::Online
}

fn any_of<'r>(mut nodes: impl Iterator<Item = &'r Known> + Clone) -> Option<&'r Known> {
    let count = nodes.clone().count();
    nodes.nth(fastrand::usize(..count.max(1)))
}
