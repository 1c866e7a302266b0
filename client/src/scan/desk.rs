//! The walks that clients may go on with, each by a cursor.

use std::{collections::VecDeque, num::NonZeroUsize, time::Duration};

use lru::LruCache;
use slotway_protocol::{ScanCursor, Slot};
use tokio::time::Instant;

/// So many of the last pages of a walk are remembered: one that got lost can be asked for again, and
/// several may go on from the same one.
const PAGES_KEPT: usize = 8;
/// The low bits of a tag are the page, and the others the walk.
const PAGE_BITS: u32 = 16;

/// Walks in which somebody may go on. Those that nobody did for longest make room.
#[derive(Debug)]
pub(super) struct Desk<W> {
    walks: LruCache<u64, Pages<W>>,
    idle_max: Duration,
    evicted: u64,
}

/// The last pages of one walk.
#[derive(Debug)]
struct Pages<W> {
    /// The one that was asked for last is at the end.
    kept: VecDeque<(ScanCursor, W)>,
    /// A number that no page has had lately.
    next: u64,
    used: Instant,
}

/// Which walk a page belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct WalkId(u64);

impl<W: Clone> Desk<W> {
    pub(super) fn new(walks_max: NonZeroUsize, idle_max: Duration) -> Self {
        Self { walks: LruCache::new(walks_max), idle_max, evicted: 0 }
    }

    /// What was kept under a cursor. It stays there.
    pub(super) fn find(&mut self, cursor: ScanCursor, now: Instant) -> Option<(WalkId, W)> {
        self.forget_idle(now);
        let id = cursor.tag() >> PAGE_BITS;
        let pages = self.walks.peek_mut(&id)?;
        let at = pages.kept.iter().position(|(known, _)| *known == cursor)?;
        let page = pages.kept.remove(at)?;
        let walk = page.1.clone();
        pages.kept.push_back(page);
        pages.used = now;
        self.walks.promote(&id);
        Some((WalkId(id), walk))
    }

    /// Keeps a walk that goes on at this slot, as one more page of `id`, or as a new one. Returns the
    /// cursor to find it by. `random` is any number.
    pub(super) fn keep(
        &mut self,
        id: Option<WalkId>,
        (unfinished, restarts): (Slot, u8),
        walk: W,
        now: Instant,
        random: u64,
    ) -> ScanCursor {
        self.forget_idle(now);
        let id = match id.filter(|id| self.walks.contains(&id.0)) {
            Some(WalkId(id)) => id,
            None => self.open(now, random),
        };
        let pages = self.walks.get_or_insert_mut(id, || Pages::new(now, random));
        pages.used = now;
        pages.next = pages.next.wrapping_add(1);
        let tag = id << PAGE_BITS | pages.next & ((1 << PAGE_BITS) - 1);
        let cursor = ScanCursor::new(unfinished, restarts, tag);
        if pages.kept.len() >= PAGES_KEPT {
            pages.kept.pop_front();
        }
        pages.kept.push_back((cursor, walk));
        cursor
    }

    /// How many walks are open.
    pub(super) fn len(&self) -> usize {
        self.walks.len()
    }

    /// How many walks had to go although they were not at their end.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Makes a place for one more walk.
    fn open(&mut self, now: Instant, random: u64) -> u64 {
        const IDS: u64 = 1 << (36 - PAGE_BITS);
        // A tag is never 0, and there are more of these than walks.
        let mut id = (random % IDS).max(1);
        while self.walks.contains(&id) {
            id = (id + 1) % IDS;
            id = id.max(1);
        }
        if let Some((other, _)) = self.walks.push(id, Pages::new(now, random.rotate_left(32)))
            && other != id
        {
            self.evicted += 1;
        }
        id
    }

    fn forget_idle(&mut self, now: Instant) {
        while let Some((_, pages)) = self.walks.peek_lru()
            && now.saturating_duration_since(pages.used) > self.idle_max
        {
            self.walks.pop_lru();
            self.evicted += 1;
        }
    }
}

impl<W> Pages<W> {
    fn new(now: Instant, next: u64) -> Self {
        Self { kept: VecDeque::new(), next, used: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: (Slot, u8) = (Slot::FIRST, 0);

    fn desk(walks_max: usize) -> (Desk<&'static str>, Instant) {
        let walks_max = NonZeroUsize::new(walks_max).unwrap();
        (Desk::new(walks_max, Duration::from_secs(60)), Instant::now())
    }

    #[test]
    fn a_page_can_be_asked_for_again_and_by_several() {
        let (mut desk, now) = desk(4);
        let first = desk.keep(None, AT, "first", now, 7);
        let (id, walk) = desk.find(first, now).unwrap();
        assert_eq!(walk, "first");
        let second = desk.keep(Some(id), AT, "second", now, 8);
        let other = desk.keep(Some(id), AT, "other", now, 9);
        assert_eq!(desk.len(), 1);
        for (cursor, walk) in [(first, "first"), (second, "second"), (other, "other")] {
            assert_eq!(desk.find(cursor, now), Some((id, walk)));
        }
    }

    #[test]
    fn the_last_pages_of_a_walk_are_kept_and_no_more() {
        let (mut desk, now) = desk(4);
        let first = desk.keep(None, AT, "page", now, u64::MAX);
        let (id, _) = desk.find(first, now).unwrap();
        let cursors: Vec<_> =
            (0..20).map(|_| desk.keep(Some(id), AT, "page", now, u64::MAX)).collect();
        let known = cursors.iter().filter(|cursor| desk.find(**cursor, now).is_some()).count();
        assert_eq!(known, PAGES_KEPT);
        assert!(desk.find(cursors[19], now).is_some());
        assert!(desk.find(first, now).is_none());
    }

    #[test]
    fn the_walk_that_nobody_asked_for_longest_makes_room() {
        let (mut desk, now) = desk(2);
        let [a, b] = ["a", "b"].map(|walk| desk.keep(None, AT, walk, now, 7));
        assert!(desk.find(a, now).is_some());
        let c = desk.keep(None, AT, "c", now, 7);
        assert_eq!((desk.len(), desk.evicted()), (2, 1));
        assert!(desk.find(a, now).is_some() && desk.find(c, now).is_some());
        assert!(desk.find(b, now).is_none());
    }

    #[test]
    fn an_idle_walk_is_forgotten() {
        let (mut desk, now) = desk(2);
        let cursor = desk.keep(None, AT, "a", now, 0);
        let later = now + Duration::from_secs(59);
        assert!(desk.find(cursor, later).is_some());
        assert!(desk.find(cursor, later + Duration::from_secs(61)).is_none());
        assert_eq!((desk.len(), desk.evicted()), (0, 1));
    }

    #[test]
    fn a_cursor_of_someone_else_is_not_known() {
        let (mut desk, now) = desk(2);
        let cursor = desk.keep(None, AT, "a", now, 7);
        let other_slot = ScanCursor::new(Slot::LAST, 0, cursor.tag());
        let other_page = ScanCursor::new(Slot::FIRST, 0, cursor.tag() ^ 1);
        let other_restart = ScanCursor::new(Slot::FIRST, 1, cursor.tag());
        for other in [other_slot, other_page, other_restart, ScanCursor::START] {
            assert!(desk.find(other, now).is_none(), "{other}");
        }
    }
}
