//! redis-protocol's decoder must read the same from a reply as ours does.

use bytes::Bytes;
use proptest::prelude::*;
use redis_protocol::resp3::{decode::complete::decode_bytes, types::BytesFrame};
use slotway_protocol::{ReplyLimits, Value};

use crate::samples::sample;

/// Whether redis-protocol knows the form at all: it has no streams in its one-shot decoder, and
/// reads attributes and the nulls of RESP2 only at the outermost level.
fn is_known_elsewhere(bytes: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(bytes, needle).is_some();
    !has(b"?\r\n") && !has(b"|") && !has(b"-1\r\n") && bytes.iter().all(u8::is_ascii)
}

/// Whether no map or set has an element that redis-protocol cannot hash, and so refuses.
fn can_be_hashed(value: &Value) -> bool {
    let plain = |value: &Value| {
        value.as_bytes().is_some() || value.as_integer().is_some() || value.as_error().is_some()
    };
    match value {
        Value::Array(values) | Value::Push(values) => values.iter().all(can_be_hashed),
        Value::Set(values) => values.iter().all(plain),
        Value::Map(pairs) => pairs.iter().all(|(key, value)| plain(key) && can_be_hashed(value)),
        Value::Attributed { value, .. } => can_be_hashed(value),
        Value::Null
        | Value::Integer(_)
        | Value::Double(_)
        | Value::Boolean(_)
        | Value::Error(_)
        | Value::Simple(_)
        | Value::BigNumber(_)
        | Value::Bulk(_)
        | Value::Verbatim { .. } => true,
    }
}

/// A value without what redis-protocol does not keep: the order of maps and sets, and doubles.
fn ours(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(ours).collect::<Vec<_>>();
    match value {
        Value::Array(values) | Value::Push(values) => format!("{:?}", list(values)),
        Value::Set(values) => unordered(list(values)),
        Value::Map(pairs) => {
            // The last of several equal keys counts there.
            let pairs = pairs.iter().map(|(key, value)| (ours(key), ours(value)));
            let pairs: std::collections::BTreeMap<_, _> = pairs.collect();
            format!("{pairs:?}")
        }
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Error(text) => format!("error {text:?}"),
        Value::Simple(bytes) | Value::BigNumber(bytes) | Value::Bulk(bytes) => format!("{bytes:?}"),
        Value::Verbatim { text, .. } => format!("{text:?}"),
        Value::Attributed { value, .. } => ours(value),
    }
}

fn theirs(frame: &BytesFrame) -> String {
    match frame {
        BytesFrame::Array { data, .. } | BytesFrame::Push { data, .. } => {
            format!("{:?}", data.iter().map(theirs).collect::<Vec<_>>())
        }
        BytesFrame::Set { data, .. } => unordered(data.iter().map(theirs).collect()),
        BytesFrame::Map { data, .. } => {
            let pairs = data.iter().map(|(key, value)| (theirs(key), theirs(value)));
            let pairs: std::collections::BTreeMap<_, _> = pairs.collect();
            format!("{pairs:?}")
        }
        BytesFrame::Null => "null".to_owned(),
        BytesFrame::Number { data, .. } => data.to_string(),
        BytesFrame::Double { data, .. } => data.to_string(),
        BytesFrame::Boolean { data, .. } => data.to_string(),
        BytesFrame::BlobError { data, .. } => format!("error {data:?}"),
        BytesFrame::SimpleError { data, .. } => {
            format!("error {:?}", Bytes::copy_from_slice(data.as_bytes()))
        }
        BytesFrame::BlobString { data, .. }
        | BytesFrame::SimpleString { data, .. }
        | BytesFrame::BigNumber { data, .. }
        | BytesFrame::VerbatimString { data, .. } => format!("{data:?}"),
        BytesFrame::ChunkedString(_) | BytesFrame::Hello { .. } => {
            format!("no reply of these tests: {frame:?}")
        }
    }
}

fn unordered(mut list: Vec<String>) -> String {
    list.sort();
    list.dedup();
    format!("{list:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn redis_protocol_reads_the_same(sample in sample()) {
        prop_assume!(is_known_elsewhere(&sample.bytes));
        let frame = Bytes::from(sample.bytes);
        let value = Value::decode(&frame, &ReplyLimits::default()).unwrap();
        prop_assume!(can_be_hashed(&value));
        let (decoded, len) = decode_bytes(&frame).unwrap().unwrap();
        prop_assert_eq!(len, frame.len());
        prop_assert_eq!(ours(&value), theirs(&decoded));
    }
}
