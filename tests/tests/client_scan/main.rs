//! Walks over keys against real clusters: what is there all the time is found, whatever happens.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod changes;

use std::collections::{BTreeMap, BTreeSet};

use slotway::{Client, CommandBuf, Config, Error, Scan, ScanOptions, Value, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};

type Names = BTreeSet<String>;

/// So many keys there are in a test.
const KEYS: usize = 3_000;

async fn start(spec: Spec) -> (TestCluster, Client) {
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = Client::connect(Config::from(cluster.node(0).addr())).await.unwrap();
    (cluster, client)
}

/// Fills a cluster, and returns the names of the keys.
async fn fill(client: &Client) -> Names {
    let names: Names = (0..KEYS).map(|n| format!("key:{n}")).collect();
    client.mset(names.iter().map(|name| (name, "v")).collect::<Vec<_>>()).await.unwrap();
    names
}

/// The next key; none at the end.
async fn next(keys: &mut Scan<bytes::Bytes>) -> Option<String> {
    let key = keys.next().await?.unwrap();
    Some(String::from_utf8(key.into()).unwrap())
}

/// All keys that are left.
async fn rest(keys: &mut Scan<bytes::Bytes>) -> Names {
    let mut names = Names::new();
    while let Some(name) = next(keys).await {
        names.insert(name);
    }
    names
}

/// A walk in small pages.
fn slowly() -> ScanOptions {
    ScanOptions::new().count(10)
}

async fn finds_all(server: TestServer) {
    let (_cluster, client) = start(Spec::on(server).shape(3, 0)).await;
    assert_eq!(rest(&mut client.scan("*")).await, Names::new());
    let mut names = fill(&client).await;
    assert_eq!(rest(&mut client.scan(ScanOptions::new())).await, names);
    client.sadd("{tag}:set", "a").await.unwrap();
    client.set("{tag}:string", "a").await.unwrap();
    let tagged = Names::from(["{tag}:set", "{tag}:string"].map(String::from));
    names.extend(tagged.clone());
    assert_eq!(rest(&mut client.scan(slowly())).await, names);
    assert_eq!(rest(&mut client.scan("{tag}:*")).await, tagged);
    assert_eq!(rest(&mut client.scan("*:set")).await, Names::from(["{tag}:set".to_owned()]));
    let sets = rest(&mut client.scan(slowly().of_type("set"))).await;
    assert_eq!(sets, Names::from(["{tag}:set".to_owned()]));
    assert_eq!(by_call(&client).await, names);
    in_one_key(&client).await;
    let mut wrong = client.hscan::<(String, String)>("{tag}:set", "*");
    let wrong = wrong.next().await.unwrap().unwrap_err();
    assert!(matches!(&wrong, Error::Server { code, .. } if code == "WRONGTYPE"), "{wrong}");
}

/// By the command itself, in pages of the cluster.
async fn by_call(client: &Client) -> Names {
    let (mut names, mut cursor) = (Names::new(), "0".to_owned());
    loop {
        let command = cmd("SCAN").arg(&cursor).arg(("COUNT", 50));
        let (next, page): (String, Vec<String>) = client.run(command.clone()).await.unwrap();
        names.extend(page);
        if next == "0" {
            return names;
        }
        assert!(next.parse::<u64>().unwrap() < 1 << 53);
        // The answer may have been lost on its way.
        if cursor != "0" {
            client.run::<Value>(command).await.unwrap();
        }
        cursor = next;
    }
}

async fn in_one_key(client: &Client) {
    let all: BTreeMap<String, i64> = (0..2_000).map(|n| (format!("f{n}"), n)).collect();
    client.hset("big:hash", &all).await.unwrap();
    client.sadd("big:set", all.keys().collect::<Vec<_>>()).await.unwrap();
    let pairs = all.iter().map(|(name, score)| (score, name)).collect::<Vec<_>>();
    client.zadd("big:zset", pairs).await.unwrap();
    let mut fields = client.hscan::<(String, i64)>("big:hash", slowly());
    let mut found = BTreeMap::new();
    while let Some(field) = fields.next().await {
        found.extend([field.unwrap()]);
    }
    assert_eq!(found, all);
    let mut members = client.sscan::<String>("big:set", slowly());
    let mut found = Names::new();
    while let Some(member) = members.next().await {
        found.insert(member.unwrap());
    }
    assert!(found.iter().eq(all.keys()));
    let mut scored = client.zscan::<(String, f64)>("big:zset", "f199?");
    let mut found = BTreeMap::new();
    while let Some(member) = scored.next().await {
        found.extend([member.unwrap()]);
    }
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|(name, score)| *name == format!("f{score}")));
    assert!(client.sscan::<String>("big:none", "*").next().await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_find_all_on_redis_7_0() {
    finds_all(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_find_all_on_valkey_8_1() {
    finds_all(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn walks_find_all_on_valkey_9_1() {
    finds_all(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_cursor_is_refused() {
    let (_cluster, client) = start(Spec::on(TestServer::Redis70).shape(3, 0)).await;
    for cursor in ["9007199254740992", "-1", "x"] {
        let command = CommandBuf::new(&["SCAN", cursor]).unwrap();
        let refused = client.call(&command).await.unwrap_err();
        assert!(matches!(refused, Error::Refused(_)), "{refused}");
    }
}
