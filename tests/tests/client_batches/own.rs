//! What needs a connection of its own.

use std::time::Duration;

use slotway::{Client, Config, Error, Limits, Slot, Value, cmd};
use slotway_cluster::TestCluster;
use tokio::time::{Instant, timeout};

type Popped = Option<(String, String)>;

pub(crate) async fn a_watch_sees_what_others_change(client: &Client) {
    client.set("{w}n", 1).await.unwrap();
    let mut watch = client.watch(["{w}n", "{w}other"]).await.unwrap();
    let n: i64 = watch.run(cmd("GET").arg("{w}n")).await.unwrap();
    let done: Option<(String,)> = watch.exec([cmd("SET").arg("{w}n").arg(n + 1)]).await.unwrap();
    assert!(done.is_some());
    let watch = client.watch("{w}n").await.unwrap();
    client.set("{w}n", 10).await.unwrap();
    let done: Option<Vec<Value>> = watch.exec([cmd("SET").arg("{w}n").arg(3)]).await.unwrap();
    assert_eq!(done, None);
    assert_eq!(client.get::<i64>("{w}n").await.unwrap(), 10);
    let error = client.watch(["a", "b"]).await.unwrap_err();
    assert!(error.to_string().contains("slot"), "{error}");
    let watch = client.watch("{w}n").await.unwrap();
    let error = watch.exec::<Vec<Value>>([cmd("SET").arg("x").arg(1)]).await.unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    // Eight that count up by hand lose no step.
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(count_up(client.clone()))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(client.get::<i64>("{w}n").await.unwrap(), 10 + 8 * 10);
}

async fn count_up(client: Client) {
    for _ in 0..10 {
        loop {
            let mut watch = client.watch("{w}n").await.unwrap();
            let n: i64 = watch.run(cmd("GET").arg("{w}n")).await.unwrap();
            let next = cmd("SET").arg("{w}n").arg(n + 1);
            if watch.exec::<Vec<Value>>([next]).await.unwrap().is_some() {
                break;
            }
        }
    }
}

pub(crate) async fn a_command_that_waits_holds_up_no_other(client: &Client) {
    let pop = cmd("BLPOP").arg("queue").arg(0);
    let waiting = tokio::spawn({
        let client = client.with_deadline(Duration::from_millis(200));
        async move { client.run::<Popped>(pop).await }
    });
    let started = Instant::now();
    for n in 0..200 {
        client.set("{queue}other", n).await.unwrap();
    }
    // Longer than the deadline, which does not count what the command itself allows.
    while started.elapsed() < Duration::from_millis(400) {
        client.set("{queue}other", 1).await.unwrap();
    }
    assert!(!waiting.is_finished());
    let _: i64 = client.run(cmd("RPUSH").arg("queue").arg("job")).await.unwrap();
    let popped = waiting.await.unwrap().unwrap();
    assert_eq!(popped, Some(("queue".to_owned(), "job".to_owned())));
    let none: Popped = client.run(cmd("BLPOP").arg("queue").arg("0.05")).await.unwrap();
    assert_eq!(none, None);
    let read = cmd("XREAD").arg(("BLOCK", 20, "STREAMS", "stream", "$"));
    assert_eq!(client.run::<Value>(read).await.unwrap(), Value::Null);
}

/// Whoever stopped waiting must not be given what comes later.
pub(crate) async fn a_dropped_wait_takes_nothing(client: &Client) {
    for _ in 0..20 {
        let pop = client.run::<Popped>(cmd("BLPOP").arg("dropped").arg(0));
        assert!(timeout(Duration::from_millis(10), pop).await.is_err());
    }
    // The server has heard of it when no connection waits any more.
    let gone = async {
        while waiting_at(client, "blpop").await > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), gone).await.expect("the server stops waiting");
    let _: i64 = client.run(cmd("RPUSH").arg("dropped").arg("job")).await.unwrap();
    assert_eq!(client.run::<i64>(cmd("LLEN").arg("dropped")).await.unwrap(), 1);
}

/// How many connections to the node of the key `dropped` are in such a command.
async fn waiting_at(client: &Client, command: &str) -> usize {
    let mut own = client.dedicated("dropped").await.unwrap();
    let list: String = own.run(cmd("CLIENT").arg("LIST")).await.unwrap();
    list.matches(&format!("cmd={command} ")).count()
}

/// Whoever ends a wait with an error is heard.
pub(crate) async fn a_wait_that_is_ended_is_over(client: &Client) {
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.run::<Popped>(cmd("BLPOP").arg("dropped:{dropped}").arg(0)).await }
    });
    let mut own = client.dedicated("dropped").await.unwrap();
    let ended = async {
        loop {
            let list: String = own.run(cmd("CLIENT").arg("LIST")).await.unwrap();
            let blocked = list.lines().find(|line| line.contains("cmd=blpop "));
            let id = blocked.and_then(|line| line.strip_prefix("id=")?.split(' ').next());
            if let Some(id) = id {
                let unblock = cmd("CLIENT").arg("UNBLOCK").arg(id).arg("ERROR");
                if own.run::<bool>(unblock).await.unwrap() {
                    return;
                }
            }
        }
    };
    timeout(Duration::from_secs(20), ended).await.expect("it waits at the server");
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Server { code, .. } if code == "UNBLOCKED"), "{error}");
}

pub(crate) async fn no_more_connections_are_kept_than_may_be(cluster: &TestCluster) {
    let mut limits = Limits::default();
    limits.idle_leases_max = 2;
    let config = Config::from(cluster.node(0).addr()).with_name("kept").with_limits(limits);
    let client = Client::connect(config).await.unwrap();
    let waits = (0..10).map(|_| client.run::<Popped>(cmd("BLPOP").arg("kept").arg("0.3")));
    for popped in futures_util::future::join_all(waits).await {
        assert_eq!(popped.unwrap(), None);
    }
    let node = client.topology().owner(Slot::of(b"kept")).unwrap().addr().cloned();
    let node = client.node(&node.unwrap()).unwrap();
    let closed = async {
        loop {
            let list: String = node.run(cmd("CLIENT").arg("LIST")).await.unwrap();
            let blocking = |line: &&str| line.contains("name=kept") && line.contains("cmd=blpop");
            if list.lines().filter(blocking).count() <= 2 {
                return;
            }
        }
    };
    timeout(Duration::from_secs(20), closed).await.expect("the others are closed");
}

pub(crate) async fn there_are_no_more_leases_than_may_be(cluster: &TestCluster) {
    let mut limits = Limits::default();
    limits.leases_max = 2;
    limits.deadline = Duration::from_millis(300);
    let config = Config::from(cluster.node(0).addr()).with_limits(limits);
    let client = Client::connect(config).await.unwrap();
    let one = client.dedicated("a").await.unwrap();
    let _two = client.watch("b").await.unwrap();
    let error = client.run::<Popped>(cmd("BLPOP").arg("c").arg("0.01")).await.unwrap_err();
    assert!(matches!(error, Error::AllLeased { leases_max: 2 }), "{error}");
    drop(one);
    assert_eq!(client.run::<Popped>(cmd("BLPOP").arg("c").arg("0.01")).await.unwrap(), None);
}

pub(crate) async fn wait_speaks_of_its_own_writes(client: &Client) {
    let mut own = client.dedicated("waited").await.unwrap();
    let _: () = own.run(cmd("SET").arg("waited").arg(1)).await.unwrap();
    let replicas: u64 = own.run(cmd("WAIT").arg((1, 5000))).await.unwrap();
    assert_eq!(replicas, 1);
    let error = client.run::<u64>(cmd("WAIT").arg((1, 100))).await.unwrap_err();
    assert!(error.to_string().contains("dedicated"), "{error}");
    for name in ["HELLO", "RESET", "SUBSCRIBE"] {
        let error = own.run::<Value>(cmd(name).arg("3")).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{name}: {error}");
    }
    // A key of another node is its business to say, and the connection stays in order.
    let moved = (0..100).map(|n| format!("elsewhere:{n}"));
    for key in moved {
        if let Err(error) = own.run::<Option<String>>(cmd("GET").arg(key)).await {
            assert!(matches!(&error, Error::Server { code, .. } if code == "MOVED"), "{error}");
        }
    }
    assert_eq!(own.run::<i64>(cmd("GET").arg("waited")).await.unwrap(), 1);
}

pub(crate) async fn a_wait_goes_on_at_the_new_owner(cluster: &TestCluster, client: &Client) {
    let key = "wandering";
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.run::<Popped>(cmd("BRPOP").arg(key).arg(60)).await }
    });
    let slot = Slot::of(key.as_bytes());
    let to = if cluster.owner(slot).await.unwrap() == 0 { 1 } else { 0 };
    let moving = cluster.open_move(slot, to).await.unwrap();
    cluster.finish_move(moving).await.unwrap();
    let _: i64 = client.run(cmd("LPUSH").arg(key).arg("found")).await.unwrap();
    let popped = waiting.await.unwrap().unwrap();
    assert_eq!(popped, Some((key.to_owned(), "found".to_owned())));
}
