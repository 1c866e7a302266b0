//! Where the keys of each kind of command are.

use proptest::prelude::*;
use slotway_protocol::{CommandBuf, CommandTable, KeysError};

#[track_caller]
fn check(line: &str, expected: Result<&[usize], KeysError>) {
    let table = CommandTable::builtin();
    let command = CommandBuf::new(&words(line)).expect("a known, short command");
    let command = command.as_command();
    let spec = table.lookup(&command).expect("a known, short command");
    let keys = spec.keys(&command);
    let positions = keys.map(|keys| keys.iter().map(|key| key.position).collect::<Vec<_>>());
    assert_eq!(positions.as_deref(), expected.as_ref().copied(), "{line}");
}

/// The words of a line; `""` is an empty one.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').map(|word| if word == "\"\"" { "" } else { word }).collect()
}

#[test]
fn a_place_tells_where_the_keys_are() {
    check("GET k", Ok(&[1]));
    check("SET k v GET", Ok(&[1]));
    check("MGET a b c", Ok(&[1, 2, 3]));
    check("MSET a 1 b 2", Ok(&[1, 3]));
    check("MSET a 1 b", Ok(&[1, 3]));
    check("MSETNX a 1 b 2", Ok(&[1, 3]));
    check("BITOP AND dest a b", Ok(&[2, 3, 4]));
    check("COPY a b DB 0 REPLACE", Ok(&[1, 2]));
    check("RENAME a b", Ok(&[1, 2]));
    check("SMOVE a b m", Ok(&[1, 2]));
    check("LMOVE a b LEFT RIGHT", Ok(&[1, 2]));
    check("SINTERSTORE d a b", Ok(&[1, 2, 3]));
    check("PFMERGE d a b", Ok(&[1, 2, 3]));
    check("ZRANGESTORE d s 0 1", Ok(&[1, 2]));
    check("LCS a b LEN", Ok(&[1, 2]));
    check("BLPOP a b 0", Ok(&[1, 2]));
    check("BZPOPMIN a 1.5", Ok(&[1]));
    check("GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 m", Ok(&[1, 2]));
    check("WATCH a b", Ok(&[1, 2]));
    check("PING", Ok(&[]));
    check("DBSIZE", Ok(&[]));
}

#[test]
fn a_subcommand_has_places_of_its_own() {
    check("OBJECT ENCODING k", Ok(&[2]));
    check("OBJECT HELP", Ok(&[]));
    check("MEMORY USAGE k SAMPLES 5", Ok(&[2]));
    check("MEMORY DOCTOR", Ok(&[]));
    check("XGROUP CREATE k g $", Ok(&[2]));
    check("XINFO STREAM k FULL", Ok(&[2]));
    check("CONFIG GET save", Ok(&[]));
}

#[test]
fn an_argument_may_count_the_keys() {
    check("EVAL s 0", Ok(&[]));
    check("EVAL s 0 a", Ok(&[]));
    check("EVAL s 2 a b c", Ok(&[3, 4]));
    check("EVALSHA_RO s 1 a", Ok(&[3]));
    check("FCALL f 1 a x", Ok(&[3]));
    check("EVAL s 2 a", Err(KeysError::BadCount));
    check("EVAL s -1 a", Err(KeysError::BadCount));
    check("EVAL s x a", Err(KeysError::BadCount));
    check("EVAL s 01 a", Err(KeysError::BadCount));
    check("EVAL s 18446744073709551616 a", Err(KeysError::BadCount));
    check("EVAL s 9223372036854775807 a", Err(KeysError::BadCount));
    check("ZUNION 2 a b WEIGHTS 1 2", Ok(&[2, 3]));
    check("ZUNIONSTORE d 2 a b", Ok(&[1, 3, 4]));
    check("ZINTERSTORE d 1 a WEIGHTS 1", Ok(&[1, 3]));
    check("ZDIFFSTORE d 3 a b", Err(KeysError::BadCount));
    check("SINTERCARD 2 a b LIMIT 1", Ok(&[2, 3]));
    check("ZINTERCARD 1 a", Ok(&[2]));
    check("LMPOP 2 a b LEFT", Ok(&[2, 3]));
    check("BLMPOP 0 2 a b LEFT COUNT 1", Ok(&[3, 4]));
    check("BZMPOP 0 1 a MIN", Ok(&[3]));
    check("MSETEX 2 a 1 b 2 EX 5", Ok(&[2, 4]));
}

#[test]
fn options_may_name_keys() {
    check("SORT k", Ok(&[1]));
    check("SORT k BY w_* GET # GET o_* STORE d", Ok(&[1, 9]));
    check("SORT k BY STORE STORE d", Ok(&[1, 5]));
    check("SORT k LIMIT 0 1 store d DESC", Ok(&[1, 6]));
    check("SORT k STORE a STORE b", Ok(&[1, 5]));
    check("SORT k GET STORE", Ok(&[1]));
    check("SORT k STORE", Ok(&[1]));
    check("SORT_RO k BY w_* GET #", Ok(&[1]));
    check("GEORADIUS k 1 1 1 m STORE d", Ok(&[1, 7]));
    check("GEORADIUS k 1 1 1 m STORE d STOREDIST e", Ok(&[1, 9]));
    check("GEORADIUS k 1 1 1 m WITHDIST", Ok(&[1]));
    check("GEORADIUSBYMEMBER k m 1 m COUNT 1 STOREDIST d", Ok(&[1, 8]));
    check("MIGRATE h 1 k 0 1", Ok(&[3]));
    check("MIGRATE h 1 \"\" 0 1 KEYS a b", Ok(&[7, 8]));
    check("MIGRATE h 1 \"\" 0 1 COPY AUTH keys KEYS a b", Ok(&[10, 11]));
    check("MIGRATE h 1 \"\" 0 1 AUTH2 u keys KEYS a", Ok(&[10]));
    check("MIGRATE h 1 k 0 1 KEYS a b", Err(KeysError::Missing));
}

#[test]
fn streams_are_found_behind_their_word_and_nowhere_else() {
    check("XREAD STREAMS a b 0 0", Ok(&[2, 3]));
    check("XREAD COUNT 1 BLOCK 0 STREAMS a 0", Ok(&[6]));
    check("XREAD COUNT STREAMS STREAMS a 0", Ok(&[4]));
    check("XREADGROUP GROUP streams STREAMS NOACK STREAMS streams >", Ok(&[6]));
    check("XREADGROUP GROUP g c COUNT 1 STREAMS a b > >", Ok(&[7, 8]));
    check("XREAD STREAMS a b 0", Err(KeysError::Unbalanced));
    check("XREAD COUNT 1 STREAMS", Err(KeysError::Unbalanced));
    check("XREAD a b c", Err(KeysError::Missing));
}

#[test]
fn sharded_channels_count_as_keys() {
    check("SPUBLISH ch m", Ok(&[1]));
    check("SSUBSCRIBE a b", Ok(&[1, 2]));
    check("SUNSUBSCRIBE", Ok(&[]));
    check("PUBLISH ch m", Ok(&[]));
    check("CLUSTERSCAN 0-{06S}-0", Ok(&[1]));
}

proptest! {
    /// Whatever the arguments are: no panic, and a key is an argument.
    #[test]
    fn keys_are_arguments(
        pick in any::<prop::sample::Index>(),
        args in prop::collection::vec(
            prop_oneof![
                "[a-c]", "[0-9]{1,2}", Just("9223372036854775807".to_owned()),
                "store|by|get|limit|streams|block|group|keys|auth2|numkeys|-1",
            ],
            0..9,
        ),
    ) {
        let table = CommandTable::builtin();
        let spec = pick.get(&table.iter().collect::<Vec<_>>()).to_owned();
        let words: Vec<&str> = spec.name().split('|').chain(args.iter().map(String::as_str)).collect();
        let command = CommandBuf::new(&words).unwrap();
        if let Ok(keys) = spec.keys(&command.as_command()) {
            prop_assert_eq!(keys.iter().count(), keys.len());
            prop_assert_eq!(keys.is_empty(), keys.iter().next().is_none());
            for key in keys.iter() {
                prop_assert!((1..words.len()).contains(&key.position));
            }
        }
    }
}
