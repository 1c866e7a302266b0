//! What an application holds.

use std::sync::Arc;

use slotway_protocol::{CommandBuf, CommandTable, NodeAddr, PlanRules, Value};
use tokio::time::Instant;

use crate::{
    Config, Error,
    cluster::Cluster,
    credentials::Rotation,
    engine::Sink,
    refresh::{find_nodes, keep_fresh},
    reply::value_of,
    scan::ScanDesk,
    silence, stats,
    terms::Terms,
    view::view_of,
};

/// A client of a whole cluster. Cheap to clone; all clones share the same connections, one to each
/// node that is needed.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) commands: Arc<Commands>,
    pub(crate) terms: Terms,
}

/// What is known of commands, and which are let through.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) table: CommandTable,
    pub(crate) rules: PlanRules,
    /// The walks of SCAN.
    pub(crate) scans: Arc<ScanDesk>,
}

impl Commands {
    pub(crate) fn new(table: CommandTable, rules: PlanRules) -> Self {
        Self { table, rules, scans: Arc::default() }
    }
}

impl Client {
    /// Asks the seeds, one after another, for the cluster they belong to. One that answers is
    /// enough; other nodes are connected to when they are first needed.
    ///
    /// Where they are is said by a URL such as `redis://user:password@a:7000,b:7000`, or by a
    /// [`Config`].
    pub async fn connect<C>(config: C) -> Result<Self, Error>
    where
        C: TryInto<Config>,
        Error: From<C::Error>,
    {
        let commands = Commands::new(CommandTable::builtin(), PlanRules::allowing_all());
        Self::connect_with(config.try_into()?, commands, None).await
    }

    /// Connects a client that knows these commands, whose forwarded replies go to `sink`.
    pub(crate) async fn connect_with(
        config: Config,
        commands: Commands,
        sink: Option<Arc<dyn Sink>>,
    ) -> Result<Self, Error> {
        let terms = Terms {
            deadline: config.limits.deadline,
            read_from: config.read_from,
            repeats: config.repeats,
            cached: false,
        };
        let cluster = Arc::new(Cluster::new(Arc::new(config), sink));
        let rotation = cluster.config.credentials_provider.as_ref().map(Rotation::new);
        first_view(&cluster).await?;
        if let Some(rotation) = rotation {
            tokio::spawn(rotation.follow(Arc::downgrade(&cluster)));
        }
        tokio::spawn(keep_fresh(Arc::downgrade(&cluster)));
        tokio::spawn(silence::listen(Arc::downgrade(&cluster)));
        tokio::spawn(stats::publish(Arc::downgrade(&cluster)));
        Ok(Self { cluster, commands: Arc::new(commands), terms })
    }

    /// What it was told before it connected.
    pub fn config(&self) -> &Config {
        &self.cluster.config
    }

    /// Sends a command to where it belongs and returns what it was answered with, also if that is
    /// an error of the server.
    pub async fn call(&self, command: &CommandBuf) -> Result<Value, Error> {
        let frame = self.call_raw(command.as_command()).await?;
        let limits = &self.cluster.config.limits.reply;
        Ok(value_of(&frame, limits)?)
    }
}

/// Takes the first view that a seed gives.
async fn first_view(cluster: &Arc<Cluster>) -> Result<(), Error> {
    let seeds = &cluster.config.seeds;
    let mut last = None;
    for addr in seeds {
        // Longer than credentials and a connection may take, so that it is known why there is none.
        let deadline = Instant::now() + cluster.config.limits.connect_timeout.saturating_mul(3);
        match view_of(&cluster.seed(addr), deadline).await {
            Ok(view) => match cluster.publish(view) {
                Ok(()) if cluster.has_lost_nodes() => {
                    find_nodes(cluster).await;
                    return Ok(());
                }
                Ok(()) => return Ok(()),
                Err(error) => last = Some((addr, Arc::new(error.into()))),
            },
            Err(error) => last = Some((addr, error)),
        }
    }
    let Some((node, source)) = last else {
        return Err(Error::Refused("no seed was given".to_owned()));
    };
    Err(Error::NoSeed { tried: seeds.len(), node: NodeAddr::clone(node), source })
}
