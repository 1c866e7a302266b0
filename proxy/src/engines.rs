//! A worker's connections to the nodes, one set for each protocol that clients speak.

use std::sync::Arc;

use slotway::{
    Client, Config, Error,
    engine::{Engine, Way, Written},
};
use slotway_protocol::{CommandTable, PlanRules, Protocol};

use crate::{board::Board, world::World};

/// The replies of a session come over connections that speak what its client speaks, so that they
/// pass as they are.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    resp2: Engine,
    resp3: Engine,
}

/// The slot tables as of one moment.
#[derive(Debug)]
pub(crate) struct Ways {
    resp2: Way,
    resp3: Way,
}

impl Engines {
    /// Connects to the cluster.
    pub(crate) async fn connect(
        config: &Config,
        world: &World,
        board: &Arc<Board>,
    ) -> Result<Self, Error> {
        let connect = async |protocol| {
            let mut config = config.clone();
            config.protocol = protocol;
            // A server bounds what waits for a subscriber by its bytes alone, and so does this.
            config.limits.message_bytes_max = world.limits.subscriber_output_max;
            config.limits.messages_max = usize::MAX;
            Engine::connect(
                config,
                CommandTable::clone(&world.table),
                PlanRules::clone(&world.rules),
                (board.clone(), world.scans.clone()),
            )
            .await
        };
        let (resp2, resp3) =
            futures_util::future::try_join(connect(Protocol::Resp2), connect(Protocol::Resp3))
                .await?;
        Ok(Self { resp2, resp3 })
    }

    /// The connections for sessions of this protocol.
    #[inline]
    pub(crate) fn of(&self, protocol: Protocol) -> &Engine {
        match protocol {
            Protocol::Resp2 => &self.resp2,
            Protocol::Resp3 => &self.resp3,
        }
    }

    /// The clients whose connections these are.
    pub(crate) fn clients(&self) -> [Client; 2] {
        [&self.resp2, &self.resp3].map(|engine| engine.client().clone())
    }

    /// Whether all connections are still there that carried these writes.
    pub(crate) fn keep(&self, written: &Written) -> bool {
        written.is_kept(|line| self.resp2.is_open(line) || self.resp3.is_open(line))
    }

    pub(crate) fn ways(&self) -> Ways {
        Ways { resp2: self.resp2.way(), resp3: self.resp3.way() }
    }
}

impl Ways {
    #[inline]
    pub(crate) fn of(&self, protocol: Protocol) -> &Way {
        match protocol {
            Protocol::Resp2 => &self.resp2,
            Protocol::Resp3 => &self.resp3,
        }
    }
}
