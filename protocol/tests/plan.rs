//! What a plan promises for every kind of command, and what a split one adds up to.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use slotway_protocol::{
    Audience, CommandBuf, CommandTable, CrossSlot, Merge, Merger, Pin, Plan, PlanRules, Refusal,
    RetryClass, ScanCursor, SessionCommand, Slot,
};

fn plan(words: &[&str], rules: impl FnOnce(&CommandTable) -> PlanRules) -> Plan {
    let table = CommandTable::builtin();
    let command = CommandBuf::new(words).expect("a known, short command");
    Plan::of(&command.as_command(), &table, &rules(&table))
}

#[track_caller]
fn check(line: &str, expected: Plan) {
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(plan(&words, PlanRules::new), expected, "{line}");
}

fn single(key: &str, class: RetryClass) -> Plan {
    Plan::Single { slot: Slot::of(key.as_bytes()), class }
}

fn primaries(merge: Merge, class: RetryClass) -> Plan {
    Plan::Broadcast { to: Audience::AllPrimaries, merge, class }
}

fn pinned(why: Pin, key: Option<&str>) -> Plan {
    Plan::Pinned { why, slot: key.map(|key| Slot::of(key.as_bytes())) }
}

use RetryClass::{Idempotent, Never, Read, Script};

#[test]
fn a_command_with_keys_in_one_slot_goes_there_whole() {
    check("GET a", single("a", Read));
    check("MGET {t}a {t}b", single("t", Read));
    check("MSET {t}a 1 {t}b 2", single("t", Idempotent));
    check("DEL a", single("a", Idempotent));
    check("RENAME {t}a {t}b", single("t", Never));
    check("EVAL s 2 {t}a {t}b", single("t", Script));
    check("EVAL_RO s 1 a", single("a", Read));
    check("XREAD STREAMS a 0", single("a", Read));
    check("XREADGROUP GROUP g c STREAMS a >", single("a", Never));
    check("SPUBLISH ch m", single("ch", Never));
    check("OBJECT ENCODING a", single("a", Read));
}

#[test]
fn a_command_without_keys_goes_to_any_node() {
    check("EVAL s 0", Plan::AnyNode { class: Script });
    check("PUBLISH ch m", Plan::AnyNode { class: Never });
    check("FUNCTION LIST", Plan::AnyNode { class: Never });
    check("ACL LIST", Plan::AnyNode { class: Never });
    // The server says what is wrong with it.
    check("EVAL s x a", Plan::AnyNode { class: Script });
    check("ZUNION 3 a b", Plan::AnyNode { class: Read });
}

#[test]
fn only_what_can_be_sent_again_is_called_so() {
    check("SET a 1", single("a", Idempotent));
    check("SET a 1 PXAT 1700000000000", single("a", Idempotent));
    for options in ["NX", "XX", "GET", "EX 5", "KEEPTTL", "IFEQ 1", "NX EXAT 1700000000"] {
        check(&format!("SET a 1 {options}"), single("a", Never));
    }
    check("ZADD a 1 m", single("a", Idempotent));
    check("ZADD a INCR 1 m", single("a", Never));
    check("EXPIREAT a 1700000000", single("a", Idempotent));
    check("EXPIREAT a 1700000000 NX", single("a", Never));
    check("EXPIRE a 5", single("a", Never));
    check("INCR a", single("a", Never));
    check("LPUSH a 1", single("a", Never));
    check("GETEX a", single("a", Never));
}

#[test]
fn a_command_for_all_nodes_says_how_replies_become_one() {
    check("DBSIZE", primaries(Merge::Sum, Read));
    check("KEYS *", primaries(Merge::Concat, Read));
    check("FLUSHALL", primaries(Merge::AllOk, Never));
    check("RANDOMKEY", primaries(Merge::FirstFound, Read));
    check("SCRIPT LOAD s", primaries(Merge::AllOk, Never));
    check("SCRIPT EXISTS a b", primaries(Merge::And, Never));
    check("FUNCTION KILL", primaries(Merge::First, Never));
    check(
        "SLOWLOG RESET",
        Plan::Broadcast { to: Audience::AllNodes, merge: Merge::AllOk, class: Never },
    );
}

#[test]
fn a_scan_goes_from_node_to_node() {
    check("SCAN 0", Plan::Scan(ScanCursor::START));
    check("SCAN 7170 COUNT 5", Plan::Scan(ScanCursor::parse(b"7170").unwrap()));
    check("SCAN x", Plan::Refused(Refusal::InvalidCursor));
    check("SCAN 9007199254740992", Plan::Refused(Refusal::InvalidCursor));
}

#[test]
fn what_would_hold_up_others_gets_a_connection_of_its_own() {
    check("BLPOP a 0", pinned(Pin::Blocking, Some("a")));
    check("BLMPOP 0 1 a LEFT", pinned(Pin::Blocking, Some("a")));
    check("XREAD BLOCK 0 STREAMS a $", pinned(Pin::Blocking, Some("a")));
    check("WAIT 1 0", pinned(Pin::Wait, None));
    check("WATCH {t}a {t}b", pinned(Pin::Watch, Some("t")));
    check("SUBSCRIBE a b", pinned(Pin::Subscribe, None));
    check("SSUBSCRIBE a b", pinned(Pin::Subscribe, None));
}

#[test]
fn what_concerns_the_connection_is_answered_there() {
    check("PING", Plan::Answer(SessionCommand::Ping));
    check("HELLO 3", Plan::Answer(SessionCommand::Hello));
    check("CLIENT SETNAME x", Plan::Answer(SessionCommand::Client));
    check("CONFIG GET save", Plan::Answer(SessionCommand::ConfigGet));
    check("CLUSTER SLOTS", Plan::Answer(SessionCommand::Cluster));
    check("MULTI", Plan::Answer(SessionCommand::Multi));
}

#[test]
fn only_what_is_known_and_allowed_is_sent() {
    check("NOSUCH a", Plan::Refused(Refusal::UnknownCommand));
    check("CONFIG NOSUCH", Plan::Refused(Refusal::UnknownSubcommand));
    check("GET", Plan::Refused(Refusal::Arity { words: 1 }));
    check("MSET a 1 b", Plan::Refused(Refusal::Arity { words: 1 }));
    for line in [
        "SHUTDOWN",
        "DEBUG SLEEP 1",
        "REPLICAOF NO ONE",
        "SLAVEOF NO ONE",
        "FAILOVER",
        "MONITOR",
        "MIGRATE h 1 k 0 1",
        "SYNC",
        "PSYNC ? -1",
        "SAVE",
        "REPLCONF x",
        "ASKING",
    ] {
        check(line, Plan::Refused(Refusal::Denied { words: 1 }));
    }
    for line in [
        "MODULE LIST",
        "ACL SETUSER x",
        "ACL DELUSER x",
        "ACL LOAD",
        "CONFIG SET a b",
        "CONFIG REWRITE",
        "CONFIG RESETSTAT",
        "CLUSTER FORGET x",
        "CLUSTER SETSLOT 1 STABLE",
        "CLUSTER FLUSHSLOT 1",
        "CLUSTER MIGRATESLOTS a b",
        "SCRIPT DEBUG YES",
    ] {
        check(line, Plan::Refused(Refusal::Denied { words: 2 }));
    }
}

#[test]
fn the_rules_can_be_changed_by_name() {
    let rules = |table: &CommandTable| {
        let mut rules = PlanRules::new(table);
        rules.allow("config", table).unwrap();
        rules.deny("keys", table).unwrap();
        rules.deny("client|kill", table).unwrap();
        assert!(rules.deny("nosuch", table).is_err());
        rules
    };
    let all = Plan::Broadcast { to: Audience::AllNodes, merge: Merge::AllOk, class: Never };
    assert_eq!(plan(&["CONFIG", "SET", "a", "b"], rules), all);
    assert_eq!(plan(&["KEYS", "*"], rules), Plan::Refused(Refusal::Denied { words: 1 }));
    let kill = plan(&["CLIENT", "KILL", "a"], rules);
    assert_eq!(kill, Plan::Refused(Refusal::Denied { words: 2 }));
    assert!(matches!(plan(&["SAVE"], |_| PlanRules::allowing_all()), Plan::Broadcast { .. }));
}

#[test]
fn keys_in_several_slots_are_refused_where_a_split_would_be_wrong() {
    for line in
        ["MSETNX a 1 b 2", "RENAME a b", "SINTER a b", "EVAL s 2 a b", "BLPOP a b 0", "WATCH a b"]
    {
        let words: Vec<&str> = line.split(' ').collect();
        let plan = plan(&words, PlanRules::new);
        assert!(matches!(plan, Plan::Refused(Refusal::CrossSlot { .. })), "{line}: {plan:?}");
    }
    let reject = |table: &CommandTable| PlanRules::new(table).with_cross_slot(CrossSlot::Reject);
    let refused = plan(&["MGET", "a", "b"], reject);
    assert!(matches!(refused, Plan::Refused(Refusal::CrossSlot { .. })), "{refused:?}");
}

#[test]
fn parts_for_one_node_stand_together() {
    let Plan::Split(mut split) = plan(&["DEL", "a", "b", "c", "d", "e"], PlanRules::new) else {
        panic!("not split");
    };
    let node = |slot: Slot| slot.number() % 2;
    split.order_by(node);
    let nodes: Vec<u16> = split.parts().iter().map(|part| node(part.slot())).collect();
    assert!(nodes.is_sorted() && nodes.len() == 5, "{nodes:?}");
}

/// A server for one slot: answers the parts as a whole server would answer the whole.
fn answer(words: &[Vec<u8>], stored: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let keys = &words[1..];
    if words[0].eq_ignore_ascii_case(b"mget") {
        let values = keys.iter().map(|key| match stored.get(key) {
            Some(value) => [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat(),
            None => b"$-1\r\n".to_vec(),
        });
        return [format!("*{}\r\n", keys.len()).into_bytes(), values.collect::<Vec<_>>().concat()]
            .concat();
    }
    let count = keys.iter().filter(|key| stored.contains_key(*key)).count();
    format!(":{count}\r\n").into_bytes()
}

proptest! {
    #[test]
    fn the_parts_of_a_split_command_are_the_whole(
        keys in vec(vec(any::<u8>(), 0..6), 1..40),
        mget: bool,
        nodes in 1..4u16,
        order: prop::sample::Index,
        present in vec(any::<bool>(), 40),
    ) {
        let name: &[u8] = if mget { b"MGET" } else { b"EXISTS" };
        let words: Vec<Vec<u8>> = [vec![name.to_vec()], keys.clone()].concat();
        let stored: BTreeMap<Vec<u8>, Vec<u8>> = keys
            .iter()
            .zip(present)
            .filter(|(_, present)| *present)
            .map(|(key, _)| (key.clone(), [key.as_slice(), b"\r\nvalue"].concat()))
            .collect();
        let whole = CommandBuf::new(&words).unwrap();
        let table = CommandTable::builtin();
        let slots: std::collections::HashSet<Slot> = keys.iter().map(|key| Slot::of(key)).collect();
        let plan = Plan::of(&whole.as_command(), &table, &PlanRules::new(&table));
        let Plan::Split(mut split) = plan else {
            prop_assert_eq!(slots.len(), 1);
            return Ok(());
        };
        split.order_by(|slot| slot.number() % nodes);
        prop_assert_eq!(split.parts().len(), slots.len());
        let mut seen = Vec::new();
        let mut replies = Vec::new();
        for part in split.parts() {
            let positions: Vec<usize> = split.key_positions(part).collect();
            prop_assert!(positions.is_sorted());
            let part_words: Vec<Vec<u8>> =
                std::iter::once(0).chain(positions.iter().copied()).map(|at| words[at].clone()).collect();
            prop_assert!(part_words[1..].iter().all(|key| Slot::of(key) == part.slot()));
            let mut bytes = Vec::new();
            split.encode_part(part, &whole.as_command(), &mut bytes);
            let part_command = CommandBuf::new(&part_words).unwrap();
            prop_assert_eq!(bytes.as_slice(), part_command.as_command().bytes());
            seen.extend(positions);
            replies.push(Bytes::from(answer(&part_words, &stored)));
        }
        seen.sort_unstable();
        prop_assert_eq!(seen, (1..words.len()).collect::<Vec<_>>());

        let mut merger = split.merger();
        let start = order.index(replies.len());
        for nth in 0..replies.len() {
            prop_assert!(!merger.is_complete());
            let part = (start + nth) % replies.len();
            merger.add(part, replies[part].clone());
        }
        prop_assert!(merger.is_complete());
        let mut out = Vec::new();
        merger.finish(&mut out);
        prop_assert_eq!(out, answer(&words, &stored));
    }

    #[test]
    fn pairs_stay_together(keys in vec("[a-z]{1,3}", 1..20)) {
        let mut words = vec!["MSET".to_owned()];
        for (nth, key) in keys.iter().enumerate() {
            words.extend([key.clone(), format!("{key}={nth}")]);
        }
        let whole = CommandBuf::new(&words).unwrap();
        let table = CommandTable::builtin();
        let plan = Plan::of(&whole.as_command(), &table, &PlanRules::new(&table));
        if let Plan::Split(split) = plan {
            for part in split.parts() {
                let mut bytes = Vec::new();
                split.encode_part(part, &whole.as_command(), &mut bytes);
                let pairs = split.key_positions(part).flat_map(|at| [at, at + 1]);
                let expected: Vec<&String> = std::iter::once(0).chain(pairs).map(|at| &words[at]).collect();
                let expected = CommandBuf::new(&expected).unwrap();
                prop_assert_eq!(bytes.as_slice(), expected.as_command().bytes());
            }
        }
    }

    #[test]
    fn any_arguments_get_a_plan(
        pick in any::<prop::sample::Index>(),
        args in vec(prop_oneof!["[a-c{}]{0,3}", "[0-9]{1,2}", "streams|block|keys|store|0|1"], 0..9),
    ) {
        let table = CommandTable::builtin();
        let spec = pick.get(&table.iter().collect::<Vec<_>>()).to_owned();
        let words: Vec<&str> = spec.name().split('|').chain(args.iter().map(String::as_str)).collect();
        let command = CommandBuf::new(&words).unwrap();
        let plan = Plan::of(&command.as_command(), &table, &PlanRules::allowing_all());
        if let Plan::Refused(refusal) = plan {
            let text = refusal.text(&command.as_command());
            prop_assert!(!text.is_empty() && !text.contains(&b'\n'));
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_change_the_whole(
        merge in prop::sample::select(vec![
            Merge::Sum, Merge::Min, Merge::Max, Merge::And, Merge::Or, Merge::AllOk, Merge::Concat,
            Merge::Union, Merge::First, Merge::FirstFound,
        ]),
        replies in vec(
            prop::sample::select(vec![
                ":1\r\n", ":0\r\n", ":-5\r\n", "+OK\r\n", "-ERR a\r\n", "-NOSCRIPT b\r\n", "$-1\r\n",
                "*1\r\n:1\r\n", "*2\r\n$1\r\na\r\n:2\r\n", "*0\r\n", "*1\r\n", "junk", "~1\r\n:3\r\n",
            ]),
            1..5,
        ),
    ) {
        let merged = |order: &mut dyn Iterator<Item = usize>| {
            let mut merger = Merger::new(merge, replies.len());
            order.for_each(|part| merger.add(part, Bytes::from_static(replies[part].as_bytes())));
            let mut out = Vec::new();
            merger.finish(&mut out);
            out
        };
        let forwards = merged(&mut (0..replies.len()));
        prop_assert_eq!(&forwards, &merged(&mut (0..replies.len()).rev()));
        prop_assert!(!forwards.is_empty());
    }
}
