//! A command: its bytes as they go to a server, and where its arguments are in them.

use smallvec::SmallVec;

use crate::{
    encode::{encode_bulk, encode_header},
    number::Decimal,
};

/// A borrowed command, in the canonical encoding: an array of bulk strings.
///
/// Its bytes can be sent as they are. Nothing is copied to look at an argument.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    bytes: &'a [u8],
    args: &'a [Span],
}

/// Where one argument is in a command's bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl<'a> Command<'a> {
    pub(crate) fn new(bytes: &'a [u8], args: &'a [Span]) -> Self {
        Self { bytes, args }
    }

    /// The whole command, ready to be sent.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many arguments it has, its name included.
    #[expect(clippy::len_without_is_empty, reason = "a command has a name, so it is never empty")]
    pub fn len(&self) -> usize {
        self.args.len()
    }

    /// Its name, as typed. Empty only if the sender wrote an empty name.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// The argument at this position; the name is at 0.
    #[inline]
    pub fn arg(&self, position: usize) -> Option<&'a [u8]> {
        let span = self.args.get(position)?;
        let start = span.start as usize;
        self.bytes.get(start..start + span.len as usize)
    }

    /// All arguments in order, the name first.
    pub fn args(&self) -> impl DoubleEndedIterator<Item = &'a [u8]> + ExactSizeIterator + use<'a> {
        let bytes = self.bytes;
        self.args.iter().map(move |span| {
            bytes.get(span.start as usize..(span.start + span.len) as usize).unwrap_or_default()
        })
    }

    /// A copy that owns its bytes.
    pub fn to_buf(&self) -> CommandBuf {
        CommandBuf { bytes: self.bytes.into(), args: self.args.into() }
    }
}

/// The most room that is made for arguments before they come.
const ROOM_MAX: usize = 64 << 10;

/// A command that owns its bytes, for those who make one instead of receiving it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CommandBuf {
    bytes: Vec<u8>,
    args: SmallVec<[Span; 6]>,
}

/// A command would be longer than the four gigabytes that its argument positions can name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a command takes at most 4 GiB")]
pub struct CommandTooLong;

impl CommandBuf {
    /// The command with these arguments, the name first.
    pub fn new<A: AsRef<[u8]>>(args: &[A]) -> Result<Self, CommandTooLong> {
        let mut command = Self { bytes: Vec::new(), args: SmallVec::with_capacity(args.len()) };
        let len = crate::encoded_len(args);
        u32::try_from(len).map_err(|_| CommandTooLong)?;
        command.bytes.reserve_exact(len);
        encode_header(&mut command.bytes, b'*', args.len());
        for arg in args {
            let arg = arg.as_ref();
            encode_bulk(&mut command.bytes, arg);
            let start = command.bytes.len() - arg.len() - 2;
            command.args.push(Span { start: start as u32, len: arg.len() as u32 });
        }
        Ok(command)
    }

    /// The command that has this name and no argument yet, with room for `room` bytes of them.
    pub fn named(name: &[u8], room: usize) -> Result<Self, CommandTooLong> {
        let mut command = Self { bytes: Vec::new(), args: SmallVec::new() };
        command.bytes.reserve(name.len().saturating_add(room).min(ROOM_MAX));
        command.bytes.extend_from_slice(b"*0\r\n");
        command.push(name)?;
        Ok(command)
    }

    /// Adds an argument at the end. The encoding stays canonical; a command that would be too long
    /// stays as it was.
    pub fn push(&mut self, arg: &[u8]) -> Result<(), CommandTooLong> {
        // The argument, its header and its end, and a header that grows by a digit.
        let grown = self.bytes.len().checked_add(arg.len()).and_then(|len| len.checked_add(32));
        grown.and_then(|len| u32::try_from(len).ok()).ok_or(CommandTooLong)?;
        self.bytes.reserve(arg.len() + 32);
        self.recount(self.args.len() + 1);
        encode_bulk(&mut self.bytes, arg);
        let start = self.bytes.len() - arg.len() - 2;
        self.args.push(Span { start: start as u32, len: arg.len() as u32 });
        Ok(())
    }

    /// Writes another count into the header. It is longer only at ten, a hundred and so on, so that
    /// what has to move then does not count.
    fn recount(&mut self, count: usize) {
        let old = Decimal::new(self.args.len() as u64).as_bytes().len();
        let count = Decimal::new(count as u64);
        let digits = count.as_bytes();
        if digits.len() == old {
            self.bytes[1..=old].copy_from_slice(digits);
            return;
        }
        self.bytes.splice(1..=old, digits.iter().copied());
        self.args.iter_mut().for_each(|span| span.start += 1);
    }

    /// The command as others look at it.
    pub fn as_command(&self) -> Command<'_> {
        Command::new(&self.bytes, &self.args)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_where_the_spans_say() {
        let owned = CommandBuf::new(&["SET", "", "value"]).unwrap();
        let command = owned.as_command();
        assert_eq!(command.args().collect::<Vec<_>>(), [&b"SET"[..], b"", b"value"]);
        assert_eq!(command.name(), b"SET");
        assert_eq!(command.arg(2), Some(&b"value"[..]));
        assert_eq!(command.arg(3), None);
        assert_eq!(command.len(), 3);
        assert_eq!(command.to_buf(), owned);
        assert_eq!(command.bytes(), b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\nvalue\r\n");
    }
    #[test]
    fn a_command_that_grows_is_the_one_made_at_once() {
        let words: Vec<String> = (0..1005).map(|n| "x".repeat(n % 13)).collect();
        let mut grown = CommandBuf::named(words[0].as_bytes(), 0).unwrap();
        for count in 1..words.len() {
            assert_eq!(grown, CommandBuf::new(&words[..count]).unwrap(), "{count} words");
            grown.push(words[count].as_bytes()).unwrap();
        }
        assert_eq!(grown.as_command().arg(1004), Some(words[1004].as_bytes()));
    }
}
