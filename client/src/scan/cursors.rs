//! SCAN as a command, with a cursor that stands for a walk over the whole cluster.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use slotway_protocol::{Command, ScanCursor, encode_bulk, encode_header};
use tokio::time::Instant;

use super::{
    desk::{Desk, WalkId},
    walk::Walk,
};
use crate::{Client, Error};

/// How many elements a server looks for, unless it is told.
const COUNT: usize = 10;

/// The walks of those who send SCAN as a command, one page after the other, and come back with a
/// cursor.
///
/// A full walk finds every key that is there from its start to its end at least once, whatever
/// happens to nodes and slots meanwhile, as [`Client::scan`] does. Cursors are decimal and below 2^53.
/// Any of the last few of a walk can be used again, also by several. A walk that was forgotten, since
/// too many others were begun or nobody asked on for too long, and one of another process, begins
/// again where its cursor says that all slots before are done: keys may then be found twice, and none
/// is omitted. If a walk has to do that too often without coming on, as when several proxies behind
/// one address are asked in turn, that is an error.
///
/// Each [`Client`] has one. Several clients can share another one, if all of them are of the same
/// cluster, user and database.
#[derive(Debug)]
pub struct ScanDesk {
    desk: Mutex<Desk<Held>>,
    restarted: AtomicU64,
}

/// What came of the walks at a [`ScanDesk`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScanStats {
    /// How many are open.
    pub open: usize,
    /// How many were forgotten, for want of room or since nobody asked on. Some of them had been
    /// given up.
    pub forgotten: u64,
    /// How often one began again at the slot that its cursor named.
    pub restarted: u64,
}

/// A walk, and how often it has begun again at the slot where it is.
#[derive(Clone, Debug)]
struct Held {
    walk: Walk,
    restarts: u8,
}

impl Default for ScanDesk {
    /// One with room for 1,024 walks, each forgotten when nobody asks on for ten minutes.
    fn default() -> Self {
        const WALKS_MAX: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");
        Self::new(WALKS_MAX, Duration::from_secs(600))
    }
}

impl ScanDesk {
    /// One that remembers so many walks at a time, each for so long after its last page. A walk takes
    /// some kilobytes.
    pub fn new(walks_max: NonZeroUsize, idle_max: Duration) -> Self {
        Self { desk: Mutex::new(Desk::new(walks_max, idle_max)), restarted: AtomicU64::new(0) }
    }

    /// The answer to a SCAN, as a server would give it. What the cluster's nodes refuse is
    /// [`Error::Server`]; after an error, the same cursor can be used again.
    pub async fn page(&self, client: &Client, command: Command<'_>) -> Result<Bytes, Error> {
        let cursor = command.arg(1).and_then(ScanCursor::parse);
        let cursor = cursor.ok_or_else(|| Error::Refused("ERR invalid cursor".to_owned()))?;
        let args: Vec<Bytes> = command.args().skip(2).map(Bytes::copy_from_slice).collect();
        let (id, mut held) = self.held(cursor)?;
        let before = held.walk.unfinished();
        held.walk.move_to(client).await?;
        let keys = keys(&mut held.walk, client, &args).await?;
        if held.walk.unfinished() != before {
            held.restarts = 0;
        }
        let next = self.keep(id, held);
        Ok(encode(next, &keys))
    }

    /// What has come of the walks until now.
    pub fn stats(&self) -> ScanStats {
        let desk = self.desk.lock();
        let restarted = self.restarted.load(Ordering::Relaxed);
        ScanStats { open: desk.len(), forgotten: desk.evicted(), restarted }
    }

    /// The walk that a cursor stands for.
    fn held(&self, cursor: ScanCursor) -> Result<(Option<WalkId>, Held), Error> {
        if cursor == ScanCursor::START {
            return Ok((None, Held { walk: Walk::new(None), restarts: 0 }));
        }
        if let Some((id, held)) = self.desk.lock().find(cursor, Instant::now()) {
            return Ok((Some(id), held));
        }
        if cursor.restarts() == ScanCursor::RESTARTS_MAX {
            return Err(Error::Refused(
                "ERR slotway: this walk does not come on, since its cursors are not known here: \
                 send them to the process that gave them, or begin again at 0"
                    .to_owned(),
            ));
        }
        self.restarted.fetch_add(1, Ordering::Relaxed);
        let walk = Walk::from(cursor.unfinished());
        Ok((None, Held { walk, restarts: cursor.restarts() + 1 }))
    }

    /// The cursor to go on with.
    fn keep(&self, id: Option<WalkId>, held: Held) -> ScanCursor {
        let Some(unfinished) = held.walk.unfinished() else { return ScanCursor::START };
        let at = (unfinished, held.restarts);
        self.desk.lock().keep(id, at, held, Instant::now(), fastrand::u64(..))
    }
}

impl Client {
    /// One page of a walk over the whole cluster.
    pub(crate) async fn scan_page(&self, command: Command<'_>) -> Result<Bytes, Error> {
        self.commands.scans.page(self, command).await
    }
}

/// The next keys of a walk. As long as there are fewer than were asked for, it goes on behind the end
/// of a node: a server would not end a page there either.
async fn keys(walk: &mut Walk, client: &Client, args: &[Bytes]) -> Result<Vec<Bytes>, Error> {
    let wanted = count(args);
    let Some(mut keys) = walk.next_page(client, args).await? else { return Ok(Vec::new()) };
    while keys.len() < wanted && walk.is_between_nodes() {
        // After an error, the walk is where it was, and whoever comes back gets the error.
        let Ok(Some(more)) = walk.next_page(client, args).await else { break };
        keys.extend(more);
    }
    Ok(keys)
}

/// The COUNT of a SCAN. What is no number is the server's to refuse.
fn count(args: &[Bytes]) -> usize {
    let at = args.iter().position(|arg| arg.eq_ignore_ascii_case(b"COUNT"));
    let value = at.and_then(|at| str::from_utf8(args.get(at + 1)?).ok());
    value.and_then(|value| value.parse().ok()).unwrap_or(COUNT)
}

fn encode(cursor: ScanCursor, keys: &[Bytes]) -> Bytes {
    let mut frame = Vec::new();
    encode_header(&mut frame, b'*', 2);
    encode_bulk(&mut frame, cursor.to_string().as_bytes());
    encode_header(&mut frame, b'*', keys.len());
    keys.iter().for_each(|key| encode_bulk(&mut frame, key));
    frame.into()
}
