use super::*;
use crate::Secret;

fn addr() -> NodeAddr {
    NodeAddr::new("10.0.0.1", 7000)
}

fn channel(text: &str) -> Channel {
    let (kind, name) = match text.split_at(1) {
        ("*", name) => (ChannelKind::Pattern, name),
        ("$", name) => (ChannelKind::Sharded, name),
        _ => (ChannelKind::Plain, text),
    };
    Channel { kind, name: Bytes::copy_from_slice(name.as_bytes()) }
}

fn frame(words: &[&str]) -> Value {
    Value::Push(words.iter().map(|word| Value::Bulk(word.to_string().into())).collect())
}

/// One step of a conversation: what is wished, what goes out, or what comes in.
enum Do {
    Want(&'static str, Wanted),
    Unwant(&'static str),
    Retry,
    Sends(&'static str),
    Frame(&'static [&'static str], Heard),
    Error(&'static str, Heard),
    Breaks(&'static [&'static str]),
    Lost(&'static [&'static str]),
}
use Do::*;
use Wanted::{Active, Pending};

/// The commands in these bytes, as a person would write them.
fn commands(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut said = Vec::new();
    let mut lines = text.split("\r\n").filter(|line| !line.is_empty());
    while let Some(header) = lines.next() {
        let count: usize = header[1..].parse().unwrap();
        let words: Vec<&str> = (0..count).map(|_| lines.nth(1).unwrap()).collect();
        said.push(words.join(" "));
    }
    said.join("; ")
}

#[track_caller]
fn check(conversation: Vec<Do>) {
    let mut subscriptions = Subscriptions::default();
    for (at, step) in conversation.into_iter().enumerate() {
        match step {
            Want(name, wanted) => {
                assert_eq!(subscriptions.want(&channel(name)), wanted, "step {at}");
            }
            Unwant(name) => subscriptions.unwant(&channel(name)),
            Retry => subscriptions.retry(),
            Sends(expected) => {
                let mut out = Vec::new();
                subscriptions.flush(&mut out);
                assert_eq!(commands(&out), expected, "step {at}");
            }
            Frame(words, heard) => {
                let got = subscriptions.handle_frame(&frame(words), &addr());
                assert_eq!(got, Ok(heard), "step {at}");
            }
            Error(text, heard) => {
                let got = subscriptions.handle_frame(&Value::Error(text.into()), &addr());
                assert_eq!(got, Ok(heard), "step {at}");
            }
            Breaks(words) => {
                let got = subscriptions.handle_frame(&frame(words), &addr());
                assert_eq!(got, Err(UnexpectedFrame), "step {at}");
            }
            Lost(names) => {
                let mut lost = subscriptions.lost();
                lost.sort();
                assert_eq!(lost, names.iter().map(|name| channel(name)).collect::<Vec<_>>());
            }
        }
    }
}

fn joined(name: &str) -> Heard {
    Heard::Joined(channel(name))
}

fn moved(names: &[&str], slot: u16) -> Heard {
    let channels = names.iter().map(|name| channel(name)).collect();
    let to = Some(NodeAddr::new("10.0.0.2", 7000));
    Heard::TurnedAway { channels, notice: Notice::Moved { slot: Slot::new(slot).unwrap(), to } }
}

#[test]
fn each_sort_has_its_command_and_is_active_when_the_server_says_so() {
    check(vec![
        Want("a", Pending),
        Want("*b*", Pending),
        Want("$c", Pending),
        Sends("SUBSCRIBE a; PSUBSCRIBE b*; SSUBSCRIBE c"),
        Frame(&["subscribe", "a", "1"], joined("a")),
        Want("a", Active),
        Frame(&["psubscribe", "b*", "2"], joined("*b*")),
        Frame(&["ssubscribe", "c", "1"], joined("$c")),
        Unwant("a"),
        Unwant("$c"),
        Sends("UNSUBSCRIBE a; SUNSUBSCRIBE c"),
        Frame(&["unsubscribe", "a", "1"], Heard::Nothing),
        Frame(&["sunsubscribe", "c", "0"], Heard::Nothing),
        Sends(""),
    ]);
}

#[test]
fn sharded_channels_share_a_command_with_those_of_their_slot_alone() {
    check(vec![
        Want("$a{1}", Pending),
        Want("$b{2}", Pending),
        Want("$c{1}", Pending),
        Sends("SSUBSCRIBE b{2}; SSUBSCRIBE a{1} c{1}"),
    ]);
}

#[test]
fn a_wish_that_changes_meanwhile_is_fulfilled_after_the_answer() {
    check(vec![
        Want("a", Pending),
        Unwant("a"),
        Sends(""),
        Want("a", Pending),
        Sends("SUBSCRIBE a"),
        Unwant("a"),
        Sends(""),
        Frame(&["subscribe", "a", "1"], Heard::Nothing),
        Sends("UNSUBSCRIBE a"),
        Want("a", Pending),
        Sends(""),
        Frame(&["unsubscribe", "a", "0"], Heard::Nothing),
        Sends("SUBSCRIBE a"),
        Frame(&["subscribe", "a", "1"], joined("a")),
        Unwant("a"),
        Want("a", Active),
        Sends(""),
    ]);
}

#[test]
fn what_the_server_ends_by_itself_is_asked_for_again() {
    check(vec![
        Want("$foo", Pending),
        Sends("SSUBSCRIBE foo"),
        Frame(&["ssubscribe", "foo", "1"], joined("$foo")),
        Frame(&["sunsubscribe", "foo", "0"], Heard::Ended(channel("$foo"))),
        Sends("SSUBSCRIBE foo"),
        Error("MOVED 12182 10.0.0.2:7000", moved(&["$foo"], 12182)),
        Sends(""),
        Retry,
        Sends("SSUBSCRIBE foo"),
    ]);
}

#[test]
fn an_end_that_crosses_a_command_is_counted_once() {
    check(vec![
        Want("$a{1}", Pending),
        Want("$b{1}", Pending),
        Sends("SSUBSCRIBE a{1} b{1}"),
        Frame(&["ssubscribe", "a{1}", "1"], joined("$a{1}")),
        Frame(&["ssubscribe", "b{1}", "2"], joined("$b{1}")),
        Unwant("$a{1}"),
        Unwant("$b{1}"),
        Sends("SUNSUBSCRIBE a{1} b{1}"),
        // The slot left first; then the node read the command.
        Frame(&["sunsubscribe", "b{1}", "1"], Heard::Nothing),
        Frame(&["sunsubscribe", "a{1}", "0"], Heard::Nothing),
        Want("$a{1}", Pending),
        Sends("SSUBSCRIBE a{1}"),
        Frame(&["sunsubscribe", "a{1}", "0"], Heard::Nothing),
        Frame(&["sunsubscribe", "b{1}", "0"], Heard::Nothing),
        Frame(&["ssubscribe", "a{1}", "1"], joined("$a{1}")),
        Want("$a{1}", Active),
    ]);
}

#[test]
fn one_that_is_not_permitted_spoils_none_of_the_others() {
    let error = "NOPERM No permissions to access a channel";
    let refused = Heard::Refused { channel: channel("b"), error: error.into() };
    check(vec![
        Want("a", Pending),
        Want("b", Pending),
        Want("c", Pending),
        Sends("SUBSCRIBE a b c"),
        Unwant("c"),
        Error(error, Heard::Nothing),
        Sends("SUBSCRIBE a; SUBSCRIBE b"),
        Frame(&["subscribe", "a", "1"], joined("a")),
        Error(error, refused),
        Retry,
        Sends(""),
    ]);
}

#[test]
fn a_lost_connection_leaves_everything_to_be_done_again() {
    check(vec![
        Want("a", Pending),
        Sends("SUBSCRIBE a"),
        Frame(&["subscribe", "a", "1"], joined("a")),
        Want("b", Pending),
        Want("c", Pending),
        Sends("SUBSCRIBE b c"),
        Unwant("c"),
        Lost(&["a"]),
        Sends("SUBSCRIBE a b"),
        Frame(&["subscribe", "a", "1"], joined("a")),
        Lost(&["a"]),
    ]);
}

#[test]
fn what_answers_nothing_ends_the_trust() {
    check(vec![Breaks(&["subscribe", "a", "1"])]);
    check(vec![Breaks(&["pong", ""])]);
    check(vec![Breaks(&["message", "a"])]);
    check(vec![Want("a", Pending), Sends("SUBSCRIBE a"), Breaks(&["subscribe", "b", "1"])]);
    check(vec![Want("a", Pending), Sends("SUBSCRIBE a"), Breaks(&["psubscribe", "a", "1"])]);
    check(vec![Frame(&["invalidate", "key"], Heard::Nothing)]);
}

#[test]
fn messages_say_what_they_came_for() {
    let published = |to, channel: &'static str| {
        Heard::Message(Published { to, channel: channel.into(), payload: "hello".into() })
    };
    check(vec![
        Frame(&["message", "a", "hello"], published(channel("a"), "a")),
        Frame(&["smessage", "a", "hello"], published(channel("$a"), "a")),
        Frame(&["pmessage", "a*", "ab", "hello"], published(channel("*a*"), "ab")),
    ]);
}

#[test]
fn a_ping_is_answered_in_any_way() {
    let answers = [
        Value::Simple("PONG".into()),
        Value::Array(vec![Value::Bulk("pong".into()), Value::Bulk("".into())]),
        Value::Error("NOPERM".into()),
    ];
    for answer in answers {
        let mut subscriptions = Subscriptions::default();
        let mut out = Vec::new();
        subscriptions.ping(&mut out);
        assert_eq!(commands(&out), "PING");
        assert!(!subscriptions.is_idle());
        assert_eq!(subscriptions.handle_frame(&answer, &addr()), Ok(Heard::Nothing));
        assert!(subscriptions.is_idle());
    }
}

#[test]
fn many_channels_are_asked_for_in_several_commands() {
    let mut subscriptions = Subscriptions::default();
    let names: Vec<String> = (0..1_000).map(|n| format!("channel:{n}")).collect();
    for name in &names {
        subscriptions.want(&channel(name));
    }
    let mut out = Vec::new();
    subscriptions.flush(&mut out);
    assert_eq!(commands(&out).matches("SUBSCRIBE").count(), 4);
    for name in &names {
        let heard = subscriptions.handle_frame(&frame(&["subscribe", name, "1"]), &addr());
        assert_eq!(heard, Ok(joined(name)));
    }
}

#[test]
fn a_login_is_answered_among_all_the_rest() {
    let mut subscriptions = Subscriptions::default();
    let login = Credentials { user: Some("ann".to_owned()), password: Secret::new("sesame") };
    let mut out = Vec::new();
    subscriptions.want(&channel("a"));
    subscriptions.flush(&mut out);
    subscriptions.log_in(&login, &mut out);
    subscriptions.ping(&mut out);
    subscriptions.log_in(&login, &mut out);
    assert_eq!(commands(&out), "SUBSCRIBE a; AUTH ann sesame; PING; AUTH ann sesame");
    let mut hear = |frame: Value| subscriptions.handle_frame(&frame, &addr());
    let simple = |text: &'static str| Value::Simple(text.into());
    assert_eq!(hear(frame(&["subscribe", "a", "1"])), Ok(Heard::Joined(channel("a"))));
    assert_eq!(hear(simple("OK")), Ok(Heard::Nothing));
    assert_eq!(hear(simple("PONG")), Ok(Heard::Nothing));
    let error = "WRONGPASS no";
    assert_eq!(hear(Value::Error(error.into())), Ok(Heard::NotLoggedIn { error: error.into() }));
    assert_eq!(hear(simple("OK")), Err(UnexpectedFrame), "nobody asked");
}
