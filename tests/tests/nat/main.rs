//! Clusters that announce addresses which lead nowhere, reached from outside.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod gateway;
mod load;

use std::time::Duration;

use gateway::Gateway;
use load::Load;
use slotway::{AddressMap, AddressRule, Client, Config, NodeAddr, NodeId, Slot};
use slotway_cluster::{Spec, TestCluster, TestServer};

/// An address of the range that is set aside for tests of networks.
const NOWHERE: &str = "198.18.0.9";

/// A cluster whose nodes announce what nobody can reach, in the ways that each server knows.
fn hidden(server: TestServer) -> Spec {
    let spec = Spec::on(server);
    match server {
        TestServer::Redis70 => spec
            .config("cluster-announce-hostname", "nowhere.invalid")
            .config("cluster-preferred-endpoint-type", "hostname"),
        TestServer::Valkey81 => spec.config("cluster-announce-client-ipv4", NOWHERE),
        // All nodes announce the same, as those behind one NAT may.
        TestServer::Valkey91 => spec
            .config("cluster-announce-client-ipv4", NOWHERE)
            .config("cluster-announce-client-port", "6379"),
    }
}

struct Setting {
    cluster: TestCluster,
    gateway: Gateway,
}

impl Setting {
    async fn start(spec: Spec) -> Self {
        let cluster = TestCluster::start(spec).await.unwrap();
        let nodes = cluster.nodes().iter().map(|node| node.addr().clone());
        let gateway = Gateway::publish(nodes).await;
        Self { cluster, gateway }
    }

    async fn client(&self, map: AddressMap) -> Client {
        let config = Config::new(self.gateway.ports()).with_address_map(map);
        Client::connect(config).await.unwrap()
    }

    /// Which port leads to which node.
    fn published(&self) -> Vec<(NodeId, NodeAddr)> {
        let ids = self.cluster.nodes().iter().map(|node| node.id());
        ids.zip(self.gateway.ports()).collect()
    }

    fn closure(&self) -> AddressMap {
        let published = self.published();
        AddressMap::closure(move |node, _| {
            let port = published.iter().find(|(id, _)| Some(*id) == node.id);
            port.map(|(_, port)| port.clone())
        })
    }

    fn rules(&self, host: &str) -> AddressMap {
        let nodes = self.cluster.nodes().iter().map(|node| NodeAddr::new(host, node.addr().port()));
        let ports = self.gateway.ports();
        let rules = nodes.zip(&ports).map(|(node, port)| AddressRule::pair(&node, port));
        AddressMap::Rules(slotway::AddressRules::new(rules))
    }

    /// Calls go on without any error while slots move and a shard's primary changes.
    async fn check(&self, map: AddressMap, name: &'static str, shard: usize) {
        let client = self.client(map).await;
        let mut load = Load::start(&client, name, 16);
        load.goes_on().await;
        for slot in load.slots().into_iter().take(3) {
            self.move_slot(slot, &mut load).await;
        }
        self.cluster.failover(shard + 3).await.unwrap();
        load.goes_on().await;
        load.end().await;
    }

    /// Moves a slot in steps: nodes answer with ASK in the midst, and with MOVED at the end.
    async fn move_slot(&self, slot: Slot, load: &mut Load) {
        let from = self.cluster.owner(slot).await.unwrap();
        let shard = self.cluster.node(from).shard();
        let to = self.cluster.primary_of((shard + 1) % 3).await.unwrap();
        let moving = self.cluster.open_move(slot, to).await.unwrap();
        load.goes_on().await;
        assert_eq!(self.cluster.move_keys(moving, 1).await.unwrap(), 1);
        load.goes_on().await;
        self.cluster.finish_move(moving).await.unwrap();
        load.goes_on().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_nodes_of_redis_7_0_are_reached_by_every_map() {
    let setting = Setting::start(hidden(TestServer::Redis70)).await;
    setting.check(setting.rules("nowhere.invalid"), "rules", 0).await;
    setting.check(setting.closure(), "closure", 1).await;
    setting.check(AddressMap::ByNodeId, "ids", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_nodes_of_valkey_8_1_are_reached_by_every_map() {
    let setting = Setting::start(hidden(TestServer::Valkey81)).await;
    setting.check(setting.rules(NOWHERE), "rules", 0).await;
    setting.check(setting.closure(), "closure", 1).await;
    setting.check(AddressMap::ByNodeId, "ids", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_all_announce_the_same_address_are_told_apart() {
    let setting = Setting::start(hidden(TestServer::Valkey91)).await;
    setting.check(setting.closure(), "closure", 1).await;
    setting.check(AddressMap::ByNodeId, "ids", 2).await;
    // The nodes say no more than this.
    let nodes = setting.cluster.command(0, &["CLUSTER", "NODES"]).await.unwrap();
    let shared = format!("{NOWHERE}:6379@");
    assert_eq!(nodes.as_str().unwrap().matches(&shared).count(), 6, "{nodes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_under_another_address_is_reached() {
    let setting = Setting::start(hidden(TestServer::Valkey91)).await;
    let cluster = &setting.cluster;
    let client = setting.client(AddressMap::ByNodeId).await;
    let mut load = Load::start(&client, "moved", 16);
    load.goes_on().await;
    cluster.failover(3).await.unwrap();
    load.goes_on().await;
    cluster.stop(0).await;
    load.goes_on().await;
    cluster.start(0).await.unwrap();
    for (name, value) in [("ipv4", "198.18.0.77"), ("port", "7777")] {
        let name = format!("cluster-announce-client-{name}");
        cluster.command(0, &["CONFIG", "SET", &name, value]).await.unwrap();
    }
    cluster.wait_ready().await.unwrap();
    load.goes_on().await;
    cluster.failover(0).await.unwrap();
    load.goes_on().await;
    load.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_swap_their_published_ports_are_found_again() {
    for server in TestServer::ALL {
        let setting = Setting::start(hidden(server)).await;
        let client = setting.client(AddressMap::ByNodeId).await;
        for n in 0..100 {
            client.set(format!("key:{n}"), n).await.unwrap();
        }
        let [first, second] = [0, 1].map(|node| setting.cluster.node(node).addr().clone());
        setting.gateway.lead(0, &second);
        setting.gateway.lead(1, &first);
        for n in 0..100 {
            let value: i64 = client.get(format!("key:{n}")).await.unwrap();
            assert_eq!(value, n);
        }
        let keys = client.dbsize().await.unwrap();
        assert_eq!(keys, 100, "each node is asked once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_no_seed_is_gets_an_error_that_says_so() {
    let setting = Setting::start(hidden(TestServer::Valkey91).shape(3, 0)).await;
    let seeds = setting.gateway.ports().into_iter().take(2);
    let config = Config::new(seeds).with_address_map(AddressMap::ByNodeId);
    let client = Client::connect(config.with_deadline(Duration::from_secs(2))).await.unwrap();
    let lost = setting.cluster.node(2).id();
    // One key of each shard.
    for (key, owner) in [("b", 0), ("c", 1), ("a", 2)] {
        assert_eq!(setting.cluster.owner(Slot::of(key.as_bytes())).await.unwrap(), owner);
        let result = client.set(key, 1).await;
        if owner < 2 {
            result.unwrap();
            continue;
        }
        let error = result.unwrap_err().to_string();
        let advice = format!(
            "no seed is the node {lost}: add the address at which it is reached from here to the \
             seeds"
        );
        assert!(error.ends_with(&advice), "{error}");
    }
}
