//! The password changes while the client works.

use std::convert::Infallible;

use slotway::{Client, Config, Credentials, CredentialsProvider, Error, Secret};
use slotway_cluster::{Access, Admin, Spec, TestCluster};
use tokio::sync::watch;

use crate::{TASKS, ledger::Ledger, on_each_server};

const OLD: &str = "old-password";
const NEW: &str = "new-password";

/// Says the same to all nodes, over connections that have logged in long ago.
async fn tell(admins: &mut [Admin], command: &[&str]) {
    for admin in admins {
        admin.ask(command).await.unwrap();
    }
}

fn with_password(cluster: &TestCluster, password: &str) -> Config {
    Config::new([cluster.node(0).addr().clone()]).with_password(password)
}

#[track_caller]
fn is_turned_away(result: Result<Client, Error>) {
    let text = result.unwrap_err().to_string();
    assert!(text.contains("does not accept this user and password"), "{text}");
    assert!(!text.contains(OLD) && !text.contains(NEW), "{text}");
}

async fn logged_in(cluster: &TestCluster) -> Vec<Admin> {
    let mut admins = Vec::new();
    for node in 0..cluster.nodes().len() {
        admins.push(cluster.connect(node).await.unwrap());
    }
    admins
}

/// Both are valid for a while: replicas, too, log in with the one or the other.
async fn add_new(admins: &mut [Admin]) {
    tell(admins, &["ACL", "SETUSER", "default", &format!(">{NEW}")]).await;
    tell(admins, &["CONFIG", "SET", "masterauth", NEW]).await;
}

async fn remove_old(cluster: &TestCluster, admins: &mut [Admin]) {
    tell(admins, &["ACL", "SETUSER", "default", &format!("<{OLD}")]).await;
    is_turned_away(Client::connect(with_password(cluster, OLD)).await);
}

/// Cuts every connection but these, and looks that those who come back are let in.
async fn come_in_again(admins: &mut [Admin], client: &Client, ledger: Ledger) {
    tell(admins, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    ledger.makes_progress().await;
    let report = ledger.end(client).await;
    report.lost_nothing();
    assert_eq!((report.refused, report.reads_failed), (0, 0), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_costs_no_error() {
    on_each_server(|server| async move {
        let spec = Spec { access: Access::password(OLD), ..Spec::on(server) };
        let cluster = TestCluster::start(spec).await.unwrap();
        let client = Client::connect(with_password(&cluster, OLD)).await.unwrap();
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let mut admins = logged_in(&cluster).await;
        is_turned_away(Client::connect(with_password(&cluster, NEW)).await);
        add_new(&mut admins).await;
        ledger.makes_progress().await;
        let second = Client::connect(with_password(&cluster, NEW)).await.unwrap();
        let newer = Ledger::start_from(TASKS, &second, TASKS);
        newer.makes_progress().await;
        remove_old(&cluster, &mut admins).await;
        // Who is in stays in.
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
        come_in_again(&mut admins, &second, newer).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_for_the_password_lives_through_its_change() {
    on_each_server(|server| async move {
        let spec = Spec { access: Access::password(OLD), ..Spec::on(server) };
        let cluster = TestCluster::start(spec).await.unwrap();
        let (renew, password) = watch::channel(OLD);
        let provider = CredentialsProvider::new(move || {
            let password = Secret::new(*password.borrow());
            async { Ok::<_, Infallible>(Credentials { user: None, password }) }
        });
        let config = Config::new([cluster.node(0).addr().clone()]);
        let config = config.with_credentials_provider(provider.clone());
        let client = Client::connect(config).await.unwrap();
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let mut admins = logged_in(&cluster).await;
        add_new(&mut admins).await;
        renew.send_replace(NEW);
        provider.changed();
        ledger.makes_progress().await;
        remove_old(&cluster, &mut admins).await;
        ledger.makes_progress().await;
        come_in_again(&mut admins, &client, ledger).await;
    })
    .await;
}
