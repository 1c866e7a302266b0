//! Passwords that change while the client is at work.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use slotway::{
    Client, Config, Credentials, CredentialsProvider, Event, Protocol, Secret, Subscription, cmd,
};
use slotway_cluster::{Spec, TestCluster, TestServer};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{load::Load, reason};

const PATIENCE: Duration = Duration::from_secs(30);

/// A client whose provider says what was said last: a user and a password.
async fn start(server: TestServer) -> (TestCluster, Client, Login) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    set_password(&cluster, "app", "first").await;
    let login = Login::new("app", "first");
    let config = Config::from(cluster.node(0).addr()).with_name("rotating");
    let config = config.with_credentials_provider(login.provider.clone());
    let client = Client::connect(config).await.unwrap();
    (cluster, client, login)
}

struct Login {
    now: watch::Sender<(String, String)>,
    provider: CredentialsProvider,
}

impl Login {
    fn new(user: &str, password: &str) -> Self {
        let (now, held) = watch::channel((user.to_owned(), password.to_owned()));
        let provider = CredentialsProvider::new(move || {
            let (user, password) = held.borrow().clone();
            let login = Credentials { user: Some(user), password: Secret::new(password) };
            async { Ok::<_, Infallible>(login) }
        });
        Self { now, provider }
    }

    fn renew(&self, user: &str, password: &str) {
        self.now.send_replace((user.to_owned(), password.to_owned()));
    }
}

async fn on_all(cluster: &TestCluster, words: &[&str]) {
    for node in 0..cluster.nodes().len() {
        let reply = cluster.command(node, words).await.unwrap();
        assert!(reply.as_error().is_none(), "{words:?}: {reply:?}");
    }
}

/// From now on, only this password is that user's.
async fn set_password(cluster: &TestCluster, user: &str, password: &str) {
    let password = format!(">{password}");
    let rules = ["ACL", "SETUSER", user, "on", "resetpass", &password, "~*", "&*", "+@all"];
    on_all(cluster, &rules).await;
}

/// Who is logged in on the client's connections, and how often they were opened: their numbers.
async fn connections(cluster: &TestCluster) -> (BTreeSet<String>, BTreeSet<(usize, String)>) {
    let (mut users, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for node in 0..cluster.nodes().len() {
        let list = cluster.command(node, &["CLIENT", "LIST"]).await.unwrap();
        let list = list.as_str().unwrap().to_owned();
        for line in list.lines().filter(|line| line.contains("name=rotating")) {
            let field = |name: &str| {
                let value = line.split(' ').find_map(|field| field.strip_prefix(name));
                value.unwrap().to_owned()
            };
            users.insert(field("user="));
            ids.insert((node, field("id=")));
        }
    }
    (users, ids)
}

async fn rotation_costs_no_error(server: TestServer) {
    let (cluster, client, login) = start(server).await;
    let load = Load::start(&client).await;
    load.goes_on(&cluster).await;
    for n in 0..5 {
        let password = format!("password-{n}");
        // For a moment, the provider knows the old one only, or the new one too early.
        if n % 2 == 0 {
            login.renew("app", &password);
            login.provider.changed();
        }
        set_password(&cluster, "app", &password).await;
        on_all(&cluster, &["CLIENT", "KILL", "USER", "app"]).await;
        login.renew("app", &password);
        login.provider.changed();
        load.goes_on(&cluster).await;
    }
    load.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_changes_costs_no_error_on_redis_7_0() {
    rotation_costs_no_error(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_changes_costs_no_error_on_valkey_8_1() {
    rotation_costs_no_error(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_changes_costs_no_error_on_valkey_9_1() {
    rotation_costs_no_error(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_connections_log_in_again_when_credentials_change() {
    for server in TestServer::ALL {
        let (cluster, client, login) = start(server).await;
        set_password(&cluster, "next", "second").await;
        let load = Load::start(&client).await;
        load.goes_on(&cluster).await;
        let (users, before) = connections(&cluster).await;
        assert_eq!(users, ["app".to_owned()].into());
        login.renew("next", "second");
        login.provider.changed();
        let only_next = || async { Ok(connections(&cluster).await.0 == ["next".into()].into()) };
        cluster.wait_for("all to be `next`", PATIENCE, only_next).await.unwrap();
        let (_, after) = connections(&cluster).await;
        assert!(after.is_superset(&before), "{server}: none was closed: {before:?} {after:?}");
        load.end().await;
    }
}

/// What a subscriber hears besides messages, until a message comes after so many events.
async fn heard(news: &mut Subscription, events: usize) -> Vec<&'static str> {
    let mut heard = Vec::new();
    loop {
        match timeout(PATIENCE, news.next()).await.unwrap().unwrap() {
            Event::Message(_) if heard.len() >= events => return heard,
            Event::Message(_) => {}
            Event::Interrupted => heard.push("interrupted"),
            Event::Resubscribed => heard.push("resubscribed"),
            other @ (Event::Lagged { .. } | Event::Refused { .. } | _) => panic!("{other:?}"),
        }
    }
}

/// Connections of every sort, and what subscribers hear when the credentials change.
async fn all_sorts_log_in_again(server: TestServer, protocol: Protocol, expected: &[&str]) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    set_password(&cluster, "app", "first").await;
    set_password(&cluster, "next", "second").await;
    let login = Login::new("app", "first");
    let config = Config::from(cluster.node(0).addr()).with_name("rotating");
    let mut config = config.with_credentials_provider(login.provider.clone());
    config.protocol = protocol;
    let client = Client::connect(config).await.unwrap();
    let mut news = client.subscribe("news").await.unwrap();
    let mut shard = client.ssubscribe("shard").await.unwrap();
    // One connection that was leased and waits for the next who needs one, and one that is in use.
    let pop = |key: &'static str| {
        let (client, cmd) = (client.clone(), cmd("BLPOP").arg(key).arg(0));
        async move { client.run::<(String, String)>(cmd).await.unwrap() }
    };
    client.lpush("{k}there", "x").await.unwrap();
    pop("{k}there").await;
    let waits = tokio::spawn(pop("{k}later"));
    assert_eq!(connections(&cluster).await.0, ["app".to_owned()].into());
    login.renew("next", "second");
    login.provider.changed();
    let one_left = || async {
        let list = old_connections(&cluster).await;
        Ok(list.len() == 1 && list[0].contains("cmd=blpop"))
    };
    cluster.wait_for("all but one to be `next`", PATIENCE, one_left).await.unwrap();
    client.lpush("{k}later", "x").await.unwrap();
    assert_eq!(waits.await.unwrap().1, "x");
    let none_left = || async { Ok(old_connections(&cluster).await.is_empty()) };
    cluster.wait_for("all to be `next`", PATIENCE, none_left).await.unwrap();
    let publish = async {
        loop {
            client.publish("news", "any").await.unwrap();
            client.spublish("shard", "any").await.unwrap();
            sleep(Duration::from_millis(20)).await;
        }
    };
    let hear = async {
        assert_eq!(heard(&mut news, expected.len()).await, expected, "{server} {protocol:?}");
        assert_eq!(heard(&mut shard, expected.len()).await, expected, "{server} {protocol:?}");
    };
    tokio::select! {
        () = hear => {}
        () = publish => {}
    }
}

/// The client's connections that are not logged in as `next`, as the server describes them.
async fn old_connections(cluster: &TestCluster) -> Vec<String> {
    let mut old = Vec::new();
    for node in 0..cluster.nodes().len() {
        let list = cluster.command(node, &["CLIENT", "LIST"]).await.unwrap();
        let lines = list.as_str().unwrap().lines();
        let ours = lines.filter(|line| line.contains("name=rotating"));
        old.extend(ours.filter(|line| !line.contains("user=next")).map(str::to_owned));
    }
    old
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_every_sort_log_in_again_and_no_message_is_missed() {
    for server in TestServer::ALL {
        all_sorts_log_in_again(server, Protocol::Resp3, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_of_resp2_hear_that_their_connection_was_replaced() {
    for server in TestServer::ALL {
        let told = ["interrupted", "resubscribed"];
        all_sorts_log_in_again(server, Protocol::Resp2, &told).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_cannot_be_had_are_the_error() {
    let cluster = TestCluster::start(Spec::on(TestServer::Redis70).shape(1, 0)).await.unwrap();
    let config = || {
        let mut config = Config::from(cluster.node(0).addr());
        config.limits.connect_timeout = Duration::from_millis(200);
        config
    };
    let broken = CredentialsProvider::new(|| async { Err("the vault is closed") });
    let said = reason(Client::connect(config().with_credentials_provider(broken)).await);
    assert_eq!(said, "the credentials provider gave no credentials: the vault is closed");
    let silent =
        CredentialsProvider::new(|| async { std::future::pending::<Result<_, &str>>().await });
    let said = reason(Client::connect(config().with_credentials_provider(silent)).await);
    assert!(said.ends_with("it did not answer within 200ms"), "{said}");
    let wrong = Login::new("nobody", "secret").provider;
    let said = reason(Client::connect(config().with_credentials_provider(wrong)).await);
    assert_eq!(said, "the server does not accept this user and password");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_panics_is_asked_again() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey81).shape(1, 0)).await.unwrap();
    let bad = Arc::<AtomicBool>::default();
    let mood = bad.clone();
    let provider = CredentialsProvider::new(move || {
        assert!(!mood.load(Relaxed), "it is in a bad mood");
        let login = Credentials { user: None, password: Secret::new("any") };
        async { Ok::<_, Infallible>(login) }
    });
    let config = Config::from(cluster.node(0).addr()).with_credentials_provider(provider.clone());
    let client = Client::connect(config.clone()).await.unwrap();
    bad.store(true, Relaxed);
    let said = reason(Client::connect(config).await);
    assert!(said.ends_with("it panicked"), "{said}");
    provider.changed();
    on_all(&cluster, &["CLIENT", "KILL", "TYPE", "normal"]).await;
    let hurried = client.get::<Option<String>>("k");
    let _ = timeout(Duration::from_millis(50), hurried).await;
    bad.store(false, Relaxed);
    assert_eq!(client.get::<Option<String>>("k").await.unwrap(), None);
}
