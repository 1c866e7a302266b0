//! A command as the bytes that go to a server.

use crate::number::Decimal;

/// Appends a command in its canonical form: an array of bulk strings.
pub fn encode_command<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: &[A]) {
    out.reserve(encoded_len(args));
    encode_header(out, b'*', args.len());
    for arg in args {
        encode_bulk(out, arg.as_ref());
    }
}

/// How many bytes [`encode_command`] appends, so that a limit can be checked first.
pub fn encoded_len<A: AsRef<[u8]>>(args: &[A]) -> usize {
    let header = |count: usize| 1 + Decimal::new(count as u64).as_bytes().len() + 2;
    let bulk = |arg: &A| header(arg.as_ref().len()) + arg.as_ref().len() + 2;
    header(args.len()) + args.iter().map(bulk).sum::<usize>()
}

/// Appends what stands before the elements of an array, the bytes of a bulk string and the like, such
/// as `*3\r\n`; or a whole number, with `:`.
pub fn encode_header(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    out.extend_from_slice(Decimal::new(count as u64).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a bulk string.
pub fn encode_bulk(out: &mut Vec<u8>, body: &[u8]) {
    encode_header(out, b'$', body.len());
    out.extend_from_slice(body);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_an_array_of_bulks() {
        let mut out = Vec::new();
        encode_command(&mut out, &["SET", "key", ""]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$0\r\n\r\n");
        assert_eq!(out.len(), encoded_len(&["SET", "key", ""]));
    }
}
