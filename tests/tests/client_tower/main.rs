//! Layers of tower around the client, and single nodes, on real clusters.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod nodes;

use std::{
    future::Ready,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use slotway::{Client, Cmd, Delivery, Error, Value, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};
use tower::{
    Service, ServiceBuilder, ServiceExt,
    load_shed::error::Overloaded,
    retry::{Policy, RetryLayer},
    timeout::error::Elapsed,
};

async fn start() -> (TestCluster, Client) {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91).shape(3, 0)).await.unwrap();
    let client = Client::connect(cluster.node(0).addr()).await.unwrap();
    (cluster, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_fit_around_the_client() {
    let (_cluster, client) = start().await;
    replies_come_through(&client).await;
    a_timeout_ends_a_wait(&client).await;
    what_is_too_much_is_shed(&client).await;
    what_was_not_sent_is_sent_again(&client).await;
    what_may_have_run_is_not_sent_again(&client).await;
}

async fn replies_come_through(client: &Client) {
    let mut owned = client.clone();
    let set = owned.ready().await.unwrap().call(cmd("SET").arg("tower").arg(1)).await.unwrap();
    assert_eq!(set.as_str(), Some("OK"));
    let mut borrowed = client;
    let got = borrowed.ready().await.unwrap().call(cmd("GET").arg("tower")).await.unwrap();
    assert_eq!(got.as_integer(), Some(1));
    let many = (0..100).map(|n| cmd("SET").arg(format!("tower:{n}")).arg(n));
    let replies = client.clone().call_all(futures_util::stream::iter(many));
    let replies: Vec<Result<Value, Error>> = futures_util::StreamExt::collect(replies).await;
    assert!(replies.len() == 100 && replies.iter().all(Result::is_ok));
    let wrong = client.clone().oneshot(cmd("LPUSH").arg("tower").arg(1)).await.unwrap_err();
    assert!(matches!(&wrong, Error::Server { code, .. } if code == "WRONGTYPE"), "{wrong}");
}

async fn a_timeout_ends_a_wait(client: &Client) {
    let time = Duration::from_millis(20);
    let service = ServiceBuilder::new().timeout(time).service(client.clone());
    let late = service.oneshot(cmd("BLPOP").arg("tower:none").arg(0)).await.unwrap_err();
    assert!(late.is::<Elapsed>(), "{late}");
}

async fn what_is_too_much_is_shed(client: &Client) {
    let layers = ServiceBuilder::new().load_shed().concurrency_limit(1);
    let mut service = layers.service(client.clone());
    let wait = service.ready().await.unwrap().call(cmd("BLPOP").arg("tower:list").arg(0));
    let more = service.ready().await.unwrap().call(cmd("GET").arg("tower")).await.unwrap_err();
    assert!(more.is::<Overloaded>(), "{more}");
    let push = cmd("RPUSH").arg("tower:list").arg("end");
    let (waited, pushed) = tokio::join!(wait, client.run::<i64>(push));
    assert_eq!(pushed.unwrap(), 1);
    assert_eq!(waited.unwrap().as_elements().unwrap()[1].as_str(), Some("end"));
}

/// Sends again what was not executed.
#[derive(Clone)]
struct Unsent;

impl Policy<Cmd, Value, Error> for Unsent {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Cmd, result: &mut Result<Value, Error>) -> Option<Ready<()>> {
        let error = result.as_ref().err()?;
        (error.delivery() == Delivery::NotSent).then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, cmd: &Cmd) -> Option<Cmd> {
        Some(cmd.clone())
    }
}

/// Calls through [`Unsent`]. The first `refusals` attempts end before anything is sent. Returns how
/// many attempts there were.
async fn with_retries(client: &Client, refusals: u32, cmd: Cmd) -> (Result<Value, Error>, u32) {
    let attempts = Arc::new(AtomicU32::new(0));
    let (counted, client) = (attempts.clone(), client.clone());
    let service = tower::service_fn(move |cmd: Cmd| {
        let refused = counted.fetch_add(1, Ordering::Relaxed) < refusals;
        let client = client.clone();
        async move { if refused { Err(Error::Overtaken) } else { client.oneshot(cmd).await } }
    });
    let service = ServiceBuilder::new().layer(RetryLayer::new(Unsent)).service(service);
    (service.oneshot(cmd).await, attempts.load(Ordering::Relaxed))
}

async fn what_was_not_sent_is_sent_again(client: &Client) {
    let (reply, attempts) = with_retries(client, 2, cmd("INCR").arg("tower:count")).await;
    assert_eq!((reply.unwrap().as_integer(), attempts), (Some(1), 3));
}

async fn what_may_have_run_is_not_sent_again(client: &Client) {
    let script = "redis.call('INCR', KEYS[1]) return redis.error_reply('halfway')";
    let eval = cmd("EVAL").arg(script).arg(1).arg("tower:script");
    let (reply, attempts) = with_retries(client, 0, eval).await;
    assert_eq!((reply.unwrap_err().delivery(), attempts), (Delivery::MaybeSent, 1));
    assert_eq!(client.get::<u32>("tower:script").await.unwrap(), 1);
}
