//! What a session does while things go wrong.

use std::time::Duration;

use slotway::{Client, Protocol, Slot};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_proxy::subscribe::{Listened, SubscriptionCounts};

use crate::{client, ears::Session, start};

const CONFIRMED: &str = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";

pub(crate) async fn a_thousand_sessions_share_few_connections(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut sessions: Vec<Session> =
        (0..1_000).map(|_| Session::new(&client, Protocol::Resp2)).collect();
    for session in &mut sessions {
        session.say(&["SUBSCRIBE", "a"]);
    }
    for session in &mut sessions {
        assert_eq!(session.hear(1).await, CONFIRMED);
    }
    assert_eq!(connections(&cluster).await, 1);
    client.publish("a", "hello").await.unwrap();
    for session in &mut sessions {
        assert_eq!(session.hear(1).await, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n");
    }
    for session in sessions.iter_mut().skip(1) {
        session.say(&["UNSUBSCRIBE"]);
        session.hear(1).await;
        assert!(!session.listening.is_subscribed());
    }
    client.publish("a", "again").await.unwrap();
    assert!(sessions[0].hear(1).await.contains("again"));
}

pub(crate) async fn a_failover_is_not_heard(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut session = Session::new(&client, Protocol::Resp3);
    for words in [["SUBSCRIBE", "plain"], ["PSUBSCRIBE", "pattern.*"], ["SSUBSCRIBE", "sharded"]] {
        session.say(&words);
    }
    session.say(&["SUBSCRIBE", "__keyevent@0__:set"]);
    session.hear(4).await;
    let counts = SubscriptionCounts { channels: 2, patterns: 1, sharded: 1 };
    let owner = cluster.owner(Slot::of(b"sharded")).await.unwrap();
    cluster.failover(owner + 3).await.unwrap();
    hears_all(&client, &mut session).await;
    cluster.kill(owner + 3);
    hears_all(&client, &mut session).await;
    assert!(session.listening.interruptions() > 0);
    assert_eq!(session.listening.counts(), counts);
}

/// Does everything that is listened to until all of it is heard, and nothing else.
async fn hears_all(client: &Client, session: &mut Session) {
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
        while let Some(heard) = session.hears_already(Duration::from_millis(100)).await {
            assert!(all.contains(&heard), "{heard:?}");
            expected.retain(|expected| *expected != heard);
        }
    }
}

fn push(words: &[&str]) -> String {
    let words: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!(">{}\r\n{words}", words.matches('$').count())
}

pub(crate) async fn a_slot_that_moves_is_not_heard(server: TestServer) {
    let (cluster, client) = start(server).await;
    let mut session = Session::new(&client, Protocol::Resp2);
    session.say(&["SSUBSCRIBE", "sharded", "other"]);
    session.hear(2).await;
    let home = cluster.owner(Slot::of(b"sharded")).await.unwrap();
    for to in [(home + 1) % 3, home] {
        let moving = cluster.open_move(Slot::of(b"sharded"), to).await.unwrap();
        cluster.finish_move(moving).await.unwrap();
        loop {
            client.spublish("sharded", "x").await.unwrap();
            if let Some(heard) = session.hears_already(Duration::from_millis(100)).await {
                let message = "*3\r\n$8\r\nsmessage\r\n$7\r\nsharded\r\n$1\r\nx\r\n";
                assert_eq!(heard, message);
                if session.listening.interruptions() > 0 {
                    break;
                }
            }
        }
    }
}

pub(crate) async fn one_that_reads_too_slowly_is_told_to_close(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let client = client(&cluster, |config| config.limits.messages_max = 100).await;
    let mut slow = Session::new(&client, Protocol::Resp2);
    let mut quick = Session::new(&client, Protocol::Resp2);
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
    let mut session = Session::new(&client, Protocol::Resp2);
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
    let mut session = Session::new(&client, Protocol::Resp2);
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
    let (_cluster, client) = start(server).await;
    let mut session = Session::with_subscriptions_max(&client, 2);
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
