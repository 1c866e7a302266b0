//! Where two sessions differ.

use std::fmt;

use slotway::Protocol;

use crate::transcript::{Line, Transcript};

/// How much of a value is shown on each side of where two values part.
const AROUND: usize = 120;

/// A line that is not the same.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Difference {
    /// The line's.
    pub(crate) name: String,
    protocol: Protocol,
    plain: Option<String>,
    pub(crate) slotway: Option<String>,
}

/// All lines that are not the same, in the order of the plain session; those that only the other
/// has last.
pub(crate) fn differences(
    plain: &Transcript,
    slotway: &Transcript,
    protocol: Protocol,
) -> Vec<Difference> {
    let (plain, slotway) = (plain.lines(), slotway.lines());
    let value = |lines: &[Line], name: &str| {
        lines.iter().find(|line| line.name == name).map(|line| line.value.clone())
    };
    let only_there = slotway.iter().filter(|line| value(&plain, &line.name).is_none());
    let names = plain.iter().chain(only_there).map(|line| line.name.clone());
    let all = names.map(|name| Difference {
        plain: value(&plain, &name),
        slotway: value(&slotway, &name),
        name,
        protocol,
    });
    all.filter(|line| line.plain != line.slotway).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plain, slotway) = (text(self.plain.as_deref()), text(self.slotway.as_deref()));
        let same = plain.chars().zip(slotway.chars()).take_while(|(a, b)| a == b).count();
        writeln!(f, "{} ({:?})", self.name, self.protocol)?;
        writeln!(f, "    plain:   {}", excerpt(plain, same))?;
        writeln!(f, "    slotway: {}", excerpt(slotway, same))
    }
}

fn text(value: Option<&str>) -> &str {
    value.unwrap_or("(no such line)")
}

/// The part of `value` around its character `at`.
fn excerpt(value: &str, at: usize) -> String {
    let chars: Vec<_> = value.chars().collect();
    let start = at.saturating_sub(AROUND).min(chars.len());
    let end = at.saturating_add(AROUND).min(chars.len());
    let dots = |cut: bool| if cut { "..." } else { "" };
    let part: String = chars[start..end].iter().collect();
    format!("{}{part}{}", dots(start > 0), dots(end < chars.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(plain: &[&str], slotway: &[&str], says: &str) {
        let transcript = |lines: &[&str]| {
            let transcript = Transcript::default();
            lines.iter().for_each(|line| transcript.read(line));
            transcript
        };
        let found = differences(&transcript(plain), &transcript(slotway), Protocol::Resp3);
        assert_eq!(found.iter().map(ToString::to_string).collect::<String>(), says);
    }

    #[test]
    fn sessions_that_are_the_same_do_not_differ() {
        check(&["set: OK", "end: yes"], &["set: OK", "end: yes"], "");
    }

    #[test]
    fn a_value_that_is_another_is_found() {
        let says = "get (Resp3)\n    plain:   1\n    slotway: 2\n";
        check(&["get: 1", "end: yes"], &["get: 2", "end: yes"], says);
    }

    #[test]
    fn a_line_that_only_one_has_is_found() {
        let says = "end (Resp3)\n    plain:   yes\n    slotway: (no such line)\n";
        check(&["get: 1", "end: yes"], &["get: 1"], says);
        let says = "more (Resp3)\n    plain:   (no such line)\n    slotway: 1\n";
        check(&["end: yes"], &["end: yes", "more: 1"], says);
    }

    #[test]
    fn of_long_values_the_part_is_shown_where_they_part() {
        let (same, end) = ("x".repeat(500), "y".repeat(500));
        let found = excerpt(&format!("{same}1{end}"), 500);
        assert_eq!(found, format!("...{}1{}...", "x".repeat(120), "y".repeat(119)));
    }
}
