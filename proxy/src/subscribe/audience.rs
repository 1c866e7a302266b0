//! How many of the proxy's clients listen to what.

use std::{collections::HashMap, fmt};

use bytes::Bytes;
use parking_lot::Mutex;
use slotway::ChannelKind;

use super::glob;

/// The subscriptions of all clients together, whichever worker they are with.
///
/// A node knows of the proxy's connections only, each of which stands for many clients, and of its
/// own ones only: so the number of clients that a message reached is counted here.
#[derive(Default)]
pub struct Audience {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    channels: HashMap<Bytes, usize>,
    patterns: HashMap<Bytes, usize>,
}

impl Audience {
    /// How many are told of a message in this channel, as `PUBLISH` counts them: once for each
    /// subscription and pattern.
    pub fn of(&self, channel: &[u8]) -> usize {
        let counts = self.counts.lock();
        let direct = counts.channels.get(channel).copied().unwrap_or(0);
        let fitting = counts.patterns.iter().filter(|(pattern, _)| glob::matches(pattern, channel));
        direct + fitting.map(|(_, count)| count).sum::<usize>()
    }

    pub(super) fn join(&self, kind: ChannelKind, name: &Bytes) {
        if let Some(sort) = self.counts.lock().sort(kind) {
            *sort.entry(name.clone()).or_default() += 1;
        }
    }

    pub(super) fn leave(&self, kind: ChannelKind, name: &Bytes) {
        let mut counts = self.counts.lock();
        let Some(sort) = counts.sort(kind) else { return };
        if let Some(count) = sort.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                sort.remove(name);
            }
        }
    }
}

impl Counts {
    /// Sharded channels are the business of the shard's own nodes.
    fn sort(&mut self, kind: ChannelKind) -> Option<&mut HashMap<Bytes, usize>> {
        match kind {
            ChannelKind::Plain => Some(&mut self.channels),
            ChannelKind::Pattern => Some(&mut self.patterns),
            ChannelKind::Sharded => None,
        }
    }
}

impl fmt::Debug for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names of channels are the clients' own.
        let counts = self.counts.lock();
        let (channels, patterns) = (counts.channels.len(), counts.patterns.len());
        f.debug_struct("Audience")
            .field("channels", &channels)
            .field("patterns", &patterns)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_to_each_that_asked_for_its_channel_or_a_pattern_of_it() {
        let audience = Audience::default();
        let (news, all) = (Bytes::from("news"), Bytes::from("n*"));
        audience.join(ChannelKind::Plain, &news);
        audience.join(ChannelKind::Plain, &news);
        audience.join(ChannelKind::Pattern, &all);
        audience.join(ChannelKind::Sharded, &news);
        assert_eq!((audience.of(b"news"), audience.of(b"nothing"), audience.of(b"x")), (3, 1, 0));
        audience.leave(ChannelKind::Plain, &news);
        audience.leave(ChannelKind::Pattern, &all);
        assert_eq!((audience.of(b"news"), audience.of(b"nothing")), (1, 0));
        audience.leave(ChannelKind::Plain, &news);
        audience.leave(ChannelKind::Plain, &news);
        assert_eq!(audience.of(b"news"), 0);
    }
}
