//! What the servers behind are, and so in whose words the connection answers.

use slotway_protocol::Value;

/// What the nodes of the cluster call themselves.
#[derive(Clone, Debug)]
pub struct Backend {
    name: String,
    version: String,
    modules: Value,
    wording: Wording,
}

/// The generations of servers whose words differ, the oldest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Wording {
    /// Redis 7.0 and what is older.
    Redis70,
    /// Redis from 7.2 on, and Valkey 7.2.
    Redis72,
    /// Valkey 8.
    Valkey8,
    /// Valkey 9 and what is newer.
    Valkey9,
}

impl Backend {
    /// A server of this name, `redis` or `valkey`, and version, without modules.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        let (name, version) = (name.into(), version.into());
        let wording = Wording::of(&name, &version);
        Self { name, version, modules: Value::Array(Vec::new()), wording }
    }

    /// The same server with the modules of its answer to `MODULE LIST`.
    #[must_use]
    pub fn with_modules(mut self, modules: Value) -> Self {
        // RESP2 has no maps, but clients that talk RESP3 are to see some.
        let as_map = |module: &Value| {
            let pairs = module.as_pairs()?;
            Some(Value::Map(pairs.map(|(name, value)| (name.clone(), value.clone())).collect()))
        };
        if let Some(modules) = modules.as_elements() {
            self.modules = Value::Array(modules.iter().filter_map(as_map).collect());
        }
        self
    }

    /// What the answer to `INFO server` says, if it is one.
    pub fn of_info(text: &str) -> Option<Self> {
        let field = |wanted: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| *name == wanted).map(|(_, value)| value)
        };
        match field("valkey_version") {
            Some(version) => Some(Self::new(field("server_name").unwrap_or("valkey"), version)),
            None => Some(Self::new("redis", field("redis_version")?)),
        }
    }

    /// Its name, as `HELLO` tells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, as `HELLO` tells it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its modules, as `HELLO` tells them.
    pub fn modules(&self) -> &Value {
        &self.modules
    }

    /// In whose words to answer.
    pub fn wording(&self) -> Wording {
        self.wording
    }
}

impl Wording {
    fn of(name: &str, version: &str) -> Self {
        let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0_u32));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        match (name, version) {
            ("valkey", (9.., _)) => Self::Valkey9,
            ("valkey", (8, _)) => Self::Valkey8,
            (_, (7, 2..) | (8.., _)) => Self::Redis72,
            _ => Self::Redis70,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(info: &str, name: &str, version: &str, wording: Wording) {
        let backend = Backend::of_info(info).unwrap();
        let found = (backend.name(), backend.version(), backend.wording());
        assert_eq!(found, (name, version, wording), "{info:?}");
    }

    #[test]
    fn a_server_is_known_by_its_info() {
        check("# Server\r\nredis_version:7.0.15\r\n", "redis", "7.0.15", Wording::Redis70);
        check("redis_version:6.2.1\r\n", "redis", "6.2.1", Wording::Redis70);
        check("redis_version:7.4.0\r\n", "redis", "7.4.0", Wording::Redis72);
        check("redis_version:8.2.0\r\n", "redis", "8.2.0", Wording::Redis72);
        check(
            "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.8\r\n",
            "valkey",
            "8.1.8",
            Wording::Valkey8,
        );
        check("redis_version:7.2.4\nvalkey_version:9.1.2\n", "valkey", "9.1.2", Wording::Valkey9);
        assert!(Backend::of_info("loading:1\r\n").is_none());
    }
}
