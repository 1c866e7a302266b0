//! The first terminal: starts the cluster and who stands in front of it, shows them, and stays until
//! it is told to stop.

use std::{collections::HashSet, fs::File, io, path::Path, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, Notify},
    time::sleep,
};

use super::{
    args::StartArgs,
    connect::{connect_lines, program},
    control::Control,
    event::{Event, ProxyStatus, ShardStatus, shard_table},
    folder::{DataFolder, Saved},
    front::{Chosen, Front},
    outlook::Outlook,
    password::{VARIABLE, password},
    perform::{Desk, shards},
    screen::{Screen, seconds},
};
use crate::{
    Access, Durability, Encryption, Error, Layout, LocalCluster, Node, PortRange, ServerBinary,
    Settings,
};

const FIRST_PORT: u16 = 17_001;
const NODE_TIMEOUT: Duration = Duration::from_secs(2);
/// How often is looked whether a server has died by itself.
const WATCH_POLL: Duration = Duration::from_millis(200);

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// It ran, and was told to stop.
    Stopped,
    /// It was told to stop before it was ready.
    Interrupted,
}

/// Starts a cluster, and returns when everything has stopped.
pub(crate) async fn run<F: Front>(
    args: &StartArgs,
    dir: &Path,
    screen: Arc<Screen>,
    front: &F,
) -> Result<Ended, Error> {
    let mut signals = Signals::new().map_err(Error::file("watch signals of", "/proc/self"))?;
    // A shape that cannot be is a mistake before anything is touched.
    Layout::new(args.primaries.unwrap_or(3), args.replicas.unwrap_or(1), args.hosts)?;
    let password = password(args, std::env::var_os(VARIABLE))?;
    // Nor is a server looked for, if there is nothing to start.
    DataFolder::refuse_in_use(dir)?;
    let binary = ServerBinary::find(args.server.as_deref())?;
    let folder = DataFolder::take(dir)?;
    let control = Control::bind(&folder)?;
    if args.password.is_some() {
        screen.warn("others on this machine can see a password among the arguments");
    }
    screen.say(&format!(
        "  slotway {}   using {binary}   data {}\n",
        env!("CARGO_PKG_VERSION"),
        dir.display()
    ));
    let begin = async {
        let chosen = Chosen::open(args)?;
        let cluster = start(args, binary, password, &folder, &screen).await?;
        match stand_in_front(args, chosen, &cluster, front, &screen).await {
            Ok(running) => Ok((cluster, running)),
            Err(error) => {
                cluster.shut_down().await;
                Err(error)
            }
        }
    };
    let (cluster, running) = tokio::select! {
        begun = begin => begun?,
        () = signals.any() => return Ok(Ended::Interrupted),
    };
    let proxy = running.as_ref().map(|running| running.status.clone());
    show_ready(&cluster, proxy.as_ref(), &screen).await?;
    let cluster = Mutex::new(cluster);
    let desk = Arc::new(Desk { cluster, folder, screen, proxy, stop: Notify::new() });
    tokio::select! {
        () = signals.any() => {}
        () = desk.stop.notified() => {}
        () = watch(&desk) => {}
        () = control.serve(Arc::clone(&desk)) => {}
    }
    drop(control);
    stop(&desk, front, running, &mut signals).await;
    Ok(Ended::Stopped)
}

/// Who stands in front.
struct Fronted<R> {
    running: R,
    status: ProxyStatus,
    /// Others of ours keep off its ports.
    _locks: Vec<File>,
}

async fn stand_in_front<F: Front>(
    args: &StartArgs,
    chosen: Chosen,
    cluster: &LocalCluster,
    front: &F,
    screen: &Screen,
) -> Result<Option<Fronted<F::Running>>, Error> {
    if args.no_proxy {
        return Ok(None);
    }
    let doors = chosen.complete(args)?;
    doors.notes().iter().for_each(|text| screen.say(&format!("  note: {text}")));
    let status = doors.status();
    let (post, locks) = doors.post(cluster);
    let running = front.start(post).await?;
    Ok(Some(Fronted { running, status, _locks: locks }))
}

/// Starts a new cluster, or the one of the last run.
async fn start(
    args: &StartArgs,
    binary: ServerBinary,
    password: Option<String>,
    folder: &DataFolder,
    screen: &Screen,
) -> Result<LocalCluster, Error> {
    let saved = if args.fresh { None } else { folder.load()? };
    let progress = |step| screen.progress(step);
    let settings = settings(args, binary, folder, saved.as_ref(), password)?;
    let ports = PortRange::From(args.port.unwrap_or(FIRST_PORT));
    let cluster = match &saved {
        Some(saved) => {
            check_shape(args, saved)?;
            if saved.server != settings.binary.to_string() {
                screen.say(&format!("  note: the data is from {}", saved.server));
            }
            let server = settings.binary.to_string();
            let resumed = LocalCluster::resume(settings, &saved.nodes, ports, &progress).await;
            resumed.map_err(|error| name_other_server(error, &server, saved))?
        }
        None => {
            let (primaries, replicas) = (args.primaries.unwrap_or(3), args.replicas.unwrap_or(1));
            let layout = Layout::new(primaries, replicas, args.hosts)?;
            // What is here is of a start that did not come to its end, or is not wanted.
            folder.wipe()?;
            LocalCluster::create_watched(settings, &layout, ports, &progress).await?
        }
    };
    if let (Some(port), Some(saved)) = (args.port, &saved)
        && saved.nodes.iter().all(|node| node.port != port)
    {
        screen.say("  note: --port is for a fresh start; the nodes keep the ports they had");
    }
    let before = saved.map(|saved| saved.nodes.iter().map(|node| node.port).collect::<Vec<_>>());
    note_moved_ports(&cluster, before, args.port.unwrap_or(FIRST_PORT), screen);
    folder.save(&Saved::of(&cluster))?;
    Ok(cluster)
}

fn settings(
    args: &StartArgs,
    binary: ServerBinary,
    folder: &DataFolder,
    saved: Option<&Saved>,
    password: Option<String>,
) -> Result<Settings, Error> {
    let mut access = saved.map(|saved| saved.access.clone()).unwrap_or_default();
    if password.is_some() {
        access = Access { user: args.user.clone(), password };
    } else if args.user.is_some() && args.user != access.user {
        return Err(Error::misuse(
            "--user needs a password",
            format!("put it into {VARIABLE} or a --password-file"),
        ));
    }
    let encryption = match saved {
        _ if args.tls => Encryption::Tls,
        Some(saved) => saved.encryption,
        None => Encryption::Plain,
    };
    let saved_timeout = saved.map(|saved| saved.node_timeout);
    Ok(Settings {
        binary,
        dir: folder.path().to_owned(),
        access,
        encryption,
        node_timeout: args.node_timeout.or(saved_timeout).unwrap_or(NODE_TIMEOUT),
        durability: Durability::Log,
        extra: Vec::new(),
    })
}

/// A server that ends over another one's data most likely cannot read it.
fn name_other_server(error: Error, server: &str, saved: &Saved) -> Error {
    if !matches!(error, Error::Exited { .. }) || saved.server == server {
        return error;
    }
    let whose = &saved.server;
    let hint =
        format!("the data is from {whose}: name it with --server, or start anew with --fresh");
    Error::misuse(error.to_string(), hint)
}

/// The shape of a cluster that has data cannot be chosen any more.
fn check_shape(args: &StartArgs, saved: &Saved) -> Result<(), Error> {
    let (primaries, replicas, hosts) = saved.shape();
    let differs = |asked: Option<usize>, here| asked.is_some_and(|asked| asked != here);
    if differs(args.primaries, primaries)
        || differs(args.replicas, replicas)
        || differs(args.hosts, hosts)
    {
        return Err(Error::misuse(
            format!("the data here is of {primaries} primaries with {replicas} replicas each"),
            "`slotway dev` goes on with it, `slotway dev --fresh` with your flags starts empty",
        ));
    }
    Ok(())
}

/// Says which ports are others than one would expect.
fn note_moved_ports(cluster: &LocalCluster, before: Option<Vec<u16>>, base: u16, screen: &Screen) {
    let expected = before.unwrap_or_else(|| (base..=u16::MAX).collect());
    let ports: Vec<_> = cluster.nodes().iter().map(Node::port).collect();
    let taken: Vec<_> = expected
        .iter()
        .take(ports.len())
        .filter(|port| !ports.contains(port))
        .map(u16::to_string)
        .collect();
    if !taken.is_empty() {
        let ports: Vec<_> = ports.iter().map(u16::to_string).collect();
        let text = format!("port {} is taken; the nodes have {}", taken.join(" "), ports.join(" "));
        screen.say(&format!("  note: {text}"));
    }
}

/// What a script reads when the cluster is ready.
#[derive(Debug, Serialize)]
struct Ready<'a> {
    event: &'static str,
    seconds: f64,
    server: String,
    shards: &'a [ShardStatus],
    proxy: Option<&'a ProxyStatus>,
    tls_ca: Option<&'a Path>,
}

async fn show_ready(
    cluster: &LocalCluster,
    proxy: Option<&ProxyStatus>,
    screen: &Screen,
) -> Result<(), Error> {
    let shards = shards(cluster).await?;
    let took = screen.elapsed();
    let tls_ca = cluster.tls().map(|tls| tls.ca.as_path());
    screen.json(&Ready {
        event: "ready",
        seconds: took.as_secs_f64(),
        server: cluster.settings().binary.to_string(),
        shards: &shards,
        proxy,
        tls_ca,
    });
    let first = Outlook::of_losing(cluster.node(0).port(), &shards);
    if let Outlook::NoMajority { .. } = first {
        screen
            .say("  note: a replica takes over only with three primaries or more, most of them up");
    }
    let program = program();
    screen.say(&format!(
        "\n{}\n\n  ready in {}\n\n  \
         {}\n\n  \
         try   {program} dev status\n        \
         {program} dev kill shard1\n        \
         {program} dev add\n\n  \
         Ctrl-C stops everything; the data stays (--fresh starts empty)",
        shard_table(&shards),
        seconds(took),
        connect_lines(cluster, proxy).join("\n  ")
    ));
    Ok(())
}

/// Says when a server has died by itself; returns when nobody reads it.
async fn watch(desk: &Desk) {
    let mut known = HashSet::new();
    while !desk.screen.is_closed() {
        sleep(WATCH_POLL).await;
        let cluster = desk.cluster.lock().await;
        for node in cluster.nodes() {
            let Some(how) = node.ended() else {
                known.remove(&node.port());
                continue;
            };
            if known.insert(node.port()) {
                let (port, shard) = (node.port(), node.shard() + 1);
                let text = format!(
                    "{port} (shard {shard}) ended by itself ({how}); `slotway dev start {port}` brings it back"
                );
                desk.screen.show(&Event::note(text));
            }
        }
    }
}

/// Ends who stands in front, then the servers in good order; a second signal ends all at once.
async fn stop<F: Front>(
    desk: &Desk,
    front: &F,
    running: Option<Fronted<F::Running>>,
    signals: &mut Signals,
) {
    desk.screen.say("\n  stopping; the data stays");
    let all = async {
        if let Some(fronted) = running {
            front.stop(fronted.running).await;
        }
        desk.cluster.lock().await.shut_down().await;
    };
    tokio::select! {
        () = all => {}
        () = signals.any() => {}
    }
}

/// The signals that mean: stop.
#[derive(Debug)]
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> io::Result<Self> {
        let watch = |kind| signal(kind);
        Ok(Self([
            watch(SignalKind::interrupt())?,
            watch(SignalKind::terminate())?,
            watch(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
