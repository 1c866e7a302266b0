//! The whole proxy: workers, and whoever gives them clients.

use std::{
    io::{self, Write as _},
    sync::Arc,
    time::Duration,
};

use slotway::{Client, Error};
use slotway_protocol::{CommandBuf, CommandTable};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::sleep,
};
use tracing::{debug, warn};

use crate::{
    ProxyConfig,
    own::Backend,
    serve::{Bound, BoundListener, Socket, SocketFile},
    worker::{Accepted, Guest, StartError, Worker},
    world::World,
};

/// After an error that will not go away by itself, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

/// A proxy that serves clients.
#[derive(Debug)]
pub struct Proxy {
    workers: Arc<Vec<Worker>>,
    acceptors: JoinSet<()>,
    world: Arc<World>,
}

impl Proxy {
    /// Connects to the cluster, and serves whoever connects to what was bound.
    pub async fn start(config: &ProxyConfig, bound: Bound) -> Result<Self, StartError> {
        let client = Client::connect(config.cluster.clone()).await?;
        let backend = Backend::ask(&client).await?;
        let port = bound.listeners.iter().find_map(|bound| bound.socket.port()).unwrap_or(0);
        let world = World::new(config, command_table(&client).await?, backend, port);
        let world = Arc::new(world);
        drop(client);
        let mut workers = Vec::new();
        for number in 0..config.workers.get() {
            workers.push(Worker::start(number, &config.cluster, &world).await?);
        }
        let workers: Arc<Vec<Worker>> = Arc::new(workers);
        let mut acceptors = JoinSet::new();
        for listener in bound.listeners {
            acceptors.spawn(accept(listener, workers.clone(), world.clone())?);
        }
        Ok(Self { workers, acceptors, world })
    }

    /// Accepts nobody any more, answers what was asked, and ends.
    pub async fn drain(mut self) {
        self.acceptors.shutdown().await;
        self.workers.iter().for_each(|worker| worker.drain(self.world.limits.drain_deadline));
        let Some(workers) = Arc::into_inner(self.workers) else { return };
        let join = move || workers.into_iter().for_each(Worker::join);
        // The threads end by themselves; a panic in one of them has been told of.
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

/// The commands that the servers know, over those that are built in.
async fn command_table(client: &Client) -> Result<CommandTable, Error> {
    let command =
        CommandBuf::new(&["COMMAND"]).map_err(|error| Error::Refused(error.to_string()))?;
    let reply = client.call(&command).await?;
    match CommandTable::of_server(&reply) {
        Ok(table) => Ok(table),
        Err(error) => {
            warn!(%error, "only the built-in commands are known: COMMAND was not answered");
            Ok(CommandTable::builtin())
        }
    }
}

/// Accepts clients, and gives each to the worker that has the fewest.
fn accept(
    bound: BoundListener,
    workers: Arc<Vec<Worker>>,
    world: Arc<World>,
) -> io::Result<impl Future<Output = ()> + Send> {
    let BoundListener { listener, socket } = bound;
    let keepalive = listener.keepalive;
    let password = listener.password.clone().map(Arc::new);
    let door = match socket {
        Socket::Tcp(socket) => Door::Tcp(TcpListener::from_std(socket)?, keepalive),
        Socket::Unix(socket, file) => Door::Unix(UnixListener::from_std(socket)?, file),
    };
    Ok(async move {
        loop {
            match door.accept().await {
                Ok(socket) => {
                    place(Guest { socket, password: password.clone() }, &workers, &world);
                }
                Err(error) => {
                    warn!(at = %listener.address, %error, "cannot accept a client");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// Where clients come in.
#[derive(Debug)]
enum Door {
    Tcp(TcpListener, Option<Duration>),
    /// The file goes when nobody listens any more.
    Unix(UnixListener, #[expect(dead_code, reason = "it is held")] SocketFile),
}

impl Door {
    async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener, keepalive) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                if let Some(after) = keepalive {
                    let probes = TcpKeepalive::new().with_time(*after);
                    SockRef::from(&stream).set_tcp_keepalive(&probes)?;
                }
                Ok(Accepted::Tcp(stream.into_std()?))
            }
            Self::Unix(listener, _) => Ok(Accepted::Unix(listener.accept().await?.0.into_std()?)),
        }
    }
}

fn place(guest: Guest, workers: &[Worker], world: &World) {
    let clients: usize = workers.iter().map(Worker::load).sum();
    if clients >= world.limits.clients_max {
        world.own.count_rejected();
        turn_away(&guest.socket);
        return;
    }
    if let Some(worker) = workers.iter().min_by_key(|worker| worker.load()) {
        worker.serve(guest);
    }
}

/// Says why, as a server does. Whoever does not read it is not waited for.
fn turn_away(socket: &Accepted) {
    // It was accepted as one that never blocks.
    let said = match socket {
        Accepted::Tcp(stream) => (&*stream).write(TOO_MANY),
        Accepted::Unix(stream) => (&*stream).write(TOO_MANY),
    };
    if let Err(error) = said {
        debug!(%error, "a client was turned away, and not told why");
    }
}
