//! Reads and shows arguments as servers do.

/// A whole number in a server's sense: no plus sign, no leading zeros, no spaces.
pub(super) fn integer(arg: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(arg).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// As much of an argument as servers repeat in an error: they print C strings.
pub(super) fn shown(arg: &[u8]) -> &[u8] {
    arg.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Whether a name has only what the line of a `CLIENT LIST` can show.
pub(super) fn is_plain(name: &[u8]) -> bool {
    name.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// Whether an argument is this word, in any case.
pub(super) fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// An error with an argument in its middle.
pub(super) fn quoting(before: &str, arg: &[u8], behind: &str) -> Vec<u8> {
    [before.as_bytes(), shown(arg), behind.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_strictly_as_servers_do() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-12", Some(-12)),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("+1", None),
            ("01", None),
            ("-0", None),
            (" 1", None),
            ("", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn an_argument_is_shown_up_to_its_first_zero() {
        assert_eq!(quoting("<", b"a\0b", ">"), b"<a>");
        assert_eq!(shown(b""), b"");
    }
}
