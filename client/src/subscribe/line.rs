//! One subscriber connection, made again whenever it is lost.

#[cfg(test)]
mod tests;

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use slotway_protocol::{
    NodeAddr, ReplyError, ReplyLimits, ReplyScan, ReplyScanner, UnexpectedFrame, Value,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};
use tracing::{debug, info};

use super::{
    choose::choose,
    login::{Login, Renewed},
    registry::Source,
};
use crate::{
    cluster::Cluster, connect::caught, credentials::refusal, error::ConnectError, node::Node,
    stream::Stream,
};

/// Room for one read.
const READ: usize = 32 << 10;
/// Frames up to this are copied out of the read buffer, so that a message that waits to be read
/// keeps its own bytes in memory and no others.
const COPIED_MAX: usize = 64 << 10;

/// Keeps a line connected for as long as anybody needs it.
pub(super) async fn run(cluster: Arc<Cluster>, source: Source, bell: Arc<Notify>) {
    let mut guard = Guard { cluster: &cluster, source: &source, armed: true };
    let config = &cluster.config;
    let (mut failures, mut last) = (0, None);
    while !cluster.hub.line(|registry| registry.retire(&source)) {
        let began = Instant::now();
        if let Some(node) = choose(&cluster, &source, last.as_ref()) {
            if let Ended::Unneeded = session(&cluster, &source, &node, &bell).await {
                break;
            }
            last = Some(node.addr().clone());
        }
        // A connection that ends as soon as it begins is as bad as none.
        let lasted =
            began.elapsed() > config.limits.connect_timeout + config.limits.backoff.ceiling;
        failures = if lasted { 0 } else { u32::saturating_add(failures, 1) };
        cluster.hub.line(|registry| registry.lost(&source));
        cluster.refresh_for(None);
        sleep(config.limits.backoff.delay(failures, fastrand::u64(..))).await;
    }
    guard.armed = false;
}

/// However the task ends: nobody goes on waiting for it.
struct Guard<'a> {
    cluster: &'a Cluster,
    source: &'a Source,
    armed: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.cluster.hub.abandon(self.source);
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

async fn session(cluster: &Cluster, source: &Source, node: &Node, bell: &Notify) -> Ended {
    let addr = node.addr();
    let login = Login::new(node);
    // What the application says of who logs in may panic.
    match caught(node.open_stream()).await.unwrap_or(Err(Arc::new(ConnectError::Panicked))) {
        Ok((mut stream, negotiated)) => {
            let mut login = login.talks(negotiated.protocol);
            loop {
                info!(node = %addr, "connected for subscriptions");
                cluster.hub.line(|registry| registry.connected(source, addr));
                let session = Session::new(stream, cluster, source, addr);
                let end = session.run(bell, &mut login).await;
                debug!(node = %addr, %end, "connection for subscriptions ended");
                stream = match end {
                    End::Unneeded => return Ended::Unneeded,
                    End::Replaced(next) => *next,
                    End::Evicted
                    | End::Closed
                    | End::Silent
                    | End::Io(_)
                    | End::Reply(_)
                    | End::Unexpected(_) => return Ended::Lost,
                };
                cluster.hub.line(|registry| registry.lost(source));
            }
        }
        Err(error) => {
            debug!(node = %addr, %error, "not connected for subscriptions");
            Ended::Lost
        }
    }
}

/// A connection while it lasts.
struct Session<'a, S> {
    cluster: &'a Cluster,
    source: &'a Source,
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
    #[error("another one takes its place, which has its new credentials")]
    Replaced(Box<Stream>),
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
    fn new(stream: S, cluster: &'a Cluster, source: &'a Source, node: &'a NodeAddr) -> Self {
        let (read, write) = tokio::io::split(stream);
        let limits = cluster.config.limits.reply;
        Self {
            cluster,
            source,
            node,
            read,
            write,
            unread: BytesMut::new(),
            scanner: ReplyScanner::new(limits),
            limits,
            unsent: Unsent::default(),
        }
    }

    async fn run(mut self, bell: &Notify, login: &mut Login<'_>) -> End {
        match self.serve(bell, login).await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn serve(&mut self, bell: &Notify, login: &mut Login<'_>) -> Result<End, End> {
        let silence_max = self.cluster.config.limits.silence_max;
        let hub = &self.cluster.hub;
        let mut silence_ends = Instant::now() + silence_max;
        let mut pinged = false;
        loop {
            let unsent = &mut self.unsent.bytes;
            if !hub.line(|registry| registry.flush(self.source, unsent)) {
                return Ok(End::Evicted);
            }
            self.unread.reserve(READ);
            tokio::select! {
                count = self.read.read_buf(&mut self.unread) => {
                    if count? == 0 {
                        return Ok(End::Closed);
                    }
                    if let Some(error) = self.take_in()? {
                        login.failed(&refusal(&error));
                    }
                    (silence_ends, pinged) = (Instant::now() + silence_max, false);
                }
                result = self.unsent.write_to(&mut self.write), if !self.unsent.is_done() => {
                    result?;
                }
                () = bell.notified() => {}
                renewed = login.renewed() => match renewed {
                    Renewed::Login(now) => {
                        let unsent = &mut self.unsent.bytes;
                        hub.line(|registry| registry.log_in(self.source, &now, unsent));
                    }
                    Renewed::Stream(next) => return Ok(End::Replaced(Box::new(next))),
                },
                () = sleep_until(silence_ends) => {
                    if hub.line(|registry| registry.retire(self.source)) {
                        return Ok(End::Unneeded);
                    }
                    if std::mem::replace(&mut pinged, true) {
                        return Ok(End::Silent);
                    }
                    hub.line(|registry| registry.ping(self.source, &mut self.unsent.bytes));
                    silence_ends = Instant::now() + silence_max;
                }
            }
        }
    }

    /// Takes in all frames that have come whole. Returns why the connection may not log in anew, if
    /// one says so.
    fn take_in(&mut self) -> Result<Option<Bytes>, End> {
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
        Ok(self.cluster.hub.take_in(self.cluster, self.source, self.node, &frames)?)
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
