//! The whole proxy: workers, and whoever gives them clients.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use slotway::{Client, Error};
use slotway_protocol::{CommandBuf, CommandTable};
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinSet,
    time::{Instant, sleep},
};
use tracing::{debug, warn};

use crate::{
    ProxyConfig,
    admin::{Admin, AdminView, Facts, Phase},
    arrive::Accepted,
    log::Log,
    own::Backend,
    serve::{Bound, BoundListener, Socket, SocketFile},
    worker::{Guest, StartError, Worker},
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
    view: Arc<AdminView>,
    /// It shows the end, too.
    admin: Option<Admin>,
}

impl Proxy {
    /// Connects to the cluster, and serves whoever connects to what was bound.
    pub async fn start(config: &ProxyConfig, bound: Bound, log: &Log) -> Result<Self, StartError> {
        let client = Client::connect(config.cluster.clone()).await?;
        let backend = Backend::ask(&client).await?;
        let port = bound.listeners.iter().find_map(|bound| bound.socket.port()).unwrap_or(0);
        let world =
            World::new(config, command_table(&client).await?, backend, (port, log.ring().clone()));
        let world = Arc::new(world);
        drop(client);
        let view = Arc::new(AdminView::new(facts(config, &world, log)));
        let admin = bound.admin.map(|socket| Admin::start(socket, view.clone())).transpose()?;
        let mut workers = Vec::new();
        for number in 0..config.workers.get() {
            workers.push(Worker::start(number, &config.cluster, &world, &view).await?);
        }
        let workers: Arc<Vec<Worker>> = Arc::new(workers);
        let mut acceptors = JoinSet::new();
        for listener in bound.listeners {
            let number = config.listeners.iter().position(|known| *known == listener.listener);
            let to = To { workers: workers.clone(), world: world.clone(), view: view.clone() };
            acceptors.spawn(accept(listener, number.unwrap_or(0), to)?);
        }
        view.set_phase(Phase::Serving);
        Ok(Self { workers, acceptors, world, view, admin })
    }

    /// What operators see of it.
    pub fn view(&self) -> &Arc<AdminView> {
        &self.view
    }

    /// Where the admin port is, if there is one.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::addr)
    }

    /// What the servers behind are, as `valkey 9.1.0`.
    pub fn servers(&self) -> String {
        let backend = self.world.own.backend();
        format!("{} {}", backend.name(), backend.version())
    }

    /// Accepts nobody any more, answers what was asked, and ends.
    pub async fn drain(mut self) {
        self.view.set_phase(Phase::Draining);
        self.acceptors.shutdown().await;
        self.workers.iter().for_each(|worker| worker.drain(self.world.limits.drain_deadline));
        let Some(workers) = Arc::into_inner(self.workers) else { return };
        let join = move || workers.into_iter().for_each(Worker::join);
        // The threads end by themselves; a panic in one of them has been told of.
        let _ = tokio::task::spawn_blocking(join).await;
    }
}

/// What there is to see of a proxy from its start.
fn facts(config: &ProxyConfig, world: &World, log: &Log) -> Facts {
    Facts {
        listeners: config.listeners.iter().map(|listener| listener.address.to_string()).collect(),
        directory: world.own.directory().clone(),
        config: config.settings.to_json(),
        log: log.ring().clone(),
        log_dropped: log.dropped().clone(),
        began: Instant::now(),
        started: SystemTime::now(),
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

/// Whom clients are given to.
#[derive(Debug)]
struct To {
    workers: Arc<Vec<Worker>>,
    world: Arc<World>,
    view: Arc<AdminView>,
}

/// Accepts the clients of the listener of this number, and gives each to the worker that has the
/// fewest.
fn accept(
    bound: BoundListener,
    number: usize,
    to: To,
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
                    let password = password.clone();
                    let header = listener.proxy_protocol;
                    to.place(Guest { socket, listener: number, password, header });
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

impl To {
    fn place(&self, guest: Guest) {
        let clients: usize = self.workers.iter().map(Worker::load).sum();
        if clients >= self.world.limits.clients_max {
            self.world.own.count_rejected();
            self.view.turned_away(guest.listener);
            turn_away(&guest.socket);
            return;
        }
        if let Some(worker) = self.workers.iter().min_by_key(|worker| worker.load()) {
            worker.serve(guest);
        }
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
