//! One subscriber connection, made again whenever it is lost.

#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use slotway_protocol::{
    Health, NodeAddr, ReplyError, ReplyLimits, ReplyScan, ReplyScanner, UnexpectedFrame, Value,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info};

use super::registry::Place;
use crate::cluster::Cluster;

/// Room for one read.
const READ: usize = 32 << 10;
/// Frames up to this are copied out of the read buffer, so that a message that waits to be read
/// keeps its own bytes in memory and no others.
const COPIED_MAX: usize = 64 << 10;

/// Keeps a line connected for as long as anybody needs it.
pub(super) async fn run(cluster: Arc<Cluster>, place: Place, bell: Arc<Notify>) {
    let mut guard = Guard { cluster: &cluster, place: &place, armed: true };
    let config = &cluster.config;
    let (mut failures, mut last) = (0, None);
    while !cluster.hub.line(|registry| registry.retire(&place)) {
        let began = Instant::now();
        if let Some(node) = choose(&cluster, &place, last.as_ref()) {
            if let Ended::Unneeded = session(&cluster, &place, &node, &bell).await {
                break;
            }
            last = Some(node);
        }
        // A connection that ends as soon as it begins is as bad as none.
        let lasted =
            began.elapsed() > config.limits.connect_timeout + config.limits.backoff.ceiling;
        failures = if lasted { 0 } else { u32::saturating_add(failures, 1) };
        cluster.hub.line(|registry| registry.lost(&place));
        cluster.refresh();
        sleep(config.limits.backoff.delay(failures, fastrand::u64(..))).await;
    }
    guard.armed = false;
}

/// However the task ends: nobody goes on waiting for it.
struct Guard<'a> {
    cluster: &'a Cluster,
    place: &'a Place,
    armed: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.cluster.hub.abandon(self.place);
        }
    }
}

/// How one connection ended.
enum Ended {
    /// It is lost, or could not be made.
    Lost,
    /// The line has been taken away.
    Unneeded,
}

/// The node to connect to: another than the last one, if any will do.
fn choose(cluster: &Cluster, place: &Place, last: Option<&NodeAddr>) -> Option<NodeAddr> {
    if let Place::At(node) = place {
        return Some(node.clone());
    }
    let routes = cluster.routes();
    let good = |node: &NodeAddr| {
        let known = routes.table.node_at(node);
        known.is_some_and(|known| known.info().health == Health::Online)
    };
    let primaries: Vec<&NodeAddr> = routes.primaries().map(|node| node.addr()).collect();
    let fresh = primaries.iter().copied().filter(|node| good(node) && Some(*node) != last);
    let seeds = cluster.config.seeds.iter();
    let choices = [
        fresh.collect::<Vec<_>>(),
        primaries.clone(),
        routes.nodes().map(|node| node.addr()).chain(seeds).collect(),
    ];
    let choice = choices.into_iter().find(|choice| !choice.is_empty())?;
    choice.get(fastrand::usize(..choice.len())).map(|node| NodeAddr::clone(node))
}

async fn session(cluster: &Cluster, place: &Place, node: &NodeAddr, bell: &Notify) -> Ended {
    let known = cluster.routes().node_at(node).cloned();
    match known.unwrap_or_else(|| cluster.seed(node)).open_stream().await {
        Ok((stream, _)) => {
            info!(%node, "connected for subscriptions");
            cluster.hub.line(|registry| registry.connected(place, node));
            let end = Session::new(stream, cluster, place, node).run(bell).await;
            debug!(%node, %end, "connection for subscriptions ended");
            if let End::Unneeded = end { Ended::Unneeded } else { Ended::Lost }
        }
        Err(error) => {
            debug!(%node, %error, "not connected for subscriptions");
            Ended::Lost
        }
    }
}

/// A connection while it lasts.
struct Session<'a, S> {
    cluster: &'a Cluster,
    place: &'a Place,
    node: &'a NodeAddr,
    read: ReadHalf<S>,
    write: WriteHalf<S>,
    unread: BytesMut,
    scanner: ReplyScanner,
    limits: ReplyLimits,
    unsent: Unsent,
}

/// What is to be written.
#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    written: usize,
    /// Whether some of what was written may still be on this side, as with encryption.
    held_back: bool,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("nobody needs it")]
    Unneeded,
    #[error("another node is better")]
    Evicted,
    #[error("the node closed it")]
    Closed,
    #[error("the node is silent")]
    Silent,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Reply(#[from] ReplyError),
    #[error(transparent)]
    Unexpected(#[from] UnexpectedFrame),
}

impl<'a, S: AsyncRead + AsyncWrite> Session<'a, S> {
    fn new(stream: S, cluster: &'a Cluster, place: &'a Place, node: &'a NodeAddr) -> Self {
        let (read, write) = tokio::io::split(stream);
        let limits = cluster.config.limits.reply;
        Self {
            cluster,
            place,
            node,
            read,
            write,
            unread: BytesMut::new(),
            scanner: ReplyScanner::new(limits),
            limits,
            unsent: Unsent::default(),
        }
    }

    async fn run(mut self, bell: &Notify) -> End {
        match self.serve(bell).await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn serve(&mut self, bell: &Notify) -> Result<End, End> {
        let silence_max = self.cluster.config.limits.silence_max;
        let hub = &self.cluster.hub;
        let mut silence_ends = Instant::now() + silence_max;
        let mut pinged = false;
        loop {
            let unsent = &mut self.unsent.bytes;
            if !hub.line(|registry| registry.flush(self.place, unsent)) {
                return Ok(End::Evicted);
            }
            self.unread.reserve(READ);
            tokio::select! {
                count = self.read.read_buf(&mut self.unread) => {
                    if count? == 0 {
                        return Ok(End::Closed);
                    }
                    self.take_in()?;
                    (silence_ends, pinged) = (Instant::now() + silence_max, false);
                }
                result = self.unsent.write_to(&mut self.write), if !self.unsent.is_done() => {
                    result?;
                }
                () = bell.notified() => {}
                () = sleep_until(silence_ends) => {
                    if hub.line(|registry| registry.retire(self.place)) {
                        return Ok(End::Unneeded);
                    }
                    if std::mem::replace(&mut pinged, true) {
                        return Ok(End::Silent);
                    }
                    hub.line(|registry| registry.ping(self.place, &mut self.unsent.bytes));
                    silence_ends = Instant::now() + silence_max;
                }
            }
        }
    }

    /// Takes in all frames that have come whole.
    fn take_in(&mut self) -> Result<(), End> {
        let mut frames = Vec::new();
        while let ReplyScan::Complete(reply) = self.scanner.scan(&self.unread)? {
            let frame = self.unread.split_to(reply.len);
            let frame = if frame.len() <= COPIED_MAX {
                Bytes::copy_from_slice(&frame)
            } else {
                frame.freeze()
            };
            frames.push(Value::decode(&frame, &self.limits)?);
        }
        Ok(self.cluster.hub.take_in(self.cluster, self.place, self.node, &frames)?)
    }
}

impl Unsent {
    fn is_done(&self) -> bool {
        self.bytes.is_empty() && !self.held_back
    }

    /// Writes some. Nothing is lost if this is dropped halfway.
    async fn write_to(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.bytes.is_empty() {
            stream.flush().await?;
            self.held_back = false;
            return Ok(());
        }
        let count = stream.write(&self.bytes[self.written..]).await?;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written += count;
        self.held_back = true;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
        Ok(())
    }
}
