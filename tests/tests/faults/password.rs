//! The password changes while the client works.

use slotway::{Client, Config, Error};
use slotway_cluster::{Access, Admin, Spec, TestCluster};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_costs_no_error() {
    on_each_server(|server| async move {
        let spec = Spec { access: Access::password(OLD), ..Spec::on(server) };
        let cluster = TestCluster::start(spec).await.unwrap();
        let client = Client::connect(with_password(&cluster, OLD)).await.unwrap();
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let mut admins = Vec::new();
        for node in 0..cluster.nodes().len() {
            admins.push(cluster.connect(node).await.unwrap());
        }
        is_turned_away(Client::connect(with_password(&cluster, NEW)).await);
        // Both are valid for a while: replicas, too, log in with the one or the other.
        let add = format!(">{NEW}");
        tell(&mut admins, &["ACL", "SETUSER", "default", &add]).await;
        tell(&mut admins, &["CONFIG", "SET", "masterauth", NEW]).await;
        ledger.makes_progress().await;
        let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        let second = Client::connect(with_password(&cluster, NEW)).await.unwrap();
        let newer = Ledger::start_from(TASKS, &second, TASKS);
        newer.makes_progress().await;
        let remove = format!("<{OLD}");
        tell(&mut admins, &["ACL", "SETUSER", "default", &remove]).await;
        is_turned_away(Client::connect(with_password(&cluster, OLD)).await);
        // Who is in stays in.
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
        // Who has the new one comes in again.
        tell(&mut admins, &kill).await;
        newer.makes_progress().await;
        let report = newer.end(&second).await;
        report.lost_nothing();
        assert_eq!((report.refused, report.reads_failed), (0, 0), "{report:#?}");
    })
    .await;
}
