//! How connections, and the proxy, come to an end.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use slotway_tests::proxy::Proxy;
use tokio::time::Instant;

/// As long as the proxy waits for those that are owed something.
const DRAIN: Duration = Duration::from_secs(25);

pub(crate) async fn a_client_that_says_no_more_is_answered(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    wire.send(&["MSET", "a", "1", "b", "2"]).await;
    wire.send(&["MGET", "a", "b"]).await;
    wire.send(&["GET", "a"]).await;
    wire.finish().await;
    assert_eq!(wire.rest().await, "+OK\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n1\r\n");
}

pub(crate) async fn what_is_no_request_ends_the_connection_behind_the_replies(proxy: &Proxy) {
    let mut wire = proxy.wire().await;
    wire.send_bytes(b"GET a\r\nMGET a b\r\n*1\r\n$x\r\n").await;
    let expected =
        "$1\r\n1\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n-ERR Protocol error: invalid bulk length\r\n";
    assert_eq!(wire.rest().await, expected);
}

pub(crate) async fn a_proxy_that_is_told_to_stop_answers_first(mut proxy: Proxy) {
    let mut wire = proxy.wire().await;
    wire.send(&["BLPOP", "stop", "0.3"]).await;
    let mut gone = proxy.wire().await;
    gone.send(&["BLPOP", "stop:never", "0"]).await;
    let mut idle = proxy.wire().await;
    assert_eq!(idle.ask(&["SET", "a", "1"]).await, "+OK\r\n");
    let pid = i32::try_from(proxy.id()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    // Whoever waits for ever and leaves is not waited for.
    drop(gone);
    assert_eq!(wire.reply().await, "*-1\r\n");
    assert_eq!(wire.rest().await, "");
    assert_eq!(idle.rest().await, "");
    let told = Instant::now();
    assert_eq!(proxy.ended().await, Some(0));
    assert!(told.elapsed() < DRAIN, "somebody was waited for who had left");
}
