//! Where writes went, for whoever asks later how many replicas have them.

use slotway_protocol::Slot;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{Engine, Line, Way};
use crate::connection::Manner;

/// So many slots are kept apart: with more, all primaries are meant.
const SLOTS_MAX: usize = 8;
/// More than a cluster has primaries: so many are only seen where connections are lost all the time.
const LINES_MAX: usize = 1024;

/// Where one session's writes went: what [`Engine::wait`] goes by.
///
/// It is cheap to keep: a write to where others went before changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub(super) places: Places,
    /// The connections that carried them, in order.
    lines: SmallVec<[Line; 4]>,
    carried: Carried,
}

/// Which slots were written to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Places {
    These(SmallVec<[Slot; SLOTS_MAX]>),
    /// Any.
    Everywhere,
}

/// Whether it is known which connections carried the writes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Carried {
    #[default]
    Known,
    /// Some were answered that went by themselves: the connections of now are to be noted.
    Unsettled,
    /// Not of all, or they are too many.
    Forgotten,
}

impl Default for Places {
    fn default() -> Self {
        Self::These(SmallVec::new())
    }
}

impl Written {
    /// Notes a write that was put in line.
    #[inline]
    pub fn note(&mut self, slot: Slot, line: Line) {
        self.note_slot(slot);
        if self.lines.last() != Some(&line) {
            self.note_line(line);
        }
    }

    /// Notes a write that finds its way by itself. Once it was answered,
    /// [`unsettle`](Self::unsettle) is to be called.
    pub fn note_slot(&mut self, slot: Slot) {
        let Places::These(slots) = &mut self.places else { return };
        if slots.contains(&slot) {
            return;
        }
        if slots.len() == SLOTS_MAX {
            self.places = Places::Everywhere;
            self.unsettle();
        } else {
            slots.push(slot);
        }
    }

    /// Notes a write that goes to all primaries.
    pub fn note_everywhere(&mut self) {
        self.places = Places::Everywhere;
        self.unsettle();
    }

    /// Notes that a write was answered, on a connection that is not known.
    pub fn unsettle(&mut self) {
        if self.carried == Carried::Known && !self.is_empty() {
            self.carried = Carried::Unsettled;
        }
    }

    /// Whether [`Engine::settle`] is to be called.
    #[inline]
    pub fn is_unsettled(&self) -> bool {
        self.carried == Carried::Unsettled
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        matches!(&self.places, Places::These(slots) if slots.is_empty())
    }

    /// Whether every connection is still there that carried a write. One that is not may have been
    /// to a node that forgot what it had not passed on.
    pub fn is_kept(&self, is_open: impl Fn(Line) -> bool) -> bool {
        self.carried != Carried::Forgotten && self.lines.iter().all(|&line| is_open(line))
    }

    #[cold]
    fn note_line(&mut self, line: Line) {
        let Err(place) = self.lines.binary_search(&line) else { return };
        if self.lines.len() == LINES_MAX {
            self.carried = Carried::Forgotten;
        } else {
            self.lines.insert(place, line);
        }
    }
}

impl Engine {
    /// The connection to the owner of a slot, if it is open.
    pub fn open_line(&self, way: &Way, slot: Slot) -> Option<Line> {
        way.routes.owner(slot)?.open_line().map(Line)
    }

    /// Connects to the owner of a slot, if it can be reached and there is no connection: so that there
    /// is one to note for what goes there on another, and its loss is a sign.
    pub async fn reach(&self, slot: Slot) {
        let node = self.client.cluster.routes().owner(slot).cloned();
        if let Some(node) = node {
            let deadline = Instant::now() + self.client.terms.deadline;
            // Whoever needs it learns why there is none.
            let _ = node.connection(Manner::Plain, deadline).await;
        }
    }

    /// Notes the connections that there are now to where writes went.
    pub fn settle(&self, way: &Way, written: &mut Written) {
        written.carried = Carried::Known;
        let lines: Vec<Option<Line>> = match &written.places {
            Places::These(slots) => slots.iter().map(|&slot| self.open_line(way, slot)).collect(),
            // Nothing went to those without a connection.
            Places::Everywhere => {
                let lines = way.routes.primaries().map(|node| node.open_line().map(Line));
                lines.filter(Option::is_some).collect()
            }
        };
        for line in lines {
            match line {
                Some(line) => written.note_line(line),
                // What carried the answer is gone already.
                None => written.carried = Carried::Forgotten,
            }
        }
    }

    /// Whether a connection is still there.
    pub fn is_open(&self, line: Line) -> bool {
        self.client.cluster.nodes().iter().any(|node| node.open_line() == Some(line.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[track_caller]
    fn check(writes: &[(u16, u64)], slots: Option<&[u16]>, lines: &[u64]) {
        let mut written = Written::default();
        for &(at, line) in writes {
            written.note(slot(at), Line(line));
        }
        let expected = slots.map_or(Places::Everywhere, |slots| {
            Places::These(slots.iter().map(|&number| slot(number)).collect())
        });
        assert_eq!(written.places, expected);
        let kept: Vec<u64> = written.lines.iter().map(|line| line.0).collect();
        assert_eq!(kept, lines);
    }

    #[test]
    fn a_few_slots_are_kept_apart_and_many_are_all() {
        check(&[], Some(&[]), &[]);
        check(&[(7, 1), (7, 1), (3, 2), (7, 1)], Some(&[7, 3]), &[1, 2]);
        let nine: Vec<(u16, u64)> = (0..9).map(|number| (number, 5)).collect();
        check(&nine[..8], Some(&[0, 1, 2, 3, 4, 5, 6, 7]), &[5]);
        check(&nine, None, &[5]);
    }

    #[test]
    fn one_lost_connection_is_enough_to_know_nothing() {
        let mut written = Written::default();
        assert!(written.is_kept(|_| false), "nothing was written");
        written.note(slot(1), Line(4));
        written.note(slot(2), Line(2));
        assert!(written.is_kept(|_| true));
        assert!(!written.is_kept(|line| line == Line(4)));
    }

    #[test]
    fn connections_without_end_are_not_kept() {
        let mut written = Written::default();
        (0..=LINES_MAX as u64).for_each(|line| written.note(slot(1), Line(line)));
        assert_eq!(written.lines.len(), LINES_MAX);
        assert!(!written.is_kept(|_| true));
    }

    #[test]
    fn a_write_on_an_unknown_connection_is_to_be_settled() {
        let mut written = Written::default();
        written.unsettle();
        assert!(!written.is_unsettled(), "nothing was written");
        written.note_slot(slot(1));
        written.unsettle();
        assert!(written.is_unsettled());
    }
}
