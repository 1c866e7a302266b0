//! MULTI, EXEC and WATCH.

use slotway_tests::{proxy::Proxy, wire::Wire};

async fn check(wire: &mut Wire, command: &str, expected: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let reply = wire.ask(&words).await;
    assert_eq!(reply, format!("{expected}\r\n"), "{command}");
}

async fn check_starts(wire: &mut Wire, command: &str, expected: &str) {
    let words: Vec<&str> = command.split(' ').collect();
    let reply = String::from_utf8(wire.ask(&words).await.to_vec()).unwrap();
    assert!(reply.starts_with(expected), "{command}: {reply}");
}

pub(crate) async fn a_transaction_runs_as_one_or_not_at_all(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    check(&mut wire, "DEL {t}n {t}l", ":0").await;
    check(&mut wire, "EXEC", "-ERR EXEC without MULTI").await;
    check(&mut wire, "DISCARD", "-ERR DISCARD without MULTI").await;
    check(&mut wire, "MULTI", "+OK").await;
    check(&mut wire, "INCR {t}n", "+QUEUED").await;
    check(&mut wire, "LPUSH {t}n x", "+QUEUED").await;
    check(&mut wire, "PING", "+QUEUED").await;
    check(
        &mut wire,
        "EXEC",
        "*3\r\n:1\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n+PONG",
    )
    .await;
    for spoils in ["INCR", "NOSUCH x", "INCR {other}n", "MSET {t}a 1 b 2", "DBSIZE"] {
        check(&mut wire, "MULTI", "+OK").await;
        check(&mut wire, "INCR {t}n", "+QUEUED").await;
        check_starts(&mut wire, spoils, "-").await;
        check(&mut wire, "EXEC", "-EXECABORT Transaction discarded because of previous errors.")
            .await;
        check(&mut wire, "GET {t}n", "$1\r\n1").await;
    }
    check(&mut wire, "MULTI", "+OK").await;
    check(&mut wire, "INCR {t}n", "+QUEUED").await;
    check(&mut wire, "DISCARD", "+OK").await;
    check(&mut wire, "MULTI", "+OK").await;
    check(&mut wire, "EXEC", "*0").await;
    check(&mut wire, "GET {t}n", "$1\r\n1").await;
    check_starts(&mut wire, "MSETNX a 1 b 2", "-CROSSSLOT").await;
    check(&mut wire, "MSETNX {t}a 1 {t}n 2", ":0").await;
    check(&mut wire, "EXISTS {t}a", ":0").await;
    a_watch_is_kept(proxy, &mut wire).await;
}

async fn a_watch_is_kept(proxy: &Proxy, wire: &mut Wire) {
    let mut other = proxy.wire().await;
    for (between, expected) in [(None, "*1\r\n:2"), (Some("INCR {t}n"), "*-1")] {
        check(wire, "SET {t}n 1", "+OK").await;
        check(wire, "WATCH {t}n", "+OK").await;
        check(wire, "WATCH {t}m", "+OK").await;
        check_starts(wire, "WATCH {other}", "-CROSSSLOT").await;
        if let Some(command) = between {
            check(&mut other, command, ":2").await;
        }
        check(wire, "MULTI", "+OK").await;
        check(wire, "INCR {t}n", "+QUEUED").await;
        check(wire, "EXEC", expected).await;
    }
    check(wire, "WATCH {t}n", "+OK").await;
    check(&mut other, "INCR {t}n", ":3").await;
    check(wire, "UNWATCH", "+OK").await;
    check(wire, "MULTI", "+OK").await;
    check(wire, "INCR {t}n", "+QUEUED").await;
    check(wire, "EXEC", "*1\r\n:4").await;
}

pub(crate) async fn eight_clients_count_to_eight_thousand(proxy: &Proxy) {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 1_000;
    let clients = (0..CLIENTS).map(|_| async {
        let mut wire = proxy.wire().await;
        let mut done = 0;
        while done < ROUNDS {
            check(&mut wire, "WATCH counter", "+OK").await;
            let read = wire.ask(&["GET", "counter"]).await;
            let text = String::from_utf8(read.to_vec()).unwrap();
            let count: u64 = text.split("\r\n").nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
            check(&mut wire, "MULTI", "+OK").await;
            check(&mut wire, &format!("SET counter {}", count + 1), "+QUEUED").await;
            let reply = wire.ask(&["EXEC"]).await;
            assert!(reply == "*-1\r\n" || reply == "*1\r\n+OK\r\n", "{reply:?}");
            done += usize::from(reply != "*-1\r\n");
        }
    });
    futures_util::future::join_all(clients).await;
    let mut wire = proxy.wire().await;
    check(&mut wire, "GET counter", "$4\r\n8000").await;
}
