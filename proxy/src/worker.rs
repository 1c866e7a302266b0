//! One thread, its sessions, and its connections to the nodes.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use slotway::{Config, Error};
use tokio::{
    net,
    runtime::Builder,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use tracing::{debug, warn};

use crate::{
    attendant::Attendant,
    board::Board,
    engines::Engines,
    stream::{self, Egress, Ingress},
    world::World,
};

/// A thread that serves sessions, for whoever accepts connections.
#[derive(Debug)]
pub(crate) struct Worker {
    orders: mpsc::UnboundedSender<Order>,
    load: Arc<AtomicUsize>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a worker is told. There are never more of the first kind than clients may be connected.
#[derive(Debug)]
enum Order {
    Serve(Arrival),
    /// End what is idle, finish what is not, within this time.
    Drain(Duration),
}

/// A client that has just connected.
#[derive(Debug)]
pub(crate) enum Arrival {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gives no thread, or no event queue.
    #[error("cannot start a worker: {0}")]
    Io(#[from] io::Error),
    /// The cluster cannot be used.
    #[error(transparent)]
    Cluster(#[from] Error),
    /// It ended before it said anything.
    #[error("a worker ended while it started")]
    Gone,
}

impl StartError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io(_) | Self::Gone => "see the limits of threads and open files".into(),
            Self::Cluster(_) => {
                "name a node of the cluster that is reached from here, and the login it asks for"
                    .into()
            }
        }
    }
}

impl Worker {
    /// Starts a thread, and waits until it is connected to the cluster.
    pub(crate) async fn start(
        number: usize,
        config: &Config,
        world: &Arc<World>,
    ) -> Result<Self, StartError> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let (ready, started) = oneshot::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let task = Task { config: config.clone(), world: world.clone(), load: load.clone() };
        let thread = thread::Builder::new()
            .name(format!("slotway-{number}"))
            .spawn(move || task.run(inbox, ready))?;
        started.await.map_err(|_| StartError::Gone)??;
        Ok(Self { orders, load, thread: Some(thread) })
    }

    /// How many sessions it has.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Gives it a client.
    pub(crate) fn serve(&self, arrival: Arrival) {
        self.load.fetch_add(1, Ordering::Relaxed);
        if self.orders.send(Order::Serve(arrival)).is_err() {
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Tells it to come to an end within this time.
    pub(crate) fn drain(&self, within: Duration) {
        // It may have ended before.
        let _ = self.orders.send(Order::Drain(within));
    }

    /// Waits until it has ended.
    pub(crate) fn join(mut self) {
        drop(self.orders);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("a worker ended in a panic");
        }
    }
}

/// What the thread of a worker begins with.
struct Task {
    config: Config,
    world: Arc<World>,
    load: Arc<AtomicUsize>,
}

impl Task {
    fn run(
        self,
        inbox: mpsc::UnboundedReceiver<Order>,
        ready: oneshot::Sender<Result<(), StartError>>,
    ) {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = ready.send(Err(error.into()));
                return;
            }
        };
        runtime.block_on(self.serve(inbox, ready));
    }

    async fn serve(
        self,
        mut inbox: mpsc::UnboundedReceiver<Order>,
        ready: oneshot::Sender<Result<(), StartError>>,
    ) {
        let board = Arc::new(Board::new());
        let engines = match Engines::connect(&self.config, &self.world, &board).await {
            Ok(engines) => engines,
            Err(error) => {
                let _ = ready.send(Err(error.into()));
                return;
            }
        };
        // Nobody waits for it if the proxy is being stopped already.
        let _ = ready.send(Ok(()));
        let mut sessions = JoinSet::new();
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Serve(arrival) => match halves(arrival) {
                    Ok((ingress, egress)) => {
                        let load = Departure(self.load.clone());
                        let key = board.floor().seat(Arc::new(egress), self.world.limits);
                        let (board, world) = (board.clone(), self.world.clone());
                        let attendant = Attendant::new(key, board, world, engines.clone(), ingress);
                        sessions.spawn(async move {
                            let gone = attendant.run().await;
                            debug!(?gone, "session ended");
                            drop(load);
                        });
                    }
                    Err(error) => {
                        self.load.fetch_sub(1, Ordering::Relaxed);
                        debug!(%error, "client lost before it was served");
                    }
                },
                Order::Drain(within) => {
                    board.floor().dismiss();
                    let ended = async { while sessions.join_next().await.is_some() {} };
                    if timeout(within, ended).await.is_err() {
                        warn!(sessions = sessions.len(), "closed before they were answered");
                    }
                    return;
                }
            }
            while let Some(ended) = sessions.try_join_next() {
                if ended.is_err() {
                    warn!("a session ended in a panic");
                }
            }
        }
    }
}

/// Counts a session off, however it ends.
#[derive(Debug)]
struct Departure(Arc<AtomicUsize>);

impl Drop for Departure {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn halves(arrival: Arrival) -> io::Result<(Ingress, Egress)> {
    Ok(match arrival {
        Arrival::Tcp(stream) => stream::of_tcp(net::TcpStream::from_std(stream)?),
        Arrival::Unix(stream) => stream::of_unix(net::UnixStream::from_std(stream)?),
    })
}
