//! The client against real clusters that are well.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod bounds;

use slotway::{Client, CommandBuf, Config, Value};
use slotway_cluster::{Spec, TestCluster, TestServer};

async fn start(server: TestServer) -> (TestCluster, Client) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    (cluster, client)
}

async fn call(client: &Client, words: &[&str]) -> Value {
    client.call(&CommandBuf::new(words).unwrap()).await.unwrap()
}

fn bulk(text: &'static str) -> Value {
    Value::Bulk(text.into())
}

async fn reaches_every_slot(server: TestServer) {
    let (_cluster, client) = start(server).await;
    for n in 0..300 {
        let (key, value) = (format!("key:{n}"), format!("value:{n}"));
        assert_eq!(call(&client, &["SET", &key, &value]).await, Value::Simple("OK".into()));
        assert_eq!(call(&client, &["GET", &key]).await, Value::Bulk(value.into()));
    }
    assert_eq!(call(&client, &["DBSIZE"]).await, Value::Integer(300));
    let ok = Value::Simple("OK".into());
    assert_eq!(call(&client, &["MSET", "a", "1", "b", "2", "c", "3"]).await, ok);
    let all = Value::Array(vec![bulk("3"), Value::Null, bulk("1"), bulk("2")]);
    assert_eq!(call(&client, &["MGET", "c", "none", "a", "b"]).await, all);
    assert_eq!(call(&client, &["DEL", "a", "b", "none"]).await, Value::Integer(2));
    let wrong = call(&client, &["LPUSH", "c", "x"]).await;
    assert!(wrong.as_error().is_some_and(|text| text.starts_with(b"WRONGTYPE")), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_of_redis_7_0_is_reached() {
    reaches_every_slot(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_of_valkey_8_1_is_reached() {
    reaches_every_slot(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_slot_of_valkey_9_1_is_reached() {
    reaches_every_slot(TestServer::Valkey91).await;
}
