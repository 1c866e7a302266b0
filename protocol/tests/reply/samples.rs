//! Replies of every kind, as trees and as bytes.

use proptest::{collection::vec, prelude::*, sample::select};
use slotway_protocol::Value;

/// A reply as a tree, and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) value: Value,
    pub(crate) bytes: Vec<u8>,
}

impl Sample {
    fn new(value: Value, bytes: impl Into<Vec<u8>>) -> Self {
        Self { value, bytes: bytes.into() }
    }
}

pub(crate) fn blob(kind: char, body: &[u8]) -> Vec<u8> {
    [format!("{kind}{}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat()
}

fn line(kind: char, text: &[u8]) -> Vec<u8> {
    [kind.to_string().as_bytes(), text, b"\r\n"].concat()
}

fn scalar() -> impl Strategy<Value = Sample> {
    let text = || vec(any::<u8>().prop_filter("no line end", |b| !b"\r\n".contains(b)), 0..20);
    let bytes = || vec(any::<u8>(), 0..40);
    prop_oneof![
        text().prop_map(|l| Sample::new(Value::Simple(l.clone().into()), line('+', &l))),
        text().prop_map(|l| Sample::new(Value::Error(l.clone().into()), line('-', &l))),
        any::<i64>().prop_map(|n| Sample::new(Value::Integer(n), format!(":{n}\r\n"))),
        Just(Sample::new(Value::Boolean(true), "#t\r\n")),
        Just(Sample::new(Value::Boolean(false), "#f\r\n")),
        (-1e9..1e9f64).prop_map(|d| Sample::new(Value::Double(d), format!(",{d}\r\n"))),
        Just(Sample::new(Value::Double(f64::NEG_INFINITY), ",-inf\r\n")),
        "-?[1-9][0-9]{0,40}"
            .prop_map(|n| Sample::new(Value::BigNumber(n.clone().into()), format!("({n}\r\n"))),
        select(vec!["_\r\n", "$-1\r\n", "*-1\r\n"]).prop_map(|null| Sample::new(Value::Null, null)),
        bytes().prop_map(|b| Sample::new(Value::Bulk(b.clone().into()), blob('$', &b))),
        bytes().prop_map(|b| Sample::new(Value::Error(b.clone().into()), blob('!', &b))),
        bytes().prop_map(|b| {
            let body = [b"txt:", &*b].concat();
            Sample::new(Value::Verbatim { format: "txt".into(), text: b.into() }, blob('=', &body))
        }),
        streamed_blob(),
    ]
}

fn streamed_blob() -> impl Strategy<Value = Sample> {
    vec(vec(any::<u8>(), 1..9), 0..4).prop_map(|parts| {
        let chunks = parts.iter().flat_map(|part| blob(';', part));
        let bytes = b"$?\r\n".iter().copied().chain(chunks).chain(*b";0\r\n");
        Sample::new(Value::Bulk(parts.concat().into()), bytes.collect::<Vec<_>>())
    })
}

/// An aggregate whose length is said at the start, or shown by an end mark.
fn framed(kind: char, count: Option<usize>, parts: &[&Sample]) -> Vec<u8> {
    let count_or_mark = count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    let mut bytes = line(kind, count_or_mark.as_bytes());
    for part in parts {
        bytes.extend(&part.bytes);
    }
    if count.is_none() {
        bytes.extend(b".\r\n");
    }
    bytes
}

fn pairs(flat: &[(Sample, Sample)]) -> (Vec<(Value, Value)>, Vec<&Sample>) {
    let values = flat.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect();
    (values, flat.iter().flat_map(|(key, value)| [key, value]).collect())
}

pub(crate) fn sample() -> impl Strategy<Value = Sample> {
    scalar().prop_recursive(6, 64, 6, |inner| {
        let paired = || vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            (vec(inner.clone(), 0..6), any::<bool>(), any::<bool>()).prop_map(
                |(parts, set, streamed)| {
                    let values = parts.iter().map(|part| part.value.clone()).collect();
                    let refs: Vec<_> = parts.iter().collect();
                    let count = (!streamed).then_some(parts.len());
                    let bytes = framed(if set { '~' } else { '*' }, count, &refs);
                    Sample::new(if set { Value::Set(values) } else { Value::Array(values) }, bytes)
                }
            ),
            (paired(), any::<bool>()).prop_map(|(flat, streamed)| {
                let (values, refs) = pairs(&flat);
                let count = (!streamed).then_some(flat.len());
                Sample::new(Value::Map(values), framed('%', count, &refs))
            }),
            (paired(), inner.clone()).prop_map(|(flat, about)| {
                let (attributes, refs) = pairs(&flat);
                let bytes = [framed('|', Some(flat.len()), &refs), about.bytes].concat();
                if attributes.is_empty() {
                    return Sample::new(about.value, bytes);
                }
                Sample::new(Value::Attributed { attributes, value: Box::new(about.value) }, bytes)
            }),
        ]
    })
}
