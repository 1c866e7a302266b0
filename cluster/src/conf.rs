//! A node's configuration file. Pure: settings in, text out.

use std::{fmt::Write as _, path::Path, time::Duration};

use crate::{access::Access, tls::TlsFiles};

/// Whether a node's data outlives its process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// Every write goes to an append-only file first: a killed node comes back with its data.
    Log,
    /// Data is in memory alone: a killed node comes back empty, or with its primary's data.
    Memory,
}

/// What one node is told at its start.
#[derive(Debug)]
pub(crate) struct NodeConf<'a> {
    pub(crate) port: u16,
    pub(crate) bus: u16,
    pub(crate) dir: &'a Path,
    pub(crate) node_timeout: Duration,
    pub(crate) durability: Durability,
    pub(crate) access: &'a Access,
    pub(crate) tls: Option<&'a TlsFiles>,
    pub(crate) zone: Option<&'a str>,
    pub(crate) extra: &'a [(String, String)],
}

impl NodeConf<'_> {
    /// The text of the file.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        let mut set = |name: &str, values: &[&str]| {
            text.push_str(name);
            for value in values {
                text.push(' ');
                quote(&mut text, value);
            }
            text.push('\n');
        };
        set("bind", &["127.0.0.1"]);
        set("dir", &[&self.dir.to_string_lossy()]);
        set("cluster-enabled", &["yes"]);
        set("cluster-port", &[&self.bus.to_string()]);
        set("cluster-node-timeout", &[&self.node_timeout.as_millis().to_string()]);
        // A node stays where it was put, so that a shard keeps its name.
        set("cluster-allow-replica-migration", &["no"]);
        set("save", &[""]);
        set("repl-diskless-sync", &["yes"]);
        set("repl-diskless-sync-delay", &["0"]);
        // CLUSTER SLOTS leaves a replica out until it has an offset, and the first ping gives it one.
        set("repl-ping-replica-period", &["1"]);
        let append_only = match self.durability {
            Durability::Log => "yes",
            Durability::Memory => "no",
        };
        set("appendonly", &[append_only]);
        self.ports(&mut set);
        self.access(&mut set);
        if let Some(zone) = self.zone {
            set("availability-zone", &[zone]);
        }
        for (name, value) in self.extra {
            set(name, &[value]);
        }
        text
    }

    fn ports(&self, set: &mut impl FnMut(&str, &[&str])) {
        let port = self.port.to_string();
        let Some(tls) = self.tls else { return set("port", &[&port]) };
        set("port", &["0"]);
        set("tls-port", &[&port]);
        set("tls-cluster", &["yes"]);
        set("tls-replication", &["yes"]);
        set("tls-auth-clients", &["no"]);
        set("tls-ca-cert-file", &[&tls.ca.to_string_lossy()]);
        set("tls-cert-file", &[&tls.certificate.to_string_lossy()]);
        set("tls-key-file", &[&tls.key.to_string_lossy()]);
    }

    fn access(&self, set: &mut impl FnMut(&str, &[&str])) {
        let Some(password) = &self.access.password else { return };
        set("masterauth", &[password]);
        match &self.access.user {
            None => set("requirepass", &[password]),
            Some(user) => {
                set("masteruser", &[user]);
                set("user", &[user, "on", &format!(">{password}"), "~*", "&*", "+@all"]);
                if user != "default" {
                    set("user", &["default", "off"]);
                }
            }
        }
    }
}

/// Appends `value` so that the server reads exactly these bytes back, whatever they are.
fn quote(text: &mut String, value: &str) {
    text.push('"');
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                // Writing to a String does not fail.
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, quoted: &str) {
        let mut text = String::new();
        quote(&mut text, value);
        assert_eq!(text, quoted);
    }

    #[test]
    fn any_text_stays_one_value_on_one_line() {
        check("", r#""""#);
        check("a b", r#""a b""#);
        check(r#"a"b\"#, r#""a\"b\\""#);
        check("a\nport 1", r#""a\x0aport 1""#);
        check("é", r#""\xc3\xa9""#);
    }

    #[test]
    fn a_user_takes_the_place_of_the_default_one() {
        let access = Access::user("app", "p w");
        let conf = NodeConf {
            port: 1,
            bus: 2,
            dir: Path::new("/tmp/x y"),
            node_timeout: Duration::from_secs(2),
            durability: Durability::Memory,
            access: &access,
            tls: None,
            zone: None,
            extra: &[],
        };
        let text = conf.render();
        assert!(text.contains("user \"app\" \"on\" \">p w\" \"~*\" \"&*\" \"+@all\"\n"), "{text}");
        assert!(text.contains("user \"default\" \"off\"\n"), "{text}");
        assert!(text.contains("dir \"/tmp/x y\"\n"), "{text}");
    }
}
