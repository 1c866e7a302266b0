//! Many commands at once, and many as one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use slotway::{Client, Config, Delivery, Error, Limits, Slot, Value, cmd};
use slotway_cluster::TestCluster;

pub(crate) async fn each_command_has_its_reply_in_its_place(client: &Client) {
    let mut pipeline = client.pipeline();
    for n in 0..200 {
        pipeline = pipeline.then(cmd("SET").arg(format!("pipe:{n}")).arg(n));
    }
    pipeline = pipeline.then(cmd("LPUSH").arg("pipe:7").arg("x")).then(cmd("NOSUCH"));
    pipeline = pipeline.then(cmd("MGET").arg(["pipe:1", "pipe:2", "pipe:3"])).then(cmd("DBSIZE"));
    for n in 0..200 {
        pipeline = pipeline.then(cmd("GET").arg(format!("pipe:{n}")));
    }
    let replies = pipeline.run().await;
    assert_eq!(replies.len(), 404);
    assert!(replies[..200].iter().all(|reply| matches!(reply, Ok(Value::Simple(_)))));
    let wrong = replies[200].as_ref().unwrap_err();
    assert!(matches!(wrong, Error::Server { code, .. } if code == "WRONGTYPE"), "{wrong:?}");
    assert!(replies[201].is_err(), "{:?}", replies[201]);
    let bulk = |text: String| Value::Bulk(text.into());
    let three = [1, 2, 3].map(|n| bulk(n.to_string()));
    assert_eq!(*replies[202].as_ref().unwrap(), Value::Array(three.into()));
    assert_eq!(*replies[203].as_ref().unwrap(), Value::Integer(200));
    for (n, reply) in replies[204..].iter().enumerate() {
        assert_eq!(*reply.as_ref().unwrap(), bulk(n.to_string()));
    }
    let typed = client.pipeline().then(cmd("INCR").arg("pipe:1")).then(cmd("GET").arg("none"));
    assert_eq!(typed.all::<(i64, Option<String>)>().await.unwrap(), (2, None));
    assert!(client.pipeline().run().await.is_empty());
    let keyless = client
        .pipeline()
        .then(cmd("PING"))
        .then(cmd("PUBLISH").arg("nobody").arg("hears"))
        .then(cmd("SELECT").arg(0))
        .then(cmd("ECHO").arg("echo"));
    let replies = keyless.run().await;
    assert_eq!(*replies[0].as_ref().unwrap(), Value::Simple("PONG".into()));
    assert_eq!(*replies[1].as_ref().unwrap(), Value::Integer(0));
    assert!(matches!(replies[2], Err(Error::Refused(_))), "{:?}", replies[2]);
    assert_eq!(*replies[3].as_ref().unwrap(), bulk("echo".to_owned()));
    let _: () = client.run(cmd("FLUSHALL")).await.unwrap();
}

pub(crate) async fn there_are_no_more_commands_than_may_be(cluster: &TestCluster) {
    let mut limits = Limits::default();
    limits.batch_max = 2;
    let config = Config::from(cluster.node(0).addr()).with_limits(limits);
    let client = Client::connect(config).await.unwrap();
    let incr = || cmd("INCR").arg("batch");
    let pipeline = client.pipeline().then(incr()).then(incr()).then(incr());
    let transaction = client.transaction().then(incr()).then(incr()).then(incr());
    let errors = [
        pipeline.all::<Vec<Value>>().await.unwrap_err(),
        transaction.run::<Vec<Value>>().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(error.to_string().contains("batch_max"), "{error}");
    }
    let two = client.pipeline().then(incr()).then(incr());
    assert_eq!(two.all::<(u64, u64)>().await.unwrap(), (1, 2));
}

pub(crate) async fn a_transaction_runs_as_one(client: &Client) {
    let writers = (0..20).map(|n| {
        let transaction = client
            .transaction()
            .then(cmd("RPUSH").arg("{tx}list").arg(n))
            .then(cmd("RPUSH").arg("{tx}list").arg(n))
            .then(cmd("LLEN").arg("{tx}list"));
        tokio::spawn(transaction.run::<(i64, i64, i64)>())
    });
    for writer in writers.collect::<Vec<_>>() {
        let (first, second, length) = writer.await.unwrap().unwrap();
        assert_eq!((first + 1, second), (second, length));
    }
    let list: Vec<i64> = client.run(cmd("LRANGE").arg("{tx}list").arg((0, -1))).await.unwrap();
    assert!(list.chunks(2).all(|pair| pair[0] == pair[1]), "{list:?}");
    // One that fails while it runs stops no other.
    let mixed =
        client.transaction().then(cmd("INCR").arg("{tx}list")).then(cmd("INCR").arg("{tx}n"));
    let replies: Vec<Value> = mixed.run().await.unwrap();
    assert!(replies[0].as_error().is_some_and(|text| text.starts_with(b"WRONGTYPE")));
    assert_eq!(replies[1], Value::Integer(1));
    assert_eq!(client.transaction().run::<Vec<Value>>().await.unwrap(), []);
}

pub(crate) async fn what_cannot_be_one_is_refused_unsent(client: &Client) {
    let refused = async |transaction: slotway::Transaction, why: &str| {
        let error = transaction.run::<Vec<Value>>().await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(error.to_string().contains(why), "{error}");
    };
    let set = |key: &str| cmd("SET").arg(key).arg(1);
    refused(client.transaction().then(set("a")).then(set("b")), "slots").await;
    refused(client.transaction().then(set("a")).then(cmd("WATCH").arg("a")), "one node").await;
    refused(client.transaction().then(set("a")).then(cmd("MULTI")), "one node").await;
    refused(client.transaction().then(cmd("SET").arg("a")), "arguments").await;
    // A server that turns a command down while it is queued runs none.
    let queued =
        client.transaction().then(set("{q}a")).then(cmd("OBJECT").arg(("ENCODING", "{q}a", 1)));
    let error = queued.run::<Vec<Value>>().await.unwrap_err();
    assert!(!error.to_string().contains("EXECABORT"), "the reason and not the result: {error}");
    assert_eq!(client.get::<Option<String>>("{q}a").await.unwrap(), None);
    for name in ["MULTI", "ASKING", "READONLY", "RESET", "QUIT"] {
        let error = client.run::<Value>(cmd(name)).await.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{name}: {error}");
    }
}

/// Pipelines and transactions on some keys, while their slots go back and forth.
pub(crate) async fn order_is_kept_while_slots_move(cluster: &TestCluster, client: &Client) {
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..16)
        .map(|task| tokio::spawn(keep_counting(client.clone(), task, stop.clone())))
        .collect();
    for task in 0..16 {
        let slot = Slot::of(format!("{{move:{task}}}").as_bytes());
        let to = if cluster.owner(slot).await.unwrap() == 0 { 1 } else { 0 };
        let moving = cluster.open_move(slot, to).await.unwrap();
        while cluster.move_keys(moving, 1).await.unwrap() > 0 {}
        cluster.finish_move(moving).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        assert!(task.await.unwrap() > 0, "each ran some rounds");
    }
}

async fn keep_counting(client: Client, task: usize, stop: Arc<AtomicBool>) -> u64 {
    let key = |name: &str| format!("{{move:{task}}}:{name}");
    let (mut rounds, mut other) = (0_u64, None);
    while !stop.load(Ordering::Relaxed) {
        let mut pipeline = client.pipeline();
        for n in 0..20 {
            pipeline = pipeline.then(cmd("SET").arg(key("last")).arg(format!("{rounds}:{n}")));
            pipeline = pipeline.then(cmd("GETSET").arg(key("other")).arg(format!("{rounds}:{n}")));
        }
        let replies = pipeline.then(cmd("GET").arg(key("last"))).run().await;
        check_round(&replies, rounds, &mut other);
        let transaction = client
            .transaction()
            .then(cmd("INCR").arg(key("one")))
            .then(cmd("INCR").arg(key("two")));
        // Keys of one transaction on both ends of a move: the server asks to try again, in vain
        // until the move ends.
        let (one, two): (u64, u64) = transaction.run().await.unwrap();
        rounds += 1;
        assert_eq!((one, two), (rounds, rounds));
    }
    rounds
}

/// Each write that ran must have found what the one before it wrote.
fn check_round(replies: &[Result<Value, Error>], round: u64, other: &mut Option<String>) {
    let mut last = None;
    for (n, pair) in replies[..40].chunks(2).enumerate() {
        match &pair[1] {
            Ok(Value::Bulk(old)) => assert_eq!(other.as_deref().map(str::as_bytes), Some(&**old)),
            Ok(none) => assert_eq!((none, other.as_ref()), (&Value::Null, None)),
            Err(error) => assert!(matches!(error, Error::Overtaken), "{error}"),
        }
        if pair[1].is_ok() {
            *other = Some(format!("{round}:{n}"));
        }
        if pair[0].is_ok() {
            last = Some(format!("{round}:{n}"));
        }
    }
    match &replies[40] {
        Ok(Value::Bulk(value)) => assert_eq!(Some(&**value), last.as_deref().map(str::as_bytes)),
        reply => panic!("{reply:?}"),
    }
}
