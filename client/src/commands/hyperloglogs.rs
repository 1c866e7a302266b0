//! HyperLogLogs: how many different elements there were, about.

use crate::{Client, Error, ToArg, ToArgs, cmd};

impl Client {
    /// Adds elements. True if that changes the count.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// client.pfadd("visitors:today", ["ada", "alan"]).await?;
    /// let visitors = client.pfcount("visitors:today").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn pfadd(&self, key: impl ToArg, elements: impl ToArgs) -> Result<bool, Error> {
        self.run(cmd("PFADD").arg(key).arg(elements)).await
    }

    /// About how many different elements were added to any of these keys, all of one slot.
    pub async fn pfcount(&self, keys: impl ToArgs) -> Result<u64, Error> {
        self.run(cmd("PFCOUNT").arg(keys)).await
    }

    /// Adds to `to` what was added to any of these keys, all of one slot.
    pub async fn pfmerge(&self, to: impl ToArg, keys: impl ToArgs) -> Result<(), Error> {
        self.run(cmd("PFMERGE").arg(to).arg(keys)).await
    }
}
