//! Inline requests: a line of words, as people and health checks type it.

use std::ops::Range;

use super::RequestError;

/// The words of a line, unquoted one after another into `words`; the ranges say where each is.
///
/// The rules are those of the servers. Where they differ (`"a"b` is two words' worth of one word to
/// Valkey 9.1 and an error to Redis 7.0) the stricter one holds.
pub(super) fn split(line: &[u8], words: &mut Vec<u8>) -> Result<Vec<Range<usize>>, RequestError> {
    let mut ranges = Vec::new();
    let mut rest = line;
    loop {
        let blank = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = &rest[blank..];
        if rest.is_empty() {
            return Ok(ranges);
        }
        let start = words.len();
        rest = word(rest, words)?;
        ranges.push(start..words.len());
    }
}

/// A server takes the vertical tab for white space between words; `is_ascii_whitespace` does not.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Appends one word, and returns what is behind it.
fn word<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], RequestError> {
    while let [byte, behind @ ..] = rest {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(rest),
            b'"' => return closed(double_quoted(behind, words)?),
            b'\'' => return closed(single_quoted(behind, words)?),
            _ => {
                words.push(*byte);
                rest = behind;
            }
        }
    }
    Ok(rest)
}

/// Nothing but white space may follow a closing quote.
fn closed(rest: &[u8]) -> Result<&[u8], RequestError> {
    match rest.first() {
        Some(&byte) if !is_space(byte) => Err(RequestError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], RequestError> {
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'x', high, low, behind @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte| crate::node::hex_digit(byte).unwrap_or_default();
                (digit(*high) << 4 | digit(*low), behind)
            }
            [b'\\', escaped, behind @ ..] => (unescape(*escaped), behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(RequestError::UnbalancedQuotes),
        };
        words.push(byte);
        rest = behind;
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], RequestError> {
    loop {
        let (byte, behind) = match rest {
            [b'\'', behind @ ..] => return Ok(behind),
            [b'\\', b'\'', behind @ ..] => (b'\'', behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(RequestError::UnbalancedQuotes),
        };
        words.push(byte);
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Result<&[&str], RequestError>) {
        let mut words = Vec::new();
        let ranges = split(line.as_bytes(), &mut words);
        let got = ranges.map(|ranges| {
            ranges.into_iter().map(|range| words[range].to_vec()).collect::<Vec<_>>()
        });
        let expected = expected
            .map(|list| list.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(got, expected, "words of {line:?}");
    }

    #[test]
    fn words_are_split_as_a_server_splits_them() {
        check("PING", Ok(&["PING"]));
        check("  SET\t k \x0b v \r", Ok(&["SET", "k", "v"]));
        check("ECHO a\x0bb", Ok(&["ECHO", "a\x0bb"]));
        check("ECHO a\rb", Ok(&["ECHO", "a", "b"]));
        check("", Ok(&[]));
        check(" \r", Ok(&[]));
        check(r"ECHO a\nb", Ok(&["ECHO", r"a\nb"]));
    }

    #[test]
    fn quotes_are_read_as_a_server_reads_them() {
        check(r#"ECHO "a b""#, Ok(&["ECHO", "a b"]));
        check(r#"ECHO a"b c""#, Ok(&["ECHO", "ab c"]));
        check(r#"ECHO "\x41\xzz\n\q\"""#, Ok(&["ECHO", "Axzz\nq\""]));
        check(r"ECHO 'a\'b\n\x41'", Ok(&["ECHO", r"a'b\n\x41"]));
        check(r#""""#, Ok(&[""]));
        check("'' a", Ok(&["", "a"]));
    }

    #[test]
    fn an_open_quote_is_an_error_and_so_is_a_word_behind_one() {
        for line in [r#"ECHO "a"#, "ECHO 'a", r#"ECHO "a"b"#, "ECHO 'a'b", r#"ECHO "a\"#, r#"""""#]
        {
            check(line, Err(RequestError::UnbalancedQuotes));
        }
    }
}
