//! The cluster changes while it is walked.

use slotway::{ScanDesk, Slot};
use slotway_cluster::{Spec, TestCluster, TestServer};

use crate::{
    start,
    walker::{More, Walker},
};

const KEYS: usize = 100_000;

/// What happens before the page of this number.
#[derive(Clone, Copy)]
enum Change {
    /// A replica takes over from this node, which stays.
    Hands(usize),
    /// This node dies.
    Dies(usize),
    /// This slot and the next seven move, with their keys, to the node that is walked first: where
    /// nobody would look again.
    Moves(u16),
}

const CHANGES: &[(usize, Change)] = &[
    (150, Change::Moves(16_000)),
    (200, Change::Hands(0)),
    (450, Change::Dies(1)),
    (500, Change::Moves(16_100)),
    (900, Change::Moves(16_200)),
];

pub(crate) async fn everything_is_found_while_the_cluster_changes(server: TestServer) {
    let (cluster, client, names) = start(Spec::on(server), KEYS).await;
    let (desk, mut walker) = (ScanDesk::default(), Walker::new("100"));
    let mut changes = CHANGES.iter();
    let mut coming = changes.next();
    for page in 0.. {
        if let Some((_, change)) = coming.filter(|(number, _)| *number == page) {
            happen(&cluster, *change).await;
            coming = changes.next();
        }
        if walker.page(&desk, &client).await.unwrap() == More::No {
            break;
        }
    }
    walker.has_found(&names);
    assert!(coming.is_none(), "the walk was over too soon");
    // Two nodes were walked twice at most, and moves made some of the others begin again.
    assert!(walker.came < 4 * KEYS, "{}", walker.came);
    assert_eq!(desk.stats().restarted, 0);
}

async fn happen(cluster: &TestCluster, change: Change) {
    match change {
        Change::Hands(node) => cluster.failover(node + 3).await.unwrap(),
        Change::Dies(node) => cluster.kill(node),
        Change::Moves(first) => {
            let to = cluster.owner(Slot::FIRST).await.unwrap();
            for number in first..first + 8 {
                let moving = cluster.open_move(Slot::new(number).unwrap(), to).await.unwrap();
                while cluster.move_keys(moving, 100).await.unwrap() > 0 {}
                cluster.finish_move(moving).await.unwrap();
            }
        }
    }
}
