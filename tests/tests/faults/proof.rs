//! The ledger notices what it is there to notice: each fault that a client could have is put between
//! client and node, and the books do not balance.

use slotway_cluster::{Spec, TestCluster};

use crate::{
    TASKS,
    ledger::{Ledger, Report},
    on_each_server,
    relay::{Mischief, relayed},
};

async fn with(cluster: &TestCluster, mischief: Option<Mischief>) -> Report {
    let (relays, client) = relayed(cluster).await;
    let ledger = Ledger::start(&client, TASKS);
    ledger.makes_progress().await;
    if let Some(mischief) = mischief {
        relays[0].does(mischief).await;
    }
    ledger.makes_progress().await;
    let report = ledger.end(&client).await;
    cluster.command(0, &["FLUSHALL"]).await.unwrap();
    cluster.command(1, &["FLUSHALL"]).await.unwrap();
    cluster.command(2, &["FLUSHALL"]).await.unwrap();
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_notices_each_fault_that_a_client_could_have() {
    on_each_server(|server| async move {
        let cluster = TestCluster::start(Spec::on(server).shape(3, 0)).await.unwrap();
        with(&cluster, None).await.is_without_error();
        let doubled = with(&cluster, Some(Mischief::SendTwice)).await;
        assert!(!doubled.wrong.is_empty(), "a write that was sent twice: {doubled:#?}");
        let swapped = with(&cluster, Some(Mischief::SwapReplies)).await;
        assert!(!swapped.wrong.is_empty(), "replies that were swapped: {swapped:#?}");
        let lost = with(&cluster, Some(Mischief::LoseWrite)).await;
        assert!(lost.missing > 0, "a write that was lost: {lost:#?}");
        assert!(lost.rewound > 0, "a reader could see that a write was lost: {lost:#?}");
    })
    .await;
}
