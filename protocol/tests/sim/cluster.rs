//! A model of a cluster: nodes that each hold data and an own, possibly old, view of who owns what.
//!
//! It answers as real servers do: MOVED, ASK, TRYAGAIN, CLUSTERDOWN, ASKING good for one command.
//! Replication is immediate, so a failover loses nothing and every lost write is a client's fault.

use std::collections::{BTreeMap, BTreeSet};

use slotway_protocol::{Command, NodeAddr, NodeId, Slot, SlotRange};

use crate::random::Random;

/// The key space is cut into this many ranges; each is used through the one slot of its keys.
pub(crate) const RANGES: usize = 4;
/// The keys of a range differ by what follows the tag.
pub(crate) const KEYS: usize = 3;

pub(crate) type NodeIndex = usize;
pub(crate) type Range = usize;
pub(crate) type Key = (Range, usize);

/// Everything that was written to a key, in order.
type Data = BTreeMap<Key, Vec<String>>;

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    tags: Vec<String>,
    epoch: u64,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) addr: NodeAddr,
    pub(crate) id: NodeId,
    pub(crate) alive: bool,
    /// What this node believes. Never goes back to an older epoch.
    pub(crate) view: [Owner; RANGES],
    primary: Option<NodeIndex>,
    moving: [Option<Moving>; RANGES],
    data: Data,
}

/// Who owns a range, as of which epoch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Owner {
    pub(crate) node: NodeIndex,
    pub(crate) epoch: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Moving {
    To(NodeIndex),
    From,
}

/// What a connection carries from one command to the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionState {
    asking: bool,
}

impl Cluster {
    pub(crate) fn new(primaries: usize) -> Self {
        let owners = std::array::from_fn(|range| Owner { node: range % primaries, epoch: 1 });
        let mut cluster = Self { nodes: Vec::new(), tags: tags(), epoch: 1 };
        for _ in 0..primaries {
            cluster.join(None, owners);
        }
        for primary in 0..primaries {
            cluster.join(Some(primary), owners);
        }
        cluster
    }

    fn join(&mut self, primary: Option<NodeIndex>, view: [Owner; RANGES]) -> NodeIndex {
        let index = self.nodes.len();
        let addr = NodeAddr::new(format!("10.0.0.{index}"), 6379);
        let id = NodeId::parse(format!("{index:040x}").as_bytes()).unwrap();
        let (moving, data) = ([None; RANGES], Data::new());
        self.nodes.push(Node { addr, id, alive: true, view, primary, moving, data });
        index
    }

    /// A new primary without slots.
    pub(crate) fn add_primary(&mut self) -> NodeIndex {
        let view = self.nodes.iter().find(|node| node.alive).unwrap().view;
        self.join(None, view)
    }

    pub(crate) fn key_name(&self, (range, number): Key) -> String {
        format!("{{{}}}{number}", self.tags[range])
    }

    pub(crate) fn slot(&self, range: Range) -> Slot {
        Slot::of(self.tags[range].as_bytes())
    }

    /// The true owner: the one of the newest epoch.
    pub(crate) fn owner(&self, range: Range) -> NodeIndex {
        self.nodes.iter().map(|node| node.view[range]).max_by_key(|o| o.epoch).unwrap().node
    }

    pub(crate) fn data(&self, key: Key) -> &[String] {
        self.nodes[self.owner(key.0)].data.get(&key).map_or(&[], Vec::as_slice)
    }

    /// Every key that any node holds.
    pub(crate) fn keys_in_use(&self) -> BTreeSet<Key> {
        self.nodes.iter().flat_map(|node| node.data.keys().copied()).collect()
    }

    pub(crate) fn find(&self, addr: &NodeAddr) -> Option<NodeIndex> {
        self.nodes.iter().position(|node| node.addr == *addr)
    }

    pub(crate) fn is_primary(&self, node: NodeIndex) -> bool {
        self.nodes[node].primary.is_none()
    }

    pub(crate) fn live_primaries(&self) -> Vec<NodeIndex> {
        let serves = |&index: &NodeIndex| self.nodes[index].alive && self.is_primary(index);
        (0..self.nodes.len()).filter(serves).collect()
    }

    pub(crate) fn owns_any(&self, node: NodeIndex) -> bool {
        (0..RANGES).any(|range| self.owner(range) == node)
    }

    pub(crate) fn takes_part_in_a_move(&self, node: NodeIndex) -> bool {
        self.nodes[node].moving.iter().any(Option::is_some)
    }

    // Changes of the cluster, each a step of a script.

    pub(crate) fn start_move(&mut self, range: Range, to: NodeIndex) {
        let from = self.owner(range);
        self.nodes[to].moving[range] = Some(Moving::From);
        self.nodes[from].moving[range] = Some(Moving::To(to));
    }

    /// Moves one key. False when none is left.
    pub(crate) fn move_key(&mut self, range: Range, to: NodeIndex, random: &mut Random) -> bool {
        let from = self.owner(range);
        let keys: Vec<Key> =
            self.nodes[from].data.keys().filter(|key| key.0 == range).copied().collect();
        if keys.is_empty() {
            return false;
        }
        let key = *random.pick(&keys);
        let list = self.nodes[from].data.remove(&key).unwrap_or_default();
        self.nodes[to].data.insert(key, list);
        true
    }

    /// Both nodes are told at once; the others hear of it by gossip.
    pub(crate) fn finish_move(&mut self, range: Range, to: NodeIndex) {
        let from = self.owner(range);
        self.epoch += 1;
        for told in [to, from] {
            self.nodes[told].view[range] = Owner { node: to, epoch: self.epoch };
            self.nodes[told].moving[range] = None;
        }
    }

    pub(crate) fn is_moving(&self, range: Range) -> bool {
        self.nodes.iter().any(|node| node.moving[range].is_some())
    }

    /// `to` takes over all that `from` owns, with its data.
    pub(crate) fn promote(&mut self, from: NodeIndex, to: NodeIndex) {
        self.epoch += 1;
        let epoch = self.epoch;
        self.nodes[to].primary = None;
        self.nodes[to].data = std::mem::take(&mut self.nodes[from].data);
        self.nodes[from].primary = Some(to);
        for range in 0..RANGES {
            if self.owner(range) == from {
                self.nodes[to].view[range] = Owner { node: to, epoch };
            }
        }
    }

    pub(crate) fn replica_of(&self, primary: NodeIndex) -> Option<NodeIndex> {
        self.nodes.iter().position(|node| node.alive && node.primary == Some(primary))
    }

    /// One node tells another what it knows.
    pub(crate) fn gossip(&mut self, from: NodeIndex, to: NodeIndex) {
        let news = self.nodes[from].view;
        for (known, told) in self.nodes[to].view.iter_mut().zip(news) {
            if told.epoch > known.epoch {
                *known = told;
            }
        }
    }

    /// Runs one command and appends its reply.
    pub(crate) fn run(
        &mut self,
        at: NodeIndex,
        state: &mut ConnectionState,
        command: Command<'_>,
        out: &mut Vec<u8>,
    ) {
        let asking = std::mem::take(&mut state.asking);
        if command.name() == b"ASKING" {
            state.asking = true;
            return out.extend_from_slice(b"+OK\r\n");
        }
        let keys = self.keys(command);
        if let Some(refusal) = self.refusal(at, &keys, asking) {
            return out.extend_from_slice(refusal.as_bytes());
        }
        let data = &mut self.nodes[at].data;
        match command.name() {
            b"RPUSH" => {
                let list = data.entry(keys[0]).or_default();
                list.push(text(command, 2));
                out.extend_from_slice(format!(":{}\r\n", list.len()).as_bytes());
            }
            b"EVAL" if command.arg(1) == Some(b"forge") => {
                let slot = self.slot(keys[0].0);
                out.extend_from_slice(format!("-MOVED {slot} {STRANGER}\r\n").as_bytes());
            }
            b"EVAL" => {
                let list = data.entry(keys[0]).or_default();
                list.push(text(command, 4));
                out.extend_from_slice(format!(":{}\r\n", list.len()).as_bytes());
            }
            b"MSET" => {
                for (position, key) in keys.iter().enumerate() {
                    data.entry(*key).or_default().push(text(command, 2 + position * 2));
                }
                out.extend_from_slice(b"+OK\r\n");
            }
            b"LRANGE" => {
                let list = data.get(&keys[0]).map_or(&[][..], Vec::as_slice);
                let seen = format!("{}={}", text(command, 1), list.join(","));
                out.extend_from_slice(format!("${}\r\n{seen}\r\n", seen.len()).as_bytes());
            }
            other => panic!("the model has no command {:?}", String::from_utf8_lossy(other)),
        }
    }

    fn keys(&self, command: Command<'_>) -> Vec<Key> {
        let (first, step) = match command.name() {
            b"MSET" => (1, 2),
            b"EVAL" => (3, usize::MAX),
            _ => (1, usize::MAX),
        };
        let names = command.args().skip(first).step_by(step);
        names.map(|name| self.parse_key(std::str::from_utf8(name).unwrap())).collect()
    }

    fn parse_key(&self, name: &str) -> Key {
        let (tag, number) = name[1..].split_once('}').unwrap();
        (self.tags.iter().position(|t| t == tag).unwrap(), number.parse().unwrap())
    }

    /// Why this node will not run a command on these keys, in a server's words.
    fn refusal(&self, at: NodeIndex, keys: &[Key], asking: bool) -> Option<String> {
        let node = &self.nodes[at];
        let range = keys[0].0;
        let slot = self.slot(range);
        let present = keys.iter().filter(|key| node.data.contains_key(key)).count();
        let owner = node.view[range];
        if owner.node == at && node.primary.is_none() {
            return match node.moving[range] {
                Some(Moving::To(to)) if present == 0 => {
                    Some(format!("-ASK {slot} {}\r\n", self.nodes[to].addr))
                }
                Some(Moving::To(_)) if present < keys.len() => Some(TRYAGAIN.to_owned()),
                _ => None,
            };
        }
        if node.moving[range] == Some(Moving::From) && asking {
            return (keys.len() > 1 && present < keys.len()).then(|| TRYAGAIN.to_owned());
        }
        if owner.node == at {
            return Some("-CLUSTERDOWN Hash slot not served\r\n".to_owned());
        }
        Some(format!("-MOVED {slot} {}\r\n", self.nodes[owner.node].addr))
    }

    /// What `CLUSTER NODES` says at this node.
    pub(crate) fn nodes_text(&self, at: NodeIndex) -> String {
        let view = &self.nodes[at].view;
        let lines =
            (0..self.nodes.len()).filter(|&index| self.is_listed(index, view)).map(|index| {
                let node = &self.nodes[index];
                let owned: Vec<Range> = (0..RANGES).filter(|&r| view[r].node == index).collect();
                let (role, primary) = match node.primary {
                    Some(primary) if owned.is_empty() => {
                        ("slave", self.nodes[primary].id.to_string())
                    }
                    _ => ("master", "-".to_owned()),
                };
                let myself = if index == at { "myself," } else { "" };
                let epoch = owned.iter().map(|&range| view[range].epoch).max().unwrap_or(0);
                let slots = owned.iter().map(|&range| {
                    let range = slots(range);
                    format!(" {}-{}", range.first(), range.last())
                });
                format!(
                    "{} {}@16379 {myself}{role} {primary} 0 0 {epoch} connected{}\n",
                    node.id,
                    node.addr,
                    slots.collect::<String>()
                )
            });
        lines.collect()
    }

    /// A primary that left for good is forgotten.
    fn is_listed(&self, index: NodeIndex, view: &[Owner; RANGES]) -> bool {
        let node = &self.nodes[index];
        node.alive || node.primary.is_some() || view.iter().any(|owner| owner.node == index)
    }
}

/// An address that no node of the cluster has.
const STRANGER: &str = "203.0.113.9:6379";

const TRYAGAIN: &str = "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";

fn text(command: Command<'_>, position: usize) -> String {
    String::from_utf8(command.arg(position).unwrap().to_vec()).unwrap()
}

/// The slots of a range.
fn slots(range: Range) -> SlotRange {
    let size = Slot::COUNT / RANGES as u16;
    let first = range as u16 * size;
    let slot = |number| Slot::new(number).unwrap();
    SlotRange::new(slot(first), slot(first + size - 1)).unwrap()
}

/// A hash tag for each range.
fn tags() -> Vec<String> {
    let fits = |range: Range, tag: &String| {
        slots(range).indices().contains(&Slot::of(tag.as_bytes()).index())
    };
    (0..RANGES)
        .map(|range| (0..).map(|n| format!("t{n}")).find(|tag| fits(range, tag)).unwrap())
        .collect()
}
