//! The nodes of a large cluster: each a port of this process, on a thread apart from the client's.

use std::{
    collections::HashSet,
    io, net,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use bytes::{Buf, BytesMut};
use slotway::{NodeAddr, Slot};
use slotway_protocol::{Command, RequestLimits, RequestScan, RequestScanner};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Builder,
    sync::oneshot,
};

use crate::shape::{Answers, SHARDS, Shape};

const HELLO: &[u8] = b"%2\r\n$7\r\nversion\r\n$5\r\n8.1.0\r\n$5\r\nproto\r\n:3\r\n";

/// Nodes that answer for as long as this is held.
pub(crate) struct Simulated {
    pub(crate) shape: Shape,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

struct Shared {
    shape: Shape,
    answers: Answers,
    /// How often any node was asked for all nodes.
    views: AtomicU64,
    moved: AtomicU64,
    /// The keys `once:*` that a node was asked for.
    seen: Mutex<HashSet<Vec<u8>>>,
}

impl Simulated {
    pub(crate) fn start() -> Self {
        let (listeners, shape) = listen().unwrap();
        let shared = Arc::new(Shared {
            answers: shape.answers(),
            shape: shape.clone(),
            views: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            seen: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        thread::spawn(move || serve(listeners, &served, stopped));
        Self { shape, shared, _stop: stop }
    }

    /// How often any node was asked for all nodes.
    pub(crate) fn views(&self) -> u64 {
        self.shared.views.load(Ordering::Relaxed)
    }

    /// How many requests were answered by MOVED.
    pub(crate) fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::Relaxed)
    }
}

fn listen() -> io::Result<(Vec<net::TcpListener>, Shape)> {
    let (mut listeners, mut nodes) = (Vec::new(), Vec::new());
    for _ in 0..SHARDS * 2 {
        let listener = net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        nodes.push(NodeAddr::new("127.0.0.1", listener.local_addr()?.port()));
        listeners.push(listener);
    }
    Ok((listeners, Shape { nodes }))
}

fn serve(listeners: Vec<net::TcpListener>, shared: &Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (number, listener) in listeners.into_iter().enumerate() {
            let listener = TcpListener::from_std(listener).unwrap();
            let shared = shared.clone();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(converse(stream, number, shared.clone()));
                }
            });
        }
        // Whatever it is, it is the end.
        let _ = stopped.await;
    });
}

async fn converse(mut stream: TcpStream, node: usize, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut unread, mut out) = (BytesMut::new(), Vec::new());
    let mut scanner = RequestScanner::new(RequestLimits::default());
    while stream.read_buf(&mut unread).await? > 0 {
        loop {
            let consumed = match scanner.scan(&unread).map_err(io::Error::other)? {
                RequestScan::Command { command, consumed } => {
                    shared.answer(node, &command, &mut out);
                    consumed
                }
                RequestScan::Nothing { consumed } => consumed,
                RequestScan::Partial => break,
            };
            unread.advance(consumed);
        }
        stream.write_all(&out).await?;
        out.clear();
    }
    Ok(())
}

impl Shared {
    fn answer(&self, node: usize, command: &Command<'_>, out: &mut Vec<u8>) {
        match command.name() {
            b"HELLO" => out.extend_from_slice(HELLO),
            b"CLUSTER" if command.arg(1) == Some(b"NODES") => {
                self.views.fetch_add(1, Ordering::Relaxed);
                out.extend_from_slice(&self.answers.nodes);
            }
            b"CLUSTER" => out.extend_from_slice(&self.answers.shards),
            b"GET" => self.get(node, command.arg(1).unwrap_or_default(), out),
            _ => out.extend_from_slice(b"+OK\r\n"),
        }
    }

    /// A key `once:*` is sent on by the first node that is asked for it, whoever that is, and served by
    /// the second. Any other is served by its owner.
    fn get(&self, node: usize, key: &[u8], out: &mut Vec<u8>) {
        let slot = Slot::of(key);
        let to = if key.starts_with(b"once:") {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(key.to_vec()).then(|| (node + 1) % SHARDS)
        } else {
            Some(Shape::owner(slot)).filter(|&owner| owner != node)
        };
        match to {
            None => out.extend_from_slice(b"$5\r\nvalue\r\n"),
            Some(to) => {
                self.moved.fetch_add(1, Ordering::Relaxed);
                let moved = format!("-MOVED {slot} {}\r\n", self.shape.nodes[to]);
                out.extend_from_slice(moved.as_bytes());
            }
        }
    }
}
