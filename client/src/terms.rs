//! What a caller asks of its calls.

use std::time::Duration;

use slotway_protocol::Repeats;

use crate::Client;

/// On what terms a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) deadline: Duration,
    pub(crate) read_from: ReadFrom,
    pub(crate) repeats: Repeats,
    /// Whether reads may be answered from memory.
    pub(crate) cached: bool,
}

/// Which node of a shard answers commands that only read.
///
/// A replica may not have heard of the last writes, also not of one's own: whoever reads from
/// replicas may read what was true a moment ago. When the chosen one cannot be reached, or is not
/// ready, the primary is asked at once; when it does not answer, after a quarter of the deadline.
///
/// While a slot is on its way to another shard by SETSLOT and MIGRATE, the replicas of the first one
/// may say that a key is not there which has already moved: servers before Valkey 8 do not tell them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReadFrom {
    /// The primary.
    #[default]
    Primary,
    /// A replica, each call another; the primary if there is none.
    PreferReplica,
    /// The primary or a replica, each call another.
    Any,
    /// A node of [`Config::zone`](crate::Config::zone), if the cluster names any (Valkey does, by
    /// `availability-zone`); otherwise as [`PreferReplica`](Self::PreferReplica).
    SameZone,
}

impl Client {
    /// The same client, whose calls may take this long from their start to their reply.
    ///
    /// ```
    /// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
    /// use std::time::Duration;
    ///
    /// let hurried = client.with_deadline(Duration::from_millis(50));
    /// let name: Option<String> = hurried.get("name").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self { terms: Terms { deadline, ..self.terms }, ..self.clone() }
    }

    /// The same client, whose reads are answered by these nodes.
    #[must_use]
    pub fn reading_from(&self, read_from: ReadFrom) -> Self {
        Self { terms: Terms { read_from, ..self.terms }, ..self.clone() }
    }

    /// The same client, which sends again what these terms allow when it cannot be known whether it
    /// ran.
    #[must_use]
    pub fn with_repeats(&self, repeats: Repeats) -> Self {
        Self { terms: Terms { repeats, ..self.terms }, ..self.clone() }
    }
}
