//! When views are asked for, and which are believed.

use slotway_protocol::{Slot, SlotRange};
use tokio::time::{advance, sleep, timeout};

use super::*;
use crate::{
    Client, Config,
    stage::{Player, addr, client, line, view},
};

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

/// Node 1 has slot 0 and node 2 the others that are given away, under this epoch.
fn lines(nodes: &[u16], covered: u16, epoch: u64) -> Vec<String> {
    let line = |port: &u16| match port {
        1 => line(1, "0", epoch),
        2 => line(2, &format!("1-{covered}"), epoch),
        _ => line(*port, "", epoch),
    };
    nodes.iter().map(line).collect()
}

fn answer(nodes: &[u16], covered: u16, epoch: u64) -> Answer {
    view(&lines(nodes, covered, epoch))
}

fn take_in(cluster: &Cluster, answers: &[Answer], all: bool) {
    let mut heard = Heard::default();
    answers.iter().for_each(|answer| heard.add(answer));
    heard.conclude(cluster, all);
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

/// A client that knows nodes 1 to 3, and a player for each.
fn stage() -> (Client, [Player; 3]) {
    let client = client(&lines(&[1, 2, 3], 99, 5), Limits::default());
    let players = [1, 2, 3].map(|number| Player::of(&client, number));
    (client, players)
}

/// When the first view is taken, and when the refresh ends, in milliseconds, if two nodes give these
/// views at once and the third says nothing.
async fn times(one: &[String], other: &[String]) -> (Option<u128>, u128, Client) {
    let (client, [mut first, mut second, _silent]) = stage();
    let start = Instant::now();
    let mut views = client.cluster.views();
    let taken = tokio::spawn(async move {
        let taken = timeout(Duration::from_secs(1), views.changed()).await;
        taken.is_ok().then(|| start.elapsed().as_millis())
    });
    tokio::join!(refresh(&client.cluster), first.tells(one), second.tells(other));
    let end = start.elapsed().as_millis();
    let taken = taken.await.unwrap();
    (taken, end, client)
}

#[tokio::test(start_paused = true)]
async fn a_newer_view_is_taken_at_once_whoever_is_still_silent() {
    let nodes = [1, 2, 3];
    let (taken, end, client) = times(&lines(&nodes, 99, 6), &lines(&nodes, 99, 5)).await;
    assert!(taken.is_some_and(|taken| taken <= 2), "{taken:?}");
    assert!((50..60).contains(&end), "{end}");
    assert_eq!(client.cluster.routes().table.epoch(), Some(6));
}

#[tokio::test(start_paused = true)]
async fn what_others_add_to_a_newer_view_is_taken_too() {
    let nodes = [1, 2, 3];
    let (_, _, client) = times(&lines(&nodes, 99, 6), &lines(&nodes, 199, 7)).await;
    assert_eq!(client.cluster.routes().table.epoch(), Some(7));
    assert_eq!(client.cluster.routes().table.topology().covered(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_no_sure_gain_waits_for_what_others_say() {
    for first in [
        // As old as what is known; without a node that is known; with fewer slots.
        lines(&[1, 2, 3], 199, 5),
        lines(&[1, 2], 99, 6),
        lines(&[1, 2, 3], 9, 6),
    ] {
        let (taken, end, _) = times(&first, &lines(&[1, 2, 3], 99, 5)).await;
        assert!(taken.is_none_or(|taken| taken >= 50), "{taken:?}: {first:?}");
        assert!((50..60).contains(&end), "{end}");
    }
}
