//! The first terminal: starts the cluster, shows it, and stays until it is told to stop.

use std::{collections::HashSet, io, path::Path, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{Mutex, Notify},
    time::sleep,
};

use super::{
    args::StartArgs,
    connect::{connect_line, program},
    control::Control,
    event::{Event, ShardStatus, shard_table},
    folder::{DataFolder, Saved},
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
pub(crate) async fn run(args: &StartArgs, dir: &Path, screen: Arc<Screen>) -> Result<Ended, Error> {
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
    let cluster = tokio::select! {
        started = start(args, binary, password, &folder, &screen) => started?,
        () = signals.any() => return Ok(Ended::Interrupted),
    };
    show_ready(&cluster, &screen).await?;
    let cluster = Mutex::new(cluster);
    let desk = Arc::new(Desk { cluster, folder, screen, stop: Notify::new() });
    tokio::select! {
        () = signals.any() => {}
        () = desk.stop.notified() => {}
        () = watch(&desk) => {}
        () = control.serve(Arc::clone(&desk)) => {}
    }
    drop(control);
    stop(&desk, &mut signals).await;
    Ok(Ended::Stopped)
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
    tls_ca: Option<&'a Path>,
}

async fn show_ready(cluster: &LocalCluster, screen: &Screen) -> Result<(), Error> {
    let shards = shards(cluster).await?;
    let took = screen.elapsed();
    let tls_ca = cluster.tls().map(|tls| tls.ca.as_path());
    screen.json(&Ready {
        event: "ready",
        seconds: took.as_secs_f64(),
        server: cluster.settings().binary.to_string(),
        shards: &shards,
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
         connect   {}\n\n  \
         try       {program} dev status\n            \
         {program} dev kill shard1\n            \
         {program} dev add\n\n  \
         Ctrl-C stops everything; the data stays (--fresh starts empty)",
        shard_table(&shards),
        seconds(took),
        connect_line(cluster)
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

/// Ends the servers in good order; a second signal ends them at once.
async fn stop(desk: &Desk, signals: &mut Signals) {
    desk.screen.say("\n  stopping; the data stays");
    tokio::select! {
        () = async { desk.cluster.lock().await.shut_down().await } => {}
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
