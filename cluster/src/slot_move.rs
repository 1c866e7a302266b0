//! Moves a slot between nodes in steps, so that a test can look at every state in between.

use slotway_protocol::{NodeId, Slot, SlotRange, Value};

use crate::{Admin, Error, LocalCluster, Node, form, view::View};

/// A slot on its way: the old owner answers ASK for keys that it no longer has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SlotMove {
    /// The slot.
    pub slot: Slot,
    /// The number of the node that gives it.
    pub from: usize,
    /// The number of the node that gets it.
    pub to: usize,
}

impl LocalCluster {
    /// How many keys go in one MIGRATE.
    const BATCH: usize = 100;

    /// Opens a slot for its way to node number `to`: importing there, migrating here. No key moves
    /// yet.
    pub async fn open_move(&self, slot: Slot, to: usize) -> Result<SlotMove, Error> {
        let from = self.owner(slot).await?;
        let number = slot.to_string();
        let (from_id, to_id) = (self.node(from).id().to_string(), self.node(to).id().to_string());
        let importing = ["CLUSTER", "SETSLOT", &number, "IMPORTING", &from_id];
        self.connect(to).await?.ask(&importing).await?;
        let migrating = ["CLUSTER", "SETSLOT", &number, "MIGRATING", &to_id];
        self.connect(from).await?.ask(&migrating).await?;
        Ok(SlotMove { slot, from, to })
    }

    /// Moves up to `count` of the slot's keys, and says how many it were.
    pub async fn move_keys(&self, moving: SlotMove, count: usize) -> Result<usize, Error> {
        let mut from = self.connect(moving.from).await?;
        let mut moved = 0;
        while moved < count {
            let batch = (count - moved).min(Self::BATCH);
            let keys = keys_in_slot(&mut from, moving.slot, batch).await?;
            if keys.is_empty() {
                break;
            }
            self.migrate(&mut from, moving.to, &keys).await?;
            moved += keys.len();
        }
        Ok(moved)
    }

    /// Moves these keys, whichever slot is open for them.
    pub async fn move_these(&self, moving: SlotMove, keys: &[&[u8]]) -> Result<(), Error> {
        let mut from = self.connect(moving.from).await?;
        let keys: Vec<_> = keys.iter().map(|key| key.to_vec()).collect();
        self.migrate(&mut from, moving.to, &keys).await
    }

    async fn migrate(&self, from: &mut Admin, to: usize, keys: &[Vec<u8>]) -> Result<(), Error> {
        let to = self.node(to).addr();
        let port = to.port().to_string();
        let mut args: Vec<&[u8]> =
            vec![b"MIGRATE", to.host().as_bytes(), port.as_bytes(), b"", b"0", b"5000"];
        let access = &self.settings.access;
        if let Some(password) = &access.password {
            args.extend([b"AUTH2", access.user_name().as_bytes(), password.as_bytes()]);
        }
        args.push(b"KEYS");
        args.extend(keys.iter().map(Vec::as_slice));
        from.ask(&args).await.map(drop)
    }

    /// Moves the keys that are left and hands the slot over; returns when all nodes agree.
    pub async fn finish_move(&self, moving: SlotMove) -> Result<(), Error> {
        self.move_keys(moving, usize::MAX).await?;
        let to = self.node(moving.to).id();
        self.assign(moving, to, &[moving.to, moving.from]).await
    }

    /// Tells the two nodes, in this order, who owns the slot, and waits for the others.
    async fn assign(&self, moving: SlotMove, owner: NodeId, order: &[usize]) -> Result<(), Error> {
        let (number, id) = (moving.slot.to_string(), owner.to_string());
        for &index in order {
            let args = ["CLUSTER", "SETSLOT", &number, "NODE", &id];
            self.connect(index).await?.ask(&args).await?;
        }
        let what = format!("all nodes to know the owner of slot {number}");
        self.wait_for(&what, form::DEADLINE, || async {
            let views = self.views().await?;
            Ok(views.iter().all(|view| owns(view, owner, moving.slot)))
        })
        .await
    }

    /// The number of the node that owns a slot.
    pub async fn owner(&self, slot: Slot) -> Result<usize, Error> {
        let views = self.views().await?;
        let is_owner = |node: &Node| views.iter().any(|view| owns(view, node.id(), slot));
        self.nodes.iter().position(is_owner).ok_or_else(|| Error::Misuse {
            problem: format!("nobody owns slot {slot}"),
            hint: None,
        })
    }
}

fn owns(view: &View, node: NodeId, slot: Slot) -> bool {
    let has = |range: &SlotRange| (range.first()..=range.last()).contains(&slot);
    view.led_by(node).is_some_and(|shard| shard.slots.iter().any(has))
}

async fn keys_in_slot(from: &mut Admin, slot: Slot, count: usize) -> Result<Vec<Vec<u8>>, Error> {
    let (slot, count) = (slot.to_string(), count.to_string());
    let reply = from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, &count]).await?;
    let keys = reply.as_elements().unwrap_or_default();
    Ok(keys.iter().filter_map(Value::as_bytes).map(<[u8]>::to_vec).collect())
}
