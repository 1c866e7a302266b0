//! The cache, told what servers would tell it.

use super::*;

const GET: &[u8] = b"GET k";

fn slot() -> Slot {
    Slot::of(b"k")
}

fn source(connection: ConnectionId) -> Source {
    Source { connection, node: NodeAddr::new("a", 1) }
}

fn ticket(cache: &Cache, key: &[u8]) -> Ticket {
    match cache.find(key, slot(), GET) {
        Found::Nothing(ticket) => ticket,
        Found::Reply(frame) => panic!("it has {frame:?}"),
    }
}

#[track_caller]
fn check(cache: &Cache, key: &[u8], expected: Option<&str>) {
    let found = match cache.find(key, slot(), GET) {
        Found::Reply(frame) => Some(String::from_utf8(frame.to_vec()).unwrap()),
        Found::Nothing(_) => None,
    };
    assert_eq!(found.as_deref(), expected);
}

fn filled() -> (Cache, ConnectionId) {
    let cache = Cache::new(CacheLimits::default());
    let connection = cache.opened();
    let ticket = ticket(&cache, b"k");
    cache.fill(b"k", GET, ticket, b"+v\r\n", source(connection));
    (cache, connection)
}

fn hear(cache: &Cache, frame: &'static str) {
    cache.heard(&Bytes::from_static(frame.as_bytes()), &ReplyLimits::default());
}

#[tokio::test(start_paused = true)]
async fn a_reply_is_kept_until_its_key_changes() {
    let (cache, _) = filled();
    check(&cache, b"k", Some("+v\r\n"));
    hear(&cache, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$5\r\nother\r\n");
    check(&cache, b"k", Some("+v\r\n"));
    hear(&cache, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    check(&cache, b"k", None);
    let (cache, _) = filled();
    hear(&cache, ">2\r\n$10\r\ninvalidate\r\n_\r\n");
    check(&cache, b"k", None);
}

#[tokio::test(start_paused = true)]
async fn what_changed_on_the_way_is_not_kept() {
    let cache = Cache::new(CacheLimits::default());
    let connection = cache.opened();
    let early = ticket(&cache, b"k");
    cache.forget(b"k");
    cache.fill(b"k", GET, early, b"+old\r\n", source(connection));
    check(&cache, b"k", None);
    // Of two that ask, the later one knows better.
    let (first, second) = (ticket(&cache, b"k"), ticket(&cache, b"k"));
    cache.fill(b"k", GET, second, b"+new\r\n", source(connection));
    cache.fill(b"k", GET, first, b"+old\r\n", source(connection));
    check(&cache, b"k", Some("+new\r\n"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_that_nobody_would_take_back() {
    let (cache, connection) = filled();
    cache.closed(connection);
    check(&cache, b"k", None);
    let late = ticket(&cache, b"k");
    cache.fill(b"k", GET, late, b"+v\r\n", source(connection));
    check(&cache, b"k", None);
    let (cache, _) = filled();
    cache.keep_owned(|node, _| *node == NodeAddr::new("a", 1));
    check(&cache, b"k", Some("+v\r\n"));
    cache.keep_owned(|_, _| false);
    check(&cache, b"k", None);
    let (cache, _) = filled();
    tokio::time::advance(CacheLimits::default().age_max).await;
    check(&cache, b"k", None);
}

#[tokio::test(start_paused = true)]
async fn it_takes_no_more_room_than_it_may() {
    let limits = CacheLimits { keys_max: 3, ..CacheLimits::default() };
    let cache = Cache::new(limits);
    let connection = cache.opened();
    for key in [b"a", b"b", b"c", b"d"] {
        let ticket = ticket(&cache, key);
        cache.fill(key, GET, ticket, b"+v\r\n", source(connection));
    }
    assert_eq!(cache.stats().keys, 3);
    check(&cache, b"a", None);
    let limits = CacheLimits { bytes_max: 4000, ..CacheLimits::default() };
    let cache = Cache::new(limits);
    let connection = cache.opened();
    for key in 0..100_u8 {
        let ticket = ticket(&cache, &[key]);
        cache.fill(&[key], GET, ticket, &[b'v'; 500], source(connection));
        assert!(cache.stats().bytes <= 4000);
    }
    check(&cache, &[99], Some(&"v".repeat(500)));
    cache.closed(connection);
    (0..100).for_each(|key| cache.forget(&[key]));
    assert_eq!((cache.stats().bytes, cache.stats().keys), (0, 0));
}
