//! One thread, its sessions, and its connections to the nodes.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use slotway::{Config, Error, Secret};
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, interval, timeout},
};
use tracing::{debug, warn};

use crate::{
    ProxyProtocol,
    admin::{AdminView, Phase},
    arrive::{Accepted, ArriveError},
    attendant::Attendant,
    board::Board,
    engines::Engines,
    metrics::{Closed, WorkerMetrics},
    own::Identity,
    session::{Counts, Gone},
    stream::Egress,
    world::World,
};

/// How often a worker says that it is alive.
const BEAT: Duration = Duration::from_secs(1);

/// More than clients can wait to be served: there are not as many descriptors.
const ORDERS_MAX: usize = 1 << 20;

/// A thread that serves sessions, for whoever accepts connections.
#[derive(Debug)]
pub(crate) struct Worker {
    orders: mpsc::Sender<Order>,
    load: Arc<AtomicUsize>,
    thread: Option<thread::JoinHandle<()>>,
}

/// What a worker is told. There are never more of the first kind than clients may be connected.
#[derive(Debug)]
enum Order {
    Serve(Guest),
    /// End what is idle, finish what is not, within this time.
    Drain(Duration),
}

/// A client that has just connected.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) socket: Accepted,
    /// The number of the listener that it came to.
    pub(crate) listener: usize,
    /// What it has to log in with.
    pub(crate) password: Option<Arc<Secret>>,
    /// Whether a balancer says first who it is.
    pub(crate) header: ProxyProtocol,
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
        view: &Arc<AdminView>,
    ) -> Result<Self, StartError> {
        let (orders, inbox) =
            mpsc::channel(world.limits.clients_max.saturating_add(1).min(ORDERS_MAX));
        let (ready, started) = oneshot::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let (config, world, view) = (config.clone(), world.clone(), view.clone());
        let task = Task { config, world, view, load: load.clone() };
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
    pub(crate) fn serve(&self, guest: Guest) {
        self.load.fetch_add(1, Ordering::Relaxed);
        if self.orders.try_send(Order::Serve(guest)).is_err() {
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Tells it to come to an end within this time.
    pub(crate) fn drain(&self, within: Duration) {
        // It may have ended before.
        let _ = self.orders.try_send(Order::Drain(within));
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
    view: Arc<AdminView>,
    load: Arc<AtomicUsize>,
}

impl Task {
    fn run(self, inbox: mpsc::Receiver<Order>, ready: oneshot::Sender<Result<(), StartError>>) {
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
        mut inbox: mpsc::Receiver<Order>,
        ready: oneshot::Sender<Result<(), StartError>>,
    ) {
        let metrics = self.view.add_worker();
        tokio::spawn(beat(metrics.clone()));
        let board = Arc::new(Board::new(metrics));
        let engines = match Engines::connect(&self.config, &self.world, &board).await {
            Ok(engines) => engines,
            Err(error) => {
                let _ = ready.send(Err(error.into()));
                return;
            }
        };
        self.view.add_clients(engines.clients());
        // Nobody waits for it if the proxy is being stopped already.
        let _ = ready.send(Ok(()));
        let mut sessions = JoinSet::new();
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Serve(guest) => {
                    sessions.spawn(self.session(guest, board.clone(), engines.clone()));
                }
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

impl Task {
    /// All of one session.
    fn session(
        &self,
        guest: Guest,
        board: Arc<Board>,
        engines: Engines,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut departure = self.departure(guest.listener, board.metrics());
        let (world, view) = (self.world.clone(), self.view.clone());
        async move {
            match attend(guest, world, &board, engines).await {
                // It came too late to be told that all are to go.
                Ok(_) if view.phase() == Phase::Draining => {
                    departure.is(Gone::Over(Closed::Drained));
                }
                Ok(attendant) => {
                    let gone = attendant.run().await;
                    debug!(?gone, "session ended");
                    departure.is(gone);
                }
                Err(error) => {
                    debug!(%error, "client lost before it was served");
                    departure.is_not_let_in(&error);
                }
            }
        }
    }
}

/// Lets a client in and seats it, with somebody to attend to it.
async fn attend(
    guest: Guest,
    world: Arc<World>,
    board: &Arc<Board>,
    engines: Engines,
) -> Result<Attendant, ArriveError> {
    let Guest { socket, password, listener, header } = guest;
    let at = world.moment(Instant::now()).run;
    let arrived = socket.arrive(header, world.limits.handshake_timeout, at).await?;
    let me = Identity::new(&world.own, arrived.arrival, password);
    let card = me.card().clone();
    let counts = Counts::new(board.metrics().clone(), listener);
    let egress = Arc::new(arrived.egress);
    let line: Weak<Egress> = Arc::downgrade(&egress);
    card.on_line(line);
    let key = board.floor().seat(egress, world.limits, (me, counts));
    Ok(Attendant::new(key, board.clone(), world, engines, arrived.ingress, card))
}

/// Says again and again that the worker is alive, as long as it is.
async fn beat(metrics: Arc<WorkerMetrics>) {
    let mut every = interval(BEAT);
    loop {
        metrics.beat(every.tick().await);
    }
}

/// Counts a session off, however it ends.
#[derive(Debug)]
struct Departure {
    load: Arc<AtomicUsize>,
    metrics: Arc<WorkerMetrics>,
    listener: usize,
    why: Closed,
}

impl Task {
    fn departure(&self, listener: usize, metrics: &Arc<WorkerMetrics>) -> Departure {
        if let Some(listener) = metrics.listener(listener) {
            listener.opened();
        }
        let (load, metrics) = (self.load.clone(), metrics.clone());
        // Unless it lives to say otherwise.
        Departure { load, metrics, listener, why: Closed::Panicked }
    }
}

impl Departure {
    /// Takes down why.
    fn is(&mut self, gone: Gone) {
        self.why = match gone {
            Gone::Over(why) => why,
            Gone::Closed => Closed::ByClient,
            Gone::TooSlow => Closed::OutputLimit,
            Gone::Killed | Gone::Forbidden => Closed::Killed,
            Gone::Idle => Closed::Idle,
        };
    }

    /// Takes down why it was never served.
    fn is_not_let_in(&mut self, error: &ArriveError) {
        self.why = match error {
            ArriveError::Io(_) => Closed::ByClient,
            ArriveError::Header(_) => Closed::Protocol,
            ArriveError::Late(_) => Closed::Idle,
        };
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
        if let Some(listener) = self.metrics.listener(self.listener) {
            listener.closed(self.why);
        }
    }
}
