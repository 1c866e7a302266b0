//! What happens when.

use std::collections::BTreeMap;

/// Events in the order of their time; those of one time in the order they were planned.
#[derive(Debug)]
pub(crate) struct Agenda<E> {
    events: BTreeMap<(u64, u64), E>,
    planned: u64,
    pub(crate) now: u64,
}

impl<E> Agenda<E> {
    pub(crate) fn new() -> Self {
        Self { events: BTreeMap::new(), planned: 0, now: 0 }
    }

    pub(crate) fn after(&mut self, delay: u64, event: E) {
        self.at(self.now + delay, event);
    }

    pub(crate) fn at(&mut self, time: u64, event: E) {
        self.planned += 1;
        self.events.insert((time, self.planned), event);
    }

    pub(crate) fn next(&mut self) -> Option<E> {
        let ((time, _), event) = self.events.pop_first()?;
        self.now = time;
        Some(event)
    }
}
