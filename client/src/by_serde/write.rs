//! Any type that knows serde as arguments.

use std::fmt::{self, Display};

use serde::{
    Serialize, Serializer,
    ser::{
        self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
        SerializeTupleStruct,
    },
};

use crate::{Cmd, ToArgs, cmd};

/// Adds what this is at the end of a command.
pub(super) fn write<T: Serialize + ?Sized>(value: &T, cmd: &mut Cmd) -> Result<(), Misfit> {
    value.serialize(Writer { cmd, depth: Depth::Whole })
}

/// Why something is no argument.
#[derive(Debug)]
pub(super) struct Misfit(String);

impl Misfit {
    fn nested() -> Self {
        Self("a field or an element has parts of its own: it can be written as Json".to_owned())
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Misfit {}

impl ser::Error for Misfit {
    fn custom<T: Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

/// Writes one value.
struct Writer<'a> {
    cmd: &'a mut Cmd,
    depth: Depth,
}

/// Whether it may have parts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Depth {
    /// It is all that is written.
    Whole,
    /// It is an element, and exactly one argument.
    Part,
    /// It is the value of a field, and one argument or none.
    Field,
}

/// Writes the parts of one.
struct Parts<'a>(&'a mut Cmd);

impl<'a> Writer<'a> {
    fn parts(self) -> Result<Parts<'a>, Misfit> {
        match self.depth {
            Depth::Whole => Ok(Parts(self.cmd)),
            Depth::Part | Depth::Field => Err(Misfit::nested()),
        }
    }
}

impl Parts<'_> {
    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Misfit> {
        value.serialize(Writer { cmd: self.0, depth: Depth::Part })
    }
}

macro_rules! plain {
    ($($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<(), Misfit> {
            value.write_args(self.cmd);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Misfit;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Impossible<(), Misfit>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Impossible<(), Misfit>;

    plain!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64,
        serialize_i128 i128, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64,
        serialize_u128 u128, serialize_f32 f32, serialize_f64 f64, serialize_str &str
    );

    fn serialize_u8(self, value: u8) -> Result<(), Misfit> {
        self.serialize_u16(value.into())
    }

    fn serialize_bool(self, value: bool) -> Result<(), Misfit> {
        self.serialize_u16(value.into())
    }

    fn serialize_char(self, value: char) -> Result<(), Misfit> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Misfit> {
        self.cmd.push(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Misfit> {
        match self.depth {
            Depth::Whole | Depth::Field => Ok(()),
            Depth::Part => Err(Misfit("an element of a list is None".to_owned())),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Misfit> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Misfit> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Misfit> {
        self.serialize_none()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Misfit> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Misfit> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Misfit> {
        Err(Misfit::nested())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, Misfit> {
        self.parts()
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Misfit> {
        self.parts()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Misfit> {
        self.parts()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Misfit> {
        Err(Misfit::nested())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, Misfit> {
        self.parts()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Misfit> {
        self.parts()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Misfit> {
        Err(Misfit::nested())
    }
}

macro_rules! sequences {
    ($($trait:ident $method:ident),*) => {$(
        impl $trait for Parts<'_> {
            type Ok = ();
            type Error = Misfit;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Misfit> {
                self.part(value)
            }

            fn end(self) -> Result<(), Misfit> {
                Ok(())
            }
        }
    )*};
}

sequences!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field
);

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = Misfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Misfit> {
        self.part(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Misfit> {
        self.part(value)
    }

    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Result<(), Misfit>
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        // Whether there is a value is known only when it has been written.
        let mut written = cmd("");
        value.serialize(Writer { cmd: &mut written, depth: Depth::Field })?;
        let written = written.command().map_err(|error| Misfit(error.to_string()))?.as_command();
        if let Some(value) = written.arg(1) {
            self.part(key)?;
            self.0.push(value);
        }
        Ok(())
    }

    fn end(self) -> Result<(), Misfit> {
        Ok(())
    }
}

impl SerializeStruct for Parts<'_> {
    type Ok = ();
    type Error = Misfit;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Misfit> {
        self.serialize_entry(key, value)
    }

    fn end(self) -> Result<(), Misfit> {
        SerializeMap::end(self)
    }
}
