//! The admin port, on the clients of a real cluster.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod page;
mod served;

use std::{
    net::TcpListener,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use page::{ask, get};
use serde_json::{Value, json};
use slotway::{Client, CommandBuf, Config, Protocol};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_protocol::CommandTable;
use slotway_proxy::{
    admin::{Admin, AdminView, Facts, Phase},
    log::{EventRing, Line},
    metrics::{self, Closed, Limit, Outcome, WorkerMetrics},
    own::{Arrival, Backend, Identity, Settings, Standing, Switch, TrackingSupport, Via, World},
};
use slotway_tests::exposition::{self, Families};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::Instant};

/// The sides of a proxy of two workers that is looked at: its counters, its sessions and its clients of
/// the cluster are real, and there is no socket.
struct Side {
    view: Arc<AdminView>,
    workers: Vec<Arc<WorkerMetrics>>,
    world: World,
    log: EventRing,
}

impl Side {
    fn new(clients: Vec<Client>) -> Self {
        let log = EventRing::new(10);
        let settings = Settings {
            table: Arc::new(CommandTable::builtin()),
            rules: Arc::default(),
            databases: 1,
            clients_max: 10,
            port: 6379,
            run_id: "0".repeat(40),
            tracking: TrackingSupport::Refused,
            events: log.clone(),
        };
        let world = World::new(settings, Backend::of_info("redis_version:7.0.15").unwrap());
        let view = Arc::new(AdminView::new(Facts {
            listeners: vec!["main".into(), "odd \"one\"\\".into()],
            directory: world.directory().clone(),
            config: json!({ "cluster": { "password": "sesame", "seeds": ["redis://u:sesame@h:1"] } }),
            log: log.clone(),
            log_dropped: Arc::new(AtomicU64::new(7)),
            began: Instant::now(),
            started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_000),
        }));
        let workers = [view.add_worker(), view.add_worker()];
        view.add_clients(clients);
        view.set_phase(Phase::Serving);
        Self { view, workers: workers.into(), world, log }
    }

    fn serve(&self) -> Admin {
        Admin::start(TcpListener::bind("127.0.0.1:0").unwrap(), self.view.clone()).unwrap()
    }

    fn arrive(&self, peer: &str) -> Identity {
        let arrival = Arrival {
            peer: peer.into(),
            local: "127.0.0.1:6379".into(),
            via: Via::Tcp,
            socket: 9,
            at: Duration::ZERO,
        };
        Identity::new(&self.world, arrival, None)
    }
}

/// Two clients of one cluster, as two workers have them, after some work.
async fn on_cluster() -> (TestCluster, Side) {
    let spec = Spec::on(TestServer::Valkey91).config("availability-zone", "z1");
    let cluster = TestCluster::start(spec).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let client = Client::connect(Config::from(cluster.node(0).addr())).await.unwrap();
        for n in 0..50 {
            client.set(format!("secret:{n}"), "hidden").await.unwrap();
        }
        clients.push(client);
    }
    (cluster, Side::new(clients))
}

async fn scrape(admin: &Admin) -> Families {
    let page = get(admin.addr(), "/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-type: text/plain; version=0.0.4"), "{}", page.head);
    exposition::parse(&page.body).unwrap_or_else(|error| panic!("{error}\n{}", page.body))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_seen_through_the_admin_port() {
    let (cluster, side) = on_cluster().await;
    let admin = side.serve();
    it_is_ready_while_it_serves(&admin, &side.view).await;
    the_topology_is_that_of_the_cluster(&admin, &cluster).await;
    the_way_to_each_node_is_shown(&admin).await;
    what_nodes_do_is_measured(&admin).await;
    no_page_tells_a_key_or_a_secret(&admin).await;
}

async fn it_is_ready_while_it_serves(admin: &Admin, view: &AdminView) {
    for (phase, status, says) in [
        (Phase::Starting, 503, "starting"),
        (Phase::Draining, 503, "draining"),
        (Phase::Serving, 200, "ready"),
    ] {
        view.set_phase(phase);
        let page = get(admin.addr(), "/readyz").await;
        assert_eq!((page.status, page.json()["status"].as_str()), (status, Some(says)));
    }
}

async fn the_topology_is_that_of_the_cluster(admin: &Admin, cluster: &TestCluster) {
    let topology = get(admin.addr(), "/api/v1/topology").await.json();
    assert_eq!((&topology["complete"], &topology["covered_slots"]), (&json!(true), &json!(16384)));
    let shards = topology["shards"].as_array().unwrap();
    let ranges: Vec<_> = shards.iter().map(|shard| shard["slots"][0].clone()).collect();
    assert_eq!(ranges, [json!([0, 5460]), json!([5461, 10922]), json!([10923, 16383])]);
    let first = &shards[0]["primary"];
    assert_eq!(first["addr"], cluster.node(0).addr().to_string());
    assert_eq!((&first["health"], &first["zone"]), (&json!("online"), &json!("z1")));
    assert!(shards.iter().all(|shard| shard["replicas"].as_array().unwrap().len() == 1));
    assert_eq!(topology["hosts"][0]["if_lost"], "no_majority");
}

async fn the_way_to_each_node_is_shown(admin: &Admin) {
    let shown = get(admin.addr(), "/api/v1/nodes").await.json();
    let nodes = shown["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 6);
    let primaries: Vec<_> = nodes.iter().filter(|node| node["role"] == "primary").collect();
    assert_eq!(primaries.len(), 3);
    assert!(primaries.iter().all(|node| node["connected"] == 2), "{primaries:?}");
    let requests = |node: &&Value| node["requests"].as_u64().unwrap();
    assert!(primaries.iter().map(requests).sum::<u64>() >= 100, "{primaries:?}");
    assert!(shown["events"]["connected"].as_u64().unwrap() >= 6);
}

async fn what_nodes_do_is_measured(admin: &Admin) {
    let families = scrape(admin).await;
    let sum = |name: &str, labels: &[(&str, &str)]| families[name].sum(labels);
    assert_eq!(sum("slotway_cluster_up", &[]), 1.0);
    assert_eq!(sum("slotway_cluster_slots", &[("state", "ok")]), 16384.0);
    assert_eq!(sum("slotway_cluster_slots", &[]), 16384.0);
    let online = [("role", "replica"), ("health", "online")];
    assert_eq!(sum("slotway_cluster_nodes", &online), 3.0);
    assert_eq!(sum("slotway_cluster_shard_replicas", &[("shard", "5461")]), 1.0);
    assert_eq!(sum("slotway_cluster_survives_host_loss", &[]), 0.0);
    let up = [("role", "primary"), ("state", "up")];
    assert_eq!(sum("slotway_upstream_connections", &up), 6.0);
    assert_eq!(sum("slotway_upstream_inflight", &[]), 0.0);
    assert!(sum("slotway_upstream_requests_total", &[("role", "primary")]) >= 100.0);
    assert!(sum("slotway_upstream_connects_total", &[]) >= 6.0);
    assert!(sum("slotway_topology_refreshes_total", &[]) >= 0.0);
    for kind in ["moved", "ask", "deferred"] {
        assert_eq!(sum("slotway_redirects_total", &[("kind", kind)]), 0.0, "{kind}");
    }
}

async fn no_page_tells_a_key_or_a_secret(admin: &Admin) {
    for path in
        ["/metrics", "/api/v1/topology", "/api/v1/nodes", "/api/v1/clients", "/api/v1/config"]
    {
        let page = get(admin.addr(), path).await;
        for word in ["secret:", "hidden\"", "sesame"] {
            assert!(!page.body.contains(word), "{path} says {word}:\n{}", page.body);
        }
    }
    let config = get(admin.addr(), "/api/v1/config").await.json();
    let seeds = json!(["redis://u:(hidden)@h:1"]);
    assert_eq!(config, json!({ "cluster": { "password": "(hidden)", "seeds": seeds } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_workers_count_is_added_up() {
    let (side, table) = (Side::new(Vec::new()), CommandTable::builtin());
    let get = CommandBuf::new(&["GET", "secret:key"]).unwrap();
    let spec = table.lookup(&get.as_command()).unwrap();
    for worker in &side.workers {
        let listener = worker.listener(1).unwrap();
        let now = Instant::now();
        worker.read_clock(now);
        let asked = worker.ask(Some(spec));
        worker.read_clock(now + Duration::from_micros(90));
        worker.answered(1, asked, Outcome::Ok);
        listener.opened();
        listener.greeted(Protocol::Resp3);
        worker.erred(b"-WRONGTYPE Operation");
        worker.received_bytes.add(40);
        worker.fanout.were(3);
    }
    let worker = &side.workers[1];
    worker.limited(Limit::Output);
    worker.listener(1).unwrap().closed(Closed::OutputLimit);
    let admin = side.serve();
    let families = scrape(&admin).await;
    let odd = ("listener", "odd \"one\"\\");
    for (name, labels, expected) in [
        ("slotway_client_connections", &[odd][..], 1.0),
        ("slotway_client_connections", &[], 1.0),
        ("slotway_client_connections_total", &[odd], 2.0),
        ("slotway_client_handshakes_total", &[odd, ("proto", "3")], 2.0),
        ("slotway_client_disconnects_total", &[("reason", "output_limit")], 1.0),
        ("slotway_client_receive_bytes_total", &[], 80.0),
        ("slotway_commands_total", &[odd, ("command", "get"), ("outcome", "ok")], 2.0),
        ("slotway_command_duration_seconds", &[("group", "read"), ("le", "0.00005")], 0.0),
        ("slotway_command_duration_seconds", &[("group", "read"), ("le", "0.0001")], 2.0),
        ("slotway_command_fanout", &[("le", "4")], 2.0),
        ("slotway_errors_total", &[("prefix", "WRONGTYPE")], 2.0),
        ("slotway_limit_reached_total", &[("limit", "output_bytes")], 1.0),
        ("slotway_log_lines_dropped_total", &[], 7.0),
        ("slotway_workers", &[], 2.0),
        ("process_start_time_seconds", &[], 1000.0),
    ] {
        assert_eq!(families[name].sum(labels), expected, "{name} {labels:?}");
    }
    assert!(families["process_resident_memory_bytes"].sum(&[]) > 1e6);
    assert!(families["process_open_fds"].sum(&[]) > 3.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_is_told_is_a_documented_one() {
    let (_cluster, side) = on_cluster().await;
    let admin = side.serve();
    for (name, family) in scrape(&admin).await {
        let known = metrics::ALL.iter().find(|metric| metric.name == name);
        let known = known.unwrap_or_else(|| panic!("{name} is not in the list"));
        assert_eq!((known.kind.name(), known.help), (family.kind.as_str(), family.help.as_str()));
        for sample in &family.samples {
            let labels = sample.labels.keys().filter(|label| *label != "le");
            let mut expected = known.labels.to_vec();
            expected.sort_unstable();
            assert_eq!(labels.collect::<Vec<_>>(), expected, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_path_has_its_answer() {
    let side = Side::new(Vec::new());
    side.log.push(Line::of(tracing::Level::WARN, "slotway", "it happened"));
    let admin = side.serve();
    let index = get(admin.addr(), "/").await;
    assert_eq!(index.status, 200);
    let pages = index.body.split_whitespace().filter(|word| word.starts_with('/'));
    for path in pages {
        let status = get(admin.addr(), path).await.status;
        assert_eq!(status, if path == "/readyz" { 503 } else { 200 }, "{path}");
    }
    let health = get(admin.addr(), "/healthz").await.json();
    assert_eq!(health, json!({ "status": "ok", "workers": 2 }));
    let sessions = ["10.0.0.9:1", "10.0.0.9:2", "10.0.0.9:3"].map(|peer| side.arrive(peer));
    sessions[0].card().stand(Standing { blocked: Switch::On, ..Standing::default() });
    let clients = get(admin.addr(), "/api/v1/clients?limit=2").await.json();
    let shown = clients["clients"].as_array().unwrap();
    assert_eq!((&clients["connected"], shown.len()), (&json!(3), 2));
    assert_eq!((&shown[0]["state"], &shown[1]["state"]), (&json!("blocked"), &json!("normal")));
    assert_eq!((&shown[0]["addr"], &shown[0]["user"]), (&json!("10.0.0.9:1"), &json!("default")));
    drop(sessions);
    assert_eq!(get(admin.addr(), "/api/v1/clients").await.json()["connected"], 0);
    let log = get(admin.addr(), "/api/v1/log").await.json();
    assert_eq!((&log["lost"], &log["lines"][0]["message"]), (&json!(7), &json!("it happened")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_knows_no_slot_is_not_ready() {
    let admin = Side::new(Vec::new()).serve();
    let page = get(admin.addr(), "/readyz").await;
    assert_eq!(page.status, 503);
    assert_eq!(page.json()["reason"], "16384 of 16384 slots have no owner");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_allowed_is_an_error_in_json() {
    let admin = Side::new(Vec::new()).serve();
    let addr = admin.addr();
    assert_eq!(get(addr, "/nothing").await.json()["error"], "no such page; / lists all of them");
    assert_eq!(get(addr, "/api/v1/clients?limit=x").await.status, 400);
    let post = "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let page = ask(addr, post).await;
    assert_eq!((page.status, page.head.contains("allow: get,head")), (405, true), "{}", page.head);
    assert!(page.json()["error"].is_string());
    let stranger = "GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(addr, stranger).await.status, 403);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // It is cut off while it still writes, or told off behind it.
    let _ = stream.write_all(long.as_bytes()).await;
    assert_eq!(get(addr, "/healthz").await.status, 200);
    let many: String = (0..100).map(|n| format!("X-{n}: x\r\n")).collect();
    let page = ask(addr, &format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n")).await;
    assert_eq!(page.status, 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_when_all_places_are_taken_is_served_when_one_is_free() {
    let admin = Side::new(Vec::new()).serve();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(admin.addr()).await.unwrap());
    }
    let late = tokio::spawn(async move { get(admin.addr(), "/healthz").await.status });
    drop(silent);
    assert_eq!(late.await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_is_free_again_when_the_admin_is_dropped() {
    let side = Side::new(Vec::new());
    let admin = side.serve();
    let addr = admin.addr();
    let _kept = TcpStream::connect(addr).await.unwrap();
    drop(admin);
    let listener = TcpListener::bind(addr).unwrap();
    let again = Admin::start(listener, side.view.clone()).unwrap();
    assert_eq!(get(again.addr(), "/healthz").await.status, 200);
}
