//! The clients, each called as its documentation does.

use bytes::Bytes;
use fred::interfaces::{ClientLike, KeysInterface};
use redis::AsyncCommands;

use super::{Cell, Operation};

pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A client that is connected.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "one of the peers has none")]
pub enum Peer {
    /// This project's.
    Slotway(slotway::Client),
    /// The crate `redis`.
    RedisRs(redis::cluster_async::ClusterConnection),
    /// The crate `fred`.
    Fred(fred::clients::Client),
}

impl Peer {
    /// What they are called.
    pub const NAMES: [&str; 3] = ["slotway", "redis-rs", "fred"];

    /// Connects the one of this name to the cluster that `seed` belongs to.
    pub async fn connect(name: &str, seed: &str) -> Result<Self, Failure> {
        match name {
            "slotway" => {
                let url = format!("redis://{seed}");
                Ok(Self::Slotway(slotway::Client::connect(url.as_str()).await?))
            }
            "redis-rs" => {
                let client = redis::cluster::ClusterClient::new([format!("redis://{seed}")])?;
                Ok(Self::RedisRs(client.get_async_connection().await?))
            }
            "fred" => {
                let config =
                    fred::types::config::Config::from_url(&format!("redis-cluster://{seed}"))?;
                let client = fred::types::Builder::from_config(config).build()?;
                client.init().await?;
                Ok(Self::Fred(client))
            }
            _ => Err(format!("there is no subject called {name}").into()),
        }
    }

    /// Does what a task of this cell does, once. What was answered is checked.
    pub(crate) async fn call(
        &mut self,
        cell: Cell,
        key: &Bytes,
        value: &Bytes,
    ) -> Result<(), Failure> {
        match cell.operation {
            Operation::Set => self.set(key, value).await,
            Operation::Get => match self.get(key).await? {
                len if len == cell.value_len => Ok(()),
                len => {
                    Err(format!("a value of {} bytes came back with {len}", cell.value_len).into())
                }
            },
        }
    }

    /// Reads a value as bytes of one's own, and returns how many.
    async fn get(&mut self, key: &Bytes) -> Result<usize, Failure> {
        let value: Option<Bytes> = match self {
            Self::Slotway(client) => client.get(key).await?,
            Self::RedisRs(client) => client.get(&key[..]).await?,
            Self::Fred(client) => client.get(key.clone()).await?,
        };
        Ok(value.map_or(0, |value| value.len()))
    }

    async fn set(&mut self, key: &Bytes, value: &Bytes) -> Result<(), Failure> {
        match self {
            Self::Slotway(client) => client.set(key, value).await?,
            Self::RedisRs(client) => client.set::<_, _, ()>(&key[..], &value[..]).await?,
            Self::Fred(client) => {
                client.set::<(), _, _>(key.clone(), value.clone(), None, None, false).await?;
            }
        }
        Ok(())
    }
}
