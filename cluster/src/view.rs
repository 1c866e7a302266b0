//! How one node sees the cluster: the text of `CLUSTER NODES`, read as far as the launcher needs.

use slotway_protocol::NodeId;

/// What a node believes of another's health.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Health {
    Fine,
    /// This node cannot reach it.
    Suspected,
    /// A majority of primaries cannot.
    Failed,
    /// It is not a member yet, or has no address.
    Unknown,
}

/// One node, as another one sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Seen {
    pub(crate) id: NodeId,
    pub(crate) port: u16,
    /// Its primary, if it is a replica.
    pub(crate) primary: Option<NodeId>,
    pub(crate) is_primary: bool,
    pub(crate) health: Health,
    /// Its slots, first and last of each range.
    pub(crate) slots: Vec<(u16, u16)>,
}

/// A node, its primary if it has one, and its slots.
pub(crate) type Part<'a> = (NodeId, Option<NodeId>, &'a [(u16, u16)]);

/// The cluster, as one node sees it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct View {
    pub(crate) nodes: Vec<Seen>,
}

impl View {
    /// Reads the text of `CLUSTER NODES`; a line that is not understood counts as no node.
    pub(crate) fn parse(text: &str) -> Self {
        Self { nodes: text.lines().filter_map(parse_line).collect() }
    }

    pub(crate) fn node(&self, id: NodeId) -> Option<&Seen> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Who owns what and who copies whom, in an order of its own: equal when two nodes agree.
    pub(crate) fn roles(&self) -> Vec<Part<'_>> {
        let mut roles: Vec<_> =
            self.nodes.iter().map(|node| (node.id, node.primary, node.slots.as_slice())).collect();
        roles.sort();
        roles
    }
}

/// `<id> <ip:port@bus,host> <flags> <primary> <ping> <pong> <epoch> <link> <slot> <slot> ...`
fn parse_line(line: &str) -> Option<Seen> {
    let mut words = line.split(' ');
    let id = NodeId::parse(words.next()?.as_bytes())?;
    let address = words.next()?.split(['@', ',']).next()?;
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(0);
    let flags: Vec<_> = words.next()?.split(',').collect();
    let has = |flag: &str| flags.contains(&flag);
    let health = if has("handshake") || has("noaddr") {
        Health::Unknown
    } else if has("fail") {
        Health::Failed
    } else if has("fail?") {
        Health::Suspected
    } else {
        Health::Fine
    };
    let primary = NodeId::parse(words.next()?.as_bytes());
    let slots = words.skip(4).filter_map(parse_slots).collect();
    Some(Seen { id, port, primary, is_primary: has("master"), health, slots })
}

/// `7`, `0-5460`; not `[7->-<id>]`, which is a move under way.
fn parse_slots(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// A field of `INFO` or `CLUSTER INFO`.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004,,shard-id=x slave,fail? e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 0 1426238317239 4 connected
e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460 7000 [93-<-292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f]
292f8b365bb7edb5e285caf0b7e6ddc7265d2f4f :0@0 master,noaddr - 0 0 1 disconnected
nonsense
";

    #[test]
    fn a_view_names_roles_slots_and_health() {
        let view = View::parse(TEXT);
        let seen: Vec<_> = view.nodes.iter().map(|node| (node.port, node.health)).collect();
        assert_eq!(seen, [(30004, Health::Suspected), (30001, Health::Fine), (0, Health::Unknown)]);
        assert_eq!(view.nodes[0].primary, Some(view.nodes[1].id));
        assert_eq!(view.nodes[1].slots, [(0, 5460), (7000, 7000)]);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "cluster_state_x:no\r\ncluster_state:ok\r\n";
        assert_eq!(field(text, "cluster_state"), Some("ok"));
        assert_eq!(field(text, "cluster"), None);
    }
}
