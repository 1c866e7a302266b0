//! Bytes in, bytes out: what a plain server answers to ten thousand mixed commands in one pipeline,
//! the proxy answers from many nodes, in the same order and byte for byte.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod commands;
mod converse;

use commands::{Request, mixed};
use converse::{converse, pieces};
use fastrand::Rng;
use slotway_cluster::{Spec, Standalone, TestCluster, TestServer};
use slotway_protocol::{NodeAddr, Protocol, ReplyLimits, ReplyScan, ReplyScanner};
use slotway_tests::{proxy::Proxy, raw};

/// How many commands a pipeline has.
const COMMANDS: usize = 10_000;

/// How many differences are shown.
const SHOWN: usize = 12;

/// What stands between the reply to HELLO, which tells of the server itself, and all others.
const MARK: &[u8] = b"$4\r\nMARK\r\n";

/// A server, and the proxy that should be like it.
struct Both {
    plain: Standalone,
    proxy: Proxy,
    _cluster: TestCluster,
}

impl Both {
    async fn start(server: TestServer) -> Self {
        let plain = Standalone::start(server.binary(), &[]).await.unwrap();
        let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
        let proxy = Proxy::start(cluster.node(0).addr()).await;
        Self { plain, proxy, _cluster: cluster }
    }

    /// The same pipeline to both, cut into pieces at other places.
    async fn check_pipeline(&self, protocol: Protocol, seed: u64) {
        let mut rng = Rng::with_seed(seed);
        let mut requests = mixed(&mut rng, COMMANDS);
        // A server that is told no more while it waits for a key leaves at once: so it is asked to.
        requests.push(Request::words(&["QUIT"]));
        let start = match protocol {
            Protocol::Resp2 => &b"FLUSHALL\r\nHELLO 2\r\nECHO MARK\r\n"[..],
            Protocol::Resp3 => b"FLUSHALL\r\nHELLO 3\r\nECHO MARK\r\n",
        };
        let bytes = requests.iter().flat_map(Request::bytes);
        let bytes: Vec<u8> = start.iter().copied().chain(bytes).collect();
        let (one, other) = (pieces(&bytes, &mut rng), pieces(&bytes, &mut rng));
        let answer = async |addr: &NodeAddr, pieces| -> Vec<u8> {
            let all = converse(addr, pieces).await;
            let mark = all.windows(MARK.len()).position(|bytes| bytes == MARK).unwrap();
            all[mark + MARK.len()..].to_vec()
        };
        let expected = answer(self.plain.addr(), one).await;
        let got = answer(self.proxy.addr(), other).await;
        must_be_equal(&requests, &expected, &got, &format!("{protocol:?}, seed {seed}"));
    }

    /// What is no request ends a connection, with the same last words.
    fn check_broken(&self, bytes: &[u8]) {
        let expected = raw::exchange(self.plain.addr(), bytes);
        let got = raw::exchange(self.proxy.addr(), bytes);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(text(&got), text(&expected), "after {}", text(bytes));
    }
}

/// Fails with the first commands whose replies are others.
#[track_caller]
fn must_be_equal(requests: &[Request], expected: &[u8], got: &[u8], run: &str) {
    if expected == got {
        return;
    }
    let mut owing: Vec<_> = requests.iter().filter(|request| request.owes_a_reply()).collect();
    let nobody = Request::words(&["(nobody asked)"]);
    let (expected, got) = (replies(expected), replies(got));
    owing.resize(owing.len().max(expected.len()).max(got.len()), &nobody);
    let differences = owing.iter().enumerate().filter_map(|(at, request)| {
        let (want, have) = (text(expected.get(at)), text(got.get(at)));
        let shown = format!("reply {at} to {request}\n    plain: {want}\n    proxy: {have}\n");
        (expected.get(at) != got.get(at)).then_some(shown)
    });
    panic!("{run}: {}", differences.take(SHOWN).collect::<String>());
}

fn text(bytes: Option<&&[u8]>) -> String {
    bytes.map_or_else(
        || "(nothing)".into(),
        |bytes| bytes.escape_ascii().take(300).map(char::from).collect(),
    )
}

/// The whole replies in `bytes`; last, if there is any, what is none.
fn replies(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut scanner = ReplyScanner::new(ReplyLimits::default());
    while let Ok(ReplyScan::Complete(reply)) = scanner.scan(bytes) {
        let (first, rest) = bytes.split_at(reply.len);
        found.push(first);
        bytes = rest;
    }
    if !bytes.is_empty() {
        found.push(bytes);
    }
    found
}

async fn check(server: TestServer) {
    let both = Both::start(server).await;
    for seed in [1, 2] {
        both.check_pipeline(Protocol::Resp2, seed).await;
        both.check_pipeline(Protocol::Resp3, seed).await;
    }
    for bytes in commands::BROKEN {
        both.check_broken(bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_answers_as_redis_7_0_does_byte_for_byte() {
    check(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_answers_as_valkey_8_1_does_byte_for_byte() {
    check(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_answers_as_valkey_9_1_does_byte_for_byte() {
    check(TestServer::Valkey91).await;
}

#[test]
#[should_panic(
    expected = "reply 1 to GET b\n    plain: $1\\r\\n2\\r\\n\n    proxy: $1\\r\\n3\\r\\n"
)]
fn a_reply_that_is_another_is_found() {
    let requests = [Request::words(&["GET", "a"]), Request::empty(), Request::words(&["GET", "b"])];
    must_be_equal(&requests, b"$1\r\n1\r\n$1\r\n2\r\n", b"$1\r\n1\r\n$1\r\n3\r\n", "a run");
}

#[test]
#[should_panic(expected = "(nobody asked)")]
fn a_reply_that_nobody_asked_for_is_found() {
    must_be_equal(&[Request::words(&["PING"])], b"+PONG\r\n", b"+PONG\r\n+PONG\r\n", "a run");
}
