//! Brings nodes together into a cluster, and waits until it is one.

use std::{collections::HashSet, time::Duration};

use slotway_protocol::{NodeAddr, NodeId, Shard, Slot, Value};
use tokio::time::{Instant, sleep};

use crate::{
    Error,
    admin::Admin,
    view::{View, field, is_fine, primary_id},
};

/// A node that is being brought in: who it is, and a connection to it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) id: NodeId,
    pub(crate) addr: NodeAddr,
    pub(crate) bus: u16,
    pub(crate) admin: Admin,
}

impl Member {
    /// Asks the node for its id.
    pub(crate) async fn new(addr: NodeAddr, bus: u16, mut admin: Admin) -> Result<Self, Error> {
        let text = admin.ask_text(&["CLUSTER", "MYID"]).await?;
        let id = NodeId::parse(text.as_bytes()).ok_or_else(|| Error::Refused {
            node: addr.clone(),
            command: "CLUSTER MYID".into(),
            text: "no node id".into(),
        })?;
        Ok(Self { id, addr, bus, admin })
    }

    async fn meet(&mut self, addr: &NodeAddr, bus: u16) -> Result<(), Error> {
        let (port, bus) = (addr.port().to_string(), bus.to_string());
        self.admin.ask(&["CLUSTER", "MEET", addr.host(), &port, &bus]).await.map(drop)
    }

    pub(crate) async fn view(&mut self) -> Result<View, Error> {
        View::of(&mut self.admin, Admin::DEADLINE).await
    }
}

/// How long anything here may take: far more than it does, since the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// When a greeting that has not led to acquaintance is repeated: nodes forget one after a node
/// timeout.
const MEET_AGAIN: Duration = Duration::from_secs(3);

/// Gives every node an epoch of its own and lets every pair meet.
///
/// Gossip would introduce them too, within a second; but a replica can only follow a primary that
/// it knows.
pub(crate) async fn meet_all(members: &mut [Member]) -> Result<(), Error> {
    for (index, member) in members.iter_mut().enumerate() {
        let epoch = (index + 1).to_string();
        member.admin.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await?;
    }
    introduce(members).await
}

/// Lets every pair meet; those who have met stay as they are, or learn a new address.
pub(crate) async fn introduce(members: &mut [Member]) -> Result<(), Error> {
    let addresses: Vec<_> = members.iter().map(|other| (other.addr.clone(), other.bus)).collect();
    for (index, member) in members.iter_mut().enumerate() {
        for (addr, bus) in &addresses[index + 1..] {
            member.meet(addr, *bus).await?;
        }
    }
    Ok(())
}

/// Gives `member` the slots from `first` to `last`.
pub(crate) async fn add_slots(member: &mut Member, (first, last): (u16, u16)) -> Result<(), Error> {
    let (first, last) = (first.to_string(), last.to_string());
    member.admin.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]).await.map(drop)
}

/// Makes `member` a replica of `primary`, as soon as it knows that one.
pub(crate) async fn replicate(member: &mut Member, primary: NodeId) -> Result<(), Error> {
    let end = Instant::now() + DEADLINE;
    let primary = primary.to_string();
    loop {
        match member.admin.ask(&["CLUSTER", "REPLICATE", &primary]).await {
            Ok(_) => return Ok(()),
            // `Unknown node`, until the handshake with it is through.
            Err(error @ Error::Refused { .. }) if Instant::now() >= end => return Err(error),
            Err(Error::Refused { .. }) => sleep(POLL).await,
            Err(error) => return Err(error),
        }
    }
}

/// What a ready cluster must cover.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Goal {
    /// How long to wait for it.
    pub(crate) deadline: Duration,
    /// How many nodes are known to be down; the others know of them, and that is all.
    pub(crate) absent: usize,
}

/// Waits until every member says that the cluster is fine, knows all others, agrees with them on
/// roles and slots, and every replica is in sync and listed.
pub(crate) async fn ready(
    members: &mut [Member],
    goal: Goal,
    mut progress: impl FnMut(usize),
    mut alive: impl FnMut() -> Result<(), Error>,
) -> Result<(), Error> {
    let start = Instant::now();
    let mut meet_next = start + MEET_AGAIN;
    loop {
        alive()?;
        let missing = missing(members, goal.absent).await?;
        progress(members.len() - missing.iter().filter(|lack| lack.is_some()).count());
        if missing.iter().all(Option::is_none) {
            return Ok(());
        }
        if start.elapsed() >= goal.deadline {
            let lines = members.iter().zip(&missing).filter_map(|(member, lack)| {
                Some(format!("\n  {}  {}", member.addr, lack.as_ref()?))
            });
            return Err(Error::TimedOut {
                what: "the cluster to be ready".into(),
                waited: start.elapsed(),
                detail: lines.collect(),
            });
        }
        if Instant::now() >= meet_next {
            introduce_strangers(members).await?;
            meet_next = Instant::now() + MEET_AGAIN;
        }
        sleep(POLL).await;
    }
}

/// What each member lacks to be ready, in its own words.
async fn missing(members: &mut [Member], absent: usize) -> Result<Vec<Option<String>>, Error> {
    let ids: Vec<_> = members.iter().map(|member| member.id).collect();
    let mut first: Option<View> = None;
    let mut missing = Vec::with_capacity(members.len());
    for member in members {
        let view = member.view().await?;
        let lack = lacks(&view, &ids, absent, first.as_ref());
        let lack = match lack {
            Some(lack) => Some(lack),
            None => lacks_service(member, &view).await?,
        };
        missing.push(lack);
        first.get_or_insert(view);
    }
    Ok(missing)
}

/// What `view` lacks: a node of `ids`, or agreement with the view of `first`.
fn lacks(view: &View, ids: &[NodeId], absent: usize, first: Option<&View>) -> Option<String> {
    let known = ids.iter().filter(|id| view.is_fine(**id)).count();
    if known < ids.len() || view.nodes().count() != ids.len() + absent {
        return Some(format!("knows {known} of {} nodes", ids.len()));
    }
    if first.is_some_and(|first| first.roles() != view.roles()) {
        return Some("sees other roles or slots than the first node".into());
    }
    None
}

/// What a node that knows the others lacks to serve.
async fn lacks_service(member: &mut Member, view: &View) -> Result<Option<String>, Error> {
    let info = member.admin.ask_text(&["CLUSTER", "INFO"]).await?;
    let state = field(&info, "cluster_state").unwrap_or("?");
    if state != "ok" {
        return Ok(Some(format!("cluster_state:{state}")));
    }
    let served = field(&info, "cluster_slots_ok").unwrap_or("0");
    if served != Slot::COUNT.to_string() {
        return Ok(Some(format!("{served} of {} slots are served", Slot::COUNT)));
    }
    let replication = member.admin.ask_text(&["INFO", "replication"]).await?;
    if view.led_by(member.id).is_none() && field(&replication, "master_link_status") != Some("up") {
        return Ok(Some("its replication link is down".into()));
    }
    let replicas: Vec<_> = view.shards().iter().flat_map(replicas_of).collect();
    let listed = listed_replicas(member).await?;
    if let Some((replica, _)) = replicas.iter().find(|(replica, _)| !listed.contains(replica)) {
        return Ok(Some(format!("CLUSTER SLOTS leaves replica {replica} out")));
    }
    let shards = shards(member).await?;
    let together = |(replica, primary): &&(NodeId, NodeId)| {
        shards.iter().any(|shard| shard.contains(replica) && shard.contains(primary))
    };
    let apart = replicas.iter().find(|pair| !together(pair));
    Ok(apart.map(|(replica, _)| format!("CLUSTER SHARDS has replica {replica} apart")))
}

/// The replicas of a shard that are well, with their primary, if that one owns slots.
fn replicas_of(shard: &Shard) -> impl Iterator<Item = (NodeId, NodeId)> {
    let well = shard.replicas.iter().filter(|node| is_fine(node) && !shard.slots.is_empty());
    well.filter_map(|node| Some((node.id?, primary_id(shard)?)))
}

/// The nodes of each shard that are online, as CLUSTER SHARDS has them: who belongs to which shard
/// is gossiped apart from who copies whom, and later.
async fn shards(member: &mut Member) -> Result<Vec<Vec<NodeId>>, Error> {
    let reply = member.admin.ask(&["CLUSTER", "SHARDS"]).await?;
    let shards = reply.as_elements().unwrap_or_default();
    Ok(shards.iter().map(online_nodes).collect())
}

fn online_nodes(shard: &Value) -> Vec<NodeId> {
    let nodes = entry(shard, "nodes").and_then(Value::as_elements).unwrap_or_default();
    let online = |node: &&Value| entry(node, "health").and_then(Value::as_str) == Some("online");
    let id = |node: &Value| NodeId::parse(entry(node, "id")?.as_bytes()?);
    nodes.iter().filter(online).filter_map(id).collect()
}

fn entry<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    map.as_pairs()?.find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value)
}

/// The replicas that CLUSTER SLOTS names: one that nobody has heard an offset of is left out.
async fn listed_replicas(member: &mut Member) -> Result<HashSet<NodeId>, Error> {
    let reply = member.admin.ask(&["CLUSTER", "SLOTS"]).await?;
    let mut seen = HashSet::new();
    for range in reply.as_elements().unwrap_or_default() {
        for replica in range.as_elements().unwrap_or_default().iter().skip(3) {
            let id = replica.as_elements().and_then(|parts| parts.get(2)?.as_bytes());
            seen.extend(id.and_then(NodeId::parse));
        }
    }
    Ok(seen)
}

/// Lets those meet who do not know each other.
async fn introduce_strangers(members: &mut [Member]) -> Result<(), Error> {
    let others: Vec<_> =
        members.iter().map(|other| (other.id, other.addr.clone(), other.bus)).collect();
    for member in members {
        let view = member.view().await?;
        for (id, addr, bus) in others.iter().filter(|(id, ..)| !view.is_fine(*id)) {
            if *id != member.id {
                member.meet(addr, *bus).await?;
            }
        }
    }
    Ok(())
}
