//! How clients come in: what a balancer says of them, and how long they may be silent.

use std::time::Duration;

use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_tests::{proxy::Proxy, wire::Wire};
use tokio::time::Instant;

/// What every header of the PROXY protocol begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header that says where a client comes from; and a note that is of no interest here.
fn header(said: u8) -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 198, 51, 100, 9, 0xC3, 0x50, 0x18, 0xEB];
    let note = [0x04, 0, 2, 1, 2];
    [SIGNATURE, &[said, 0x11, 0, 17], &addresses, &note].concat()
}

async fn listed(wire: &mut Wire) -> String {
    String::from_utf8_lossy(&wire.ask(&["CLIENT", "INFO"]).await).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_says_who_the_client_is() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91)).await.unwrap();
    let args = ["--handshake-timeout", "300ms", "--proxy-protocol", "v2"];
    let proxy = Proxy::start_spoken(cluster.node(0).addr(), &args, &header(0x20)).await;

    // In pieces, with the first command behind it.
    let mut wire = Wire::connect(proxy.addr()).await.unwrap();
    let first = [&header(0x21)[..], b"PING\r\n"].concat();
    for piece in first.chunks(5) {
        wire.send_bytes(piece).await;
    }
    assert_eq!(wire.reply().await, "+PONG\r\n");
    let seen = listed(&mut wire).await;
    assert!(seen.contains(" addr=192.0.2.7:50000 laddr=198.51.100.9:6379 "), "{seen}");

    // A balancer that looks whether somebody is there is itself.
    let mut wire = Wire::connect(proxy.addr()).await.unwrap();
    wire.send_bytes(&header(0x20)).await;
    let seen = listed(&mut wire).await;
    assert!(seen.contains(" addr=127.0.0.1:"), "{seen}");

    // Whoever speaks without one is not let in, and who says nothing is not waited for.
    for said in [&b"*1\r\n$4\r\nPING\r\n"[..], &header(0x22), &[], &SIGNATURE[..3]] {
        let mut wire = Wire::connect(proxy.addr()).await.unwrap();
        wire.send_bytes(said).await;
        assert_eq!(wire.rest().await, "", "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_be_silent_so_long_unless_it_waits_or_listens() {
    const MAX: Duration = Duration::from_secs(1);
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91)).await.unwrap();
    let proxy = Proxy::start_with(cluster.node(0).addr(), &["--idle-timeout", "1s"]).await;
    let mut waiting = proxy.wire().await;
    waiting.send(&["BLPOP", "nothing", "2.5"]).await;
    let mut listening = proxy.wire().await;
    listening.ask(&["SUBSCRIBE", "news"]).await;
    let mut silent = proxy.wire().await;
    assert_eq!(silent.ask(&["PING"]).await, "+PONG\r\n");
    let started = Instant::now();
    assert_eq!(silent.rest().await, "");
    // A little earlier was its last word.
    assert!(started.elapsed() + Duration::from_millis(100) >= MAX, "{:?}", started.elapsed());
    assert_eq!(waiting.reply().await, "*-1\r\n");
    waiting.send(&["PUBLISH", "news", "x"]).await;
    let heard = listening.reply().await;
    assert_eq!(heard, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
}
