//! Connections break, and callers walk away.

use std::time::Duration;

use slotway::{Client, CommandBuf, Delivery, Value};
use slotway_cluster::Spec;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    TASKS,
    ledger::Ledger,
    on_each_server,
    relay::{Mischief, relayed},
    start,
};

/// How many futures are dropped.
const DROPPED: usize = 10_000;
/// How many connections are cut.
const CUTS: usize = 20;

fn command(words: &[&str]) -> CommandBuf {
    CommandBuf::new(words).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_reply_leaves_a_write_unknown_and_shifts_no_other() {
    on_each_server(|server| async move {
        let (cluster, _) = start(Spec::on(server).shape(3, 0)).await;
        let (relays, client) = relayed(&cluster).await;
        for (count, mischief) in
            [Mischief::HalfThenReset, Mischief::HalfThenClose].into_iter().enumerate()
        {
            // The slot of this key is that of the first node.
            relays[0].order(mischief);
            let error = client.call(&command(&["INCR", "b"])).await.unwrap_err();
            assert_eq!(error.delivery(), Delivery::MaybeSent, "{error}");
            let value = client.call(&command(&["GET", "b"])).await.unwrap();
            assert_eq!(value.as_str(), Some((count + 1).to_string().as_str()), "it ran once");
            // A read is asked again.
            relays[0].order(mischief);
            let value = client.call(&command(&["LINDEX", "{b}list", "0"])).await.unwrap();
            assert_eq!(value, Value::Null);
        }
        let ledger = Ledger::start(&client, TASKS);
        for cut in 0..CUTS {
            ledger.makes_progress().await;
            let mischief =
                if cut % 2 == 0 { Mischief::HalfThenReset } else { Mischief::HalfThenClose };
            relays[cut % 3].does(mischief).await;
        }
        ledger.makes_progress().await;
        let report = ledger.end(&client).await;
        report.lost_nothing();
        assert!(report.unknown > 0, "{report:#?}");
        assert_eq!((report.refused, report.reads_failed), (0, 0), "{report:#?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_killed_double_and_lose_nothing() {
    on_each_server(|server| async move {
        let (cluster, client) = start(Spec::on(server).shape(3, 0)).await;
        let ledger = Ledger::start(&client, TASKS);
        ledger.makes_progress().await;
        let mut admins = Vec::new();
        for primary in 0..3 {
            admins.push(cluster.connect(primary).await.unwrap());
        }
        for _ in 0..3 * CUTS {
            let admin = fastrand::usize(..3);
            let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
            admins[admin].ask(&kill).await.unwrap();
            sleep(Duration::from_millis(fastrand::u64(..60))).await;
        }
        ledger.makes_progress().await;
        let report = ledger.end(&client).await;
        report.lost_nothing();
        assert_eq!((report.refused, report.reads_failed), (0, 0), "{report:#?}");
    })
    .await;
}

/// Calls, and drops the calls at random; whatever is answered nevertheless has to be right.
async fn walk_away(client: Client, task: usize) -> usize {
    let (key, mut dropped, mut written) = (format!("dropped:{task}"), 0, 0);
    while dropped < DROPPED / TASKS + 1 {
        // One that only echoes, and one that writes: each reply is of this very call.
        let word = format!("{task}:{dropped}:{written}");
        let echo = command(&["EVAL", "return ARGV[1]", "1", &key, &word]);
        let append = command(&["APPEND", &key, "x"]);
        // Most of these are over before the reply is there; some before the call is sent.
        let patience = Duration::from_micros(fastrand::u64(..1500));
        written += 1;
        let both = async { tokio::join!(client.call(&echo), client.call(&append)) };
        match timeout(patience, both).await {
            Err(_) => dropped += 1,
            Ok((echo, length)) => {
                assert_eq!(echo.unwrap().as_str(), Some(word.as_str()));
                let Value::Integer(length) = length.unwrap() else { panic!("no length") };
                assert!((1..=written).contains(&length), "{length} after {written}");
            }
        }
    }
    dropped
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_futures_cross_over_no_reply() {
    on_each_server(|server| async move {
        let (_cluster, client) = start(Spec::on(server).shape(3, 0)).await;
        let ledger = Ledger::start(&client, TASKS);
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            tasks.spawn(walk_away(client.clone(), task));
        }
        let dropped: usize = tasks.join_all().await.into_iter().sum();
        assert!(dropped >= DROPPED, "{dropped}");
        ledger.makes_progress().await;
        ledger.end(&client).await.is_without_error();
    })
    .await;
}
