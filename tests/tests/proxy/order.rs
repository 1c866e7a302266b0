//! Replies in the order of the commands.

use std::time::Duration;

use slotway_cluster::TestCluster;
use slotway_protocol::{CommandBuf, Slot};
use slotway_tests::{proxy::Proxy, wire::Wire};
use tokio::time::Instant;

const COMMANDS: usize = 10_000;

fn bytes(words: &[&str]) -> Vec<u8> {
    CommandBuf::new(words).unwrap().as_command().bytes().to_vec()
}

/// More commands than the proxy lets one client have on their way.
pub(crate) async fn replies_come_in_order_whatever_the_slots(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    let mut commands = Vec::new();
    for number in 0..COMMANDS {
        let (key, value) = (format!("order:{}", number % 997), number.to_string());
        commands.extend(bytes(&["SET", &key, &value]));
        commands.extend(bytes(&["GET", &key]));
        commands.extend(bytes(&["ECHO", &value]));
    }
    let addr = proxy.addr().clone();
    let reader = tokio::spawn(async move {
        // Written in one piece, by somebody who does not read meanwhile.
        wire.send_bytes(&commands).await;
        for number in 0..COMMANDS {
            let value = number.to_string();
            let bulk = format!("${}\r\n{value}\r\n", value.len());
            assert_eq!(wire.reply().await, "+OK\r\n", "{addr} {number}");
            assert_eq!(wire.reply().await, bulk);
            assert_eq!(wire.reply().await, bulk);
        }
    });
    reader.await.unwrap();
}

/// What is answered without any node comes to an end too, however much it is.
pub(crate) async fn more_is_answered_at_once_than_may_wait(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    let text = "x".repeat(30_000);
    let mut commands = Vec::new();
    (0..200).for_each(|_| commands.extend(bytes(&["ECHO", &text])));
    for _ in 0..2 {
        wire.send_bytes(&commands).await;
        for _ in 0..200 {
            assert_eq!(wire.reply().await.len(), text.len() + 10);
        }
    }
}

pub(crate) async fn what_goes_to_many_nodes_waits_for_what_was_sent_before(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    let mut commands = bytes(&["FLUSHALL"]);
    for round in 0..50 {
        let value = round.to_string();
        commands.extend(bytes(&["MSET", "a", &value, "b", &value, "c", &value]));
        commands.extend(bytes(&["INCR", "b"]));
        commands.extend(bytes(&["MGET", "a", "b", "c"]));
        commands.extend(bytes(&["DEL", "a", "b", "c", "d"]));
        commands.extend(bytes(&["DBSIZE"]));
    }
    wire.send_bytes(&commands).await;
    assert_eq!(wire.reply().await, "+OK\r\n");
    for round in 0..50 {
        let bulk = |number: i32| format!("${}\r\n{number}\r\n", number.to_string().len());
        let all = format!("*3\r\n{}{}{}", bulk(round), bulk(round + 1), bulk(round));
        let expected = ["+OK\r\n", &format!(":{}\r\n", round + 1), &all, ":3\r\n", ":0\r\n"];
        for expected in expected {
            assert_eq!(wire.reply().await, expected.as_bytes(), "round {round}");
        }
    }
}

pub(crate) async fn what_waits_holds_up_nobody_else(proxy: &Proxy) {
    let (mut waiting, mut other) = (proxy.wire().await, proxy.wire().await);
    waiting.send(&["BLPOP", "queue", "0"]).await;
    waiting.send(&["ECHO", "behind"]).await;
    for number in 0..100 {
        let number = number.to_string();
        assert_eq!(other.ask(&["SET", "queue:other", &number]).await, "+OK\r\n");
    }
    assert_eq!(other.ask(&["RPUSH", "queue", "x"]).await, ":1\r\n");
    assert_eq!(waiting.reply().await, "*2\r\n$5\r\nqueue\r\n$1\r\nx\r\n");
    assert_eq!(waiting.reply().await, "$6\r\nbehind\r\n");
    assert_eq!(other.ask(&["BLPOP", "queue", "0.01"]).await, "*-1\r\n");
}

/// What a client waited for that has gone is left for others.
pub(crate) async fn a_client_that_leaves_waits_for_nothing(cluster: &TestCluster, proxy: &Proxy) {
    let owner = cluster.owner(Slot::of(b"left")).await.unwrap();
    let mut owner = Wire::connect(cluster.node(owner).addr()).await.unwrap();
    let mut other = proxy.wire().await;
    for _ in 0..10 {
        let mut waiting = proxy.wire().await;
        waiting.send(&["BLPOP", "left", "0"]).await;
        drop(waiting);
    }
    // The servers learn of it in their own time.
    let deadline = Instant::now() + Duration::from_secs(30);
    while owner.ask(&["CLIENT", "LIST"]).await.windows(8).any(|at| at == b"flags=b ") {
        assert!(Instant::now() < deadline, "somebody still waits");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(other.ask(&["RPUSH", "left", "x"]).await, ":1\r\n");
    assert_eq!(other.ask(&["LLEN", "left"]).await, ":1\r\n");
    assert_eq!(other.ask(&["DEL", "left"]).await, ":1\r\n");
}
