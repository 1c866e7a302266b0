//! Messages to whoever listens.

use std::collections::BTreeMap;

use crate::{Client, Error, FromValue, ToArg, ToArgs, cmd};

impl Client {
    /// Sends a message to all that listen to a channel, at any node. Returns how many of them the node
    /// that took it knows: those at others are not counted.
    pub async fn publish(&self, channel: impl ToArg, message: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("PUBLISH").arg(channel).arg(message)).await
    }

    /// Sends a message to those that listen to a sharded channel. Returns how many they are.
    pub async fn spublish(&self, channel: impl ToArg, message: impl ToArg) -> Result<u64, Error> {
        self.run(cmd("SPUBLISH").arg(channel).arg(message)).await
    }

    /// The channels that somebody listens to at any node, all of them or those that fit a pattern.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// let listening = client.pubsub_numsub(["news", "sport"]).await?;
    /// println!("{} listen to the news", listening["news"]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pubsub_channels<T: FromValue>(&self, pattern: Option<&str>) -> Result<T, Error> {
        self.run(cmd("PUBSUB").arg("CHANNELS").arg(pattern)).await
    }

    /// How many connections listen to these channels, at all nodes together. Patterns do not count.
    pub async fn pubsub_numsub(
        &self,
        channels: impl ToArgs,
    ) -> Result<BTreeMap<String, u64>, Error> {
        self.run(cmd("PUBSUB").arg("NUMSUB").arg(channels)).await
    }

    /// How many patterns are listened to: what all nodes say, added up.
    pub async fn pubsub_numpat(&self) -> Result<u64, Error> {
        self.run(cmd("PUBSUB").arg("NUMPAT")).await
    }

    /// The same as [`pubsub_channels`](Self::pubsub_channels) for sharded channels.
    pub async fn pubsub_shardchannels<T: FromValue>(
        &self,
        pattern: Option<&str>,
    ) -> Result<T, Error> {
        self.run(cmd("PUBSUB").arg("SHARDCHANNELS").arg(pattern)).await
    }

    /// The same as [`pubsub_numsub`](Self::pubsub_numsub) for sharded channels.
    pub async fn pubsub_shardnumsub(
        &self,
        channels: impl ToArgs,
    ) -> Result<BTreeMap<String, u64>, Error> {
        self.run(cmd("PUBSUB").arg("SHARDNUMSUB").arg(channels)).await
    }
}
