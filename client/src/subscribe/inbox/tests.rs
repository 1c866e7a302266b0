use slotway_protocol::ChannelKind;

use super::*;

fn topic(name: &'static str) -> Channel {
    Channel { kind: ChannelKind::Plain, name: Bytes::from_static(name.as_bytes()) }
}

fn published(payload: &str) -> Published {
    let name = Bytes::from_static(b"a");
    let to = Channel { kind: ChannelKind::Plain, name: name.clone() };
    Published { to, channel: name, payload: Bytes::copy_from_slice(payload.as_bytes()) }
}

fn inbox(messages_max: usize, message_bytes_max: usize) -> Inbox {
    let inbox = Inbox::new(&Limits { messages_max, message_bytes_max, ..Limits::default() });
    for name in ["a", "b"] {
        assert!(inbox.add(&topic(name)));
        inbox.whole(&topic(name));
    }
    inbox
}

fn refuse(inbox: &Inbox, name: &'static str) {
    inbox.refused(&topic(name), &Error::Refused("no".to_owned()));
}

/// What there is to read, in words.
#[track_caller]
fn check(inbox: &Inbox, expected: &[&str]) {
    let mut got = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(event) = inbox.poll_next(&cx) {
        got.push(match event {
            Some(Event::Message(message)) => String::from_utf8(message.payload.to_vec()).unwrap(),
            Some(Event::Interrupted) => "interrupted".to_owned(),
            Some(Event::Resubscribed) => "resubscribed".to_owned(),
            Some(Event::Lagged { missed }) => format!("{missed} missed"),
            Some(Event::Refused { channel, .. }) => format!("{channel:?} refused"),
            None => "end".to_owned(),
        });
        if got.last().is_some_and(|last| last == "end") {
            break;
        }
    }
    assert_eq!(got, expected);
}

#[test]
fn the_oldest_make_room_for_the_newest_and_are_counted() {
    let inbox = inbox(3, usize::MAX);
    (0..10).for_each(|n| inbox.push(&published(&n.to_string())));
    check(&inbox, &["7 missed", "7", "8", "9"]);
    inbox.push(&published("10"));
    check(&inbox, &["10"]);
}

#[test]
fn bytes_are_bounded_like_messages_but_the_newest_stays() {
    let inbox = inbox(1_000, 2 * OVERHEAD + 100);
    (0..100).for_each(|n| inbox.push(&published(&n.to_string())));
    check(&inbox, &["98 missed", "98", "99"]);
    let long = "x".repeat(1_000);
    inbox.push(&published("short"));
    inbox.push(&published(&long));
    check(&inbox, &["1 missed", &long]);
    assert_eq!(inbox.state.lock().bytes, 0);
}

#[test]
fn a_subscription_is_interrupted_until_all_its_topics_are_whole() {
    let inbox = inbox(10, usize::MAX);
    inbox.push(&published("1"));
    inbox.broken(&topic("a"));
    inbox.broken(&topic("b"));
    inbox.broken(&topic("a"));
    inbox.whole(&topic("a"));
    inbox.push(&published("2"));
    inbox.whole(&topic("b"));
    inbox.push(&published("3"));
    check(&inbox, &["1", "interrupted", "2", "resubscribed", "3"]);
    inbox.broken(&topic("a"));
    inbox.remove(&topic("a"));
    check(&inbox, &["interrupted", "resubscribed"]);
}

#[test]
fn interruptions_take_no_more_room_than_messages() {
    let inbox = inbox(4, usize::MAX);
    inbox.push(&published("1"));
    for _ in 0..1_000 {
        inbox.broken(&topic("a"));
        inbox.whole(&topic("a"));
    }
    assert_eq!(inbox.state.lock().queue.len(), 4);
    // The last that did not fit is told as well.
    let last = ["interrupted", "resubscribed", "interrupted", "resubscribed"];
    check(&inbox, &[&["1 missed", "resubscribed"][..], &last].concat());
}

#[test]
fn a_refusal_is_told_once_and_ends_what_has_no_topic_left() {
    let inbox = inbox(4, usize::MAX);
    inbox.broken(&topic("a"));
    refuse(&inbox, "a");
    check(&inbox, &["b\"a\" refused", "interrupted", "resubscribed"]);
    refuse(&inbox, "b");
    refuse(&inbox, "b");
    check(&inbox, &["b\"b\" refused", "end"]);
}

#[tokio::test]
async fn a_topic_settles_when_it_is_whole_or_refused() {
    let inbox = inbox(4, usize::MAX);
    let (new, old) = (topic("new"), topic("a"));
    assert!(!inbox.add(&old));
    assert!(inbox.add(&new));
    inbox.settle(std::slice::from_ref(&old)).await.unwrap();
    let both = [old, new.clone()];
    let (settled, ()) = tokio::join!(inbox.settle(&both), async { inbox.whole(&new) });
    settled.unwrap();
    let other = topic("other");
    inbox.add(&other);
    let both = [other, new];
    let (settled, ()) = tokio::join!(inbox.settle(&both), async {
        // What was never confirmed cannot be interrupted.
        inbox.broken(&both[0]);
        refuse(&inbox, "other");
    });
    assert!(matches!(settled, Err(Error::Refused(_))), "{settled:?}");
    check(&inbox, &[]);
}
