//! Calls against nodes that do as they are told, with time that only passes when all wait.

use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::{
    Client, Limits, cmd,
    stage::{Player, client, line, view},
};

/// Everything is waited for this long, if it is waited for.
const WAIT: Duration = Duration::from_secs(1);

fn limits(deadline: Duration) -> Limits {
    let backoff = slotway_protocol::Backoff { floor: WAIT, ceiling: WAIT };
    Limits { deadline, backoff, ..Limits::default() }
}

/// A client of two nodes, of which the first has all slots.
fn stage(deadline: Duration) -> (Client, [Player; 2]) {
    let client = client(&[line(1, "0-16383", 1), line(2, "", 1)], limits(deadline));
    let players = [1, 2].map(|number| Player::of(&client, number));
    (client, players)
}

async fn is_rung(bell: &tokio::sync::Notify) -> bool {
    timeout(Duration::ZERO, bell.notified()).await.is_ok()
}

#[track_caller]
fn check_time(started: Instant, expected: Duration) {
    let took = started.elapsed();
    assert!(took.abs_diff(expected) <= Duration::from_millis(20), "{took:?}, not {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_an_owner_goes_on_as_soon_as_there_is_one() {
    let client = client(&[line(1, "0-99", 1), line(2, "", 1)], limits(10 * WAIT));
    let mut second = Player::of(&client, 2);
    let (started, change) = (Instant::now(), WAIT / 5);
    let failover = async {
        sleep(change).await;
        // It does not only wait: it asks.
        assert!(is_rung(&client.cluster.bells.outage).await);
        let lines = [line(1, "0-99", 1), line(2, "100-16383", 2)];
        client.cluster.publish(view(&lines).read().unwrap()).unwrap();
        assert_eq!(second.hears().await.unwrap(), "SET foo 1");
        second.says("+OK\r\n").await;
    };
    let (set, ()) = tokio::join!(client.set("foo", 1), failover);
    set.unwrap();
    check_time(started, change);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_goes_on_for_no_view_that_changes_nothing() {
    let client = client(&[line(1, "0-99", 1), line(2, "", 1)], limits(3 * WAIT));
    let started = Instant::now();
    let views = async {
        loop {
            sleep(WAIT / 10).await;
            let lines = [line(1, "0-99", 1), line(2, "", 1)];
            client.cluster.publish(view(&lines).read().unwrap()).unwrap();
        }
    };
    let error = tokio::select! {
        set = client.set("foo", 1) => set.unwrap_err(),
        () = views => return,
    };
    assert!(matches!(error, Error::GaveUp(_)), "{error}");
    check_time(started, 3 * WAIT);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_does_not_answer_in_time_is_a_reason_to_ask_the_cluster() {
    let (client, [mut first, _second]) = stage(WAIT);
    let started = Instant::now();
    let hint = &client.cluster.bells.hint;
    let silent = async {
        assert_eq!(first.hears().await.unwrap(), "SET foo 1");
        sleep(WAIT / 2).await;
        assert!(!is_rung(hint).await, "it may still answer");
    };
    let (set, ()) = tokio::join!(client.set("foo", 1), silent);
    let error = set.unwrap_err();
    assert!(matches!(error, Error::Late { .. }), "{error}");
    check_time(started, WAIT);
    assert!(is_rung(hint).await);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_when_the_time_is_up() {
    let (client, [mut first, _second]) = stage(3 * WAIT / 2);
    let started = Instant::now();
    let refuses = async {
        let mut heard = Vec::new();
        while let Ok(Some(command)) = timeout(10 * WAIT, first.hears()).await {
            heard.push((command, started.elapsed().as_millis() / 100));
            first.says("-CLUSTERDOWN The cluster is down\r\n").await;
        }
        heard
    };
    let set = async {
        let set = client.set("foo", 1).await;
        check_time(started, 3 * WAIT / 2);
        set
    };
    let (set, heard) = tokio::join!(set, refuses);
    // What the node said last, which tells that it was not run.
    let error = set.unwrap_err();
    assert!(matches!(&error, Error::Server { code, .. } if code == "CLUSTERDOWN"), "{error}");
    let set = || "SET foo 1".to_owned();
    assert_eq!(heard, [(set(), 0), (set(), 10)]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_a_node_that_is_known_is_followed_at_once() {
    let (client, [mut first, mut second]) = stage(WAIT);
    let started = Instant::now();
    let nodes = async {
        assert_eq!(first.hears().await.unwrap(), "GET foo");
        first.says("-MOVED 12182 10.0.0.1:2\r\n").await;
        for _ in 0..2 {
            assert_eq!(second.hears().await.unwrap(), "GET foo");
            second.says("$1\r\n1\r\n").await;
        }
    };
    let calls = async {
        for _ in 0..2 {
            let found: Option<u64> = client.run(cmd("GET").arg("foo")).await.unwrap();
            assert_eq!(found, Some(1));
        }
    };
    tokio::join!(calls, nodes);
    check_time(started, Duration::ZERO);
}
