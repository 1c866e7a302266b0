//! Every key of the configuration: its place in a file, its flag, its variable, its default.
//!
//! Files, flags, environment, `config print`, `config schema` and `--help` all read this one table.

use super::kind::Kind;

/// Which part of a file a key stands in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Section {
    /// Before all parts.
    Top,
    /// `[cluster]`
    Cluster,
    /// Each `[[listen]]`
    Listen,
    /// `[admin]`
    Admin,
    /// `[limits]`
    Limits,
    /// `[commands]`
    Commands,
    /// `[log]`
    Log,
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    /// Which one.
    pub(crate) id: Id,
    /// Where it stands.
    pub(crate) section: Section,
    /// Its name there.
    pub(crate) name: &'static str,
    /// Its flag, without dashes in front.
    pub(crate) flag: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// What holds if nobody says anything, as it would be written in a variable; nothing, if that
    /// is empty.
    pub(crate) default: &'static str,
    /// What it is for, in a line.
    pub(crate) help: &'static str,
}

impl Section {
    /// All, as they stand in a file.
    pub(crate) const ALL: [Self; 7] = [
        Self::Top,
        Self::Cluster,
        Self::Listen,
        Self::Admin,
        Self::Limits,
        Self::Commands,
        Self::Log,
    ];

    /// What stands in its header; nothing for the part before all headers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Top => "",
            Self::Cluster => "cluster",
            Self::Listen => "listen",
            Self::Admin => "admin",
            Self::Limits => "limits",
            Self::Commands => "commands",
            Self::Log => "log",
        }
    }

    /// Its header, as it is written.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Top => String::new(),
            Self::Listen => "[[listen]]".into(),
            Self::Cluster | Self::Admin | Self::Limits | Self::Commands | Self::Log => {
                format!("[{}]", self.name())
            }
        }
    }

    /// A name in it, as errors call it.
    pub(crate) fn shown(self, name: &str) -> String {
        let place = if self == Self::Top { "" } else { " in " };
        format!("`{name}`{place}{}", self.header())
    }

    /// Its keys, in the order of the table.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static Key> {
        KEYS.iter().filter(move |key| key.section == self)
    }
}

impl Key {
    /// The environment variable that says the same as the flag.
    pub(crate) fn variable(&self) -> String {
        format!("SLOTWAY_{}", self.flag.to_ascii_uppercase().replace('-', "_"))
    }

    /// `limits.deadline`
    pub(crate) fn path(&self) -> String {
        let dot = if self.section == Section::Top { "" } else { "." };
        format!("{}{dot}{}", self.section.name(), self.name)
    }

    /// The key in its part, as errors name it.
    pub(crate) fn shown(&self) -> String {
        self.section.shown(self.name)
    }
}

macro_rules! keys {
    ($($id:ident: $section:ident $name:literal, $flag:literal, $kind:expr, $default:literal, $help:literal;)+) => {
        /// Names a key in code.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub(crate) enum Id {
            $(#[doc = $help] $id,)+
        }

        /// Every key, by parts, in the order in which it is shown.
        pub(crate) const KEYS: &[Key] = &[$(Key {
            id: Id::$id,
            section: Section::$section,
            name: $name,
            flag: $flag,
            kind: $kind,
            default: $default,
            help: $help,
        }),+];
    };
}

impl Id {
    /// Its row.
    pub(crate) fn key(self) -> &'static Key {
        &KEYS[self as usize]
    }
}

const MAX: u64 = u32::MAX as u64;
const GIB: u64 = 1 << 30;
const DAY: u64 = 24 * 60 * 60 * 1000;

keys! {
    Workers: Top "workers", "workers", Kind::Workers, "auto",
        "How many threads serve clients; auto is one for each core";

    Seeds: Cluster "seeds", "seeds", Kind::Seeds, "",
        "Nodes to ask first: host:port, a port of this machine, or redis:// and rediss:// URLs";
    User: Cluster "user", "user", Kind::Text("NAME"), "",
        "Who logs in to the nodes";
    Password: Cluster "password", "password", Kind::Secret, "",
        "The password; better use a file or the environment, where others cannot see it";
    PasswordFile: Cluster "password_file", "password-file", Kind::Path, "",
        "A file with the password on its first line";
    Tls: Cluster "tls", "tls", Kind::Switch, "false",
        "Talk TLS to the nodes, as rediss:// does";
    CaFile: Cluster "ca_file", "ca-file", Kind::Path, "",
        "Whose signature is trusted, in PEM, instead of whom this system trusts";
    CertFile: Cluster "cert_file", "cert-file", Kind::Path, "",
        "A certificate to show to the nodes, in PEM";
    KeyFile: Cluster "key_file", "key-file", Kind::Path, "",
        "Its private key, in PEM";
    ServerName: Cluster "server_name", "server-name", Kind::Text("NAME"), "",
        "The name in the certificate of every node, if it is not the host";
    TlsVerify: Cluster "tls_verify", "tls-verify", Kind::Switch, "true",
        "Check certificates; without it, whoever is in between reads everything";
    ClientName: Cluster "client_name", "client-name", Kind::Text("NAME"), "slotway-proxy",
        "What CLIENT LIST of a node shows as the name of the proxy's connections";
    AddressMap: Cluster "address_map", "address-map", Kind::AddressMap, "announced",
        "How nodes are reached: announced, by-node-id, or rules like 172.18.0.0/16:* -> 10.0.0.5:*";
    ReadFrom: Cluster "read_from", "read-from", Kind::Choice(READ_FROM), "primary",
        "Who answers reads: primary, prefer-replica, any or same-zone";
    Zone: Cluster "zone", "zone", Kind::Text("NAME"), "",
        "The availability zone of the proxy, for same-zone";
    CrossSlot: Cluster "cross_slot", "cross-slot", Kind::Choice(CROSS_SLOT), "split",
        "Commands with keys of several slots, such as MGET: split or reject";

    ListenAddress: Listen "address", "listen", Kind::ListenAddress, "0.0.0.0:6379",
        "Where clients connect: host:port, a port, or the path of a unix socket";
    ListenMode: Listen "mode", "listen-mode", Kind::Choice(MODES), "single",
        "What clients see there: single, one standalone server";
    ListenPassword: Listen "password", "listen-password", Kind::Secret, "",
        "What clients have to log in with; better use a file or the environment";
    ListenPasswordFile: Listen "password_file", "listen-password-file", Kind::Path, "",
        "A file with that password on its first line";
    ProxyProtocol: Listen "proxy_protocol", "proxy-protocol", Kind::Choice(PROXY_PROTOCOL), "off",
        "Whether a balancer says who the client is: off or v2";
    TcpKeepalive: Listen "keepalive", "tcp-keepalive", Kind::time_or_never(1000, DAY), "5m",
        "How long a client is silent before the kernel asks whether it is there; 0 is never";
    TcpBacklog: Listen "backlog", "tcp-backlog", Kind::Count(1, 65_535), "511",
        "How many connections may wait to be accepted";

    AdminAddress: Admin "address", "admin", Kind::AdminAddress, "127.0.0.1:9379",
        "Where health, metrics and the API are: host:port, a port, or off";
    AdminShowKeys: Admin "show_keys", "admin-show-keys", Kind::Switch, "false",
        "Let operators see keys in logs and in the API";

    Deadline: Limits "deadline", "deadline", Kind::time(1, DAY), "5s",
        "How long a command may take, redirects, retries and failovers included";
    ConnectTimeout: Limits "connect_timeout", "connect-timeout", Kind::time(1, DAY), "1s",
        "How long connecting to a node may take, login included";
    DrainDeadline: Limits "drain_deadline", "drain-deadline", Kind::time(0, DAY), "25s",
        "How long open requests may take once the proxy is told to stop";
    IdleTimeout: Limits "idle_timeout", "idle-timeout", Kind::time_or_never(1000, 365 * DAY), "0",
        "How long a client may be silent; 0 is for ever";
    HandshakeTimeout: Limits "handshake_timeout", "handshake-timeout", Kind::time(1, DAY), "5s",
        "How long a client may take to send the header of the PROXY protocol";
    ClientsMax: Limits "clients_max", "clients-max", Kind::Count(1, 10_000_000), "10000",
        "How many clients may be connected";
    BulkMax: Limits "bulk_max", "bulk-max", Kind::Bytes(1, 4 * GIB - 1), "512MiB",
        "The longest argument";
    ArgsMax: Limits "args_max", "args-max", Kind::Count(1, MAX), "1048576",
        "The most arguments of one request";
    InlineMax: Limits "inline_max", "inline-max", Kind::Bytes(64, GIB), "64KiB",
        "The longest inline request";
    RequestMax: Limits "request_max", "request-max", Kind::Bytes(64, 4 * GIB - 1), "1GiB",
        "The longest request as a whole";
    PipelineMax: Limits "pipeline_max", "pipeline-max", Kind::Count(1, MAX), "1024",
        "How many requests of a client may be open before it is not read from";
    BatchMax: Limits "batch_max", "batch-max", Kind::Count(1, MAX), "10000",
        "How many commands a transaction may have";
    OutputPause: Limits "output_pause", "output-pause", Kind::Bytes(1, 64 * GIB), "1MiB",
        "How many bytes may wait for a client before it is not read from";
    OutputMax: Limits "output_max", "output-max", Kind::Bytes(1, 64 * GIB), "256MiB",
        "How many bytes may wait for a client before it is closed";
    SubscriberOutputMax: Limits "subscriber_output_max", "subscriber-output-max",
        Kind::Bytes(1, 64 * GIB), "32MiB",
        "How many bytes of messages may wait for a subscriber before it is closed";
    SubscriptionsMax: Limits "subscriptions_max", "subscriptions-max", Kind::Count(1, MAX), "10000",
        "How many channels and patterns a client may subscribe to";
    LeasesMax: Limits "leases_max", "leases-max", Kind::Count(1, 1_000_000), "256",
        "How many clients of a worker may wait in a blocking command or WATCH";
    NodePipelineMax: Limits "node_pipeline_max", "node-pipeline-max", Kind::Count(1, MAX), "10000",
        "How many requests may be open on one connection to a node";
    NodeUnsentMax: Limits "node_unsent_max", "node-unsent-max", Kind::Bytes(1024, 64 * GIB), "16MiB",
        "How many bytes may wait to be sent on one connection to a node";

    Allow: Commands "allow", "allow", Kind::Commands, "",
        "Commands to allow that are refused by default, such as config|set or debug";
    Deny: Commands "deny", "deny", Kind::Commands, "",
        "Commands to refuse, such as flushall or keys";

    LogFormat: Log "format", "log-format", Kind::Choice(LOG_FORMAT), "auto",
        "How the log is written: text, json, or auto: text on a terminal";
    LogLevel: Log "level", "log-level", Kind::Choice(LOG_LEVEL), "info",
        "What the log leaves out: error, warn, info, debug or trace";
}

/// Values of `read_from`.
pub(crate) const READ_FROM: &[&str] = &["primary", "prefer-replica", "any", "same-zone"];
/// Values of `cross_slot`.
pub(crate) const CROSS_SLOT: &[&str] = &["split", "reject"];
/// Values of `mode`.
pub(crate) const MODES: &[&str] = &["single"];
/// Values of `proxy_protocol`.
pub(crate) const PROXY_PROTOCOL: &[&str] = &["off", "v2"];
/// Values of `format`.
pub(crate) const LOG_FORMAT: &[&str] = &["auto", "text", "json"];
/// Values of `level`.
pub(crate) const LOG_LEVEL: &[&str] = &["error", "warn", "info", "debug", "trace"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_has_a_flag_and_a_variable_of_its_own() {
        let flags: BTreeSet<_> = KEYS.iter().map(|key| key.flag).collect();
        let variables: BTreeSet<_> = KEYS.iter().map(Key::variable).collect();
        let paths: BTreeSet<_> = KEYS.iter().map(Key::path).collect();
        for names in [flags.len(), variables.len(), paths.len()] {
            assert_eq!(names, KEYS.len());
        }
        let command = crate::config::flags::Flags::augment(
            clap::Command::new("x"),
            crate::config::flags::Alone::Seeds,
        );
        for key in KEYS {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(key.flag));
            assert!(arg.is_some(), "--{}", key.flag);
            assert!(key.variable().starts_with("SLOTWAY_"), "{}", key.variable());
        }
    }

    #[test]
    fn every_key_stands_at_its_place_in_the_table() {
        for (index, key) in KEYS.iter().enumerate() {
            assert_eq!((key.id as usize, key.id.key().name), (index, key.name));
        }
        assert!(KEYS.is_sorted_by_key(|key| key.section), "parts are in the order of a file");
    }

    #[test]
    fn every_default_is_written_as_it_is_shown() {
        for key in KEYS.iter().filter(|key| !key.default.is_empty()) {
            let value =
                key.kind.read(key.default).unwrap_or_else(|wrong| panic!("{key:?}: {wrong:?}"));
            assert_eq!(key.kind.shown(&value).replace('"', ""), key.default, "{}", key.name);
        }
    }
}
