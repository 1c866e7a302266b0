//! Nodes to ask first, as people write them, and what a URL says besides.

use percent_encoding::percent_decode_str;
use slotway::{Config, NodeAddr, UrlError};

use super::{
    keys::Id,
    kind::{Kind, Value},
    problem::Wrong,
};

/// The keys that stand in a URL's options under their own names.
const OPTIONS: [(&str, Id); 4] = [
    ("cafile", Id::CaFile),
    ("certfile", Id::CertFile),
    ("keyfile", Id::KeyFile),
    ("servername", Id::ServerName),
];

/// What a seed says.
#[derive(Debug)]
pub(crate) struct Seed {
    /// The nodes.
    pub(crate) nodes: Vec<NodeAddr>,
    /// What a URL says besides.
    pub(crate) besides: Vec<(Id, Value)>,
}

/// Reads `host:port`, `host`, a port of this machine, or a URL.
pub(crate) fn read(text: &str) -> Result<Seed, Wrong> {
    if text.contains("://") {
        return url(text);
    }
    if text.contains('@') {
        return Err(Wrong::new(
            "a seed has an `@`",
            "with a login, write it as redis://user:password@host:port",
        ));
    }
    let hint = "write it as host:port, [IPv6]:port, a port, or redis://host:port";
    let wrong = |why: &str| Wrong::new(format!("`{text}` is no node: {why}"), hint);
    if text.contains(['/', '?', '#', ',']) {
        return Err(wrong("a host has no such character"));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let address = if digits { format!("127.0.0.1:{text}") } else { text.to_owned() };
    match format!("redis://{address}").parse::<Config>() {
        Ok(config) => Ok(Seed { nodes: config.seeds, besides: Vec::new() }),
        Err(UrlError::Host { why, .. }) => Err(wrong(why)),
        Err(UrlError::Port { .. }) => Err(wrong("a port is a number from 1 to 65535")),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

fn url(text: &str) -> Result<Seed, Wrong> {
    // Its texts never quote the URL, in which there may be a password.
    let config: Config = text.parse().map_err(|error: UrlError| {
        Wrong::new(error.to_string(), "write it as redis://user:password@host:port,host:port")
    })?;
    if config.database != 0 {
        return Err(Wrong::new(
            "the URL names a database",
            "leave it out: each client of the proxy chooses its own with SELECT",
        ));
    }
    let plain = Config::new([]);
    if config.protocol != plain.protocol {
        return Err(Wrong::new(
            "the URL names a protocol",
            "leave it out: each client of the proxy chooses its own with HELLO",
        ));
    }
    let mut besides = Vec::new();
    if let Some(login) = config.credentials {
        besides.extend(login.user.map(|user| (Id::User, Value::Text(user))));
        besides.push((Id::Password, Value::Secret(login.password)));
    }
    besides.extend(config.tls.map(|_| (Id::Tls, Value::Switch(true))));
    besides.extend(config.name.map(|name| (Id::ClientName, Value::Text(name))));
    let times = [
        (Id::Deadline, config.limits.deadline, plain.limits.deadline),
        (Id::ConnectTimeout, config.limits.connect_timeout, plain.limits.connect_timeout),
    ];
    for (id, time, usual) in times {
        if time != usual {
            let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            besides.push((id, Value::Number(millis)));
        }
    }
    besides.extend(files(text));
    for (id, value) in &besides {
        usable(*id, value)?;
    }
    Ok(Seed { nodes: config.seeds, besides })
}

/// The files that a URL names, and the name of a server: the client has read them, but keeps them
/// to itself.
fn files(url: &str) -> impl Iterator<Item = (Id, Value)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|option| {
        let (name, value) = option.split_once('=')?;
        let name = name.replace(['_', '-'], "").to_ascii_lowercase();
        let (_, id) = OPTIONS.iter().find(|(known, _)| *known == name)?;
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        Some((*id, Value::Text(value)))
    })
}

/// What a URL says has to be what the key takes.
fn usable(id: Id, value: &Value) -> Result<(), Wrong> {
    let key = id.key();
    match (key.kind, value) {
        (Kind::Time(..), Value::Number(_)) => {
            let text = key.kind.shown(value).replace('"', "");
            let result = key.kind.read(&text);
            result.map(|_| ()).map_err(|wrong| Wrong {
                says: format!("the URL's `{}`: {}", key.name, wrong.says),
                ..wrong
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = read(text).map_or_else(
            |wrong| wrong.says,
            |seed| {
                let nodes = seed.nodes.iter().map(ToString::to_string);
                let besides = seed
                    .besides
                    .iter()
                    .map(|(id, value)| format!("{}={}", id.key().name, id.key().kind.shown(value)));
                nodes.chain(besides).collect::<Vec<_>>().join(" ")
            },
        );
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn a_node_is_a_host_a_port_or_both() {
        check("a:1", "a:1");
        check("a", "a:6379");
        check("7001", "127.0.0.1:7001");
        check("[::1]:7001", "[::1]:7001");
        check("0", "`0` is no node: a port is a number from 1 to 65535");
        check("a:x", "`a:x` is no node: a port is a number from 1 to 65535");
        check(":1", "`:1` is no node: it is empty");
        check("a:1/0", "`a:1/0` is no node: a host has no such character");
        check("user:hush@a:1", "a seed has an `@`");
    }

    #[test]
    fn a_url_says_more_than_where() {
        check("redis://a,b:1", "a:6379 b:1");
        check("redis://app:hush@a:1", "a:1 user=\"app\" password=\"***\"");
        check("rediss://a:1?ca-file=x%2Fy", "a:1 tls=true ca_file=\"x/y\"");
        check("redis://a?deadline=2s&name=me", "a:6379 client_name=\"me\" deadline=\"2s\"");
    }

    #[test]
    fn a_url_that_cannot_be_used_is_not_quoted() {
        check("redis://:hush@a/3", "the URL names a database");
        check("redis://:hush@a?protocol=resp2", "the URL names a protocol");
        check("redis://:hush@a:x", "the port of seed 1 in the URL is not a number from 1 to 65535");
        check(
            "http://hush@a",
            "the URL's scheme is unknown: use redis:// or valkey://, or with TLS rediss://, or \
             unix:///path/of/a/socket",
        );
        check(
            "redis://:hush@a?timeout=99999h",
            "the URL's option `deadline` cannot be used: write it as `500ms` or `2s`",
        );
        check("redis://:hush@a?timeout=99999m", "the URL's `deadline`: 99999m is too much");
    }
}
