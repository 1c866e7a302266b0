//! What types that know serde are read from, and written as.

use std::{collections::BTreeMap, fmt::Debug};

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
struct User {
    name: String,
    visits: u64,
    admin: bool,
    rank: Option<Rank>,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
enum Rank {
    First,
    Second,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Id(u32);

fn bulk(text: &'static str) -> Value {
    Value::Bulk(text.into())
}

fn list(texts: &[&'static str]) -> Value {
    Value::Array(texts.iter().map(|text| bulk(text)).collect())
}

fn ada() -> User {
    User { name: "Ada".to_owned(), visits: 7, admin: true, rank: Some(Rank::Second) }
}

#[track_caller]
fn check_read<T: DeserializeOwned + Debug + PartialEq>(value: Value, expected: T) {
    let shown = format!("{value:?}");
    assert_eq!(Serde::<T>::from_value(value).expect(&shown).0, expected, "reply {shown}");
}

#[track_caller]
fn check_misfit<T: FromValue + Debug>(value: Value, expected: &str) {
    assert_eq!(T::from_value(value).unwrap_err().to_string(), expected);
}

#[track_caller]
fn check_written(args: impl ToArgs, expected: Result<&[&str], &str>) {
    let written = cmd("X").arg(args);
    let words = written.command().map(|command| {
        let command = command.as_command();
        command.args().skip(1).map(|arg| str::from_utf8(arg).unwrap().to_owned()).collect()
    });
    let words: Result<Vec<String>, String> = words.map_err(|error| error.to_string());
    let expected = expected.map(|words| words.iter().map(|&word| word.to_owned()).collect());
    assert_eq!(words, expected.map_err(str::to_owned));
}

#[test]
fn a_hash_is_a_struct_in_both_versions_of_the_protocol() {
    let flat = ["name", "Ada", "visits", "7", "admin", "1", "rank", "Second", "more", "x"];
    check_read(list(&flat), ada());
    let pairs = flat.chunks(2).map(|pair| (bulk(pair[0]), bulk(pair[1])));
    check_read(Value::Map(pairs.collect()), ada());
    let lists = flat.chunks(2).map(list);
    check_read(Value::Array(lists.collect()), ada());
    check_read(list(&["a", "1"]), BTreeMap::from([("a".to_owned(), 1)]));
}

#[test]
fn replies_are_read_as_what_they_are() {
    check_read(Value::Integer(7), 7u8);
    check_read(bulk("-7"), -7i8);
    check_read(bulk("1.5"), 1.5f32);
    check_read(bulk("x"), 'x');
    check_read(bulk("x"), Some("x".to_owned()));
    check_read(Value::Null, None::<String>);
    check_read(Value::Null, ());
    check_read(Value::Simple("OK".into()), ());
    check_read(bulk("7"), Id(7));
    check_read(bulk("First"), Rank::First);
    check_read(list(&["a", "1"]), ("a".to_owned(), 1));
    check_read(list(&["1", "2"]), vec![1, 2]);
    check_read(Value::Array(vec![Value::Integer(1), Value::Null]), [Some(1), None]);
}

#[test]
fn what_does_not_fit_is_an_error_that_does_not_quote_it() {
    type As<T> = Serde<T>;
    check_misfit::<As<u8>>(bulk("300"), "the reply does not fit: it is not u8");
    let number = "expected a whole number that fits u32, and the reply is a string";
    check_misfit::<As<u32>>(bulk("secret"), number);
    check_misfit::<As<Rank>>(
        bulk("secret"),
        "the reply does not fit: it is none of [\"First\", \"Second\"]",
    );
    check_misfit::<As<User>>(
        list(&["name", "Ada"]),
        "the reply does not fit: missing field `visits`",
    );
    check_misfit::<As<User>>(Value::Error("ERR no".into()), "ERR no");
    check_misfit::<As<Vec<String>>>(bulk("x"), "expected a list, and the reply is a string");
    let json = "the reply does not fit: it is JSON of another kind, at line 1 column 8";
    check_misfit::<Json<u32>>(bulk("\"secret\""), json);
    let no_json = "the reply does not fit: it is no JSON, at line 1 column 2";
    check_misfit::<Json<Vec<u32>>>(bulk("[1"), no_json);
}

#[test]
fn a_struct_is_names_and_values() {
    let words = ["name", "Ada", "visits", "7", "admin", "1", "rank", "Second"];
    check_written(Serde(ada()), Ok(&words));
    check_written(Serde(&User::default()), Ok(&["name", "", "visits", "0", "admin", "0"]));
    check_written(Serde(BTreeMap::from([("a", Some(1)), ("b", None)])), Ok(&["a", "1"]));
    check_written(Serde(("a", 1, Id(2))), Ok(&["a", "1", "2"]));
    check_written(Serde(vec![1.5, 2.0]), Ok(&["1.5", "2"]));
    check_written(Serde(None::<u8>), Ok(&[]));
}

#[test]
fn what_is_no_argument_is_refused_before_it_is_sent() {
    let nested = "a field or an element has parts of its own: it can be written as Json";
    check_written(Serde(vec![vec![1]]), Err(nested));
    check_written(Serde(BTreeMap::from([("a", ("b", 1))])), Err(nested));
    check_written(Serde(vec![None::<u8>]), Err("an element of a list is None"));
    let no_json = "a value cannot be written as JSON: key must be a string";
    check_written(Json(BTreeMap::from([((1, 2), 3)])), Err(no_json));
}

#[test]
fn json_is_one_argument_and_comes_back() {
    let text = r#"{"name":"Ada","visits":7,"admin":true,"rank":"Second"}"#;
    check_written(Json(ada()), Ok(&[text]));
    assert_eq!(Json::<User>::from_value(bulk(text)).unwrap().0, ada());
    assert_eq!(Option::<Json<User>>::from_value(Value::Null).unwrap(), None);
}
