//! Times and sizes as people write them: `500ms`, `64MiB`. A number without a unit is an error.

use super::problem::Wrong;

const TIMES: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60 * 1000), ("h", 60 * 60 * 1000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Milliseconds.
pub(crate) fn time(text: &str) -> Result<u64, Wrong> {
    read(text, &TIMES, "write a time as 500ms, 5s, 2m or 1h")
}

/// Bytes.
pub(crate) fn size(text: &str) -> Result<u64, Wrong> {
    read(text, &SIZES, "write a size as 512B, 64KiB, 16MiB or 1GiB")
}

/// Milliseconds, in the largest unit that needs no fraction.
pub(crate) fn shown_time(millis: u64) -> String {
    shown(millis, &TIMES)
}

/// Bytes, in the largest unit that needs no fraction.
pub(crate) fn shown_size(bytes: u64) -> String {
    shown(bytes, &SIZES)
}

fn read(text: &str, units: &[(&str, u64)], hint: &str) -> Result<u64, Wrong> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let wrong = |says: String| Err(Wrong::new(says, hint));
    if digits.is_empty() {
        return wrong(format!("`{text}` does not begin with a number"));
    }
    if unit.is_empty() {
        return wrong(format!("`{text}` has no unit"));
    }
    let known = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let Some((_, factor)) = known else {
        return wrong(format!("`{unit}` is no unit"));
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
    number.ok_or_else(|| Wrong::new(format!("`{text}` is too much"), hint))
}

fn shown(number: u64, units: &[(&str, u64)]) -> String {
    let largest =
        units.iter().rev().find(|(_, factor)| number != 0 && number.is_multiple_of(*factor));
    match largest {
        Some((unit, factor)) => format!("{}{unit}", number / factor),
        None => "0".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(read: fn(&str) -> Result<u64, Wrong>, text: &str, expected: Result<u64, &str>) {
        let got = read(text).map_err(|wrong| wrong.says);
        assert_eq!(got, expected.map_err(str::to_owned), "{text:?}");
    }

    #[test]
    fn a_time_has_a_unit() {
        check(time, "500ms", Ok(500));
        check(time, "5s", Ok(5_000));
        check(time, "5 S", Ok(5_000));
        check(time, "2m", Ok(120_000));
        check(time, "1h", Ok(3_600_000));
        check(time, "5", Err("`5` has no unit"));
        check(time, "1.5s", Err("`.5s` is no unit"));
        check(time, "5d", Err("`d` is no unit"));
        check(time, "", Err("`` does not begin with a number"));
        check(time, "-1s", Err("`-1s` does not begin with a number"));
        check(time, "99999999999999999999s", Err("`99999999999999999999s` is too much"));
        check(time, "9999999999999999999h", Err("`9999999999999999999h` is too much"));
    }

    #[test]
    fn a_size_has_a_unit_and_no_second_meaning() {
        check(size, "512B", Ok(512));
        check(size, "64kib", Ok(65_536));
        check(size, "1GiB", Ok(1 << 30));
        check(size, "64", Err("`64` has no unit"));
        check(size, "64KB", Err("`KB` is no unit"));
        check(size, "64é", Err("`é` is no unit"));
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for number in [1, 999, 1000, 1024, 1500, 60_000, 90_000, 3_600_000, 1 << 20, 1 << 40] {
            assert_eq!(time(&shown_time(number)).unwrap(), number);
            assert_eq!(size(&shown_size(number)).unwrap(), number);
        }
        assert_eq!((shown_time(300_000), shown_size(65_536)), ("5m".into(), "64KiB".into()));
    }
}
