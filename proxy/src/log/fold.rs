//! Repeated lines become one.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::{Line, Repeated};

/// What is written of the lines that come.
///
/// A line is written at once when it is the first of its kind, which is: of its words. Then a time begins
/// in which the same line is counted and not written; lines of that kind about something else are written, too,
/// but only a few of them. At its end one line tells how many were not written, with the last of them.
#[derive(Debug, Default)]
pub(super) struct Fold {
    kinds: BTreeMap<u64, Kind>,
}

/// What was seen of one kind of line, since it was first seen.
#[derive(Debug)]
struct Kind {
    since: Instant,
    /// The lines of this kind that were written.
    written: Vec<u64>,
    folded: Option<(Line, u64)>,
}

/// For how long lines of a kind are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// As many different lines of a kind are written in that time.
const DIFFERENT_MAX: usize = 8;

/// As many kinds are remembered; the longest remembered one makes room.
const KINDS_MAX: usize = 128;

impl Fold {
    /// What to write, now that this line has come.
    pub(super) fn handle_line(&mut self, line: Line, now: Instant) -> Vec<Line> {
        let mut out = self.handle_time(now);
        let id = line.kind();
        if !self.kinds.contains_key(&id) && self.kinds.len() >= KINDS_MAX {
            out.extend(self.forget_oldest(now));
        }
        let fresh = || Kind { since: now, written: Vec::new(), folded: None };
        let kind = self.kinds.entry(id).or_insert_with(fresh);
        let identity = line.identity();
        if kind.written.contains(&identity) || kind.written.len() >= DIFFERENT_MAX {
            let times = kind.folded.take().map_or(0, |(_, times)| times);
            kind.folded = Some((line, times + 1));
        } else {
            kind.written.push(identity);
            out.push(line);
        }
        out
    }

    /// What to write, now that it is this late.
    pub(super) fn handle_time(&mut self, now: Instant) -> Vec<Line> {
        let over = |kind: &Kind| now.saturating_duration_since(kind.since) >= WINDOW;
        self.end(over, now)
    }

    /// What to write, since there will be no more lines.
    pub(super) fn handle_end(&mut self, now: Instant) -> Vec<Line> {
        self.end(|_| true, now)
    }

    fn end(&mut self, over: impl Fn(&Kind) -> bool, now: Instant) -> Vec<Line> {
        let ended = self.kinds.extract_if(.., |_, kind| over(kind));
        ended.filter_map(|(_, kind)| kind.summary(now)).collect()
    }

    fn forget_oldest(&mut self, now: Instant) -> Option<Line> {
        let oldest = self.kinds.iter().min_by_key(|(_, kind)| kind.since)?;
        let oldest = *oldest.0;
        self.kinds.remove(&oldest)?.summary(now)
    }
}

impl Kind {
    fn summary(self, now: Instant) -> Option<Line> {
        let (line, times) = self.folded?;
        let within = now.saturating_duration_since(self.since);
        Some(Line { repeated: Some(Repeated { times, within }), ..line })
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn line(message: &str, node: u32) -> Line {
        let fields = vec![("node", node.to_string())];
        Line { fields, ..Line::of(Level::WARN, "slotway", message) }
    }

    fn words(lines: &[Line]) -> Vec<String> {
        let word = |line: &Line| {
            let times =
                line.repeated.map_or(String::new(), |repeated| format!(" x{}", repeated.times));
            format!("{} {}{times}", line.message, line.fields[0].1)
        };
        lines.iter().map(word).collect()
    }

    #[test]
    fn a_repeated_line_is_written_once_and_then_counted() {
        let (mut fold, start) = (Fold::default(), Instant::now());
        assert_eq!(words(&fold.handle_line(line("lost", 1), start)), ["lost 1"]);
        for _ in 0..128 {
            assert_eq!(words(&fold.handle_line(line("lost", 1), start)), [""; 0]);
        }
        assert!(fold.handle_time(start + Duration::from_secs(9)).is_empty());
        let later = start + Duration::from_secs(10);
        let told = fold.handle_time(later);
        assert_eq!(words(&told), ["lost 1 x128"]);
        assert_eq!(told[0].repeated.unwrap().within, Duration::from_secs(10));
        assert_eq!(words(&fold.handle_line(line("lost", 1), later)), ["lost 1"]);
    }

    #[test]
    fn a_line_that_came_once_is_told_once() {
        let (mut fold, start) = (Fold::default(), Instant::now());
        fold.handle_line(line("lost", 1), start);
        assert!(fold.handle_time(start + Duration::from_secs(60)).is_empty());
        assert!(fold.handle_end(start + Duration::from_secs(60)).is_empty());
    }

    #[test]
    fn lines_about_many_things_are_written_a_few_times() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        let written: usize =
            (0..100).map(|node| fold.handle_line(line("lost", node), now).len()).sum();
        assert_eq!(written, DIFFERENT_MAX);
        assert_eq!(words(&fold.handle_line(line("found", 1), now)), ["found 1"]);
        let told = fold.handle_end(now + Duration::from_secs(1));
        assert_eq!(words(&told), ["lost 99 x92"]);
    }

    #[test]
    fn it_remembers_no_more_than_it_may() {
        let (mut fold, now) = (Fold::default(), Instant::now());
        for kind in 0..10_000 {
            fold.handle_line(line(&format!("kind {kind}"), 1), now);
            assert!(fold.kinds.len() <= KINDS_MAX);
        }
    }
}
