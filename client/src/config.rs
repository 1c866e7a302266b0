//! What a client is told before it connects.

mod options;
mod socket;
mod url;

use std::time::Duration;

use slotway_protocol::{
    AddressRule, AddressRules, Credentials, NodeAddr, Protocol, Repeats, Secret, Transport,
};
pub use url::UrlError;

#[cfg(feature = "tls")]
use crate::Tls;
use crate::{AddressMap, CacheLimits, CredentialsProvider, Limits, ReadFrom};

/// Where the cluster is, who logs in, and how.
///
/// It is read from a URL, or made of seeds, and then told more:
///
/// ```
/// use std::time::Duration;
/// use slotway::Config;
///
/// let config: Config = "redis://10.0.0.1:7000,10.0.0.2:7000".parse()?;
/// let config = config.with_user("app").with_password("secret").with_deadline(Duration::from_secs(1));
/// assert_eq!(config.seeds.len(), 2);
/// # Ok::<_, slotway::UrlError>(())
/// ```
///
/// A URL is `redis://` or `valkey://`, with TLS `rediss://` or `valkeys://`, `user:password@` or `:password@` if somebody logs in, and one
/// or more seeds with commas between them: `host`, `host:port`, `[IPv6]:port`. The port is 6379 if
/// none is given. User and password are percent-encoded. `/3` behind the seeds is database 3.
///
/// A server on this machine may also be reached by a Unix socket: `unix:///run/redis.sock` or
/// `unix://user:password@/run/redis.sock?database=3`, with the path percent-encoded.
///
/// Options follow a `?`, with `&` between them: `protocol=resp2`, `name=app`, `deadline=500ms`,
/// `connect_timeout=2s`, `database=3`, `node=host:port` for one more seed, and for TLS `ca_file`,
/// `cert_file`, `key_file` and `server_name`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Nodes to ask first. One that answers is enough.
    pub seeds: Vec<NodeAddr>,
    /// Who logs in; nobody, if nothing is given.
    pub credentials: Option<Credentials>,
    /// Who is asked, for each connection, who logs in; it goes before `credentials`.
    pub credentials_provider: Option<CredentialsProvider>,
    /// How nodes are talked to over TLS; in the clear, if nothing is given.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// The protocol to ask for.
    pub protocol: Protocol,
    /// The database. A cluster has number 0 alone, unless its servers are Valkey 9 or later and
    /// `cluster-databases` allows for more.
    pub database: u32,
    /// What CLIENT LIST shows as the connections' name.
    pub name: Option<String>,
    /// Where nodes are reached that announce addresses of another network, as behind NAT.
    pub address_map: AddressMap,
    /// Which nodes answer reads.
    pub read_from: ReadFrom,
    /// The availability zone that the client is in, for [`ReadFrom::SameZone`].
    pub zone: Option<String>,
    /// What may be sent again when it cannot be known whether it ran.
    pub repeats: Repeats,
    /// How much may be kept for [`Client::cached`](crate::Client::cached); nothing is, unless this
    /// is given.
    pub cache: Option<CacheLimits>,
    /// Every bound.
    pub limits: Limits,
}

impl Config {
    /// The cluster that these nodes belong to, without a login.
    pub fn new(seeds: impl IntoIterator<Item = NodeAddr>) -> Self {
        Self {
            seeds: seeds.into_iter().collect(),
            credentials: None,
            credentials_provider: None,
            #[cfg(feature = "tls")]
            tls: None,
            protocol: Protocol::default(),
            database: 0,
            name: None,
            read_from: ReadFrom::default(),
            zone: None,
            repeats: Repeats::default(),
            cache: None,
            address_map: AddressMap::default(),
            limits: Limits::default(),
        }
    }

    /// Logs in with this password, as the user `default` if no other is named.
    #[must_use]
    pub fn with_password(mut self, password: impl Into<Vec<u8>>) -> Self {
        let user = self.credentials.and_then(|login| login.user);
        self.credentials = Some(Credentials { user, password: Secret::new(password) });
        self
    }

    /// Logs in as this user, with an empty password if no other is given.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        let password = self.credentials.map(|login| login.password).unwrap_or_default();
        self.credentials = Some(Credentials { user: Some(user.into()), password });
        self
    }

    /// Asks for user and password at each new connection, instead of being told them once.
    #[must_use]
    pub fn with_credentials_provider(mut self, provider: CredentialsProvider) -> Self {
        self.credentials_provider = Some(provider);
        self
    }

    /// Talks TLS to all nodes, in this way. Without it, `rediss://` does so by the defaults.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Reaches nodes by these rules, such as `"172.18.0.0/16:* -> 10.0.0.5:*".parse()?`.
    #[must_use]
    pub fn with_address_rules(self, rules: impl IntoIterator<Item = AddressRule>) -> Self {
        self.with_address_map(AddressMap::Rules(AddressRules::new(rules)))
    }

    /// Reaches nodes where this map says.
    #[must_use]
    pub fn with_address_map(mut self, map: AddressMap) -> Self {
        self.address_map = map;
        self
    }

    /// Uses the database with this number on all connections.
    #[must_use]
    pub fn with_database(mut self, database: u32) -> Self {
        self.database = database;
        self
    }

    /// Shows this name in CLIENT LIST.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets these nodes answer reads.
    #[must_use]
    pub fn with_read_from(mut self, read_from: ReadFrom) -> Self {
        self.read_from = read_from;
        self
    }

    /// Says in which availability zone the client is.
    #[must_use]
    pub fn with_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Lets [`Client::cached`](crate::Client::cached) keep replies.
    #[must_use]
    pub fn with_cache(mut self, limits: CacheLimits) -> Self {
        self.cache = Some(limits);
        self
    }

    /// Replaces every bound, the deadline too.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Gives each call this long, from its start to its reply.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = deadline;
        self
    }

    /// Which of the ports that a node announces is talked to.
    pub(crate) fn transport(&self) -> Transport {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return Transport::Tls;
        }
        Transport::Plain
    }
}

impl TryFrom<&str> for Config {
    type Error = UrlError;

    fn try_from(url: &str) -> Result<Self, UrlError> {
        url.parse()
    }
}

impl TryFrom<String> for Config {
    type Error = UrlError;

    fn try_from(url: String) -> Result<Self, UrlError> {
        url.parse()
    }
}

impl TryFrom<&String> for Config {
    type Error = UrlError;

    fn try_from(url: &String) -> Result<Self, UrlError> {
        url.parse()
    }
}

impl From<NodeAddr> for Config {
    fn from(seed: NodeAddr) -> Self {
        Self::new([seed])
    }
}

impl From<&NodeAddr> for Config {
    fn from(seed: &NodeAddr) -> Self {
        Self::new([seed.clone()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_come_in_any_order() {
        let config = || Config::new([]);
        let orders = [
            config().with_user("app").with_password("secret"),
            config().with_password("secret").with_user("app"),
        ];
        for config in orders {
            let text = format!("{config:?}");
            assert!(!text.contains("secret"), "{text}");
            let login = config.credentials.unwrap();
            assert_eq!(login.user.as_deref(), Some("app"));
            assert_eq!(login.password.expose(), b"secret");
        }
    }

    #[test]
    fn the_deadline_is_one_of_the_limits() {
        let second = Duration::from_secs(1);
        let config = Config::new([]).with_limits(Limits::default()).with_deadline(second);
        assert_eq!(config.limits, Limits { deadline: second, ..Limits::default() });
    }
}
