//! The servers themselves.

use std::time::Duration;

use crate::{Client, Error, FromValue, ToArgs, cmd};

impl Client {
    /// `PONG`, if a node answers.
    pub async fn ping(&self) -> Result<String, Error> {
        self.run(cmd("PING")).await
    }

    /// How many keys the whole cluster has.
    pub async fn dbsize(&self) -> Result<u64, Error> {
        self.run(cmd("DBSIZE")).await
    }

    /// Deletes all keys of the whole cluster.
    pub async fn flushall(&self) -> Result<(), Error> {
        self.run(cmd("FLUSHALL")).await
    }

    /// What one node tells about itself, all of it or a section such as `memory`.
    pub async fn info(&self, section: Option<&str>) -> Result<String, Error> {
        self.run(cmd("INFO").arg(section)).await
    }

    /// What one node's configuration says of these names or patterns, such as `maxmemory*`: a map.
    pub async fn config_get<T: FromValue>(&self, names: impl ToArgs) -> Result<T, Error> {
        self.run(cmd("CONFIG").arg("GET").arg(names)).await
    }

    /// Changes the configuration of all nodes, by pairs of a name and a value. If that is an error,
    /// some may have changed it.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// client.config_set(("notify-keyspace-events", "Ex")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn config_set(&self, pairs: impl ToArgs) -> Result<(), Error> {
        self.run(cmd("CONFIG").arg("SET").arg(pairs)).await
    }

    /// The time of one node's clock, since 1970.
    pub async fn time(&self) -> Result<Duration, Error> {
        let (seconds, micros): (u64, u32) = self.run(cmd("TIME")).await?;
        Ok(Duration::from_secs(seconds) + Duration::from_micros(micros.into()))
    }
}
