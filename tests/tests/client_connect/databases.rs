//! Databases other than 0, and servers that are part of no cluster.

use std::time::Duration;

use slotway::{Client, Config, Error, Event, NodeAddr, Protocol, cmd};
use slotway_cluster::{Spec, Standalone, TestCluster, TestServer};

use crate::{reason, works};

const PATIENCE: Duration = Duration::from_secs(10);

async fn client(at: &NodeAddr, database: u32, protocol: Protocol) -> Client {
    let url = format!("redis://{at}/{database}");
    let mut config: Config = url.parse().unwrap();
    config.protocol = protocol;
    Client::connect(config).await.unwrap()
}

/// Commands of every kind: of one key, of many slots, of no key, in groups, and such as wait.
async fn everything_works(client: &Client) {
    client.flushall().await.unwrap();
    works(client).await;
    client.mset([("a", 1), ("b", 2), ("c", 3)]).await.unwrap();
    let all: Vec<Option<i64>> = client.mget(["c", "none", "a", "b"]).await.unwrap();
    assert_eq!(all, [Some(3), None, Some(1), Some(2)]);
    assert_eq!(client.del(["a", "b", "none"]).await.unwrap(), 2);
    assert_eq!(client.dbsize().await.unwrap(), 101);
    let script = "return redis.call('GET', KEYS[1])";
    assert_eq!(client.eval::<i64>(script, "c", ()).await.unwrap(), 3);
    let pipeline = client.pipeline().then(cmd("INCR").arg("c")).then(cmd("DBSIZE"));
    assert_eq!(pipeline.all::<(i64, i64)>().await.unwrap(), (4, 101));
    let both = client.transaction().then(cmd("INCR").arg("c")).then(cmd("DEL").arg("c"));
    assert_eq!(both.run::<(i64, i64)>().await.unwrap(), (5, 1));
    let mut own = client.dedicated("list").await.unwrap();
    let pushed: i64 = own.run(cmd("RPUSH").arg("list").arg("x")).await.unwrap();
    assert_eq!(pushed, 1);
    let popped: (String, String) =
        client.run(cmd("BLPOP").arg("list").arg(PATIENCE.as_secs())).await.unwrap();
    assert_eq!(popped, ("list".into(), "x".into()));
    let wrong = client.run::<()>(cmd("LPUSH").arg("works:1").arg("x")).await.unwrap_err();
    assert!(matches!(&wrong, Error::Server { code, .. } if code == "WRONGTYPE"), "{wrong}");
}

async fn standalone_works(server: TestServer) {
    let alone = Standalone::start(server.binary(), &[]).await.unwrap();
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let (zero, three) =
            (client(alone.addr(), 0, protocol).await, client(alone.addr(), 3, protocol).await);
        everything_works(&three).await;
        assert_eq!(zero.dbsize().await.unwrap(), 0, "nothing of database 3 is in database 0");
        everything_works(&zero).await;
        zero.set("here", 0).await.unwrap();
        three.set("here", 3).await.unwrap();
        // What is connected again is connected to the same database.
        alone.command(&["CLIENT", "KILL", "TYPE", "normal"]).await.unwrap();
        assert_eq!(zero.get::<i64>("here").await.unwrap(), 0);
        assert_eq!(three.get::<i64>("here").await.unwrap(), 3);
    }
    let url = format!("redis://{}/99", alone.addr());
    let said = reason(Client::connect(url).await);
    assert!(said.contains("database 99 cannot be used: ERR DB index is out of range"), "{said}");
    assert!(said.contains("as its `databases` says"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_7_0_without_a_cluster_is_used_like_one() {
    standalone_works(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_8_1_without_a_cluster_is_used_like_one() {
    standalone_works(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_valkey_9_1_without_a_cluster_is_used_like_one() {
    standalone_works(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_with_one_database_says_so_when_another_is_asked_for() {
    for server in TestServer::ALL {
        let cluster = TestCluster::start(Spec::on(server).shape(1, 0)).await.unwrap();
        let said = reason(Client::connect(format!("redis://{}/1", cluster.node(0).addr())).await);
        assert!(said.contains("database 1 cannot be used: ERR "), "{server}: {said}");
        assert!(said.contains("a cluster has database 0 only"), "{server}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_valkey_9_1_may_have_more_databases() {
    let spec = Spec::on(TestServer::Valkey91).config("cluster-databases", "16");
    let cluster = TestCluster::start(spec).await.unwrap();
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let seed = cluster.node(0).addr();
        let (zero, seven) = (client(seed, 0, protocol).await, client(seed, 7, protocol).await);
        everything_works(&seven).await;
        assert_eq!(zero.dbsize().await.unwrap(), 0, "nothing of database 7 is in database 0");
        everything_works(&zero).await;
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_by_its_unix_socket() {
    for server in TestServer::ALL {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server%socket").to_str().unwrap().to_owned();
        let alone = Standalone::start(server.binary(), &[("unixsocket", &path)]).await.unwrap();
        for protocol in ["resp2", "resp3"] {
            let encoded = path.replace('%', "%25");
            let url = format!("redis+unix://{encoded}?database=3&protocol={protocol}");
            let client = Client::connect(url).await.unwrap();
            everything_works(&client).await;
            let list: String = client.run(cmd("CLIENT").arg("LIST")).await.unwrap();
            assert!(list.lines().all(|line| line.contains(&path)), "{list}");
            let mut news = client.subscribe("news").await.unwrap();
            client.publish("news", "hello").await.unwrap();
            let event = news.next().await;
            assert!(matches!(&event, Some(Event::Message(_))), "{event:?}");
        }
        drop(alone);
        let said = reason(Client::connect("unix:///no/such/socket").await);
        assert!(said.starts_with("cannot connect: "), "{said}");
    }
}
