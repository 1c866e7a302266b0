use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slotway_protocol::ChannelKind;

use super::*;
use crate::{Limits, subscribe::Event};

fn node(name: &str) -> NodeAddr {
    NodeAddr::new(name, 7000)
}

fn at(name: &str) -> Source {
    Source::At(node(name))
}

fn sharded(name: &str) -> Channel {
    Channel { kind: ChannelKind::Sharded, name: Bytes::copy_from_slice(name.as_bytes()) }
}

fn news() -> Channel {
    Channel { kind: ChannelKind::Plain, name: Bytes::from_static(b"news") }
}

/// A registry with one subscriber, and lines that are all connected.
struct Stage {
    registry: Registry,
    inbox: Arc<Inbox>,
}

impl Stage {
    fn new() -> Self {
        let inbox = Arc::new(Inbox::new(&Limits::default()));
        Self { registry: Registry::default(), inbox }
    }

    fn join(&mut self, topic: &Channel, sources: &[Source]) {
        assert!(self.inbox.add(topic));
        self.registry.join(topic, &self.inbox, || sources.to_vec());
        for (source, _) in self.registry.started() {
            let node = if let Source::At(node) = &source { node.clone() } else { node("any") };
            self.registry.connected(&source, &node);
        }
    }

    /// What a line sends: the words of it.
    #[track_caller]
    fn sends(&mut self, source: &Source, expected: &str) {
        let mut out = Vec::new();
        self.registry.flush(source, &mut out);
        let text = String::from_utf8(out).unwrap();
        let words =
            text.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with(['*', '$']));
        assert_eq!(words.collect::<Vec<_>>().join(" "), expected);
    }

    fn hears(&mut self, source: &Source, words: &[&str]) -> Vec<Lesson> {
        let words = words.iter().map(|word| Value::Bulk(Bytes::copy_from_slice(word.as_bytes())));
        let frame = Value::Push(words.collect());
        self.registry.take_in(source, &node("any"), &[frame], || 7).unwrap()
    }

    fn fails(&mut self, source: &Source, error: &'static str) -> Vec<Lesson> {
        let frame = Value::Error(Bytes::from_static(error.as_bytes()));
        self.registry.take_in(source, &node("any"), &[frame], || 7).unwrap()
    }

    #[track_caller]
    fn check(&self, expected: &[&str]) {
        let mut got = Vec::new();
        let cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(event)) = self.inbox.poll_next(&cx) {
            got.push(if let Event::Message(message) = &event {
                String::from_utf8(message.payload.to_vec()).unwrap()
            } else {
                format!("{event:?}")
            });
        }
        assert_eq!(got, expected);
    }
}

#[test]
fn a_channel_that_moves_is_taken_from_its_new_place_alone() {
    let (mut stage, topic) = (Stage::new(), sharded("foo"));
    stage.join(&topic, &[at("a")]);
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    stage.hears(&at("a"), &["ssubscribe", "foo", "1"]);
    stage.hears(&at("a"), &["smessage", "foo", "1"]);
    stage.check(&["1"]);
    stage.registry.place_all(|_| vec![at("b")]);
    stage.sends(&at("a"), "SUNSUBSCRIBE foo");
    stage.sends(&at("b"), "SSUBSCRIBE foo");
    // This one may come over the new connection as well.
    stage.hears(&at("a"), &["smessage", "foo", "2"]);
    stage.check(&["Interrupted"]);
    stage.hears(&at("b"), &["ssubscribe", "foo", "1"]);
    stage.hears(&at("b"), &["smessage", "foo", "3"]);
    stage.check(&["Resubscribed", "3"]);
    stage.hears(&at("a"), &["sunsubscribe", "foo", "0"]);
    assert!(stage.registry.retire(&at("a")));
    assert!(!stage.registry.retire(&at("b")));
}

#[test]
fn a_node_that_takes_a_channel_again_is_believed_when_the_cluster_says_the_same() {
    let (mut stage, topic) = (Stage::new(), sharded("foo"));
    stage.join(&topic, &[at("a")]);
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    assert_eq!(stage.hears(&at("a"), &["ssubscribe", "foo", "1"]), []);
    assert_eq!(stage.hears(&at("a"), &["sunsubscribe", "foo", "0"]), [Lesson::Stale]);
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    assert_eq!(stage.hears(&at("a"), &["ssubscribe", "foo", "1"]), [Lesson::Doubtful]);
    stage.hears(&at("a"), &["smessage", "foo", "1"]);
    // This round may have begun before.
    assert!(!stage.registry.confirm(8));
    stage.check(&["Interrupted", "1"]);
    assert!(stage.registry.confirm(9));
    stage.hears(&at("a"), &["smessage", "foo", "2"]);
    stage.check(&["Resubscribed", "2"]);
    stage.registry.lost(&at("a"));
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    assert_eq!(stage.hears(&at("a"), &["ssubscribe", "foo", "1"]), [Lesson::Doubtful]);
    stage.registry.place_all(|_| vec![at("b")]);
    stage.sends(&at("b"), "SSUBSCRIBE foo");
    assert_eq!(stage.hears(&at("b"), &["ssubscribe", "foo", "1"]), []);
    stage.check(&["Interrupted", "Resubscribed"]);
}

#[test]
fn a_slot_that_left_teaches_where_it_went() {
    let (mut stage, topic) = (Stage::new(), sharded("foo"));
    stage.join(&topic, &[at("a")]);
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    stage.hears(&at("a"), &["ssubscribe", "foo", "1"]);
    assert_eq!(stage.hears(&at("a"), &["sunsubscribe", "foo", "0"]), [Lesson::Stale]);
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    let slot = Slot::of(b"foo");
    let moved = stage.fails(&at("a"), "MOVED 12182 b:7000");
    assert_eq!(moved, [Lesson::Moved(slot, Some(node("b")))]);
    stage.check(&["Interrupted"]);
    stage.registry.place_all(|_| vec![at("b")]);
    stage.sends(&at("a"), "");
    stage.sends(&at("b"), "SSUBSCRIBE foo");
    assert!(stage.registry.retire(&at("a")));
}

#[test]
fn a_channel_whose_slot_nobody_owns_waits_for_an_owner() {
    let (mut stage, topic) = (Stage::new(), sharded("foo"));
    stage.join(&topic, &[]);
    stage.registry.place_all(|_| vec![at("a")]);
    stage.sends(&at("a"), "SSUBSCRIBE foo");
    stage.hears(&at("a"), &["ssubscribe", "foo", "1"]);
    stage.check(&[]);
    stage.registry.place_all(|_| Vec::new());
    stage.check(&["Interrupted"]);
}

#[test]
fn notifications_are_whole_when_every_primary_sends_them() {
    let mut stage = Stage::new();
    let topic = Channel { kind: ChannelKind::Pattern, name: Bytes::from_static(b"__keyevent@*") };
    stage.join(&topic, &[at("a"), at("b")]);
    for source in [at("a"), at("b")] {
        stage.sends(&source, "PSUBSCRIBE __keyevent@*");
        stage.hears(&source, &["psubscribe", "__keyevent@*", "1"]);
        stage.hears(&source, &["pmessage", "__keyevent@*", "__keyevent@0__:set", "key"]);
    }
    // The first came before there were all.
    stage.check(&["key", "key"]);
    stage.registry.lost(&at("b"));
    stage.registry.place_all(|_| vec![at("a")]);
    stage.check(&["Interrupted", "Resubscribed"]);
    stage.registry.place_all(|_| vec![at("a"), at("c")]);
    stage.check(&["Interrupted"]);
}

#[test]
fn a_pattern_that_fits_notifications_among_others_hears_nothing_twice() {
    let mut stage = Stage::new();
    let topic = Channel { kind: ChannelKind::Pattern, name: Bytes::from_static(b"?*") };
    let sources = [Source::Anywhere, at("a"), at("b")];
    stage.join(&topic, &sources);
    for source in &sources {
        stage.sends(source, "PSUBSCRIBE ?*");
        stage.hears(source, &["psubscribe", "?*", "1"]);
    }
    for source in &sources {
        stage.hears(source, &["pmessage", "?*", "news", "words"]);
    }
    // The node that may be any is this one.
    stage.hears(&Source::Anywhere, &["pmessage", "?*", "__keyevent@0__:set", "key"]);
    stage.hears(&at("b"), &["pmessage", "?*", "__keyevent@0__:set", "key"]);
    stage.check(&["words", "key"]);
}

#[test]
fn the_last_who_leaves_ends_a_subscription_and_no_one_before() {
    let mut stage = Stage::new();
    let (topic, source) = (news(), Source::Anywhere);
    stage.join(&topic, std::slice::from_ref(&source));
    stage.sends(&source, "SUBSCRIBE news");
    stage.hears(&source, &["subscribe", "news", "1"]);
    let other = Arc::new(Inbox::new(&Limits::default()));
    other.add(&topic);
    stage.registry.join(&topic, &other, || panic!("it has its source"));
    stage.registry.leave(&topic, &other);
    stage.sends(&source, "");
    stage.registry.leave(&topic, &stage.inbox);
    stage.sends(&source, "UNSUBSCRIBE news");
    assert!(!stage.registry.retire(&source));
    stage.hears(&source, &["unsubscribe", "news", "0"]);
    assert!(stage.registry.retire(&source));
}

#[test]
fn a_line_without_a_task_gets_another() {
    let mut stage = Stage::new();
    let (topic, source) = (news(), Source::Anywhere);
    stage.join(&topic, std::slice::from_ref(&source));
    stage.sends(&source, "SUBSCRIBE news");
    stage.hears(&source, &["subscribe", "news", "1"]);
    assert!(stage.registry.abandon(&source));
    assert!(!stage.registry.abandon(&source));
    stage.registry.place_all(|_| vec![source.clone()]);
    assert_eq!(stage.registry.started().len(), 1);
    stage.sends(&source, "SUBSCRIBE news");
    stage.hears(&source, &["subscribe", "news", "1"]);
    stage.check(&["Interrupted", "Resubscribed"]);
}

#[test]
fn a_node_that_is_no_good_is_left() {
    let mut stage = Stage::new();
    let (topic, source) = (news(), Source::Anywhere);
    stage.join(&topic, std::slice::from_ref(&source));
    stage.registry.evict(|_| true);
    assert!(stage.registry.flush(&source, &mut Vec::new()));
    stage.registry.evict(|_| false);
    assert!(!stage.registry.flush(&source, &mut Vec::new()));
}
