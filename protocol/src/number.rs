//! Numbers as the protocol writes them: canonical decimal, nothing else.

/// Reads a canonical decimal: no sign but `-`, no leading zero, nothing around it.
///
/// Servers refuse `+4`, `04` and `-0` where a length belongs. Accepting them would mean to see a
/// different request than the server behind does.
#[inline]
pub(crate) fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', b'1'..=b'9', ..] => {
            parse_magnitude(&text[1..]).and_then(|n| 0i64.checked_sub_unsigned(n))
        }
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => parse_magnitude(text).and_then(|n| n.try_into().ok()),
        _ => None,
    }
}

/// Reads a canonical decimal that is not negative.
#[inline]
pub(crate) fn parse_u64(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] => parse_magnitude(text),
        _ => None,
    }
}

#[inline]
fn parse_magnitude(digits: &[u8]) -> Option<u64> {
    // Nineteen digits always fit; a twentieth needs the checked way.
    if digits.len() > 19 {
        return digits.iter().try_fold(0u64, |value, &byte| {
            let digit = byte.wrapping_sub(b'0');
            (digit < 10).then_some(())?;
            value.checked_mul(10)?.checked_add(u64::from(digit))
        });
    }
    let mut value = 0u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// A canonical number below a thousand million and the CRLF behind it: its value, and how many bytes
/// both take. `None` says only that it is not that simple.
#[inline]
pub(crate) fn short_number_line(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = match bytes.first()? {
        digit @ b'0'..=b'9' => usize::from(digit - b'0'),
        _ => return None,
    };
    for at in 1..10 {
        match bytes.get(at)? {
            digit @ b'0'..=b'9' if value > 0 => value = value * 10 + usize::from(digit - b'0'),
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => return Some((value, at + 2)),
            _ => return None,
        }
    }
    None
}

/// The decimal digits of a number, without an allocation.
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    pub(crate) fn new(mut number: u64) -> Self {
        let mut decimal = Self { digits: [0; 20], start: 20 };
        loop {
            decimal.start -= 1;
            decimal.digits[decimal.start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return decimal;
            }
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse_i64(text.as_bytes()), expected, "number {text:?}");
    }

    #[test]
    fn only_the_canonical_form_is_a_number() {
        check("0", Some(0));
        check("-1", Some(-1));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        for text in ["", "-", "+1", "01", "-0", "-01", " 1", "1 ", "1a", "9223372036854775808"] {
            check(text, None);
        }
        check("-9223372036854775809", None);
        check("99999999999999999999999999", None);
    }

    #[test]
    fn a_short_line_is_read_in_one_go() {
        let read = |text: &str| short_number_line(text.as_bytes());
        assert_eq!(read("0\r\n"), Some((0, 3)));
        assert_eq!(read("64\r\nbody"), Some((64, 4)));
        assert_eq!(read("999999999\r\n"), Some((999_999_999, 11)));
        for text in ["", "6", "64\r", "64\rX", "064\r\n", "-1\r\n", "1000000000\r\n", "x\r\n"] {
            assert_eq!(read(text), None, "short line {text:?}");
        }
    }

    #[test]
    fn a_number_is_written_as_it_is_read() {
        for number in [0, 1, 9, 10, 99, 512 << 20, u64::MAX] {
            assert_eq!(Decimal::new(number).as_bytes(), number.to_string().as_bytes());
            assert_eq!(parse_u64(Decimal::new(number).as_bytes()), Some(number));
        }
    }
}
