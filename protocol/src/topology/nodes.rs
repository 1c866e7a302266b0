//! Reads the answer to CLUSTER NODES.

use std::collections::HashMap;

use super::{
    Health, NodeInfo, Origin, Shard, SlotMove, SlotRange, Topology, TopologyError, draft::Draft,
    origin::checked_host, slots::elements,
};
use crate::{
    NodeAddr, NodeId, Slot, Value,
    number::{parse_i64, parse_u64},
};

impl Topology {
    /// The view in an answer to CLUSTER NODES.
    ///
    /// Of the three forms it is the only one that tells configuration epochs, nodes that have not
    /// been accepted yet, and slots on their way. It names nodes by IP address, even where the
    /// cluster prefers other endpoints.
    pub fn from_nodes(answer: &Value, origin: &Origin) -> Result<Self, TopologyError> {
        let Some(text) = answer.as_bytes() else {
            elements(answer)?;
            return Err(TopologyError::Malformed("it is not a text"));
        };
        let text =
            std::str::from_utf8(text).map_err(|_| TopologyError::Malformed("it is not a text"))?;
        let mut draft = Draft::new();
        let mut lines = Vec::new();
        for text in text.lines().filter(|line| !line.is_empty()) {
            draft.count_node()?;
            lines.push(Line::read(text, origin, &mut draft)?);
        }
        place(lines, &mut draft)?;
        Ok(draft.finish())
    }
}

/// Puts each node into its shard.
fn place(lines: Vec<Line>, draft: &mut Draft) -> Result<(), TopologyError> {
    let topology = &mut draft.topology;
    let mut shards = HashMap::new();
    let mut others = Vec::new();
    for line in lines {
        let accepted = line.node.health != Health::Handshake;
        topology.epoch = topology.epoch.max(Some(line.epoch).filter(|_| accepted));
        match line.place {
            Place::Primary if accepted => {
                if shards.insert(line.id, topology.shards.len()).is_some() {
                    return Err(TopologyError::Malformed("a node is named twice"));
                }
                topology.shards.push(Shard {
                    primary: Some(line.node),
                    replicas: Vec::new(),
                    slots: line.slots,
                    epoch: Some(line.epoch),
                });
            }
            Place::Primary | Place::Nowhere => topology.unplaced.push(line.node),
            Place::ReplicaOf(primary) => others.push((primary, line.node)),
        }
    }
    for (primary, node) in others {
        match shards.get(&primary) {
            Some(&at) => topology.shards[at].replicas.push(node),
            None => topology.unplaced.push(node),
        }
    }
    Ok(())
}

/// One node's line.
struct Line {
    id: NodeId,
    node: NodeInfo,
    place: Place,
    epoch: u64,
    slots: Vec<SlotRange>,
}

enum Place {
    Primary,
    ReplicaOf(NodeId),
    Nowhere,
}

impl Line {
    /// Reads `id address flags primary ping pong epoch link slot...`.
    fn read(text: &str, origin: &Origin, draft: &mut Draft) -> Result<Self, TopologyError> {
        let mut words = text.split(' ');
        let mut next = || words.next().ok_or(TopologyError::Malformed("a line is too short"));
        let id = read_id(next()?)?;
        let mut node = NodeInfo { id: Some(id), ..read_address(next()?, origin)? };
        let flags = next()?;
        let primary = next()?;
        let (_ping, _pong) = (next()?, next()?);
        let epoch = parse_u64(next()?.as_bytes())
            .ok_or(TopologyError::Malformed("an epoch is not a number"))?;
        let _link = next()?;
        let mut place = Place::Nowhere;
        for flag in flags.split(',') {
            match flag {
                "master" => place = Place::Primary,
                "slave" if primary != "-" => place = Place::ReplicaOf(read_id(primary)?),
                "fail" => node.health = node.health.max(Health::Failed),
                "fail?" => node.health = node.health.max(Health::Suspected),
                "handshake" => node.health = Health::Handshake,
                "noaddr" => node.addr = None,
                // myself, nofailover, noflags, and what future servers add.
                _ => {}
            }
        }
        // Replicas are told of the moves of their primaries.
        let holder = if let Place::ReplicaOf(primary) = place { primary } else { id };
        let mut slots = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            match word.strip_prefix('[') {
                Some(word) => draft.topology.moves.push(read_move(word, holder)?),
                None => slots.push(read_range(word, draft)?),
            }
        }
        Ok(Self { id, node, place, epoch, slots })
    }
}

fn read_id(text: &str) -> Result<NodeId, TopologyError> {
    NodeId::parse(text.as_bytes()).ok_or(TopologyError::Malformed("an id has not 40 digits"))
}

/// Reads `ip:port@busport,hostname,name=value...`; what follows the port is younger than the rest.
fn read_address(text: &str, origin: &Origin) -> Result<NodeInfo, TopologyError> {
    let malformed = TopologyError::Malformed("an address is not host:port");
    let mut parts = text.split(',');
    let address = parts.next().unwrap_or_default();
    let hostname = parts.next().filter(|name| !name.is_empty() && *name != "?");
    let address = address.rsplit_once('@').map_or(address, |(address, _)| address);
    let (host, port) = address.rsplit_once(':').ok_or_else(|| malformed.clone())?;
    let number = |text: &str| parse_u64(text.as_bytes()).and_then(|port| port.try_into().ok());
    let port: u16 = number(port).ok_or(malformed)?;
    // The port is that of the asker's kind of connection, unless both are spelt out.
    let (mut plain, mut tls) = (None, None);
    for part in parts {
        match part.split_once('=') {
            Some(("tcp-port", port)) => plain = number(port),
            Some(("tls-port", port)) => tls = number(port),
            _ => {}
        }
    }
    let port = if plain.is_some() && tls.is_some() { origin.port(plain, tls) } else { port };
    let addr = origin.endpoint(Some(host), port)?;
    let ip = addr.as_ref().map(NodeAddr::host).filter(|_| !host.is_empty()).map(Into::into);
    let hostname = hostname.map(checked_host).transpose()?.map(Into::into);
    Ok(NodeInfo { addr, ip, hostname, ..NodeInfo::default() })
}

/// Reads `5461-10922` or `42`.
fn read_range(word: &str, draft: &mut Draft) -> Result<SlotRange, TopologyError> {
    let number = |text: &str| {
        parse_i64(text.as_bytes()).ok_or(TopologyError::Malformed("a slot is not a number"))
    };
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    draft.give(number(first)?, number(last)?)
}

/// Reads `100->-id]`, a slot that leaves the node, or `100-<-id]`, one that comes.
fn read_move(word: &str, id: NodeId) -> Result<SlotMove, TopologyError> {
    let malformed = || TopologyError::Malformed("a moving slot is not [slot->-id] or [slot-<-id]");
    let word = word.strip_suffix(']').ok_or_else(malformed)?;
    let (slot, other, leaves) = match (word.split_once("->-"), word.split_once("-<-")) {
        (Some((slot, other)), _) => (slot, other, true),
        (None, Some((slot, other))) => (slot, other, false),
        (None, None) => return Err(malformed()),
    };
    let number = parse_u64(slot.as_bytes()).and_then(|number| number.try_into().ok());
    let slot = number.and_then(Slot::new).ok_or_else(malformed)?;
    let other = read_id(other)?;
    let (from, to) = if leaves { (id, other) } else { (other, id) };
    Ok(SlotMove { slot, from, to })
}
