//! What each kind of reply can be read as, and what not.

use std::fmt::Debug;

use super::*;

fn bulk(text: &'static str) -> Value {
    Value::Bulk(text.into())
}

fn list(texts: &[&'static str]) -> Value {
    Value::Array(texts.iter().map(|text| bulk(text)).collect())
}

#[track_caller]
fn check<T: FromValue + PartialEq + Debug>(value: Value, expected: T) {
    let shown = format!("{value:?}");
    assert_eq!(T::from_value(value).expect(&shown), expected, "reply {shown}");
}

#[track_caller]
fn check_refused<T: FromValue + Debug>(value: Value, expected: &str) {
    let shown = format!("{value:?}");
    assert_eq!(T::from_value(value).expect_err(&shown).to_string(), expected, "reply {shown}");
}

#[test]
fn strings_are_read_from_all_that_is_one() {
    check(bulk("a"), String::from("a"));
    check(bulk("a"), Bytes::from_static(b"a"));
    check(bulk("a"), b"a".to_vec());
    check(Value::Simple("OK".into()), String::from("OK"));
    check(Value::Verbatim { format: "txt".into(), text: "a".into() }, String::from("a"));
    check(Value::Integer(7), String::from("7"));
    check_refused::<String>(Value::Null, "expected text, and the reply is null");
    let binary = Value::Bulk(Bytes::from_static(b"\xff"));
    check(binary.clone(), b"\xff".to_vec());
    check_refused::<String>(binary, "expected text in UTF-8, and the reply is a string");
    check_refused::<Bytes>(Value::Integer(1), "expected a string, and the reply is a whole number");
}

#[test]
fn numbers_fit_or_are_refused() {
    check(Value::Integer(-1), -1i64);
    check(Value::Integer(65535), 65535u16);
    check(bulk("18446744073709551615"), u64::MAX);
    check(Value::BigNumber("9223372036854775808".into()), 1u64 << 63);
    let too_large = "expected a whole number that fits u16, and the reply is a whole number";
    check_refused::<u16>(Value::Integer(65536), too_large);
    check_refused::<u16>(Value::Integer(-1), too_large);
    let no_number = "expected a whole number that fits i32, and the reply is a string";
    check_refused::<i32>(bulk("secret"), no_number);
    check_refused::<i32>(bulk("2147483648"), no_number);
    check(Value::Double(1.5), 1.5);
    check(bulk("-1.5"), -1.5);
    check(bulk("inf"), f64::INFINITY);
    check(Value::Integer(3), 3.0);
    check_refused::<f64>(
        Value::Integer((1 << 53) + 1),
        "expected a number, and the reply is a whole number",
    );
}

#[test]
fn truth_is_a_boolean_or_one_or_zero() {
    check(Value::Boolean(true), true);
    check(Value::Integer(0), false);
    check(Value::Integer(1), true);
    let refused = "expected true or false, or 1 or 0, and the reply is a whole number";
    check_refused::<bool>(Value::Integer(2), refused);
}

#[test]
fn unit_is_ok_and_nothing_else() {
    check(Value::Simple("OK".into()), ());
    check_refused::<()>(Value::Simple("QUEUED".into()), "expected OK, and the reply is a status");
    check_refused::<()>(Value::Null, "expected OK, and the reply is null");
}

#[test]
fn what_may_be_missing_is_an_option() {
    check(Value::Null, None::<String>);
    check(bulk("a"), Some(String::from("a")));
    check(Value::Array(vec![bulk("a"), Value::Null]), vec![Some(String::from("a")), None]);
    check_refused::<Vec<String>>(
        Value::Array(vec![Value::Null]),
        "expected text, and the reply is null",
    );
}

#[test]
fn an_error_is_one_wherever_it_stands() {
    let error = || Value::Error("WRONGTYPE Operation against a key".into());
    let text = "WRONGTYPE Operation against a key";
    check_refused::<String>(error(), text);
    check_refused::<Option<i64>>(error(), text);
    check_refused::<()>(error(), text);
    check_refused::<Vec<i64>>(Value::Array(vec![Value::Integer(1), error()]), text);
    check_refused::<Vec<(i64, i64)>>(Value::Array(vec![error()]), text);
    let Err(Error::Server { code, message }) = i64::from_value(error()) else { panic!("no error") };
    assert_eq!((code.as_str(), message.as_str()), ("WRONGTYPE", "Operation against a key"));
    check(Value::Array(vec![error()]), Value::Array(vec![error()]));
}

#[test]
fn lists_and_sets_are_read_from_each_other() {
    check(list(&["1", "2"]), vec![1, 2]);
    check(Value::Set(vec![bulk("a")]), vec![String::from("a")]);
    check(list(&["b", "a", "b"]), BTreeSet::from([String::from("a"), String::from("b")]));
    check(Value::Set(vec![bulk("a")]), HashSet::<String>::from([String::from("a")]));
    check(Value::Array(Vec::new()), Vec::<(i64, i64)>::new());
    check_refused::<Vec<i64>>(bulk("secret"), "expected a list, and the reply is a string");
    check_refused::<HashSet<i64>>(Value::Null, "expected a set, and the reply is null");
}

#[test]
fn maps_and_pairs_are_read_nested_and_flat() {
    let map = || BTreeMap::from([(String::from("a"), 1), (String::from("b"), 2)]);
    let pair = |key, value| Value::Array(vec![bulk(key), Value::Integer(value)]);
    let nested = || Value::Array(vec![pair("a", 1), pair("b", 2)]);
    let real = || Value::Map(vec![(bulk("a"), Value::Integer(1)), (bulk("b"), Value::Integer(2))]);
    for value in [nested(), real(), list(&["a", "1", "b", "2"])] {
        check(value.clone(), map());
        check(value.clone(), map().into_iter().collect::<HashMap<_, _>>());
        check(value, map().into_iter().collect::<Vec<_>>());
    }
    let odd = "expected a list of which each is a list of 2, and the reply is an array";
    check_refused::<BTreeMap<String, i64>>(list(&["a"]), odd);
    check_refused::<HashMap<String, i64>>(bulk("a"), "expected a map, and the reply is a string");
}

#[test]
fn a_tuple_has_as_many_elements_as_the_list() {
    check(list(&["a", "1"]), (String::from("a"), 1));
    check(list(&["1", "2", "3"]), (1, 2, 3.0));
    check_refused::<(i64, i64)>(
        list(&["1", "2", "3"]),
        "expected a list of 2, and the reply is an array",
    );
}

#[test]
fn remarks_on_a_reply_are_left_out() {
    let value = Box::new(Value::Integer(1));
    check(Value::Attributed { attributes: Vec::new(), value }, 1);
}
