//! One line of the log.

use std::{
    fmt::{self, Write as _},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use tracing::{
    Event, Level,
    field::{Field, Visit},
};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime as Clock},
};

/// What happened, when, and how often.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, in UTC, as RFC 3339 has it.
    pub time: String,
    /// How much it matters.
    pub level: Level,
    /// The module that says it.
    pub target: &'static str,
    /// What happened, in words that are always the same.
    pub message: String,
    /// With whom and why, in the order in which it was said.
    pub fields: Vec<(&'static str, String)>,
    /// For a line that stands for many: how many, in which time.
    pub repeated: Option<Repeated>,
}

/// For how many lines one stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Repeated {
    /// How many lines were not written.
    pub times: u64,
    /// Since the first of their kind.
    pub within: Duration,
}

/// Texts in lines are cut here, so that no error of any length fills the log.
const TEXT_MAX: usize = 2048;

impl Line {
    /// A line of now, without fields.
    pub fn of(level: Level, target: &'static str, message: &str) -> Self {
        let mut time = String::with_capacity(30);
        // Writing to a String does not fail; without a time the line still says what happened.
        let _ = Clock.format_time(&mut Writer::new(&mut time));
        let message = message.to_owned();
        Self { time, level, target, message, fields: Vec::new(), repeated: None }
    }

    /// What a program logged just now.
    pub(super) fn of_event(event: &Event<'_>) -> Self {
        let metadata = event.metadata();
        let mut line = Self::of(*metadata.level(), metadata.target(), "");
        event.record(&mut line);
        line
    }

    /// Lines that are alike are of one kind: the same words from the same place.
    pub(super) fn kind(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.target, &self.message, self.level.as_str()).hash(&mut hasher);
        hasher.finish()
    }

    /// Lines that are the same say the same of the same.
    pub(super) fn identity(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.kind(), &self.fields).hash(&mut hasher);
        hasher.finish()
    }

    /// As an object on one line.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a line has nothing but texts and numbers")
    }

    /// For a person: time of day, level, message, fields.
    pub fn text(&self, colour: Colour) -> String {
        let time = self.time.get(11..19).unwrap_or_default();
        let (start, end) = colour.around(self.level);
        let mut text = format!("{time} {start}{:<5}{end} ", self.level.as_str());
        push_printable(&mut text, &self.message);
        for (name, value) in &self.fields {
            push_field(&mut text, name, value);
        }
        if let Some(Repeated { times, within }) = self.repeated {
            write!(text, "  ... {times} times in {} s", within.as_secs().max(1))
                .expect("a String takes whatever is written");
        }
        text
    }
}

/// Whether a line for a person has colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Colour {
    /// As a terminal shows them.
    Ansi,
    /// None.
    Plain,
}

impl Colour {
    fn around(self, level: Level) -> (&'static str, &'static str) {
        let start = match level {
            Level::ERROR => "\u{1b}[1;31m",
            Level::WARN => "\u{1b}[33m",
            Level::INFO => "\u{1b}[32m",
            Level::DEBUG | Level::TRACE => "\u{1b}[2m",
        };
        match self {
            Self::Ansi => (start, "\u{1b}[0m"),
            Self::Plain => ("", ""),
        }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("time", &self.time)?;
        map.serialize_entry("level", &self.level.as_str().to_ascii_lowercase())?;
        map.serialize_entry("target", self.target)?;
        map.serialize_entry("message", &self.message)?;
        if !self.fields.is_empty() {
            map.serialize_entry("fields", &Fields(&self.fields))?;
        }
        if let Some(Repeated { times, within }) = self.repeated {
            map.serialize_entry("repeated", &times)?;
            map.serialize_entry("within_seconds", &within.as_secs())?;
        }
        map.end()
    }
}

struct Fields<'a>(&'a [(&'static str, String)]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Line {
    fn take(&mut self, field: &Field, value: &dyn fmt::Display) {
        let mut text = Cut(String::new());
        // It fails only when the text is as long as it may be, which is then what is kept.
        let _ = write!(text, "{value}");
        match field.name() {
            "message" => self.message = text.0,
            name => self.fields.push((name, text.0)),
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, &value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.take(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, &format_args!("{value:?}"));
    }
}

/// A text that takes no more than [`TEXT_MAX`] bytes.
struct Cut(String);

impl fmt::Write for Cut {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = TEXT_MAX.saturating_sub(self.0.len());
        self.0.push_str(&more[..more.floor_char_boundary(room)]);
        if more.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}

/// A field, quoted if it would be read wrong without.
fn push_field(text: &mut String, name: &str, value: &str) {
    let plain = |char: char| !char.is_whitespace() && !char.is_control() && char != '"';
    let written = if !value.is_empty() && value.chars().all(plain) {
        write!(text, "  {name}={value}")
    } else {
        write!(text, "  {name}={value:?}")
    };
    written.expect("a String takes whatever is written");
}

/// A text without anything that would move a terminal's cursor.
fn push_printable(text: &mut String, more: &str) {
    for char in more.chars() {
        if char.is_control() { text.extend(char.escape_default()) } else { text.push(char) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str, fields: &[(&'static str, &str)]) -> Line {
        let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let time = "2026-03-01T12:04:11.123456Z".to_owned();
        Line { time, fields, ..Line::of(Level::WARN, "slotway::node", message) }
    }

    #[track_caller]
    fn check(line: &Line, text: &str, json: &str) {
        assert_eq!(line.text(Colour::Plain), text);
        assert_eq!(line.json(), json);
    }

    #[test]
    fn a_line_is_short_for_people_and_whole_for_programs() {
        check(
            &line("a connection was lost", &[("node", "10.0.0.1:7000"), ("error", "timed out")]),
            "12:04:11 WARN  a connection was lost  node=10.0.0.1:7000  error=\"timed out\"",
            "{\"time\":\"2026-03-01T12:04:11.123456Z\",\"level\":\"warn\",\
             \"target\":\"slotway::node\",\"message\":\"a connection was lost\",\
             \"fields\":{\"node\":\"10.0.0.1:7000\",\"error\":\"timed out\"}}",
        );
    }

    #[test]
    fn a_line_for_many_says_for_how_many() {
        let repeated = Some(Repeated { times: 128, within: Duration::from_secs(10) });
        check(
            &Line { repeated, ..line("sent away", &[]) },
            "12:04:11 WARN  sent away  ... 128 times in 10 s",
            "{\"time\":\"2026-03-01T12:04:11.123456Z\",\"level\":\"warn\",\
             \"target\":\"slotway::node\",\"message\":\"sent away\",\
             \"repeated\":128,\"within_seconds\":10}",
        );
    }

    #[test]
    fn what_comes_from_outside_cannot_begin_a_line_or_move_the_cursor() {
        check(
            &line("bad\u{1b}[2J", &[("name", "x\n12:04:11 ERROR forged"), ("empty", "")]),
            "12:04:11 WARN  bad\\u{1b}[2J  name=\"x\\n12:04:11 ERROR forged\"  empty=\"\"",
            "{\"time\":\"2026-03-01T12:04:11.123456Z\",\"level\":\"warn\",\
             \"target\":\"slotway::node\",\"message\":\"bad\\u001b[2J\",\
             \"fields\":{\"name\":\"x\\n12:04:11 ERROR forged\",\"empty\":\"\"}}",
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut cut = Cut(String::new());
        assert!(write!(cut, "{}", "\u{fc}".repeat(TEXT_MAX)).is_err());
        assert_eq!(cut.0.len(), TEXT_MAX);
        let mut cut = Cut("a".into());
        assert!(write!(cut, "{}", "\u{fc}".repeat(TEXT_MAX)).is_err());
        assert_eq!(cut.0.len(), TEXT_MAX - 1);
    }

    #[test]
    fn a_time_is_one_that_other_programs_read() {
        let time = Line::of(Level::INFO, "slotway", "").time;
        assert_eq!(
            (time.len(), time.as_bytes()[10], time.ends_with('Z')),
            (27, b'T', true),
            "{time}"
        );
    }
}
