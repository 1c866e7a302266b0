//! When views are asked for, and which are believed.

use slotway_protocol::{Slot, SlotRange};
use tokio::time::{advance, sleep};

use super::*;
use crate::Config;

/// How often views are asked for in a minute in which somebody needs one all the time.
async fn refreshes_in_a_minute(need: impl Fn(&Bells)) -> u64 {
    let (bells, limits, start) = (Bells::default(), Limits::default(), Instant::now());
    let (mut last, mut count) = (start, 0);
    while last < start + Duration::from_secs(60) {
        need(&bells);
        bells.rung(last, &limits).await;
        last = Instant::now();
        count += 1;
    }
    count
}

#[tokio::test(start_paused = true)]
async fn redirects_lead_to_two_refreshes_a_second_at_most() {
    let count = refreshes_in_a_minute(|bells| bells.hint.notify_one()).await;
    assert!((60..=120).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn an_outage_leads_to_ten_refreshes_a_second_at_most() {
    let count = refreshes_in_a_minute(|bells| {
        bells.hint.notify_one();
        bells.outage.notify_one();
    });
    let count = count.await;
    assert!((300..=600).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn a_view_is_asked_for_in_quiet_times_too() {
    let count = refreshes_in_a_minute(|_| ()).await;
    assert_eq!(count, 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_that_needs_a_view_need_not_wait() {
    let (bells, last) = (Bells::default(), Instant::now());
    advance(Duration::from_secs(10)).await;
    let before = Instant::now();
    bells.hint.notify_one();
    bells.rung(last, &Limits::default()).await;
    assert!(before.elapsed() <= Duration::from_millis(1), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_wait_for_the_turn_of_a_redirect() {
    let (bells, limits, last) = (Bells::default(), Limits::default(), Instant::now());
    bells.hint.notify_one();
    let outage = async {
        sleep(Duration::from_millis(50)).await;
        bells.outage.notify_one();
    };
    tokio::join!(bells.rung(last, &limits), outage);
    assert!(last.elapsed() <= Duration::from_millis(160), "{:?}", last.elapsed());
}

fn addr(port: u16) -> NodeAddr {
    NodeAddr::new("10.0.0.1", port)
}

/// Node 1 has slot 0 and node 2 the others that are given away, under this epoch.
fn answer(nodes: &[u16], covered: u16, epoch: u64) -> Answer {
    let lines = nodes.iter().map(|port| {
        let slots = match port {
            1 => "0".to_owned(),
            2 => format!("1-{covered}"),
            _ => String::new(),
        };
        format!("{port:0>40} 10.0.0.1:{port}@9 master - 0 0 {epoch} connected {slots}")
    });
    Answer::of_nodes(addr(1), &lines.collect::<Vec<_>>().join("\n"))
}

fn knowing(answers: &[Answer]) -> Cluster {
    let cluster = Cluster::new(Arc::new(Config::new([addr(1)])), None);
    take_in(&cluster, answers, true);
    cluster
}

/// What a client that knows nodes 1 and 2, 100 slots and epoch 5 knows after these answers.
#[track_caller]
fn check(heard: &[Answer], covered: usize, epoch: u64) {
    let cluster = knowing(&[answer(&[1, 2], 99, 5)]);
    take_in(&cluster, heard, true);
    let routes = cluster.routes();
    assert_eq!(routes.table.topology().covered(), covered);
    assert_eq!(routes.table.epoch(), Some(epoch));
}

#[test]
fn a_view_is_replaced_by_one_that_knows_more() {
    check(&[answer(&[1, 2], 999, 5)], 1000, 5);
    check(&[answer(&[1, 2], 9, 6)], 10, 6);
    check(&[answer(&[1, 2], 9, 4), answer(&[1, 2], 99, 7)], 100, 7);
}

#[test]
fn a_view_that_knows_less_changes_nothing() {
    check(&[], 100, 5);
    check(&[answer(&[1, 2], 9, 5)], 100, 5);
    check(&[answer(&[1, 2], 999, 4)], 100, 5);
    let nonsense = Answer::of_nodes(addr(1), "what?");
    check(&[nonsense], 100, 5);
}

#[test]
fn a_view_of_strangers_is_not_mixed_in() {
    let strangers = || answer(&[7, 8], 0, 99);
    check(&[strangers(), answer(&[1, 2], 999, 5)], 1000, 5);
    check(&[strangers()], 100, 5);
}

#[test]
fn what_all_say_again_and_again_is_believed() {
    let cluster = knowing(&[answer(&[1, 2], 99, 5)]);
    let old = || [answer(&[1, 2], 99, 3)];
    for all in [true, true, false, false, true] {
        assert_eq!(cluster.routes().table.epoch(), Some(5));
        take_in(&cluster, &old(), all);
    }
    assert_eq!(cluster.routes().table.epoch(), Some(3));
    assert_eq!(cluster.doubts(), 0);
}

#[test]
fn nodes_stay_what_they_are_until_they_leave() {
    let cluster = knowing(&[answer(&[1, 2, 3], 99, 5)]);
    let node = |port| cluster.routes().node_at(&addr(port)).cloned();
    let (first, third) = (node(1).unwrap(), Arc::downgrade(&node(3).unwrap()));
    take_in(&cluster, &[answer(&[1, 2], 99, 6)], true);
    assert!(Arc::ptr_eq(&first, &node(1).unwrap()));
    assert!(third.upgrade().is_none(), "nobody holds on to what left, nor to its connections");
}

#[test]
fn a_redirect_is_learned_until_the_next_view() {
    let cluster = knowing(&[answer(&[1, 2, 3], 99, 5)]);
    let slot = Slot::new(50).unwrap();
    let owner = || cluster.routes().owner(slot).unwrap().addr().port();
    for port in [1, 3] {
        cluster.learn(slot, &addr(port));
        assert_eq!(owner(), port);
        assert_eq!(cluster.routes().table.range_around(slot), SlotRange::from(slot));
        let primaries = cluster.routes().primaries().any(|node| node.addr().port() == port);
        assert!(primaries, "no key is left out");
    }
    take_in(&cluster, &[answer(&[1, 2, 3], 99, 5)], true);
    assert_eq!(owner(), 2);
}
