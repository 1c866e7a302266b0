//! Notices nodes that owe replies and say nothing.
//!
//! A node that is cut off, or stopped, closes no connection. The calls that wait for it have until
//! their deadlines, since what was sent may have been run; but those that come after them should
//! find its successor as soon as there is one, and so the cluster is asked before the first of them
//! runs out of time. A slow command looks the same, and then it was asked in vain.

use std::{collections::HashMap, sync::Weak, time::Duration};

use slotway_protocol::NodeAddr;
use tokio::time::sleep;

use crate::{
    NodeStats,
    cluster::{Cluster, Routes},
};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A node is silent that has answered nothing since so many looks, and owed something each time.
const SILENT: u32 = 2;
/// After so many looks there is nothing new to be learnt from it.
const GIVEN_UP: u32 = 120;

/// What a node owed at a look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Owing {
    /// How many commands it had answered.
    answered: u64,
    /// How many looks ago it was the same.
    since: u32,
}

/// Looks at all nodes for as long as anybody uses the client.
pub(crate) async fn listen(cluster: Weak<Cluster>) {
    let mut owing = HashMap::new();
    loop {
        sleep(LOOK_EVERY).await;
        let Some(cluster) = cluster.upgrade() else { return };
        owing = look(&cluster.routes(), &owing);
        if owing.values().any(|owing| (SILENT..GIVEN_UP).contains(&owing.since)) {
            cluster.refresh();
        }
    }
}

/// What the nodes owe now, given what they owed at the look before.
fn look(routes: &Routes, before: &HashMap<NodeAddr, Owing>) -> HashMap<NodeAddr, Owing> {
    let owing = |NodeStats { addr, commands, in_flight, .. }: NodeStats| {
        if in_flight == 0 {
            return None;
        }
        let answered = commands.saturating_sub(in_flight as u64);
        let before = before.get(&addr).filter(|before| before.answered == answered);
        let since = before.map_or(0, |before| before.since.saturating_add(1));
        Some((addr, Owing { answered, since }))
    };
    routes.nodes().map(|node| node.stats()).filter_map(owing).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::{
        Client, Limits, cmd,
        stage::{Player, client, line},
    };

    /// A client that looks at a node, and a player of that.
    fn start() -> (Client, Player) {
        let deadline = Duration::from_secs(100);
        let client = client(&[line(1, "0-16383", 1)], Limits { deadline, ..Limits::default() });
        tokio::spawn(listen(Arc::downgrade(&client.cluster)));
        let player = Player::of(&client, 1);
        (client, player)
    }

    fn get(client: &Client) {
        let client = client.clone();
        tokio::spawn(async move { client.run::<Option<String>>(cmd("GET").arg("k")).await });
    }

    /// How often the bell rings in this time.
    async fn rings(client: &Client, within: Duration) -> u32 {
        let (end, mut rings) = (Instant::now() + within, 0);
        while tokio::time::timeout_at(end, client.cluster.bells.hint.notified()).await.is_ok() {
            rings += 1;
        }
        rings
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_owes_and_is_silent_is_noticed_within_a_second() {
        let (client, mut node) = start();
        get(&client);
        node.hears().await;
        let bell = client.cluster.bells.hint.clone();
        timeout(Duration::from_secs(1), bell.notified()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn after_half_a_minute_a_silent_node_is_let_be() {
        let (client, mut node) = start();
        get(&client);
        node.hears().await;
        let minute = Duration::from_secs(60);
        assert_eq!(rings(&client, minute).await, GIVEN_UP - SILENT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_slow_or_owes_nothing_is_not_silent() {
        let (client, mut node) = start();
        for _ in 0..100 {
            get(&client);
        }
        let answers = async {
            for _ in 0..100 {
                node.hears().await;
                sleep(Duration::from_millis(400)).await;
                node.says("$-1\r\n").await;
            }
            sleep(Duration::from_secs(10)).await;
        };
        let (rings, ()) = tokio::join!(rings(&client, Duration::from_secs(49)), answers);
        assert_eq!(rings, 0);
    }
}
