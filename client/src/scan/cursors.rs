//! SCAN as a command, with a cursor that stands for a walk over the whole cluster.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;
use slotway_protocol::{Command, ScanCursor};

use super::walk::Walk;
use crate::{Client, Error};

/// So many walks are kept for those who may ask on; then the one that was asked for longest ago goes.
const WALKS_MAX: usize = 64;
/// Cursors are below 2^53: many keep them in a double.
const CURSORS: std::ops::Range<u64> = 1..1 << 53;

/// The walks that were begun and not ended, each under the cursor that was given last.
#[derive(Debug, Default)]
pub(crate) struct Cursors(Mutex<VecDeque<(u64, Walk)>>);

impl Cursors {
    fn take(&self, cursor: u64) -> Option<Walk> {
        let mut walks = self.0.lock();
        let at = walks.iter().position(|(known, _)| *known == cursor)?;
        Some(walks.remove(at)?.1)
    }

    fn keep(&self, cursor: u64, walk: Walk) {
        let mut walks = self.0.lock();
        if walks.len() >= WALKS_MAX {
            walks.pop_front();
        }
        walks.push_back((cursor, walk));
    }
}

impl Client {
    /// One page of a walk over the whole cluster, as a server would answer it.
    ///
    /// A cursor is good for one answer: asked again with an older one, the walk would omit keys.
    pub(crate) async fn scan_page(
        &self,
        command: Command<'_>,
        cursor: ScanCursor,
    ) -> Result<Bytes, Error> {
        let cursors = &self.commands.cursors;
        let given = command.arg(1).and_then(|text| str::from_utf8(text).ok()?.parse().ok());
        let unknown = || {
            let text = "this cursor was given by another client, or too long ago: begin at 0 again";
            Error::Refused(text.to_owned())
        };
        let given: u64 = given.ok_or_else(unknown)?;
        let mut walk = match cursor == ScanCursor::START {
            true => Walk::new(None),
            false => cursors.take(given).ok_or_else(unknown)?,
        };
        let args: Vec<Bytes> = command.args().skip(2).map(Bytes::copy_from_slice).collect();
        let page = match walk.next_page(self, &args).await {
            Ok(page) => page,
            Err(error) if cursor == ScanCursor::START => return Err(error),
            Err(error) => {
                cursors.keep(given, walk);
                return Err(error);
            }
        };
        let next = if walk.is_over() { 0 } else { fastrand::u64(CURSORS) };
        if next != 0 {
            cursors.keep(next, walk);
        }
        Ok(encode(next, &page.unwrap_or_default()))
    }
}

fn encode(cursor: u64, keys: &[Bytes]) -> Bytes {
    let cursor = cursor.to_string();
    let mut frame =
        format!("*2\r\n${}\r\n{cursor}\r\n*{}\r\n", cursor.len(), keys.len()).into_bytes();
    for key in keys {
        frame.extend_from_slice(format!("${}\r\n", key.len()).as_bytes());
        frame.extend_from_slice(key);
        frame.extend_from_slice(b"\r\n");
    }
    frame.into()
}
