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

use slotway::{Client, Config, Credentials, CredentialsProvider, Secret};
use slotway_cluster::{Spec, TestCluster, TestServer};
use tokio::sync::watch;

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
    let _ = tokio::time::timeout(Duration::from_millis(50), hurried).await;
    bad.store(false, Relaxed);
    assert_eq!(client.get::<Option<String>>("k").await.unwrap(), None);
}
