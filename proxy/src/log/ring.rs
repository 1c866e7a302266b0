//! The last things that were logged, for whoever asks.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;

use super::Line;

/// The newest log lines, as many as fit. Clones share them.
#[derive(Clone, Debug)]
pub struct EventRing {
    lines: Arc<Mutex<VecDeque<Arc<Line>>>>,
    most: usize,
}

impl EventRing {
    /// Keeps this many.
    pub fn new(most: usize) -> Self {
        Self { lines: Arc::default(), most }
    }

    /// The newest ones, the newest last.
    pub fn newest(&self, most: usize) -> Vec<Arc<Line>> {
        let lines = self.lines.lock();
        lines.iter().skip(lines.len().saturating_sub(most)).cloned().collect()
    }

    /// Takes a line in, and lets the oldest go.
    pub fn push(&self, line: Line) {
        let line = Arc::new(line);
        let mut lines = self.lines.lock();
        while lines.len() >= self.most.max(1) {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_line_goes_when_there_is_no_room() {
        let ring = EventRing::new(3);
        for text in ["a", "b", "c", "d"] {
            ring.push(Line::of(tracing::Level::INFO, "slotway", text));
        }
        let messages = |most| -> Vec<String> {
            ring.newest(most).iter().map(|line| line.message.clone()).collect()
        };
        assert_eq!(messages(100), ["b", "c", "d"]);
        assert_eq!(messages(1), ["d"]);
        assert_eq!(messages(0), [""; 0]);
    }
}
