//! Replies as any type that knows serde.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each type names the kinds of reply that it is read from; all others are refused"
)]

use std::fmt::{self, Display};

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{self, DeserializeOwned, IntoDeserializer, Visitor, value},
    forward_to_deserialize_any,
};
use slotway_protocol::Value;

use crate::{Error, FromValue};

/// Reads a whole reply.
pub(super) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Reply(value)).map_err(|misfit| misfit.0)
}

/// A reply, or a part of one.
struct Reply(Value);

/// Why a reply is not read.
#[derive(Debug)]
struct Misfit(Error);

impl Misfit {
    fn new(why: impl Display) -> Self {
        Self(Error::Misfit { why: why.to_string() })
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Misfit {}

/// The value itself is never part of it.
impl de::Error for Misfit {
    fn custom<T: Display>(why: T) -> Self {
        Self::new(why)
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format_args!("it is not {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format_args!("it is not {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format_args!("it is none of {expected:?}"))
    }
}

impl From<Error> for Misfit {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl<'de> IntoDeserializer<'de, Misfit> for Reply {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Reply {
    /// Without remarks on it, if it is no error.
    fn plain(self) -> Result<Value, Misfit> {
        // As itself, a reply is read whatever it is.
        match Option::<Value>::from_value(self.0)? {
            Some(value) => Ok(value),
            None => Ok(Value::Null),
        }
    }

    fn pairs(self) -> Result<Vec<(Value, Value)>, Misfit> {
        match self.plain()? {
            Value::Map(pairs) => Ok(pairs),
            list @ (Value::Array(_) | Value::Set(_) | Value::Push(_)) => {
                Ok(<Vec<(Value, Value)>>::from_value(list)?)
            }
            other => Err(Error::unexpected("a map", &other).into()),
        }
    }

    fn elements(self) -> Result<Vec<Value>, Misfit> {
        Ok(Vec::from_value(self.plain()?)?)
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            visitor.$visit(<$type>::from_value(self.0)?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reply {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.plain()? {
            Value::Null => visitor.visit_unit(),
            Value::Integer(number) => visitor.visit_i64(number),
            Value::Double(number) => visitor.visit_f64(number),
            Value::Boolean(is) => visitor.visit_bool(is),
            value @ (Value::Map(_) | Value::Array(_) | Value::Set(_) | Value::Push(_)) => {
                let is_map = matches!(value, Value::Map(_));
                let reply = Self(value);
                if is_map { reply.deserialize_map(visitor) } else { reply.deserialize_seq(visitor) }
            }
            text => {
                let bytes = Bytes::from_value(text)?;
                match str::from_utf8(&bytes) {
                    Ok(text) => visitor.visit_str(text),
                    Err(_) => visitor.visit_bytes(&bytes),
                }
            }
        }
    }

    numbers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_i128 visit_i128 i128,
        deserialize_u16 visit_u16 u16, deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64, deserialize_u128 visit_u128 u128,
        deserialize_f64 visit_f64 f64, deserialize_string visit_string String
    );

    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_u16(u16::from_value(self.0)?)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let value = self.plain()?;
        match value.as_bytes() {
            Some(b"1" | b"true") => visitor.visit_bool(true),
            Some(b"0" | b"false") => visitor.visit_bool(false),
            _ => visitor.visit_bool(bool::from_value(value)?),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_byte_buf(Vec::<u8>::from_value(self.0)?)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.plain()? {
            Value::Null => visitor.visit_none(),
            value => visitor.visit_some(Self(value)),
        }
    }

    /// Nothing, and `OK`.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.plain()? {
            Value::Null => visitor.visit_unit(),
            value => <()>::from_value(value).map_err(Misfit).and_then(|()| visitor.visit_unit()),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let mut elements = value::SeqDeserializer::new(self.elements()?.into_iter().map(Self));
        let read = visitor.visit_seq(&mut elements)?;
        elements.end()?;
        Ok(read)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let pairs = self.pairs()?.into_iter().map(|(key, value)| (Self(key), Self(value)));
        let mut pairs = value::MapDeserializer::new(pairs);
        let read = visitor.visit_map(&mut pairs)?;
        pairs.end()?;
        Ok(read)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    /// By the name of a variant without parts.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(String::from_value(self.0)?.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any!(unit_struct);
}
