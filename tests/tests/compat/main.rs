//! Code written for the redis crate, with slotway behind it, on real clusters.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod families;
mod pipelines;

use redis::{AsyncCommands, ErrorKind, RedisResult, ServerErrorKind, aio::ConnectionLike};
use slotway::{Config, Delivery, Protocol};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_redis::{Connection, connect};

async fn everything_works(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server).shape(3, 0)).await.unwrap();
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let mut config = Config::from(cluster.node(0).addr());
        config.protocol = protocol;
        let mut con = connect(config).await.unwrap();
        let _: () = redis::cmd("FLUSHALL").query_async(&mut con).await.unwrap();
        families::strings(&mut con).await;
        families::keys(&mut con).await;
        families::walks(&mut con).await;
        families::hashes(&mut con).await;
        families::lists(&mut con).await;
        families::sets(&mut con).await;
        families::sorted_sets(&mut con).await;
        families::streams(&mut con).await;
        families::geo(&mut con).await;
        families::bits_and_logs(&mut con).await;
        families::scripts(&mut con).await;
        pipelines::each_reply_is_in_its_place(&mut con).await;
        pipelines::an_error_is_in_its_place(&mut con).await;
        pipelines::a_transaction_is_one(&mut con).await;
        pipelines::many_at_once_do_not_mix(&con).await;
        errors_keep_their_code(&mut con).await;
        what_is_not_sent_says_so(&mut con).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_valkey_9_1() {
    everything_works(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_valkey_8_1() {
    everything_works(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_on_redis_7_0() {
    everything_works(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_is_no_connection() {
    let error = connect("redis://127.0.0.1:1").await.unwrap_err();
    assert!(error.is_connection_dropped(), "{error}");
    assert_eq!(slotway_redis::delivery(&error), Delivery::NotSent);
    let error = connect("http://a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidClientConfig);
}

async fn errors_keep_their_code(con: &mut Connection) {
    assert_eq!(con.get_db(), 0);
    let _: () = con.set("error", "text").await.unwrap();
    let wrong: RedisResult<u64> = con.lpush("error", 1).await;
    let wrong = wrong.unwrap_err();
    assert_eq!((wrong.kind(), wrong.code()), (ErrorKind::Extension, Some("WRONGTYPE")));
    let number: RedisResult<i64> = con.incr("error", 1).await;
    let number = number.unwrap_err();
    let general = ErrorKind::Server(ServerErrorKind::ResponseError);
    assert_eq!((number.kind(), number.code()), (general, Some("ERR")));
    let none = redis::cmd("EVALSHA").arg("0".repeat(40)).arg(0).query_async::<()>(con).await;
    assert_eq!(none.unwrap_err().kind(), ErrorKind::Server(ServerErrorKind::NoScript));
    let own = "return redis.error_reply('MYCODE it is mine')";
    let own = redis::Script::new(own).invoke_async::<_, ()>(con).await.unwrap_err();
    assert_eq!((own.code(), own.detail()), (Some("MYCODE"), Some("it is mine")));
    let typed: RedisResult<i64> = con.get("error").await;
    assert_eq!(typed.unwrap_err().kind(), ErrorKind::Parse);
}

async fn what_is_not_sent_says_so(con: &mut Connection) {
    let both: RedisResult<u64> = con.rename("from", "to").await;
    assert_eq!(both.unwrap_err().kind(), ErrorKind::Server(ServerErrorKind::CrossSlot));
    for words in [&["MULTI"][..], &["SUBSCRIBE", "c"], &["MONITOR"], &["SELECT", "1"]] {
        let refused = redis::cmd(words[0]).arg(&words[1..]).query_async::<()>(con).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Client, "{words:?}");
    }
    let unknown = redis::cmd("NOSUCH").query_async::<()>(con).await.unwrap_err();
    assert_eq!(unknown.code(), Some("ERR"), "{unknown}");
}
