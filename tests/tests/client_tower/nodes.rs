//! One node and no other.

use std::time::Duration;

use slotway::{Client, Delivery, Error, NodeAddr, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};
use tokio::time::Instant;
use tower::ServiceExt;

async fn start(replicas: usize) -> (TestCluster, Client) {
    let spec = Spec::on(TestServer::Redis70).shape(3, replicas);
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = Client::connect(cluster.node(0).addr()).await.unwrap();
    (cluster, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_for_itself_alone() {
    let (_cluster, client) = start(0).await;
    assert_eq!((client.nodes().len(), client.primaries().len()), (3, 3));
    assert!(client.node(&NodeAddr::new("elsewhere", 1)).is_none());
    for n in 0..300 {
        client.set(format!("node:{n}"), n).await.unwrap();
    }
    let mut sizes = Vec::new();
    for node in client.nodes() {
        sizes.push(node.run::<u64>(cmd("DBSIZE")).await.unwrap());
        let mut cursor = String::from("0");
        let mut found = 0;
        loop {
            let step = cmd("SCAN").arg(&cursor).arg("COUNT").arg(1000);
            let (next, keys): (String, Vec<String>) = node.run(step).await.unwrap();
            found += keys.len() as u64;
            if next == "0" {
                break;
            }
            cursor = next;
        }
        assert_eq!(Some(&found), sizes.last());
        assert_eq!(node.clone().oneshot(cmd("PING")).await.unwrap().as_str(), Some("PONG"));
    }
    assert_eq!(sizes.iter().sum::<u64>(), 300);
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_node_is_an_error() {
    let (_cluster, client) = start(0).await;
    client.set("here", "value").await.unwrap();
    let mut values = Vec::new();
    for node in client.primaries() {
        match node.run::<String>(cmd("GET").arg("here")).await {
            Ok(value) => values.push(value),
            Err(Error::Server { code, .. }) => assert_eq!(code, "MOVED"),
            Err(error) => panic!("{error}"),
        }
        let both = node.run::<()>(cmd("MGET").arg("a").arg("b")).await.unwrap_err();
        assert!(matches!(&both, Error::Server { code, .. } if code == "CROSSSLOT"), "{both}");
        let multi = node.run::<()>(cmd("MULTI")).await.unwrap_err();
        assert!(matches!(multi, Error::Refused(_)), "{multi}");
        let subscribe = node.run::<()>(cmd("SUBSCRIBE").arg("c")).await.unwrap_err();
        assert!(matches!(subscribe, Error::Refused(_)), "{subscribe}");
    }
    assert_eq!(values, ["value"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_at_one_node_holds_up_nobody() {
    let (_cluster, client) = start(0).await;
    client.set("list:probe", 1).await.unwrap();
    let mut owner = None;
    for node in client.primaries() {
        if node.run::<u32>(cmd("GET").arg("list:probe")).await.is_ok() {
            owner = Some(node);
        }
    }
    let owner = owner.unwrap();
    // The same slot as the probe's.
    let list = "{list:probe}:wait";
    let waiter = owner.clone();
    let pop = async move { waiter.run::<(String, String)>(cmd("BLPOP").arg(list).arg(0)).await };
    let wait = tokio::spawn(pop);
    // The wait has begun when the server says so.
    let end = Instant::now() + Duration::from_secs(20);
    let blocked = || owner.run::<String>(cmd("INFO").arg("clients"));
    while !blocked().await.unwrap().contains("blocked_clients:1") {
        assert!(Instant::now() < end, "nobody waits");
        tokio::task::yield_now().await;
    }
    owner.run::<u64>(cmd("RPUSH").arg(list).arg("x")).await.unwrap();
    assert_eq!(wait.await.unwrap().unwrap(), (list.to_owned(), "x".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_answers_reads_when_it_is_asked_as_one() {
    let (_cluster, client) = start(1).await;
    client.set("read", "me").await.unwrap();
    let owners: Vec<NodeAddr> = client.primaries().iter().map(|node| node.addr().clone()).collect();
    let mut read = 0;
    for replica in client.nodes().into_iter().filter(|node| !owners.contains(node.addr())) {
        let moved = replica.run::<String>(cmd("GET").arg("read")).await.unwrap_err();
        assert!(matches!(&moved, Error::Server { code, .. } if code == "MOVED"), "{moved}");
        let replica = replica.as_replica();
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            match replica.run::<Option<String>>(cmd("GET").arg("read")).await {
                Ok(Some(value)) => {
                    assert_eq!(value, "me");
                    read += 1;
                    break;
                }
                // The write is on its way.
                Ok(None) => assert!(Instant::now() < end, "the write does not come"),
                Err(Error::Server { code, .. }) if code == "MOVED" => break,
                Err(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(read, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_is_told_as_not_executed() {
    let (cluster, client) = start(0).await;
    let addr = cluster.node(2).addr();
    let node = client.node(addr).unwrap();
    node.run::<String>(cmd("PING")).await.unwrap();
    cluster.kill(2);
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let error = node.run::<String>(cmd("PING")).await.unwrap_err();
        if matches!(error, Error::Unreachable { .. }) {
            assert_eq!(error.delivery(), Delivery::NotSent);
            break;
        }
        assert!(Instant::now() < end, "{error}");
    }
}
