//! Messages to whoever listens.

use crate::{Client, Error, ToArg, cmd};

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
}
