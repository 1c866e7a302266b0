//! Client libraries as their users run them, not in cluster mode: what a session prints on one plain
//! server, it prints on a cluster behind slotway.
//!
//! `tests/clients/README.md` says what a session is, and how another client gets one.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod client;
mod commands;
mod compare;
mod differences;
mod endpoint;
mod fred;
mod redis_benchmark;
mod redis_cli;
mod redis_rs;
mod shell;
mod transcript;

use client::Client;
use compare::Difference;
use endpoint::Endpoint;
use slotway_cluster::TestServer::{self, Redis70, Valkey81, Valkey91};

/// One test for each client and server: `tests!(REDIS_PY: name => server, ..)`.
macro_rules! tests {
    ($($client:ident: $($name:ident on $server:ident),+;)+) => {$($(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            check(&client::$client, $server).await;
        }
    )+)+};
}

tests! {
    FRED: fred_on_valkey_9_1 on Valkey91;
    HIREDIS: hiredis_on_valkey_9_1 on Valkey91;
    IOREDIS: ioredis_on_valkey_9_1 on Valkey91;
    NODE_REDIS: node_redis_on_valkey_9_1 on Valkey91;
    PHPREDIS: phpredis_on_valkey_9_1 on Valkey91;
    PREDIS: predis_on_valkey_9_1 on Valkey91;
    REDIS_BENCHMARK:
        redis_benchmark_on_redis_7_0 on Redis70,
        redis_benchmark_on_valkey_8_1 on Valkey81,
        redis_benchmark_on_valkey_9_1 on Valkey91;
    REDIS_CLI:
        redis_cli_on_redis_7_0 on Redis70,
        redis_cli_on_valkey_8_1 on Valkey81,
        redis_cli_on_valkey_9_1 on Valkey91;
    REDIS_PY:
        redis_py_on_redis_7_0 on Redis70,
        redis_py_on_valkey_8_1 on Valkey81,
        redis_py_on_valkey_9_1 on Valkey91;
    REDIS_RB: redis_rb_on_valkey_9_1 on Valkey91;
    REDIS_RS: redis_rs_on_valkey_9_1 on Valkey91;
    VALKEY_CLI:
        valkey_cli_on_redis_7_0 on Redis70,
        valkey_cli_on_valkey_8_1 on Valkey81,
        valkey_cli_on_valkey_9_1 on Valkey91;
    VALKEY_GLIDE: valkey_glide_on_valkey_9_1 on Valkey91;
}

/// What the client prints is the same on both endpoints, but for the differences that are listed,
/// all of which are there.
async fn check(client: &Client, server: TestServer) {
    let plain = Endpoint::plain(server).await;
    let slotway = Endpoint::slotway(server).await;
    let mut found = Vec::new();
    for &protocol in client.protocols {
        let expected = client.run(&plain, protocol).await;
        expected.must_be_whole(client.name);
        differences::documents_this_client(&expected);
        let got = client.run(&slotway, protocol).await;
        found.extend(compare::differences(&expected, &got, protocol));
    }
    let listed = |found: &Difference| differences::is_listed(client.name, found);
    let (known, unknown): (Vec<_>, Vec<_>) = found.into_iter().partition(listed);
    let count = unknown.len();
    let text: String = unknown.iter().map(ToString::to_string).collect();
    assert!(count == 0, "{} on {server}: {count} differences\n{text}", client.name);
    let is_known = |name: &str| known.iter().any(|known| known.name == name);
    let gone = differences::of(client.name).find(|listed| !is_known(listed.line));
    assert!(gone.is_none(), "{} on {server} no longer differs: {gone:?}", client.name);
}
