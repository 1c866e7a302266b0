//! What happened lately, for whoever asks with `PROXY LOG`.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;

/// The latest events, of which the oldest make room.
#[derive(Debug)]
pub struct EventLog {
    entries: Mutex<VecDeque<Entry>>,
    max: usize,
}

/// Something that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// When it happened last, since 1970.
    pub at: Duration,
    /// What, in one line, without keys or values.
    pub text: String,
    /// How often, without anything else in between.
    pub times: u64,
}

impl EventLog {
    /// A log of at most `max` events.
    pub fn new(max: usize) -> Self {
        Self { entries: Mutex::default(), max }
    }

    /// Adds an event; one that repeats the last is counted with it.
    pub fn add(&self, at: Duration, text: impl Into<String>) {
        let text = text.into();
        let mut entries = self.entries.lock();
        match entries.back_mut() {
            Some(last) if last.text == text => {
                last.times += 1;
                last.at = at;
            }
            _ => {
                if entries.len() >= self.max {
                    entries.pop_front();
                }
                if self.max > 0 {
                    entries.push_back(Entry { at, text, times: 1 });
                }
            }
        }
    }

    /// The latest events, the newest first.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().iter().rev().take(count).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(max: usize, events: &[&str], expected: &[(&str, u64)]) {
        let log = EventLog::new(max);
        events.iter().for_each(|text| log.add(Duration::ZERO, *text));
        let latest = log.latest(usize::MAX);
        let found: Vec<(&str, u64)> =
            latest.iter().map(|entry| (entry.text.as_str(), entry.times)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_newest_comes_first_and_the_oldest_goes() {
        check(2, &["a", "b", "c"], &[("c", 1), ("b", 1)]);
        check(0, &["a"], &[]);
    }

    #[test]
    fn what_repeats_is_counted() {
        check(5, &["a", "a", "b", "a"], &[("a", 1), ("b", 1), ("a", 2)]);
    }
}
