//! Where the messages of a channel come from.

use slotway_protocol::{Channel, ChannelKind, Slot};

use super::registry::Source;
use crate::cluster::Routes;

/// How the channels begin that keyspace notifications are published to.
const NOTIFICATIONS: [&[u8]; 2] = [b"__keyspace@", b"__keyevent@"];

/// Which nodes send the messages of a channel.
///
/// What is published at one node reaches all of them; but of its own keys, a node tells nobody but
/// those who listen to itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// Any node sends all of them.
    AnyNode,
    /// Each primary sends the notifications of its keys, and they are nothing else.
    EachPrimary,
    /// Some are notifications, which each primary sends, and some are not, which any node sends.
    Both,
    /// The owner of the slot sends all of them.
    Owner,
}

impl Reach {
    pub(super) fn of(channel: &Channel) -> Self {
        let name = &channel.name[..];
        match channel.kind {
            ChannelKind::Sharded => Self::Owner,
            ChannelKind::Plain if is_notification(name) => Self::EachPrimary,
            ChannelKind::Plain => Self::AnyNode,
            ChannelKind::Pattern => {
                let special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
                let literal = name.iter().position(special).map(|len| &name[..len]);
                match literal {
                    _ if is_notification(literal.unwrap_or(name)) => Self::EachPrimary,
                    Some(start) if NOTIFICATIONS.iter().any(|all| all.starts_with(start)) => {
                        Self::Both
                    }
                    Some(_) | None => Self::AnyNode,
                }
            }
        }
    }

    /// Whether what was published to this channel comes from this source, rather than from another
    /// one as well.
    pub(super) fn takes(self, published_to: &[u8], source: &Source) -> bool {
        match self {
            Self::AnyNode | Self::EachPrimary | Self::Owner => true,
            Self::Both => match source {
                Source::Anywhere => !is_notification(published_to),
                Source::At(_) => is_notification(published_to),
            },
        }
    }

    /// Whether it takes all primaries.
    pub(super) fn follows_primaries(self) -> bool {
        matches!(self, Self::EachPrimary | Self::Both)
    }
}

/// Where a channel's messages come from, by these routes.
pub(super) fn sources_of(channel: &Channel, routes: &Routes) -> Vec<Source> {
    let each_primary = || routes.primaries().map(|node| Source::At(node.addr().clone()));
    match Reach::of(channel) {
        Reach::AnyNode => vec![Source::Anywhere],
        Reach::EachPrimary => each_primary().collect(),
        Reach::Both => std::iter::once(Source::Anywhere).chain(each_primary()).collect(),
        Reach::Owner => {
            let owner = routes.owner(Slot::of(&channel.name));
            owner.into_iter().map(|node| Source::At(node.addr().clone())).collect()
        }
    }
}

fn is_notification(channel: &[u8]) -> bool {
    NOTIFICATIONS.iter().any(|start| channel.starts_with(start))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use slotway_protocol::NodeAddr;

    use super::*;

    #[track_caller]
    fn check(kind: ChannelKind, name: &'static str, expected: Reach) {
        let channel = Channel { kind, name: Bytes::from_static(name.as_bytes()) };
        assert_eq!(Reach::of(&channel), expected, "{channel:?}");
    }

    #[test]
    fn notifications_are_taken_from_each_primary_however_they_are_asked_for() {
        check(ChannelKind::Plain, "news", Reach::AnyNode);
        check(ChannelKind::Plain, "__keyevent", Reach::AnyNode);
        check(ChannelKind::Plain, "__keyevent@0__:expired", Reach::EachPrimary);
        check(ChannelKind::Plain, "__keyspace@0__:user:1", Reach::EachPrimary);
        check(ChannelKind::Pattern, "__keyspace@*__:user:*", Reach::EachPrimary);
        check(ChannelKind::Pattern, "__keyevent@0__:set", Reach::EachPrimary);
        check(ChannelKind::Pattern, "__key*__:*", Reach::Both);
        check(ChannelKind::Pattern, "__keyspac[ef]@*", Reach::Both);
        check(ChannelKind::Pattern, "\\__keyspace@*", Reach::Both);
        check(ChannelKind::Pattern, "*", Reach::Both);
        check(ChannelKind::Pattern, "?*:set", Reach::Both);
        check(ChannelKind::Pattern, "news.*", Reach::AnyNode);
        check(ChannelKind::Pattern, "__key", Reach::AnyNode);
        check(ChannelKind::Sharded, "__keyspace@0__:a", Reach::Owner);
    }

    #[test]
    fn what_two_sources_send_is_taken_from_one() {
        let primary = Source::At(NodeAddr::new("a", 7000));
        let takes = |reach: Reach, channel: &str| {
            [&Source::Anywhere, &primary].map(|source| reach.takes(channel.as_bytes(), source))
        };
        assert_eq!(takes(Reach::Both, "news"), [true, false]);
        assert_eq!(takes(Reach::Both, "__keyevent@0__:set"), [false, true]);
        assert_eq!(takes(Reach::EachPrimary, "__keyevent@0__:set"), [true, true]);
    }
}
