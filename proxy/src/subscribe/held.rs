//! What a client has been told that it is subscribed to.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use slotway::ChannelKind;

use super::Audience;

/// The subscriptions of one client, counted as servers count them.
#[derive(Debug, Default)]
pub(super) struct Held {
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    sharded: BTreeSet<Bytes>,
    audience: Arc<Audience>,
}

/// How many subscriptions of each sort a client has, as `CLIENT LIST` shows them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SubscriptionCounts {
    /// Channels.
    pub channels: usize,
    /// Patterns.
    pub patterns: usize,
    /// Sharded channels.
    pub sharded: usize,
}

impl Held {
    /// Nothing, among those who listen.
    pub(super) fn among(audience: Arc<Audience>) -> Self {
        let mut held = Self::default();
        held.audience = audience;
        held
    }

    /// Nothing from now on.
    pub(super) fn clear(&mut self) {
        for kind in [ChannelKind::Plain, ChannelKind::Pattern, ChannelKind::Sharded] {
            for name in std::mem::take(self.sort_mut(kind)) {
                self.audience.leave(kind, &name);
            }
        }
    }

    /// Adds one, and returns the count that its confirmation tells.
    pub(super) fn join(&mut self, kind: ChannelKind, name: &Bytes) -> usize {
        if self.sort_mut(kind).insert(name.clone()) {
            self.audience.join(kind, name);
        }
        self.count(kind)
    }

    /// Takes one away, if it is there, and returns the count that is told.
    pub(super) fn leave(&mut self, kind: ChannelKind, name: &Bytes) -> usize {
        if self.sort_mut(kind).remove(name) {
            self.audience.leave(kind, name);
        }
        self.count(kind)
    }

    pub(super) fn has(&self, kind: ChannelKind, name: &Bytes) -> bool {
        self.sort(kind).contains(name)
    }

    /// All of one sort.
    pub(super) fn names(&self, kind: ChannelKind) -> Vec<Bytes> {
        self.sort(kind).iter().cloned().collect()
    }

    /// The count that confirmations for this sort tell: sharded channels are counted apart.
    pub(super) fn count(&self, kind: ChannelKind) -> usize {
        match kind {
            ChannelKind::Plain | ChannelKind::Pattern => self.channels.len() + self.patterns.len(),
            ChannelKind::Sharded => self.sharded.len(),
        }
    }

    pub(super) fn total(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.sharded.len()
    }

    pub(super) fn counts(&self) -> SubscriptionCounts {
        SubscriptionCounts {
            channels: self.channels.len(),
            patterns: self.patterns.len(),
            sharded: self.sharded.len(),
        }
    }

    fn sort(&self, kind: ChannelKind) -> &BTreeSet<Bytes> {
        match kind {
            ChannelKind::Plain => &self.channels,
            ChannelKind::Pattern => &self.patterns,
            ChannelKind::Sharded => &self.sharded,
        }
    }

    fn sort_mut(&mut self, kind: ChannelKind) -> &mut BTreeSet<Bytes> {
        match kind {
            ChannelKind::Plain => &mut self.channels,
            ChannelKind::Pattern => &mut self.patterns,
            ChannelKind::Sharded => &mut self.sharded,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_patterns_are_counted_together_and_sharded_channels_apart() {
        let (mut held, a, b) = (Held::default(), Bytes::from("a"), Bytes::from("b"));
        assert_eq!(held.join(ChannelKind::Plain, &a), 1);
        assert_eq!(held.join(ChannelKind::Plain, &a), 1);
        assert_eq!(held.join(ChannelKind::Pattern, &a), 2);
        assert_eq!(held.join(ChannelKind::Sharded, &b), 1);
        assert_eq!(held.leave(ChannelKind::Plain, &b), 2);
        assert_eq!(held.leave(ChannelKind::Pattern, &a), 1);
        assert_eq!((held.count(ChannelKind::Pattern), held.total()), (1, 2));
        assert_eq!(held.names(ChannelKind::Sharded), [b]);
    }
}
