//! Replies as types of one's own.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each type names the kinds of reply that it is read from; all others are refused"
)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, Hash},
    str::FromStr,
};

use bytes::Bytes;
use slotway_protocol::Value;

use crate::Error;

/// What a reply can be read as.
///
/// Nothing is guessed: a reply that does not fit is [`Error::Unexpected`], one that is an error of
/// the server is [`Error::Server`], and a number that does not fit its type is an error and not
/// another number. What may be missing is an `Option`.
///
/// `u8` is missing, so that a list of it is one string of bytes.
pub trait FromValue: Sized {
    /// Reads a reply.
    fn from_value(value: Value) -> Result<Self, Error>;

    /// Reads the elements of a list. Tuples differ from the rest: a server that talks the older
    /// protocol sends lists of them flat.
    #[doc(hidden)]
    fn from_elements(elements: Vec<Value>) -> Result<Vec<Self>, Error> {
        elements.into_iter().map(Self::from_value).collect()
    }
}

/// The reply without remarks on it, if it is no error.
fn plain(mut value: Value) -> Result<Value, Error> {
    while let Value::Attributed { value: inner, .. } = value {
        value = *inner;
    }
    match value {
        Value::Error(text) => Err(Error::from_server(&text)),
        value => Ok(value),
    }
}

/// The bytes of a string, whichever way the server sends it.
fn bytes(value: Value, expected: &'static str) -> Result<Bytes, Error> {
    match plain(value)? {
        Value::Simple(bytes) | Value::Bulk(bytes) | Value::BigNumber(bytes) => Ok(bytes),
        Value::Verbatim { text, .. } => Ok(text),
        other => Err(Error::unexpected(expected, &other)),
    }
}

/// The elements of a list, and each pair of a map as one of them.
fn elements(value: Value, expected: &'static str) -> Result<Vec<Value>, Error> {
    match plain(value)? {
        Value::Array(elements) | Value::Set(elements) | Value::Push(elements) => Ok(elements),
        Value::Map(pairs) => {
            Ok(pairs.into_iter().map(|(key, value)| Value::Array(vec![key, value])).collect())
        }
        other => Err(Error::unexpected(expected, &other)),
    }
}

/// Also errors, if they are inside it.
impl FromValue for Value {
    fn from_value(value: Value) -> Result<Self, Error> {
        Ok(value)
    }
}

/// `OK`, and nothing else.
impl FromValue for () {
    fn from_value(value: Value) -> Result<Self, Error> {
        match plain(value)? {
            Value::Simple(text) if text == "OK" => Ok(()),
            other => Err(Error::unexpected("OK", &other)),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        match plain(value)? {
            Value::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// Shares the memory of the whole reply that it is part of.
impl FromValue for Bytes {
    fn from_value(value: Value) -> Result<Self, Error> {
        bytes(value, "a string")
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value) -> Result<Self, Error> {
        bytes(value, "a string").map(Self::from)
    }
}

/// A number too, as the server would write it.
impl FromValue for String {
    fn from_value(value: Value) -> Result<Self, Error> {
        match plain(value)? {
            Value::Integer(number) => Ok(number.to_string()),
            Value::Double(number) => Ok(number.to_string()),
            value => {
                let not_text = Error::unexpected("text in UTF-8", &value);
                Self::from_utf8(bytes(value, "text")?.into()).map_err(|_| not_text)
            }
        }
    }
}

/// Reads a number that came as text.
fn parsed<T: FromStr>(value: Value, expected: &'static str) -> Result<T, Error> {
    let unexpected = Error::unexpected(expected, &value);
    let text = bytes(value, expected)?;
    str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).ok_or(unexpected)
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl FromValue for $type {
            fn from_value(value: Value) -> Result<Self, Error> {
                const EXPECTED: &str = concat!("a whole number that fits ", stringify!($type));
                match plain(value)? {
                    Value::Integer(number) => Self::try_from(number)
                        .map_err(|_| Error::unexpected(EXPECTED, &Value::Integer(number))),
                    value => parsed(value, EXPECTED),
                }
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u16, u32, u64, u128, usize);

/// A whole number too, if it is one exactly.
impl FromValue for f64 {
    fn from_value(value: Value) -> Result<Self, Error> {
        const EXACT: u64 = 1 << 53;
        match plain(value)? {
            Value::Double(number) => Ok(number),
            Value::Integer(number) if number.unsigned_abs() <= EXACT => Ok(number as Self),
            value => parsed(value, "a number"),
        }
    }
}

/// Also 1 and 0, as most commands say it.
impl FromValue for bool {
    fn from_value(value: Value) -> Result<Self, Error> {
        match plain(value)? {
            Value::Boolean(is) => Ok(is),
            Value::Integer(0) => Ok(false),
            Value::Integer(1) => Ok(true),
            other => Err(Error::unexpected("true or false, or 1 or 0", &other)),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        T::from_elements(elements(value, "a list")?)
    }
}

impl<T: FromValue + Ord> FromValue for BTreeSet<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        elements(value, "a set")?.into_iter().map(T::from_value).collect()
    }
}

impl<T: FromValue + Eq + Hash, S: BuildHasher + Default> FromValue for HashSet<T, S> {
    fn from_value(value: Value) -> Result<Self, Error> {
        elements(value, "a set")?.into_iter().map(T::from_value).collect()
    }
}

/// The entries of a map, also of one that came as a list of pairs or flat.
fn entries<K: FromValue, V: FromValue>(value: Value) -> Result<Vec<(K, V)>, Error> {
    <(K, V)>::from_elements(elements(value, "a map")?)
}

impl<K: FromValue + Ord, V: FromValue> FromValue for BTreeMap<K, V> {
    fn from_value(value: Value) -> Result<Self, Error> {
        Ok(entries(value)?.into_iter().collect())
    }
}

impl<K, V, S> FromValue for HashMap<K, V, S>
where
    K: FromValue + Eq + Hash,
    V: FromValue,
    S: BuildHasher + Default,
{
    fn from_value(value: Value) -> Result<Self, Error> {
        Ok(entries(value)?.into_iter().collect())
    }
}

macro_rules! tuples {
    ($($count:literal $expected:literal ($($name:ident),+)),+) => {$(
        impl<$($name: FromValue),+> FromValue for ($($name,)+) {
            fn from_value(value: Value) -> Result<Self, Error> {
                let elements = elements(value, $expected)?;
                let list = Value::Array(Vec::new());
                if elements.len() != $count {
                    return Err(Error::unexpected($expected, &list));
                }
                let mut elements = elements.into_iter();
                let mut next = || elements.next().ok_or(Error::unexpected($expected, &list));
                Ok(($($name::from_value(next()?)?,)+))
            }

            fn from_elements(elements: Vec<Value>) -> Result<Vec<Self>, Error> {
                let nested = elements.iter().all(|element| {
                    element.as_elements().is_some() || element.as_error().is_some()
                });
                if nested {
                    return elements.into_iter().map(Self::from_value).collect();
                }
                if !elements.len().is_multiple_of($count) {
                    let list = Value::Array(Vec::new());
                    return Err(Error::unexpected(concat!("a list of which each is ", $expected), &list));
                }
                let mut elements = elements.into_iter();
                let mut tuples = Vec::with_capacity(elements.len() / $count);
                while elements.len() > 0 {
                    tuples.push(Self::from_value(Value::Array(elements.by_ref().take($count).collect()))?);
                }
                Ok(tuples)
            }
        }
    )+};
}

tuples!(
    1 "a list of 1" (A),
    2 "a list of 2" (A, B),
    3 "a list of 3" (A, B, C),
    4 "a list of 4" (A, B, C, D),
    5 "a list of 5" (A, B, C, D, E),
    6 "a list of 6" (A, B, C, D, E, F),
    7 "a list of 7" (A, B, C, D, E, F, G),
    8 "a list of 8" (A, B, C, D, E, F, G, H),
    9 "a list of 9" (A, B, C, D, E, F, G, H, I),
    10 "a list of 10" (A, B, C, D, E, F, G, H, I, J),
    11 "a list of 11" (A, B, C, D, E, F, G, H, I, J, K),
    12 "a list of 12" (A, B, C, D, E, F, G, H, I, J, K, L)
);

#[cfg(test)]
mod tests;
