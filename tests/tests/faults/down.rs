//! The cluster takes no writes for a while.

use std::time::Duration;

use slotway::{CommandBuf, Delivery, Value};
use slotway_cluster::{Spec, TestCluster};
use tokio::time::{Instant, timeout};

use crate::{TASKS, ledger::Ledger, on_each_server, start};

/// What a call may take.
const DEADLINE: Duration = Duration::from_millis(700);
/// How long it is waited for the cluster.
const PATIENCE: Duration = Duration::from_secs(30);

async fn wait_state(cluster: &TestCluster, state: &str) {
    let what = format!("cluster_state:{state}");
    let reached = || async {
        let info = cluster.command(0, &["CLUSTER", "INFO"]).await?;
        Ok(info.as_str().is_some_and(|info| info.contains(&what)))
    };
    cluster.wait_for(&what, PATIENCE, reached).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_holds_calls_up_to_their_deadline_and_comes_back() {
    on_each_server(|server| async move {
        let spec = Spec { node_timeout: Duration::from_secs(1), ..Spec::on(server).shape(3, 0) };
        let (cluster, patient) = start(spec).await;
        let client = patient.with_deadline(DEADLINE);
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        // The one that is left has no majority: it turns down what is its own, too.
        cluster.pause(1);
        cluster.pause(2);
        wait_state(&cluster, "fail").await;
        ledger.makes_progress().await;

        let began = Instant::now();
        let set = CommandBuf::new(&["SET", "b", "1"]).unwrap();
        let reply = client.call(&set).await;
        let took = began.elapsed();
        assert!(took >= DEADLINE / 2, "{reply:?} after {took:?}");
        match reply {
            Ok(value) => assert!(value.as_error().unwrap().starts_with(b"CLUSTERDOWN")),
            Err(error) => assert_eq!(error.delivery(), Delivery::NotSent, "{error}"),
        }

        // One that has the time is held until the cluster is back.
        let held = patient.with_deadline(PATIENCE);
        let set = CommandBuf::new(&["SET", "{b}held", "1"]).unwrap();
        let mut held = tokio::spawn(async move { held.call(&set).await });
        assert!(timeout(DEADLINE, &mut held).await.is_err(), "it is held");
        cluster.resume_node(1);
        cluster.resume_node(2);
        assert_eq!(held.await.unwrap().unwrap(), Value::Simple("OK".into()));
        wait_state(&cluster, "ok").await;
        cluster.wait_ready().await.unwrap();
        ledger.makes_progress().await;
        let report = ledger.end(&client).await;
        report.lost_nothing();
        assert!(report.refused > 0 && report.unknown > 0, "{report:#?}");
    })
    .await;
}
