//! A walk over what is in one key.

use std::sync::Arc;

use bytes::Bytes;
use slotway_protocol::{Notice, Slot, Value};
use tokio::time::sleep;

use super::{
    page::{Page, START},
    patience::Patience,
    seat::{Seat, Trouble, command},
};
use crate::{Client, Error, connection::Manner, node::Node};

/// How far it has come, and where.
#[derive(Debug)]
pub(super) struct KeyWalk {
    name: &'static str,
    key: Bytes,
    /// The process that gave the cursor.
    seat: Option<Seat>,
    /// How it is asked. While a slot is on its way, its owner would only name it again.
    manner: Manner,
    cursor: Bytes,
    over: bool,
}

/// Whom to ask, and how.
type Target = (Arc<Node>, Manner);

impl KeyWalk {
    /// One by HSCAN, SSCAN or ZSCAN.
    pub(super) fn new(name: &'static str, key: Bytes) -> Self {
        Self {
            name,
            key,
            seat: None,
            manner: Manner::Plain,
            cursor: Bytes::from_static(START),
            over: false,
        }
    }

    /// The next page, as [`Walk::next_page`](super::walk::Walk::next_page).
    pub(super) async fn next_page(
        &mut self,
        client: &Client,
        args: &[Bytes],
    ) -> Result<Option<Vec<Value>>, Error> {
        let mut patience = Patience::of(client);
        let mut sent_on = self.seat.as_ref().map(|seat| (seat.node().clone(), self.manner));
        while !self.over {
            let trouble = match self.step(client, args, sent_on.take(), &patience).await {
                Ok(elements) => return Ok(Some(elements)),
                Err(trouble) => trouble,
            };
            let error = match trouble {
                Trouble::Lasting(error) => return Err(error),
                Trouble::Passing(error) => error,
                Trouble::Replaced => {
                    self.seat = None;
                    patience.run_out()
                }
                Trouble::Elsewhere(notice) => {
                    sent_on = self.follow(client, notice);
                    patience.run_out()
                }
            };
            let delay = patience.wait(error)?;
            if sent_on.is_none() {
                client.cluster.refresh();
                sleep(delay).await;
            }
        }
        Ok(None)
    }

    async fn step(
        &mut self,
        client: &Client,
        args: &[Bytes],
        sent_on: Option<Target>,
        patience: &Patience,
    ) -> Result<Vec<Value>, Trouble> {
        let slot = Slot::of(&self.key);
        let owner =
            || client.cluster.routes().owner(slot).cloned().map(|node| (node, Manner::Plain));
        let (node, manner) =
            sent_on.or_else(owner).ok_or_else(|| Trouble::Passing(patience.run_out()))?;
        let deadline = patience.attempt();
        if !self.seat.as_ref().is_some_and(|seat| Arc::ptr_eq(seat.node(), &node)) {
            // To another node the cursor means nothing.
            self.cursor = Bytes::from_static(START);
            self.seat = Some(Seat::take(&node, deadline).await?);
        }
        let Some(seat) = &mut self.seat else { return Err(Trouble::Replaced) };
        let name = Bytes::from_static(self.name.as_bytes());
        let words = [&[name, self.key.clone(), self.cursor.clone()], args].concat();
        let frame = seat.ask(&command(&words)?, manner, deadline).await?;
        let page = Page::read(&frame)?;
        if !page.is_last() {
            seat.identify(deadline).await?;
        }
        self.manner = manner;
        self.over = page.is_last();
        self.cursor = page.cursor;
        Ok(page.elements)
    }

    /// Whom a node named instead of itself.
    fn follow(&self, client: &Client, notice: Notice) -> Option<Target> {
        let cluster = &client.cluster;
        let (to, manner) = match notice {
            Notice::Moved { slot, to } => {
                let to = to?;
                if slot == Slot::of(&self.key) {
                    cluster.learn(slot, &to);
                }
                (to, Manner::Plain)
            }
            Notice::Ask { to, .. } => (to?, Manner::Asking),
            Notice::Garbled
            | Notice::TryAgain
            | Notice::ClusterDown
            | Notice::Loading
            | Notice::MasterDown
            | Notice::ReadOnly
            | Notice::NoAuth
            | Notice::Busy
            | Notice::TooManyClients => return None,
        };
        let routes = cluster.routes();
        Some((routes.node_at(&to)?.clone(), manner))
    }
}
