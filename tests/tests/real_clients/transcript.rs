//! What a session prints.

use std::{fmt, sync::Arc};

use parking_lot::Mutex;

/// The last line of a session that came to its end.
const END: (&str, &str) = ("end", "yes");

/// How the value of a line begins when a step failed that should not have.
pub(crate) const FAILED: &str = "FAILED";

/// The lines of a session, as far as it came. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript {
    lines: Arc<Mutex<Vec<Line>>>,
    trouble: Arc<Mutex<Option<String>>>,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    /// What was done: unlike any other in a session.
    pub(crate) name: String,
    /// What came of it.
    pub(crate) value: String,
}

impl Transcript {
    /// Adds a line that a program printed.
    pub(crate) fn read(&self, line: &str) {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        self.line(name, value);
    }

    /// Adds a line.
    pub(crate) fn line(&self, name: impl fmt::Display, value: impl fmt::Display) {
        let line = Line { name: name.to_string(), value: value.to_string() };
        self.lines.lock().push(line);
    }

    /// Why the session ended before its end, if it did.
    pub(crate) fn ended_by(&self, trouble: String) {
        *self.trouble.lock() = Some(trouble);
    }

    /// All lines; last what ended it, if it did not come to its end.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut lines = self.lines.lock().clone();
        if let Some(value) = self.trouble.lock().clone() {
            lines.push(Line { name: "ended by".into(), value });
        }
        lines
    }

    /// Checks that it is a session to compare another with: nothing failed in it, each name is
    /// there once, and it came to its end.
    #[track_caller]
    pub(crate) fn must_be_whole(&self, client: &str) {
        let trouble = self.trouble();
        assert!(trouble.is_none(), "{client} on a plain server: {}", trouble.unwrap_or_default());
    }

    fn trouble(&self) -> Option<String> {
        if let Some(trouble) = self.trouble.lock().clone() {
            return Some(trouble);
        }
        let lines = self.lines.lock();
        let failed = lines.iter().filter(|line| line.value.starts_with(FAILED));
        let failed: Vec<_> = failed.map(|line| format!("{}: {}", line.name, line.value)).collect();
        if !failed.is_empty() {
            return Some(failed.join("\n"));
        }
        let twice = (1..lines.len())
            .find(|&at| lines[..at].iter().any(|before| before.name == lines[at].name));
        if let Some(at) = twice {
            return Some(format!("it prints `{}` twice", lines[at].name));
        }
        let last = lines.last().map(|line| (line.name.as_str(), line.value.as_str()));
        (last != Some(END)).then(|| format!("it does not end, it stops after {last:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], trouble: Option<&str>) {
        let transcript = Transcript::default();
        for line in lines {
            transcript.read(line);
        }
        assert_eq!(transcript.trouble().as_deref(), trouble);
    }

    #[test]
    fn a_session_is_whole_when_all_went_well_and_it_came_to_its_end() {
        check(&["set: OK", "get: a: b", "end: yes"], None);
    }

    #[test]
    fn a_session_that_stops_or_fails_or_repeats_itself_is_not_whole() {
        check(&[], Some("it does not end, it stops after None"));
        check(&["set: OK"], Some("it does not end, it stops after Some((\"set\", \"OK\"))"));
        check(&["set: FAILED no", "end: yes"], Some("set: FAILED no"));
        check(&["set: OK", "set: OK", "end: yes"], Some("it prints `set` twice"));
    }
}
