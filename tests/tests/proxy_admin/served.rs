//! The admin port of the real proxy, while clients come and go.

use std::net::SocketAddr;

use rustix::process::{Pid, Signal, kill_process};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_tests::{
    exposition::{self, Families},
    proxy::{Proxy, free_port},
};
use tokio::time::{Duration, Instant, sleep};

use crate::page::get;

/// Longer than any of it takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(20);

/// Scrapes until the metric has this sum.
async fn until(admin: SocketAddr, name: &str, labels: &[(&str, &str)], sum: f64) -> Families {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = get(admin, "/metrics").await;
        let families = exposition::parse(&page.body).unwrap();
        if families.get(name).is_some_and(|family| family.sum(labels) == sum) {
            return families;
        }
        assert!(Instant::now() < deadline, "{name} {labels:?} is not {sum}:\n{}", page.body);
        sleep(BETWEEN).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_proxy_tells_what_its_clients_do() {
    let spec = Spec::on(TestServer::Redis70).shape(3, 0);
    let cluster = TestCluster::start(spec).await.unwrap();
    let admin = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let args = ["--admin", &admin.to_string(), "--workers", "2"];
    let mut proxy = Proxy::start_with(cluster.node(0).addr(), &args).await;
    assert_eq!(get(admin, "/readyz").await.status, 200);
    what_was_asked_is_counted(&proxy, admin).await;
    whoever_waits_or_listens_is_seen(&proxy, admin).await;
    it_says_how_it_ends(&mut proxy).await;
}

async fn what_was_asked_is_counted(proxy: &Proxy, admin: SocketAddr) {
    let mut wire = proxy.wire().await;
    for words in [
        &["HELLO", "3"][..],
        &["SET", "secret:key", "value"],
        &["LPUSH", "secret:key", "value"],
        &["NOSUCH"],
        &["GET"],
        &["EVAL", "return redis.error_reply('secret:code is no code')", "0"],
        &["MGET", "a", "b", "c"],
    ] {
        wire.ask(words).await;
    }
    let shown = get(admin, "/api/v1/clients").await;
    assert_eq!(shown.json()["connected"], 1, "{}", shown.body);
    // The last one was split, and whoever leaves behind such a command is gone all the same.
    drop(wire);
    let families = until(admin, "slotway_client_connections", &[], 0.0).await;
    let commands = &families["slotway_commands_total"];
    for (command, outcome) in [
        ("hello", "ok"),
        ("set", "ok"),
        ("lpush", "error"),
        ("other", "rejected"),
        ("get", "rejected"),
        ("eval", "error"),
        ("mget", "ok"),
    ] {
        let sum = commands.sum(&[("command", command), ("outcome", outcome)]);
        assert_eq!(sum, 1.0, "{command} {outcome}");
    }
    let sum = |name: &str, labels: &[(&str, &str)]| families[name].sum(labels);
    let durations = &families["slotway_command_duration_seconds"];
    assert_eq!(durations.sum(&[("group", "write"), ("le", "+Inf")]), 2.0);
    assert_eq!(sum("slotway_command_fanout", &[("le", "4")]), 1.0);
    assert_eq!(sum("slotway_client_handshakes_total", &[("proto", "3")]), 1.0);
    for (prefix, count) in [("WRONGTYPE", 1.0), ("ERR", 2.0), ("other", 1.0)] {
        assert_eq!(sum("slotway_errors_total", &[("prefix", prefix)]), count, "{prefix}");
    }
    assert!(sum("slotway_client_receive_bytes_total", &[]) > 100.0);
    assert!(sum("slotway_client_transmit_bytes_total", &[]) > 100.0);
    assert_eq!(sum("slotway_client_output_bytes", &[]), 0.0);
    assert_eq!(sum("slotway_held_requests", &[]), 0.0);
}

async fn whoever_waits_or_listens_is_seen(proxy: &Proxy, admin: SocketAddr) {
    let (mut waits, mut listens) = (proxy.wire().await, proxy.wire().await);
    waits.send(&["BLPOP", "nothing", "0"]).await;
    listens.send(&["SUBSCRIBE", "a", "b"]).await;
    until(admin, "slotway_upstream_leases", &[], 1.0).await;
    until(admin, "slotway_client_subscriptions", &[], 2.0).await;
    let shown = get(admin, "/api/v1/clients").await.json();
    let mut states: Vec<_> =
        shown["clients"].as_array().unwrap().iter().map(|client| client["state"].clone()).collect();
    states.sort_by_key(ToString::to_string);
    assert_eq!(states, ["blocked", "subscribed"]);
    drop((waits, listens));
    until(admin, "slotway_client_connections", &[], 0.0).await;
    until(admin, "slotway_upstream_leases", &[], 0.0).await;
    let mut quits = proxy.wire().await;
    quits.ask(&["QUIT"]).await;
    let mut babbles = proxy.wire().await;
    babbles.send_bytes(b"*x\r\n").await;
    let left = "slotway_client_disconnects_total";
    until(admin, left, &[("reason", "quit")], 1.0).await;
    let families = until(admin, left, &[("reason", "protocol_error")], 1.0).await;
    let left = &families[left];
    assert!(left.sum(&[("reason", "client")]) >= 3.0);
    assert_eq!(left.sum(&[("reason", "panic")]), 0.0);
}

async fn it_says_how_it_ends(proxy: &mut Proxy) {
    let _idle = proxy.wire().await;
    let pid = Pid::from_raw(i32::try_from(proxy.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(proxy.ended().await, Some(0));
    let log = proxy.log();
    let lines = log.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).expect("each line is an object");
        line["message"].as_str().unwrap_or_default().to_owned()
    });
    let lines: Vec<_> = lines.collect();
    assert!(lines.contains(&"ready".to_owned()) && lines.contains(&"stopping".to_owned()), "{log}");
    assert!(!log.contains("secret"), "{log}");
}
