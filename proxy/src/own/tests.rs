use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use slotway_protocol::{
    CommandBuf, CommandTable, Plan, PlanRules, ReplyLimits, ReplyScan, ReplyScanner, Secret,
};

use super::*;

fn world(version: &str) -> Arc<World> {
    let table = CommandTable::builtin();
    let rules = Arc::new(PlanRules::new(&table));
    let settings = Settings {
        table: Arc::new(table),
        rules,
        databases: 1,
        clients_max: 100,
        port: 6379,
        run_id: "0".repeat(40),
        tracking: TrackingSupport::Served,
        events: crate::log::EventRing::new(3),
    };
    let name = if version.starts_with('7') { "redis" } else { "valkey" };
    Arc::new(World::new(settings, Backend::new(name, version)))
}

fn session(world: &World) -> Identity {
    session_with(world, None)
}

fn session_with(world: &World, password: Option<&str>) -> Identity {
    let password = password.map(|password| Arc::new(Secret::new(password)));
    let (peer, local) = ("127.0.0.1:5000".to_owned(), "127.0.0.1:6379".to_owned());
    let arrival = Arrival { peer, local, via: Via::Tcp, socket: 7, at: Duration::ZERO };
    Identity::new(world, arrival, password)
}

/// What a session is told, and what becomes of it.
fn told(words: &[Vec<u8>], me: &mut Identity, world: &World) -> (Vec<u8>, Outcome) {
    let command = CommandBuf::new(words).unwrap();
    let command = command.as_command();
    let (mut out, now) = (Vec::new(), Moment { run: Duration::from_secs(9), ..Moment::default() });
    if is_proxy(&command) {
        let outcome = proxy(&command, me, world, now, &mut out);
        return (out, outcome);
    }
    let plan = Plan::of(&command, &world.settings().table, &world.settings().rules);
    let Plan::Answer(which) = plan else { return (out, Outcome::Unanswered) };
    let outcome = answer(which, &command, me, world, now, &mut out);
    (out, outcome)
}

#[track_caller]
fn check(world: &World, me: &mut Identity, line: &str, expected: &str) {
    let words: Vec<Vec<u8>> = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let (out, _) = told(&words, me, world);
    assert_eq!(String::from_utf8_lossy(&out).replace("\r\n", "|"), expected, "{line}");
}

const WORDS: [&str; 44] = [
    "CLIENT",
    "HELLO",
    "AUTH",
    "SELECT",
    "PING",
    "RESET",
    "QUIT",
    "PROXY",
    "LIST",
    "KILL",
    "ID",
    "TYPE",
    "normal",
    "SKIPME",
    "yes",
    "no",
    "TRACKING",
    "ON",
    "OFF",
    "BCAST",
    "PREFIX",
    "a",
    "REDIRECT",
    "1",
    "CACHING",
    "TRACKINGINFO",
    "INFO",
    "REPLY",
    "SKIP",
    "SETNAME",
    "SETINFO",
    "LIB-NAME",
    "PAUSE",
    "UNBLOCK",
    "LOG",
    "CLIENTS",
    "ROUTE",
    "3",
    "2",
    "-1",
    "FLAGS",
    "NOT-ID",
    "DB",
    "99999999999999999999",
];

fn word() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => prop::sample::select(&WORDS[..]).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

proptest! {
    #[test]
    fn whatever_is_asked_is_answered_with_one_whole_reply(
        commands in prop::collection::vec(prop::collection::vec(word(), 1..6), 1..12),
        version in prop::sample::select(&["7.0.15", "7.4.0", "8.1.8", "9.1.2"][..]),
        password in prop::option::of(Just("a")),
    ) {
        let world = world(version);
        let mut me = session_with(&world, password);
        for words in commands {
            let (out, outcome) = told(&words, &mut me, &world);
            me.hearing();
            if matches!(outcome, Outcome::Errand(_) | Outcome::Unanswered) {
                prop_assert!(out.is_empty());
                continue;
            }
            let scan = ReplyScanner::new(ReplyLimits::default()).scan(&out).unwrap();
            let ReplyScan::Complete(reply) = scan else { panic!("{words:?}: {out:?}") };
            prop_assert_eq!(reply.len, out.len());
        }
    }
}

#[test]
fn tracking_is_refused_where_nobody_delivers() {
    let table = Arc::new(CommandTable::builtin());
    let settings =
        Settings { tracking: TrackingSupport::Refused, ..world("9.1.2").settings().clone() };
    let world = World::new(Settings { table, ..settings }, Backend::new("valkey", "9.1.2"));
    let mut me = session(&world);
    check(
        &world,
        &mut me,
        "CLIENT TRACKING ON",
        "-ERR CLIENT TRACKING is not supported here: invalidations would not reach this connection|",
    );
    check(&world, &mut me, "CLIENT GETREDIR", ":-1|");
    check(&world, &mut me, "CLIENT TRACKING OFF", "+OK|");
}

#[test]
fn there_are_as_many_databases_as_the_cluster_has() {
    let world = world("9.1.2");
    let mut me = session(&world);
    check(&world, &mut me, "SELECT 0", "+OK|");
    check(&world, &mut me, "SELECT 1", "-ERR DB index is out of range|");
    assert_eq!(me.database(), 0);
}

#[test]
fn a_blocked_session_can_be_freed_by_another() {
    let world = world("9.1.2");
    let (mut me, other) = (session(&world), session(&world));
    let unblock = format!("CLIENT UNBLOCK {} ERROR", other.id());
    check(&world, &mut me, &unblock, ":0|");
    other.stand(Standing { blocked: Switch::On, ..Standing::default() });
    check(&world, &mut me, &unblock, ":1|");
    assert_eq!(other.card().take_ask(), Some(Ask::Unblock(Unblock::Error)));
}

#[test]
fn a_pause_holds_and_ends() {
    let world = world("9.1.2");
    let mut me = session(&world);
    let now = Duration::from_secs(9);
    check(&world, &mut me, "CLIENT PAUSE 1500 WRITE", "+OK|");
    let until = now + Duration::from_millis(1500);
    assert_eq!(world.pause().state(now), Some((until, Paused::Writes)));
    check(&world, &mut me, "CLIENT UNPAUSE", "+OK|");
    assert_eq!(world.pause().state(now), None);
}

#[test]
fn a_session_that_goes_is_listed_no_more() {
    let world = world("9.1.2");
    let (me, other) = (session(&world), session(&world));
    drop(other);
    assert_eq!(world.directory().cards().len(), 1);
    assert_eq!(world.directory().cards()[0].id(), me.id());
}
