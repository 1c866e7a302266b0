//! Every typed method against real clusters, in both versions of the protocol.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod by_serde;
mod collections;
mod kept;
mod ordered;
mod scripts;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use slotway::{Client, Config, Error, Protocol, Value, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};

async fn every_method_works(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server).shape(3, 0)).await.unwrap();
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let mut config = Config::from(cluster.node(0).addr());
        config.protocol = protocol;
        let client = Client::connect(config).await.unwrap();
        values::strings(&client).await;
        values::set_options(&client).await;
        values::keys(&client).await;
        values::bitmaps(&client).await;
        values::hyperloglogs(&client).await;
        collections::hashes(&client).await;
        collections::lists(&client).await;
        collections::sets(&client).await;
        collections::stored_sets(&client).await;
        ordered::sorted_sets(&client).await;
        ordered::ranges(&client).await;
        ordered::geo(&client).await;
        ordered::streams(&client).await;
        ordered::groups(&client).await;
        values::more_strings(&client).await;
        values::more_keys(&client).await;
        values::bit_fields(&client).await;
        collections::more_lists(&client).await;
        ordered::algebra(&client).await;
        ordered::parts(&client).await;
        ordered::areas(&client).await;
        kept::claims(&client).await;
        kept::infos(&client).await;
        kept::trims(&client).await;
        kept::values(&client).await;
        if server != TestServer::Redis70 {
            collections::fields_alone(&client).await;
            values::of_valkey_8_1(&client).await;
        }
        if server == TestServer::Valkey91 {
            kept::field_expiry(&client).await;
            values::of_valkey_9(&client).await;
        }
        scripts::by_text_and_hash(&client).await;
        scripts::scripts(&client).await;
        scripts::functions(&client).await;
        by_serde::structs(&client).await;
        any_command(&client).await;
        errors(&client).await;
        server_commands(&client).await;
        listeners(&client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_works_on_valkey_9_1() {
    every_method_works(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_works_on_valkey_8_1() {
    every_method_works(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_works_on_redis_7_0() {
    every_method_works(TestServer::Redis70).await;
}

async fn any_command(client: &Client) {
    let pushed: i64 = client.run(cmd("RPUSH").arg("any").arg(["a", "b"]).arg(3)).await.unwrap();
    assert_eq!(pushed, 3);
    let all: Vec<String> = client.run(cmd("LRANGE").arg("any").arg((0, -1))).await.unwrap();
    assert_eq!(all, ["a", "b", "3"]);
    // A call may move to another thread, whatever its arguments borrow.
    let other = client.clone();
    let task = async move {
        let key = String::from("any:other");
        other.zadd(&key, &[(1, "a")]).await?;
        other.xread::<Value>(&[(&key, "0")], None).await.unwrap_err();
        other.eval::<i64>("return #KEYS", [&key], [1.5]).await
    };
    assert_eq!(tokio::spawn(task).await.unwrap().unwrap(), 1);
}

async fn errors(client: &Client) {
    client.set("errors", "text").await.unwrap();
    let wrong = client.lpush("errors", "x").await.unwrap_err();
    assert!(matches!(&wrong, Error::Server { code, .. } if code == "WRONGTYPE"), "{wrong}");
    let not_a_number = client.get::<i64>("errors").await.unwrap_err();
    assert!(matches!(not_a_number, Error::Unexpected { .. }), "{not_a_number}");
    assert!(!not_a_number.to_string().contains("text"));
    let missing = client.get::<String>("errors:none").await.unwrap_err();
    assert_eq!(missing.to_string(), "expected text, and the reply is null");
    let far_apart = client.rename("errors", "elsewhere").await.unwrap_err();
    assert!(matches!(far_apart, Error::Refused(_)), "{far_apart}");
}

async fn server_commands(client: &Client) {
    assert_eq!(client.ping().await.unwrap(), "PONG");
    assert_eq!(client.publish("nobody", "hello").await.unwrap(), 0);
    assert_eq!(client.spublish("nobody", "hello").await.unwrap(), 0);
    assert!(client.info(None).await.unwrap().contains("redis_version"));
    assert!(client.info(Some("cluster")).await.unwrap().contains("cluster_enabled:1"));
    assert!(client.time().await.unwrap() > Duration::from_secs(1_700_000_000));
    client.flushall().await.unwrap();
    assert_eq!(client.dbsize().await.unwrap(), 0);
    for n in 0..50 {
        client.set(format!("server:{n}"), n).await.unwrap();
    }
    assert_eq!(client.dbsize().await.unwrap(), 50);
    client.config_set((("maxmemory-samples", 7), ("hz", 11))).await.unwrap();
    for node in client.nodes() {
        let get = cmd("CONFIG").arg("GET").arg("maxmemory-samples");
        let got: BTreeMap<String, u64> = node.run(get).await.unwrap();
        assert_eq!(got["maxmemory-samples"], 7);
    }
    let got: BTreeMap<String, u64> = client.config_get(["maxmemory-samples", "h?"]).await.unwrap();
    assert_eq!(got, [("maxmemory-samples".to_owned(), 7), ("hz".to_owned(), 11)].into());
    assert!(client.config_set(("no-such-name", 1)).await.is_err());
    client.flushall().await.unwrap();
}

async fn listeners(client: &Client) {
    let names = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    let _plain = client.subscribe(["listeners:a", "listeners:b"]).await.unwrap();
    let _patterns = client.psubscribe("listeners:*").await.unwrap();
    let _sharded = client.ssubscribe(["listeners:c", "listeners:d", "listeners:e"]).await.unwrap();
    let all = names(&["listeners:a", "listeners:b"]);
    assert_eq!(client.pubsub_channels::<BTreeSet<String>>(Some("listeners:*")).await.unwrap(), all);
    let count = client.pubsub_numsub(["listeners:a", "listeners:none"]).await.unwrap();
    let expected = [("listeners:a".to_owned(), 1), ("listeners:none".to_owned(), 0)];
    assert_eq!(count, expected.into());
    assert_eq!(client.pubsub_numpat().await.unwrap(), 1);
    let sharded: BTreeSet<String> = client.pubsub_shardchannels(None).await.unwrap();
    assert_eq!(sharded, names(&["listeners:c", "listeners:d", "listeners:e"]));
    let count = client.pubsub_shardnumsub(["listeners:c", "listeners:d"]).await.unwrap();
    assert_eq!(count, [("listeners:c".to_owned(), 1), ("listeners:d".to_owned(), 1)].into());
}
