//! Values as arguments of a command.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt::{self, Write as _},
    rc::Rc,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;

use crate::Cmd;

/// What can stand in a command: as one argument, as several, or as none.
///
/// Text, bytes and numbers are one argument. Lists and sets are as many as they have elements, maps
/// two for each entry, tuples all of theirs in order, and an `Option` is what is in it or nothing.
/// They are written straight into the command.
///
/// `u8` is missing, so that a list of it is one string of bytes.
pub trait ToArgs {
    /// Adds them at the end of `cmd`.
    fn write_args(&self, cmd: &mut Cmd);
}

/// What is one argument, always: a key, a field, a value.
///
/// A type of one's own implements [`ToArgs`] by one [`Cmd::push`], and this with an empty body.
pub trait ToArg: ToArgs {}

/// Room for any number as text, without an allocation: floats are written short.
#[derive(Default)]
struct Text(SmallVec<[u8; 64]>);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn push_text(cmd: &mut Cmd, args: fmt::Arguments<'_>) {
    let mut text = Text::default();
    text.write_fmt(args).expect("a number is written without a failure");
    cmd.push(&text.0);
}

macro_rules! strings {
    ($($type:ty),*) => {$(
        impl ToArgs for $type {
            fn write_args(&self, cmd: &mut Cmd) {
                cmd.push(self.as_ref());
            }
        }

        impl ToArg for $type {}
    )*};
}

strings!(str, String, [u8], Vec<u8>, Bytes, BytesMut);

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl ToArgs for $type {
            fn write_args(&self, cmd: &mut Cmd) {
                push_text(cmd, format_args!("{self}"));
            }
        }

        impl ToArg for $type {}
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u16, u32, u64, u128, usize);

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl ToArgs for $type {
            fn write_args(&self, cmd: &mut Cmd) {
                // Written out, a large or small one has hundreds of digits.
                let plain = *self == 0.0 || (1e-5..1e16).contains(&self.abs());
                match plain || !self.is_finite() {
                    true => push_text(cmd, format_args!("{self}")),
                    false => push_text(cmd, format_args!("{self:e}")),
                }
            }
        }

        impl ToArg for $type {}
    )*};
}

floats!(f32, f64);

impl<const N: usize> ToArgs for [u8; N] {
    fn write_args(&self, cmd: &mut Cmd) {
        cmd.push(self);
    }
}

impl<const N: usize> ToArg for [u8; N] {}

macro_rules! pointers {
    ($($type:ty),*) => {$(
        impl<T: ToArgs + ?Sized> ToArgs for $type {
            fn write_args(&self, cmd: &mut Cmd) {
                (**self).write_args(cmd);
            }
        }

        impl<T: ToArg + ?Sized> ToArg for $type {}
    )*};
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: ToArgs + ToOwned + ?Sized> ToArgs for Cow<'_, T> {
    fn write_args(&self, cmd: &mut Cmd) {
        (**self).write_args(cmd);
    }
}

impl<T: ToArg + ToOwned + ?Sized> ToArg for Cow<'_, T> {}

impl<T: ToArgs> ToArgs for Option<T> {
    fn write_args(&self, cmd: &mut Cmd) {
        if let Some(value) = self {
            value.write_args(cmd);
        }
    }
}

impl<T: ToArgs, const N: usize> ToArgs for [T; N] {
    fn write_args(&self, cmd: &mut Cmd) {
        self.iter().for_each(|element| element.write_args(cmd));
    }
}

macro_rules! lists {
    ($($type:ty where [$($param:ident),*]),*) => {$(
        impl<T: ToArgs $(, $param)*> ToArgs for $type {
            fn write_args(&self, cmd: &mut Cmd) {
                self.iter().for_each(|element| element.write_args(cmd));
            }
        }
    )*};
}

lists!([T] where [], Vec<T> where [], BTreeSet<T> where [], HashSet<T, S> where [S]);

impl<K: ToArgs, V: ToArgs> ToArgs for BTreeMap<K, V> {
    fn write_args(&self, cmd: &mut Cmd) {
        self.iter().for_each(|pair| pair.write_args(cmd));
    }
}

impl<K: ToArgs, V: ToArgs, S> ToArgs for HashMap<K, V, S> {
    fn write_args(&self, cmd: &mut Cmd) {
        self.iter().for_each(|pair| pair.write_args(cmd));
    }
}

impl ToArgs for () {
    fn write_args(&self, _: &mut Cmd) {}
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+)),+) => {$(
        impl<$($name: ToArgs),+> ToArgs for ($($name,)+) {
            fn write_args(&self, cmd: &mut Cmd) {
                $(self.$index.write_args(cmd);)+
            }
        }
    )+};
}

tuples!((A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3), (A 0, B 1, C 2, D 3, E 4));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd;

    #[track_caller]
    fn check(args: impl ToArgs, expected: &[&str]) {
        let command = cmd("X").arg(args);
        let command = command.command().unwrap().as_command();
        let args = command.args().skip(1).map(|arg| str::from_utf8(arg).unwrap());
        assert_eq!(args.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn text_and_bytes_are_one_argument() {
        check("a", &["a"]);
        check("", &[""]);
        check(String::from("ab"), &["ab"]);
        check(b"ab", &["ab"]);
        check(&b"ab"[..], &["ab"]);
        check(vec![b'a', b'b'], &["ab"]);
        check(Bytes::from_static(b"ab"), &["ab"]);
        check(Cow::Borrowed("ab"), &["ab"]);
        check(Arc::<str>::from("ab"), &["ab"]);
        check(Box::<[u8]>::from(*b"ab"), &["ab"]);
    }

    #[test]
    fn numbers_are_written_as_servers_read_them() {
        check(0, &["0"]);
        check(i64::MIN, &["-9223372036854775808"]);
        check(u64::MAX, &["18446744073709551615"]);
        check(1.0, &["1"]);
        check(-0.1, &["-0.1"]);
        check(3.0e300, &["3e300"]);
        check(1.5e-9, &["1.5e-9"]);
        check(f64::INFINITY, &["inf"]);
        check(f64::NEG_INFINITY, &["-inf"]);
        check(0.1f32, &["0.1"]);
    }

    #[test]
    fn lists_maps_and_tuples_are_as_many_as_they_hold() {
        check(["a", "b"], &["a", "b"]);
        check(&["a", "b"][..], &["a", "b"]);
        check(vec![1, 2], &["1", "2"]);
        check([b"a", b"b"], &["a", "b"]);
        check([("a", 1), ("b", 2)], &["a", "1", "b", "2"]);
        check(("a", [1, 2], None::<&str>, Some("z")), &["a", "1", "2", "z"]);
        check(BTreeMap::from([("a", 1), ("b", 2)]), &["a", "1", "b", "2"]);
        check(HashMap::from([("a", 1)]), &["a", "1"]);
        check(BTreeSet::from(["b", "a"]), &["a", "b"]);
        check(HashSet::from(["a"]), &["a"]);
        check(Vec::<String>::new(), &[]);
        check((), &[]);
    }
}
