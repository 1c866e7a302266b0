//! Real clusters of every server version, and what tests do to them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{collections::HashSet, time::Duration};

use slotway_cluster::{
    Access, Encryption, Error, ProcessState, Product, Role, Spec, TestCluster, TestServer,
};
use slotway_protocol::{Slot, Value};

/// Far more than anything here takes, since the machine may be busy.
const DEADLINE: Duration = Duration::from_secs(30);

macro_rules! on_every_server {
    ($($test:ident),+ $(,)?) => {
        mod redis_7_0 { $(on_every_server!(@one $test Redis70);)+ }
        mod valkey_8_1 { $(on_every_server!(@one $test Valkey81);)+ }
        mod valkey_9_1 { $(on_every_server!(@one $test Valkey91);)+ }
    };
    (@one $test:ident $server:ident) => {
        #[tokio::test]
        async fn $test() {
            super::$test(slotway_cluster::TestServer::$server).await;
        }
    };
}

on_every_server!(
    a_fresh_cluster_is_whole,
    a_cluster_survives_what_tests_do_to_it,
    a_slot_can_stand_between_two_nodes,
    a_user_and_a_strange_password_work,
    nodes_can_be_added,
);

async fn text(cluster: &TestCluster, node: usize, args: &[&str]) -> String {
    let reply = cluster.command(node, args).await.unwrap();
    assert!(reply.as_error().is_none(), "{args:?}: {reply:?}");
    String::from_utf8_lossy(reply.as_bytes().unwrap()).into_owned()
}

async fn role(cluster: &TestCluster, node: usize) -> String {
    let info = text(cluster, node, &["INFO", "replication"]).await;
    info.lines().find_map(|line| line.strip_prefix("role:")).unwrap().to_owned()
}

async fn a_fresh_cluster_is_whole(server: TestServer) {
    let spec = Spec { hosts: Some(3), ..Spec::on(server) };
    let cluster = TestCluster::start(spec).await.unwrap();
    assert_eq!(cluster.nodes().len(), 6);
    for (index, node) in cluster.nodes().iter().enumerate() {
        let info = text(&cluster, index, &["CLUSTER", "INFO"]).await;
        assert!(info.contains("cluster_state:ok"), "{info}");
        assert!(info.contains("cluster_known_nodes:6"), "{info}");
        assert!(info.contains("cluster_slots_ok:16384"), "{info}");
        assert_eq!(text(&cluster, index, &["CLUSTER", "MYID"]).await, node.id().to_string());
        let expected = if index < 3 { "master" } else { "slave" };
        assert_eq!(role(&cluster, index).await, expected);
        // Each of three ranges names its primary and its replica.
        let slots = cluster.command(index, &["CLUSTER", "SLOTS"]).await.unwrap();
        let lengths: Vec<_> =
            slots.as_elements().unwrap().iter().map(|s| s.as_elements().unwrap().len()).collect();
        assert_eq!(lengths, [4, 4, 4], "{slots:?}");
        // And each shard has both of its nodes, though that is gossiped apart.
        let shards = cluster.command(index, &["CLUSTER", "SHARDS"]).await.unwrap();
        let nodes = |shard: &Value| {
            let (_, nodes) =
                shard.as_pairs().unwrap().find(|(k, _)| k.as_str() == Some("nodes")).unwrap();
            nodes.as_elements().unwrap().len()
        };
        let lengths: Vec<_> = shards.as_elements().unwrap().iter().map(nodes).collect();
        assert_eq!(lengths, [2, 2, 2], "{shards:?}");
        if server.binary().product() == Product::Valkey {
            let zone = cluster.command(index, &["CONFIG", "GET", "availability-zone"]).await;
            assert_eq!(zone.unwrap().as_elements().unwrap()[1].as_str(), node.host());
        }
    }
    for replica in &cluster.nodes()[3..] {
        assert_ne!(replica.host(), cluster.node(replica.shard()).host());
    }
}

async fn a_cluster_survives_what_tests_do_to_it(server: TestServer) {
    let spec = Spec { node_timeout: Duration::from_secs(1), ..Spec::on(server) };
    let cluster = TestCluster::start(spec).await.unwrap();

    // A primary dies, its replica takes over, and it comes back as that one's replica.
    cluster.kill(0);
    assert_eq!(cluster.node(0).state(), ProcessState::Dead);
    assert!(matches!(cluster.connect(0).await, Err(Error::Unreachable { .. })));
    let took_over = || async { Ok(cluster.primary_of(0).await? == 3) };
    cluster.wait_for("the replica to take over", DEADLINE, took_over).await.unwrap();
    cluster.start(0).await.unwrap();
    cluster.wait_ready().await.unwrap();
    assert_eq!(role(&cluster, 0).await, "slave");

    // It gets its part back by request.
    cluster.failover(0).await.unwrap();
    assert_eq!(cluster.primary_of(0).await.unwrap(), 0);
    assert_eq!(role(&cluster, 3).await, "slave");

    // One that is stopped where it is goes on there.
    cluster.pause(4);
    assert_eq!(cluster.node(4).state(), ProcessState::Paused);
    cluster.resume_node(4);
    assert_eq!(text(&cluster, 4, &["PING"]).await, "PONG");

    // One that is ended in good order comes back too.
    cluster.stop(5).await;
    assert_eq!(cluster.node(5).state(), ProcessState::Dead);
    let misuse = cluster.start(4).await.unwrap_err();
    assert!(misuse.to_string().ends_with("is not down"), "{misuse}");
    cluster.start(5).await.unwrap();
    cluster.wait_ready().await.unwrap();
}

async fn a_slot_can_stand_between_two_nodes(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server).shape(2, 0)).await.unwrap();
    let slot = Slot::of(b"{a}");
    let from = cluster.owner(slot).await.unwrap();
    let to = 1 - from;
    for number in 0..10 {
        text(&cluster, from, &["SET", &format!("{{a}}{number}"), "v"]).await;
    }

    let moving = cluster.open_move(slot, to).await.unwrap();
    assert_eq!((moving.from, moving.to), (from, to));
    cluster.move_these(moving, &[b"{a}3"]).await.unwrap();
    assert_eq!(cluster.move_keys(moving, 4).await.unwrap(), 4);
    let asked = cluster.command(from, &["GET", "{a}3"]).await.unwrap();
    let ask = format!("ASK {slot} {}", cluster.node(to).addr());
    assert_eq!(asked.as_error(), Some(ask.as_bytes()));

    cluster.finish_move(moving).await.unwrap();
    assert_eq!(cluster.owner(slot).await.unwrap(), to);
    for number in 0..10 {
        assert_eq!(text(&cluster, to, &["GET", &format!("{{a}}{number}")]).await, "v");
    }
    let moved = cluster.command(from, &["GET", "{a}3"]).await.unwrap();
    let there = format!("MOVED {slot} {}", cluster.node(to).addr());
    assert_eq!(moved.as_error(), Some(there.as_bytes()));
    cluster.wait_ready().await.unwrap();
}

async fn a_user_and_a_strange_password_work(server: TestServer) {
    let access = Access::user("app", "p w\"d\\é#\n");
    let spec = Spec { access, ..Spec::on(server).shape(2, 1) };
    let cluster = TestCluster::start(spec).await.unwrap();
    assert_eq!(text(&cluster, 0, &["ACL", "WHOAMI"]).await, "app");
    // MIGRATE has to log in as well.
    let slot = Slot::of(b"a");
    let from = cluster.owner(slot).await.unwrap();
    text(&cluster, from, &["SET", "a", "1"]).await;
    let moving = cluster.open_move(slot, 1 - from).await.unwrap();
    cluster.finish_move(moving).await.unwrap();
    assert_eq!(text(&cluster, 1 - from, &["GET", "a"]).await, "1");
    // Nobody else gets in.
    let login = cluster.command(0, &["AUTH", "default", ""]).await.unwrap();
    assert!(login.as_error().is_some_and(|text| text.starts_with(b"WRONGPASS")), "{login:?}");
}

async fn nodes_can_be_added(server: TestServer) {
    let spec = Spec { hosts: Some(2), ..Spec::on(server).shape(2, 1) };
    let mut cluster = TestCluster::start(spec).await.unwrap();
    let replica = cluster.add(Role::Replica).await.unwrap();
    assert_eq!(replica, 4);
    assert_eq!(role(&cluster, replica).await, "slave");
    let primary = cluster.add(Role::Primary).await.unwrap();
    assert_eq!(cluster.node(primary).shard(), 2);
    let info = text(&cluster, 0, &["CLUSTER", "INFO"]).await;
    assert!(info.contains("cluster_known_nodes:6"), "{info}");
    // The new primary's shard has fewest replicas now.
    let copy = cluster.add(Role::Replica).await.unwrap();
    assert_eq!(cluster.node(copy).shard(), 2);
    assert_ne!(cluster.node(copy).host(), cluster.node(primary).host());
}

#[tokio::test]
async fn nodes_can_talk_tls_with_a_password() {
    let spec = Spec {
        access: Access::password("secret"),
        encryption: Encryption::Tls,
        ..Spec::on(TestServer::Redis70).shape(2, 1)
    };
    let cluster = TestCluster::start(spec).await.unwrap();
    assert!(cluster.tls().unwrap().ca.is_file());
    let slot = Slot::of(b"a");
    let from = cluster.owner(slot).await.unwrap();
    text(&cluster, from, &["SET", "a", "1"]).await;
    let moving = cluster.open_move(slot, 1 - from).await.unwrap();
    cluster.finish_move(moving).await.unwrap();
    let got = cluster.command(1 - from, &["GET", "a"]).await.unwrap();
    assert_eq!(got, Value::Bulk("1".into()));
}

#[tokio::test]
async fn a_server_without_tls_says_so_in_its_log() {
    let spec = Spec { encryption: Encryption::Tls, ..Spec::on(TestServer::Valkey91).shape(1, 0) };
    let error = TestCluster::start(spec).await.unwrap_err();
    assert!(matches!(&error, Error::Exited { log, .. } if log.contains("tls")), "{error}");
}

#[tokio::test]
async fn clusters_that_start_at_once_do_not_collide() {
    let start = || TestCluster::start(Spec::on(TestServer::Valkey91).shape(1, 1));
    let (a, b, c, d) = tokio::try_join!(start(), start(), start(), start()).unwrap();
    let all = [&a, &b, &c, &d];
    let nodes = all.iter().flat_map(|cluster| cluster.nodes());
    let ports: Vec<_> = nodes.flat_map(|node| [node.port(), node.bus_port()]).collect();
    let distinct: HashSet<_> = ports.iter().collect();
    assert_eq!(distinct.len(), ports.len(), "{ports:?}");
    for cluster in all {
        let info = text(cluster, 0, &["CLUSTER", "INFO"]).await;
        assert!(info.contains("cluster_known_nodes:2"), "{info}");
    }
}

#[tokio::test]
async fn a_dropped_cluster_leaves_nothing() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey81).shape(1, 1)).await.unwrap();
    let folder = cluster.folder().to_owned();
    let addresses: Vec<_> = cluster.nodes().iter().map(|node| node.addr().clone()).collect();
    drop(cluster);
    assert!(!folder.exists());
    for addr in addresses {
        let connected = tokio::net::TcpStream::connect((addr.host(), addr.port())).await;
        assert!(connected.is_err(), "{addr} still answers");
    }
}
