//! A walk over the keys of the whole cluster, one page after the other.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use slotway_protocol::{GiveUp, Slot};
use tokio::time::{Instant, sleep};

use super::{
    coverage::{Coverage, Settled},
    page::{Page, START},
    patience::Patience,
    seat::{Seat, Trouble, command},
    standing::Standing,
};
use crate::{Client, Error, connection::Manner, node::Node};

/// So many nodes in a row may change while they are walked, without anything won: then the cluster
/// changes faster than it can be walked, and that is an error.
const FRUITLESS_MAX: u32 = 16;
/// A node is asked for its standing at least this often while it is walked.
const LOOK: Duration = Duration::from_secs(1);

/// How far it has come. A clone goes on from here by itself.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    coverage: Arc<Coverage>,
    visit: Option<Visit>,
    fruitless: u32,
}

/// The walk through one node.
#[derive(Clone, Debug)]
struct Visit {
    seat: Seat,
    /// How the node stood since the walk began there.
    standing: Arc<Standing>,
    looked: Instant,
    at: At,
}

/// Where in the node.
#[derive(Clone, Debug)]
enum At {
    Cursor(Bytes),
    End,
}

impl Walk {
    /// One over all keys, or over those of one slot.
    pub(super) fn new(slot: Option<Slot>) -> Self {
        Self { coverage: Arc::new(Coverage::of(slot)), visit: None, fruitless: 0 }
    }

    /// One over the keys of this slot and those after it.
    pub(super) fn from(first: Slot) -> Self {
        Self { coverage: Arc::new(Coverage::from(first)), visit: None, fruitless: 0 }
    }

    /// The first slot of which keys may be left.
    pub(super) fn unfinished(&self) -> Option<Slot> {
        self.coverage.first_left()
    }

    /// Whether one node has been walked, and another has yet to be.
    pub(super) fn is_between_nodes(&self) -> bool {
        self.visit.as_ref().is_none_or(|visit| matches!(visit.at, At::End))
    }

    /// Goes on with this client, if it was another one's.
    pub(super) async fn move_to(&mut self, client: &Client) -> Result<(), Error> {
        let deadline = Patience::of(client).attempt();
        let Some(visit) = &mut self.visit else { return Ok(()) };
        match visit.seat.move_to(client, deadline).await {
            Ok(()) => Ok(()),
            Err(Trouble::Lasting(error)) => Err(error),
            Err(Trouble::Passing(_) | Trouble::Elsewhere(_) | Trouble::Replaced) => {
                self.give_up_visit()
            }
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.coverage.is_complete()
    }

    /// The next page, which may be empty; none after the last one. `args` are those of SCAN behind
    /// the cursor.
    ///
    /// When it is dropped or comes to an error, the walk goes on from where it was.
    pub(super) async fn next_page(
        &mut self,
        client: &Client,
        args: &[Bytes],
    ) -> Result<Option<Vec<Bytes>>, Error> {
        let mut patience = Patience::of(client);
        while !self.is_over() {
            let trouble = match self.step(client, args, &mut patience).await {
                Ok(Some(keys)) => return Ok(Some(keys)),
                Ok(None) => continue,
                Err(trouble) => trouble,
            };
            self.give_up_visit()?;
            let error = match trouble {
                Trouble::Lasting(error) => return Err(error),
                Trouble::Passing(error) => error,
                Trouble::Elsewhere(_) | Trouble::Replaced => patience.run_out(),
            };
            client.cluster.refresh();
            sleep(patience.wait(error)?).await;
        }
        Ok(None)
    }

    /// Comes one question further.
    async fn step(
        &mut self,
        client: &Client,
        args: &[Bytes],
        patience: &mut Patience,
    ) -> Result<Option<Vec<Bytes>>, Trouble> {
        let Some(visit) = &mut self.visit else {
            self.visit = Some(self.begin(client, patience).await?);
            return Ok(None);
        };
        let deadline = patience.attempt();
        if matches!(visit.at, At::End) || visit.looked.elapsed() >= LOOK {
            visit.look(deadline).await?;
        }
        let cursor = match &visit.at {
            At::Cursor(cursor) => cursor.clone(),
            At::End => {
                let coverage = Arc::make_mut(&mut self.coverage);
                if coverage.settle(&visit.standing) == Settled::Some {
                    self.fruitless = 0;
                    self.visit = None;
                } else {
                    self.give_up_visit()?;
                }
                patience.renew();
                return Ok(None);
            }
        };
        let words = [&[Bytes::from_static(b"SCAN"), cursor], args].concat();
        let frame = visit.seat.ask(&command(&words)?, Manner::Plain, deadline).await?;
        let page = Page::read(&frame)?;
        visit.at = if page.is_last() { At::End } else { At::Cursor(page.cursor) };
        let keys = page.elements.into_iter().map(|key| Ok(super::bytes_of(key)?));
        let keys = keys.collect::<Result<Vec<_>, Trouble>>()?.into_iter();
        Ok(Some(keys.filter(|key| self.coverage.wants(Slot::of(key))).collect()))
    }

    /// Begins with another node.
    async fn begin(&mut self, client: &Client, patience: &Patience) -> Result<Visit, Trouble> {
        let deadline = patience.attempt();
        let node = self.choose(client)?;
        let mut seat = Seat::take(&node, deadline).await?;
        let standing = Arc::new(seat.standing(deadline).await?);
        if !self.coverage.gains_from(&standing) {
            return Err(Trouble::Passing(patience.run_out()));
        }
        let at = At::Cursor(Bytes::from_static(START));
        Ok(Visit { seat, standing, looked: Instant::now(), at })
    }

    fn choose(&mut self, client: &Client) -> Result<Arc<Node>, Trouble> {
        let routes = client.cluster.routes();
        let chosen = Arc::make_mut(&mut self.coverage).next(&routes.table);
        let node = chosen.and_then(|(slot, onward)| match onward {
            None => routes.owner(slot),
            Some(id) => routes.node_at(routes.table.node_with_id(id)?.addr()?),
        });
        node.cloned().ok_or_else(|| {
            let slot = chosen.map_or(Slot::FIRST, |(slot, _)| slot);
            let slots = routes.table.range_around(slot);
            Trouble::Passing(Error::GaveUp(GiveUp::NoPrimary { slots, waited: Duration::ZERO }))
        })
    }

    /// Forgets how far the walk came in the node where it is.
    fn give_up_visit(&mut self) -> Result<(), Error> {
        if self.visit.take().is_none() {
            return Ok(());
        }
        self.fruitless += 1;
        if self.fruitless > FRUITLESS_MAX {
            self.fruitless = 0;
            return Err(Error::Refused("the cluster changes faster than SCAN walks it".to_owned()));
        }
        Ok(())
    }
}

impl Visit {
    /// Takes in how the node stands now.
    async fn look(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let now = self.seat.standing(deadline).await?;
        if *self.standing != now {
            let standing = Standing::clone(&self.standing).until(&now);
            self.standing = Arc::new(standing.ok_or(Trouble::Replaced)?);
        }
        self.looked = Instant::now();
        Ok(())
    }
}
