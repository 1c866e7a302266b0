//! Stands between a client and a node and does what networks do, and what broken clients would do.

mod wire;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::BytesMut;
use parking_lot::Mutex;
use slotway::{AddressRule, Client, Config, NodeAddr};
use slotway_cluster::TestCluster;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::sleep,
};
use wire::{Told, Wire};

/// What to do when there is a chance to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mischief {
    /// Pass half of a reply on, then reset the connection.
    HalfThenReset,
    /// Pass half of a reply on, then close the connection in good order.
    HalfThenClose,
    /// Send a write twice, and keep the second reply back.
    SendTwice,
    /// Give each of two calls the other's reply.
    SwapReplies,
    /// Undo a write that is acknowledged.
    LoseWrite,
}

/// Passes everything on, until it is told to do otherwise.
pub(crate) struct Relay {
    addr: NodeAddr,
    orders: Arc<Orders>,
    accepting: JoinHandle<()>,
}

/// What is to be done, and how often something was.
#[derive(Default)]
pub(crate) struct Orders {
    next: Mutex<Option<Mischief>>,
    done: AtomicUsize,
}

impl Relay {
    pub(crate) async fn before(node: &NodeAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = NodeAddr::new("127.0.0.1", listener.local_addr().unwrap().port());
        let orders = Arc::<Orders>::default();
        let accepting = tokio::spawn(accept(listener, node.clone(), orders.clone()));
        Self { addr, orders, accepting }
    }

    /// Does this once, at the next chance.
    pub(crate) fn order(&self, mischief: Mischief) {
        *self.orders.next.lock() = Some(mischief);
    }

    /// How often it has done what it was told.
    pub(crate) fn done(&self) -> usize {
        self.orders.done.load(Ordering::Relaxed)
    }

    /// Does this once, and returns when it is done.
    pub(crate) async fn does(&self, mischief: Mischief) {
        let done = self.done();
        self.order(mischief);
        let wait = async {
            while self.done() == done {
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("there is a chance soon");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Orders {
    /// Whether this is to be done; whoever asks does it now.
    fn take(&self, mischief: Mischief) -> bool {
        let due = self.is_due(mischief);
        if due {
            *self.next.lock() = None;
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        due
    }

    fn is_due(&self, mischief: Mischief) -> bool {
        *self.next.lock() == Some(mischief)
    }
}

/// A relay before each node of a cluster, and a client that knows no other way.
pub(crate) async fn relayed(cluster: &TestCluster) -> (Vec<Relay>, Client) {
    let mut relays = Vec::new();
    let mut rules = Vec::new();
    for node in cluster.nodes() {
        let relay = Relay::before(node.addr()).await;
        rules.push(AddressRule::pair(node.addr(), &relay.addr));
        relays.push(relay);
    }
    let config = Config::new([cluster.node(0).addr().clone()]).with_address_rules(rules);
    (relays, Client::connect(config).await.unwrap())
}

async fn accept(listener: TcpListener, node: NodeAddr, orders: Arc<Orders>) {
    while let Ok((client, _)) = listener.accept().await {
        let (node, orders) = (node.clone(), orders.clone());
        // However a connection ends, the client sees the end: that is all there is to say.
        tokio::spawn(async move {
            let _ = pass(client, &node, &orders).await;
        });
    }
}

async fn pass(mut client: TcpStream, node: &NodeAddr, orders: &Orders) -> io::Result<()> {
    let mut server = TcpStream::connect((node.host(), node.port())).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut requests, mut replies) = (BytesMut::new(), BytesMut::new());
    let mut wire = Wire::default();
    let mut out = Vec::new();
    loop {
        out.clear();
        tokio::select! {
            count = client.read_buf(&mut requests) => {
                if count? == 0 {
                    return Ok(());
                }
                wire.requests(&mut requests, orders, &mut out);
                server.write_all(&out).await?;
            }
            count = server.read_buf(&mut replies) => {
                if count? == 0 {
                    return Ok(());
                }
                let told = wire.replies(&mut replies, orders, &mut out);
                client.write_all(&out).await?;
                if told == Told::Half {
                    return cut(client, orders).await;
                }
            }
        }
    }
}

/// Ends a connection on which half a reply was sent.
async fn cut(client: TcpStream, orders: &Orders) -> io::Result<()> {
    if orders.take(Mischief::HalfThenReset) {
        // A reset takes away what has arrived and was not read: half a reply is to be read first.
        sleep(Duration::from_millis(2)).await;
        client.set_zero_linger()?;
    } else {
        orders.take(Mischief::HalfThenClose);
    }
    drop(client);
    Ok(())
}
