//! A connection against a node that does as it is told, with time that only passes when all wait.

use std::{num::NonZeroU16, time::Duration};

use slotway_protocol::{Delivery, PipelineFull, PipelineLimits, Progress};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

use super::{Connection, Ended, Manner, NotTaken, Unit};
use crate::{
    ClientFull, Limits,
    budget::{Budget, Full},
};

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

fn start(limits: &Limits) -> (Connection, DuplexStream) {
    let (ours, node) = duplex(64 << 10);
    (Connection::start(ours, limits, None, Budget::new(limits).share(), None), node)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// Waits until the node has got this many commands.
async fn receive(node: &mut DuplexStream, count: usize) {
    let mut bytes = vec![0; PING.len() * count];
    node.read_exact(&mut bytes).await.unwrap();
}

#[track_caller]
fn check(ended: &Ended, expected: &str) {
    assert!(matches!(ended, Ended::Reply(frame) if frame == expected), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn replies_belong_to_calls_in_order_however_they_are_cut() {
    let (connection, mut node) = start(&Limits::default());
    let calls = [0; 3].map(|_| connection.send(PING, Manner::Plain, soon()).unwrap());
    receive(&mut node, 3).await;
    for piece in [&b"+a\r"[..], b"\n+", b"b\r\n$1\r\n", b"c\r\n"] {
        node.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let [a, b, c] = calls;
    check(&c.await, "$1\r\nc\r\n");
    check(&a.await, "+a\r\n");
    check(&b.await, "+b\r\n");
}

#[tokio::test(start_paused = true)]
async fn asking_goes_with_its_command_and_its_reply_to_nobody() {
    let (connection, mut node) = start(&Limits::default());
    let call = connection.send(PING, Manner::Asking, soon()).unwrap();
    let mut unit = vec![0; super::ASKING.len() + PING.len()];
    node.read_exact(&mut unit).await.unwrap();
    assert_eq!(unit, [super::ASKING, PING].concat());
    node.write_all(b"+OK\r\n+PONG\r\n").await.unwrap();
    check(&call.await, "+PONG\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_late_call_takes_no_reply_of_another() {
    let (connection, mut node) = start(&Limits::default());
    let brief = Instant::now() + Duration::from_millis(50);
    let late = connection.send(PING, Manner::Plain, brief).unwrap();
    let next = connection.send(PING, Manner::Plain, soon()).unwrap();
    receive(&mut node, 2).await;
    let ended = late.await;
    assert!(matches!(ended, Ended::Late(Delivery::MaybeSent)), "{ended:?}");
    let reused = connection.send(PING, Manner::Plain, soon()).unwrap();
    node.write_all(b"+late\r\n+next\r\n+reused\r\n").await.unwrap();
    check(&next.await, "+next\r\n");
    check(&reused.await, "+reused\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_it_left_is_never_sent() {
    let (connection, mut node) = start(&Limits::default());
    drop(connection.send(b"*1\r\n$4\r\nQUIT\r\n", Manner::Plain, soon()).unwrap());
    let kept = connection.send(PING, Manner::Plain, soon()).unwrap();
    let mut first = vec![0; PING.len()];
    node.read_exact(&mut first).await.unwrap();
    assert_eq!(first, PING);
    node.write_all(b"+PONG\r\n").await.unwrap();
    check(&kept.await, "+PONG\r\n");
}

#[tokio::test(start_paused = true)]
async fn when_the_connection_is_lost_every_call_ends() {
    let (connection, mut node) = start(&Limits::default());
    let calls = [0; 2].map(|_| connection.send(PING, Manner::Plain, soon()).unwrap());
    receive(&mut node, 2).await;
    node.write_all(b"$10\r\nhalf").await.unwrap();
    drop(node);
    let [half, none] = calls;
    let ended = half.await;
    assert!(matches!(ended, Ended::Lost(Progress::ReplyStarted)), "{ended:?}");
    let ended = none.await;
    assert!(matches!(ended, Ended::Lost(Progress::Sent)), "{ended:?}");
    let refused = connection.send(PING, Manner::Plain, soon()).unwrap_err();
    assert_eq!(refused, NotTaken::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_nobody_asked_for_ends_the_connection() {
    let (connection, mut node) = start(&Limits::default());
    let call = connection.send(PING, Manner::Plain, soon()).unwrap();
    receive(&mut node, 1).await;
    node.write_all(b"+PONG\r\n+WHO?\r\n").await.unwrap();
    check(&call.await, "+PONG\r\n");
    assert_eq!(node.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    assert!(connection.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_connection_owes_no_more_than_it_may() {
    let pipeline = PipelineLimits { units_max: 2, ..PipelineLimits::default() };
    let (connection, _node) = start(&Limits { pipeline, ..Limits::default() });
    let _calls = [0; 2].map(|_| connection.send(PING, Manner::Plain, soon()).unwrap());
    let refused = connection.send(PING, Manner::Plain, soon()).unwrap_err();
    assert_eq!(refused, NotTaken::Full(Full::Node(PipelineFull::Units)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_needs_closes_when_nothing_is_owed() {
    let (connection, mut node) = start(&Limits::default());
    let call = connection.send(PING, Manner::Plain, soon()).unwrap();
    drop(connection);
    receive(&mut node, 1).await;
    node.write_all(b"+PONG\r\n").await.unwrap();
    check(&call.await, "+PONG\r\n");
    assert_eq!(node.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
}

#[tokio::test(start_paused = true)]
async fn a_block_that_is_not_run_ends_with_the_reason() {
    let (connection, mut node) = start(&Limits::default());
    let block = Unit { bytes: PING, replies: NonZeroU16::new(4).unwrap() };
    let calls = [0; 3].map(|_| connection.send(block, Manner::Plain, soon()).unwrap());
    receive(&mut node, 3).await;
    node.write_all(b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*1\r\n-WRONGTYPE x\r\n").await.unwrap();
    node.write_all(b"+OK\r\n-MOVED 1 a:1\r\n-ERR two\r\n-EXECABORT x\r\n").await.unwrap();
    node.write_all(b"+OK\r\n-ERR one\r\n+QUEUED\r\n*0\r\n").await.unwrap();
    let [ran, moved, odd] = calls;
    check(&ran.await, "*1\r\n-WRONGTYPE x\r\n");
    check(&moved.await, "-MOVED 1 a:1\r\n");
    check(&odd.await, "*0\r\n");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_connection_closes_whatever_it_owes() {
    let (connection, mut node) = start(&Limits::default());
    let call = connection.send(PING, Manner::Plain, soon()).unwrap();
    receive(&mut node, 1).await;
    connection.abort();
    assert_eq!(node.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    let ended = call.await;
    assert!(matches!(ended, Ended::Lost(Progress::Sent)), "{ended:?}");
    assert_eq!(connection.send(PING, Manner::Plain, soon()).unwrap_err(), NotTaken::Closed);
}

#[tokio::test(start_paused = true)]
async fn all_connections_together_owe_no_more_than_the_client_may() {
    let limits = Limits { in_flight_max: 2, ..Limits::default() };
    let budget = Budget::new(&limits);
    let [(one, mut node), (other, _other_node)] = [0; 2].map(|_| {
        let (ours, node) = duplex(64 << 10);
        (Connection::start(ours, &limits, None, budget.share(), None), node)
    });
    let calls =
        [&one, &other].map(|connection| connection.send(PING, Manner::Plain, soon()).unwrap());
    for connection in [&one, &other] {
        let refused = connection.send(PING, Manner::Plain, soon()).unwrap_err();
        assert_eq!(refused, NotTaken::Full(Full::Client(ClientFull::InFlight { max: 2 })));
    }
    // What gets the client out of trouble passes.
    let urgent = one.send(PING, Manner::Urgent, soon()).unwrap();
    receive(&mut node, 2).await;
    node.write_all(b"+a\r\n+b\r\n").await.unwrap();
    let [first, _still_waits] = calls;
    check(&first.await, "+a\r\n");
    check(&urgent.await, "+b\r\n");
    let _freed = other.send(PING, Manner::Plain, soon()).unwrap();
}
