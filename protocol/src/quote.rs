//! What a server said, as a person may read it.

/// The start of a server's text in one line of a log: no control characters, at most 200 letters.
pub(crate) fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(800)]);
    text.chars().take(200).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_short_line() {
        assert_eq!(quoted(b"ERR it's\r\nodd\x1b\xff"), "ERR it's  odd \u{fffd}");
        assert_eq!(quoted(&[b'a'; 10_000]).len(), 200);
    }
}
