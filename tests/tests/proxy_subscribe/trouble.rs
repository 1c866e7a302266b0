//! What a client hears, and what becomes of it, while things go wrong.

use std::time::Duration;

use slotway::{Client, Config, Protocol, Slot};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_proxy::subscribe::Listened;
use slotway_tests::proxy::Proxy;

use crate::{
    client,
    ears::{Ears, Session},
    start,
};

const CONFIRMED: &str = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";

/// As many as no test here has.
const SUBSCRIPTIONS_MAX: usize = 1_000;

/// A moment in which a message comes, if it comes at once.
const MOMENT: Duration = Duration::from_millis(100);

/// More than all that lies between a proxy and a client holds.
const MEBIBYTES: usize = 48;

pub(crate) async fn a_thousand_sessions_share_few_connections(server: TestServer) {
    let (cluster, _) = start(server).await;
    let proxy = Proxy::start_with(cluster.node(0).addr(), &["--workers", "2"]).await;
    let client = beside(&proxy).await;
    let mut all = Vec::new();
    for _ in 0..1_000 {
        let mut ears = Ears::connect(proxy.addr(), Protocol::Resp2).await;
        ears.say(&["SUBSCRIBE", "a"]).await;
        all.push(ears);
    }
    for ears in &mut all {
        assert_eq!(ears.hear(1).await, CONFIRMED);
    }
    // One for each worker.
    assert_eq!(connections(&cluster).await, 2);
    client.publish("a", "hello").await.unwrap();
    for ears in &mut all {
        assert_eq!(ears.hear(1).await, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n");
    }
    for ears in all.iter_mut().skip(1) {
        ears.say(&["UNSUBSCRIBE"]).await;
        assert!(ears.hear(1).await.ends_with(":0\r\n"));
    }
    client.publish("a", "again").await.unwrap();
    assert!(all[0].hear(1).await.contains("again"));
}

pub(crate) async fn a_failover_is_not_heard(server: TestServer) {
    let (cluster, proxy) = start(server).await;
    let client = beside(&proxy).await;
    let mut ears = Ears::connect(proxy.addr(), Protocol::Resp3).await;
    for words in [["SUBSCRIBE", "plain"], ["PSUBSCRIBE", "pattern.*"], ["SSUBSCRIBE", "sharded"]] {
        ears.say(&words).await;
    }
    ears.say(&["SUBSCRIBE", "__keyevent@0__:set"]).await;
    ears.hear(4).await;
    let owner = cluster.owner(Slot::of(b"sharded")).await.unwrap();
    cluster.failover(owner + 3).await.unwrap();
    hears_all(&client, &mut ears).await;
    cluster.kill(owner + 3);
    hears_all(&client, &mut ears).await;
}

/// Does everything that is listened to until all of it is heard, and nothing else.
async fn hears_all(client: &Client, ears: &mut Ears) {
    let mut expected: Vec<String> = vec![
        push(&["message", "plain", "x"]),
        push(&["pmessage", "pattern.*", "pattern.1", "x"]),
        push(&["smessage", "sharded", "x"]),
        push(&["message", "__keyevent@0__:set", "sharded"]),
    ];
    let all = expected.clone();
    while !expected.is_empty() {
        // Some may be lost, and some may fail, until everything is as it was.
        let _ = client.publish("plain", "x").await;
        let _ = client.publish("pattern.1", "x").await;
        let _ = client.spublish("sharded", "x").await;
        let _ = client.set("sharded", "x").await;
        while let Some(heard) = ears.hears_already(MOMENT).await {
            assert!(all.contains(&heard), "{heard:?}");
            expected.retain(|expected| *expected != heard);
        }
    }
}

fn push(words: &[&str]) -> String {
    let bulks: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!(">{}\r\n{bulks}", words.len())
}

pub(crate) async fn a_slot_that_moves_is_not_heard(server: TestServer) {
    let (cluster, proxy) = start(server).await;
    let client = beside(&proxy).await;
    let mut ears = Ears::connect(proxy.addr(), Protocol::Resp2).await;
    ears.say(&["SSUBSCRIBE", "sharded", "other"]).await;
    ears.hear(2).await;
    let home = cluster.owner(Slot::of(b"sharded")).await.unwrap();
    for to in [(home + 1) % 3, home] {
        let moving = cluster.open_move(Slot::of(b"sharded"), to).await.unwrap();
        cluster.finish_move(moving).await.unwrap();
        let message = "*3\r\n$8\r\nsmessage\r\n$7\r\nsharded\r\n$1\r\nx\r\n";
        // Only one that is subscribed at the new owner hears several in a row.
        let mut in_a_row = 0;
        while in_a_row < 10 {
            client.spublish("sharded", "x").await.unwrap();
            let heard = ears.hears_already(MOMENT).await;
            in_a_row = heard.as_ref().map_or(0, |_| in_a_row + 1);
            assert!(heard.is_none_or(|heard| heard == message));
        }
    }
}

pub(crate) async fn what_is_subscribed_and_published_in_one_breath_is_heard(server: TestServer) {
    let (_cluster, proxy) = start(server).await;
    let mut ears = Ears::connect(proxy.addr(), Protocol::Resp3).await;
    for n in 0..100 {
        let channel = format!("channel:{n}");
        ears.say(&["SET", &channel, "x"]).await;
        ears.say(&["SUBSCRIBE", &channel]).await;
        ears.say(&["PUBLISH", &channel, "x"]).await;
        ears.say(&["UNSUBSCRIBE", "never"]).await;
    }
    let mut heard = Vec::new();
    for _ in 0..500 {
        heard.push(ears.hear(1).await);
    }
    for n in 0..100 {
        let channel = format!("channel:{n}");
        let at = |frame: &str| heard.iter().position(|heard| heard.starts_with(frame));
        let confirmed = push(&["subscribe", &channel]).replacen(">2", ">3", 1);
        let message = push(&["message", &channel, "x"]);
        assert!(at(&confirmed).unwrap() < at(&message).unwrap());
    }
    // Each request has its answer in its place.
    let answers: Vec<&String> =
        heard.iter().filter(|heard| !heard.contains("$7\r\nmessage")).collect();
    for (n, four) in answers.chunks(4).enumerate() {
        assert_eq!(four[0], "+OK\r\n");
        assert!(four[1].ends_with(&format!("channel:{n}\r\n:{}\r\n", n + 1)), "{four:?}");
        assert!(four[2].starts_with(':'), "{four:?}");
        assert!(four[3].ends_with(&format!("$5\r\nnever\r\n:{}\r\n", n + 1)), "{four:?}");
    }
}

/// A server closes such a client as well: it could not know what it missed.
pub(crate) async fn one_that_does_not_read_is_told_to_close(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let client = client(&cluster, |config| config.limits.messages_max = 100).await;
    let [mut slow, mut quick] = [0, 1].map(|_| Session::new(&client, SUBSCRIPTIONS_MAX));
    for session in [&mut slow, &mut quick] {
        session.say(&["SUBSCRIBE", "a"]);
        assert_eq!(session.hear(1).await, CONFIRMED);
    }
    for n in 0..150 {
        client.publish("a", n).await.unwrap();
        quick.hear(1).await;
    }
    let listened = slow.listened().await;
    assert!(matches!(listened, Listened::Overrun { missed: 50 }), "{listened:?}");
}

pub(crate) async fn one_that_reads_too_slowly_is_closed(server: TestServer) {
    let (cluster, _) = start(server).await;
    let bound = ["--subscriber-output-max", "1MiB"];
    let proxy = Proxy::start_with(cluster.node(0).addr(), &bound).await;
    let client = beside(&proxy).await;
    let mut slow = Ears::connect(proxy.addr(), Protocol::Resp2).await;
    let mut quick = Ears::connect(proxy.addr(), Protocol::Resp2).await;
    for ears in [&mut slow, &mut quick] {
        ears.say(&["SUBSCRIBE", "a"]).await;
        assert_eq!(ears.hear(1).await, CONFIRMED);
    }

    let payload = "x".repeat(1 << 20);
    for _ in 0..MEBIBYTES {
        client.publish("a", &payload).await.unwrap();
        quick.hear(1).await;
    }
    let rest = slow.rest().await;
    assert!(rest.len() < payload.len() * MEBIBYTES, "{}", rest.len());
}

/// One who does things at the proxy meanwhile.
async fn beside(proxy: &Proxy) -> Client {
    Client::connect(Config::new([proxy.addr().clone()])).await.unwrap()
}

pub(crate) async fn a_channel_that_is_not_permitted_is_refused_with_all_of_its_request(
    server: TestServer,
) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    for node in 0..cluster.nodes().len() {
        let user = ["ACL", "SETUSER", "app", "on", ">secret", "~*", "+@all", "resetchannels"];
        cluster.command(node, &[&user[..], &["&allowed.*"]].concat()).await.unwrap();
    }
    let client = client(&cluster, |config| {
        *config = config.clone().with_user("app").with_password("secret");
    });
    let client = client.await;
    let mut session = Session::new(&client, SUBSCRIPTIONS_MAX);
    session.say(&["SUBSCRIBE", "allowed.1"]);
    session.say(&["SUBSCRIBE", "allowed.2", "forbidden"]);
    session.say(&["SUBSCRIBE", "allowed.2"]);
    let heard = session.hear(3).await;
    let (first, rest) = heard.split_once('-').unwrap();
    assert!(first.ends_with(":1\r\n") && rest.starts_with("NOPERM ") && rest.ends_with(":2\r\n"));
    client.publish("allowed.2", "x").await.unwrap();
    assert!(session.hear(1).await.contains("allowed.2"));
}

pub(crate) async fn what_nobody_confirms_is_an_error_in_its_place(server: TestServer) {
    let spec = Spec { node_timeout: Duration::from_secs(60), ..Spec::on(server) };
    let cluster = TestCluster::start(spec).await.unwrap();
    let client =
        client(&cluster, |config| config.limits.deadline = Duration::from_millis(500)).await;
    let mut session = Session::new(&client, SUBSCRIPTIONS_MAX);
    (0..cluster.nodes().len()).for_each(|node| cluster.pause(node));
    session.say(&["SUBSCRIBE", "a", "b"]);
    session.say(&["UNSUBSCRIBE"]);
    let heard = session.hear(2).await;
    assert!(heard.starts_with("-the subscription was not confirmed within"), "{heard}");
    assert!(heard.ends_with("\r\n*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"), "{heard}");
    assert!(!session.listening.is_subscribed());
    (0..cluster.nodes().len()).for_each(|node| cluster.resume_node(node));
}

pub(crate) async fn more_subscriptions_than_allowed_are_refused(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let client = client(&cluster, |_| ()).await;
    let mut session = Session::new(&client, 2);
    session.say(&["SUBSCRIBE", "a"]);
    session.say(&["SUBSCRIBE", "b", "c"]);
    let heard = session.hear(2).await;
    let refusal = "-ERR slotway: a connection may have 2 subscriptions at most\r\n";
    assert_eq!(heard, format!("{CONFIRMED}{refusal}"));
    session.say(&["SUBSCRIBE", "b"]);
    assert!(session.hear(1).await.ends_with(":2\r\n"));
    session.listening.reset();
    assert!(!session.listening.is_subscribed());
    session.say(&["SUBSCRIBE", "a"]);
    assert_eq!(session.hear(1).await, CONFIRMED);
}

/// How many connections for subscriptions all nodes have.
async fn connections(cluster: &TestCluster) -> usize {
    let mut count = 0;
    for node in 0..cluster.nodes().len() {
        let list = cluster.command(node, &["CLIENT", "LIST", "TYPE", "pubsub"]).await.unwrap();
        count += list.as_str().unwrap().lines().count();
    }
    count
}
