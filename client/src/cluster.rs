//! The cluster as the client knows it: who owns what, and the nodes.

use std::{collections::HashMap, sync::Arc};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use slotway_protocol::{Moved, NodeAddr, Slot, SlotTable, Topology, TopologyError};
use tokio::sync::{Notify, watch};

use crate::{Config, node::Node, subscribe::Hub};

/// What all clones of a client share.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: Arc<Config>,
    routes: ArcSwap<Routes>,
    /// Every node that the routes name, or that was named when they were made: connections outlive
    /// a new table.
    nodes: Mutex<HashMap<NodeAddr, Arc<Node>>>,
    /// Rung when the table is thought to be old.
    pub(crate) bell: Arc<Notify>,
    /// How many views have been asked for and taken, or not.
    rounds: watch::Sender<u64>,
    /// What is listened to.
    pub(crate) hub: Hub,
}

/// One table, and its nodes beside it: what one attempt at a call goes by.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) table: SlotTable,
    /// In the order of the table's nodes; none for those without an address.
    nodes: Vec<Option<Arc<Node>>>,
}

impl Cluster {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        let routes = Routes { table: SlotTable::empty(), nodes: Vec::new() };
        Self {
            config,
            routes: ArcSwap::from_pointee(routes),
            nodes: Mutex::default(),
            bell: Arc::default(),
            rounds: watch::Sender::new(0),
            hub: Hub::default(),
        }
    }

    /// The routes as of now.
    pub(crate) fn routes(&self) -> Guard<Arc<Routes>> {
        self.routes.load()
    }

    /// Replaces the routes by those of a newer view.
    pub(crate) fn publish(&self, view: Topology) -> Result<(), TopologyError> {
        let table = SlotTable::new(view)?;
        let mut known = self.nodes.lock();
        let mut kept = HashMap::new();
        let nodes = table.nodes().iter().map(|node| {
            let addr = node.addr()?;
            let node = known.remove(addr).or_else(|| kept.get(addr).cloned());
            let node =
                node.unwrap_or_else(|| Arc::new(Node::new(addr.clone(), self.config.clone())));
            kept.insert(addr.clone(), node.clone());
            Some(node)
        });
        let nodes = nodes.collect();
        *known = kept;
        self.routes.store(Arc::new(Routes { table, nodes }));
        Ok(())
    }

    /// The node at an address that a person gave, whether the table knows it or not.
    pub(crate) fn node(&self, addr: &NodeAddr) -> Arc<Node> {
        if let Some(known) = self.routes().node_at(addr) {
            return known.clone();
        }
        Arc::new(Node::new(addr.clone(), self.config.clone()))
    }

    /// Takes in what a MOVED said of one slot, and asks for the rest.
    pub(crate) fn learn(&self, slot: Slot, owner: &NodeAddr) {
        self.routes.rcu(|routes| match routes.table.with_moved(slot, owner) {
            Moved::Patched(table) => Arc::new(Routes { table, nodes: routes.nodes.clone() }),
            Moved::Unchanged | Moved::UnknownNode => routes.clone(),
        });
        self.refresh();
    }

    /// Asks for a new view, soon, and does not wait for it.
    pub(crate) fn refresh(&self) {
        self.bell.notify_one();
    }

    /// Says that a view was asked for, whatever came of it.
    pub(crate) fn end_round(&self) {
        self.rounds.send_modify(|rounds| *rounds += 1);
    }

    /// Told of each round of asking that ends from now on.
    pub(crate) fn rounds(&self) -> watch::Receiver<u64> {
        self.rounds.subscribe()
    }
}

impl Routes {
    /// The owner of a slot.
    pub(crate) fn owner(&self, slot: Slot) -> Option<&Arc<Node>> {
        self.nodes.get(self.table.owner(slot)?.index())?.as_ref()
    }

    /// The node at an address, if the table knows it.
    pub(crate) fn node_at(&self, addr: &NodeAddr) -> Option<&Arc<Node>> {
        self.nodes.get(self.table.node_at(addr)?.index())?.as_ref()
    }

    /// The nodes that own a slot, each once.
    pub(crate) fn primaries(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.table.primaries().filter_map(|node| self.nodes.get(node.index())?.as_ref())
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.nodes.iter().flatten()
    }
}
