//! What stands behind the `?` of a URL: `protocol=resp2&name=app&deadline=500ms`.

use std::time::Duration;

use slotway_protocol::{Protocol, Transport};

use super::{
    Config,
    url::{UrlError, decoded, seed},
};

/// An option, by all the names that it goes by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    CaFile,
    CertFile,
    ConnectTimeout,
    Database,
    Deadline,
    KeyFile,
    Name,
    Node,
    Protocol,
    ServerName,
}

/// The first name of each is ours; others are what other clients call it. Case, `_` and `-` do not
/// count.
const NAMES: [(&str, Kind); 18] = [
    ("ca_file", Kind::CaFile),
    ("cert_file", Kind::CertFile),
    ("connect_timeout", Kind::ConnectTimeout),
    ("connection_timeout", Kind::ConnectTimeout),
    ("dial_timeout", Kind::ConnectTimeout),
    ("database", Kind::Database),
    ("db", Kind::Database),
    ("deadline", Kind::Deadline),
    ("command_timeout", Kind::Deadline),
    ("timeout", Kind::Deadline),
    ("key_file", Kind::KeyFile),
    ("name", Kind::Name),
    ("client_name", Kind::Name),
    ("connection_name", Kind::Name),
    ("node", Kind::Node),
    ("addr", Kind::Node),
    ("protocol", Kind::Protocol),
    ("server_name", Kind::ServerName),
];

impl Kind {
    /// What we call it.
    fn name(self) -> &'static str {
        NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    fn bad(self, why: &'static str) -> UrlError {
        UrlError::Option { name: self.name(), why }
    }
}

/// All that was given, each once, `node` as often as one likes.
struct Options {
    given: Vec<(Kind, String)>,
}

/// Applies a query to what the rest of the URL says; `database` is what its path does.
pub(super) fn apply(
    mut config: Config,
    query: &str,
    transport: Transport,
    database: Option<u32>,
) -> Result<Config, UrlError> {
    let mut options = Options::read(query)?;
    if let Some(text) = options.take(Kind::Database) {
        if database.is_some() {
            return Err(Kind::Database.bad("the path names one already"));
        }
        config.database = number(&text).ok_or_else(|| Kind::Database.bad("it is no number"))?;
    }
    if let Some(text) = options.take(Kind::Protocol) {
        config.protocol = match text.to_ascii_lowercase().as_str() {
            "2" | "resp2" => Protocol::Resp2,
            "3" | "resp3" => Protocol::Resp3,
            _ => return Err(Kind::Protocol.bad("it is `resp2` or `resp3`")),
        };
    }
    if let Some(name) = options.take(Kind::Name) {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Kind::Name.bad("servers take visible ASCII without blanks"));
        }
        config.name = Some(name);
    }
    if let Some(text) = options.take(Kind::Deadline) {
        config.limits.deadline = duration(&text).map_err(|why| Kind::Deadline.bad(why))?;
    }
    if let Some(text) = options.take(Kind::ConnectTimeout) {
        config.limits.connect_timeout =
            duration(&text).map_err(|why| Kind::ConnectTimeout.bad(why))?;
    }
    while let Some(node) = options.take(Kind::Node) {
        config.seeds.push(seed(config.seeds.len() + 1, &node)?);
    }
    tls(config, options, transport)
}

impl Options {
    fn read(query: &str) -> Result<Self, UrlError> {
        let mut given: Vec<(Kind, String)> = Vec::new();
        let texts = query.split('&').filter(|text| !text.is_empty());
        for (number, text) in (1..).zip(texts) {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let kind = kind(name).ok_or_else(|| UrlError::UnknownOption {
                option: number,
                nearest: nearest(name),
            })?;
            if kind != Kind::Node && given.iter().any(|(other, _)| *other == kind) {
                return Err(kind.bad("it is given twice"));
            }
            let value = decoded(value).map_err(|why| kind.bad(why))?;
            let value = String::from_utf8(value).map_err(|_| kind.bad("it is not UTF-8"))?;
            if value.is_empty() {
                return Err(kind.bad("it is empty"));
            }
            given.push((kind, value));
        }
        Ok(Self { given })
    }

    /// The first of a kind that is left.
    fn take(&mut self, kind: Kind) -> Option<String> {
        let index = self.given.iter().position(|(other, _)| *other == kind)?;
        Some(self.given.remove(index).1)
    }
}

/// What is left concerns TLS.
fn tls(config: Config, mut options: Options, transport: Transport) -> Result<Config, UrlError> {
    match (options.given.first(), transport) {
        (None, _) => return Ok(config),
        (Some((kind, _)), Transport::Plain) => return Err(kind.bad("it is for rediss:// only")),
        (Some(_), Transport::Tls) => {}
    }
    let files = match (options.take(Kind::CertFile), options.take(Kind::KeyFile)) {
        (Some(chain), Some(key)) => Some((chain, key)),
        (None, None) => None,
        (Some(_), None) => return Err(Kind::CertFile.bad("it needs `key_file` too")),
        (None, Some(_)) => return Err(Kind::KeyFile.bad("it needs `cert_file` too")),
    };
    over_tls(config, options.take(Kind::CaFile), files, options.take(Kind::ServerName))
}

#[cfg(feature = "tls")]
fn over_tls(
    config: Config,
    authority: Option<String>,
    files: Option<(String, String)>,
    name: Option<String>,
) -> Result<Config, UrlError> {
    let mut tls = crate::Tls::new();
    if let Some(path) = authority {
        tls = tls.with_ca_file(path);
    }
    if let Some((chain, key)) = files {
        tls = tls.with_client_certificate_files(chain, key);
    }
    if let Some(name) = name {
        tls = tls.with_server_name(name);
    }
    Ok(config.with_tls(tls))
}

#[cfg(not(feature = "tls"))]
fn over_tls(
    _: Config,
    _: Option<String>,
    _: Option<(String, String)>,
    _: Option<String>,
) -> Result<Config, UrlError> {
    Err(UrlError::NoTls)
}

fn kind(name: &str) -> Option<Kind> {
    let letters = letters(name);
    NAMES.iter().find(|(known, _)| self::letters(known) == letters).map(|(_, kind)| *kind)
}

/// A name without what does not count in it.
fn letters(name: &str) -> String {
    let counts = name.chars().filter(|char| !matches!(char, '_' | '-'));
    counts.map(|char| char.to_ascii_lowercase()).collect()
}

/// The option that was probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    let name: String = letters(name).chars().take(64).collect();
    let likeness = |known: &str| strsim::jaro_winkler(&letters(known), &name);
    let best = NAMES.iter().map(|(known, kind)| (likeness(known), *kind));
    let (likeness, kind) = best.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness > 0.8).then(|| kind.name())
}

/// A number of digits only.
pub(super) fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Such as `500ms`, `2s`, `1m`. Without a unit it is an error: some clients take such a number for
/// seconds, others for milliseconds.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let number = number(digits).ok_or("write it as `500ms` or `2s`")?;
    let duration = match unit {
        "ms" => Duration::from_millis(number.into()),
        "s" => Duration::from_secs(number.into()),
        "m" => Duration::from_secs(u64::from(number) * 60),
        "" => return Err("it has no unit: write it as `500ms` or `2s`"),
        _ => return Err("write it as `500ms` or `2s`"),
    };
    if duration.is_zero() { Err("it is zero") } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn config(url: &str) -> Config {
        url.parse().unwrap_or_else(|error| panic!("URL {url:?}: {error}"))
    }

    #[track_caller]
    fn check_refused(query: &str, expected: &str) {
        let schemes = if cfg!(feature = "tls") { &["redis", "rediss"][..] } else { &["redis"] };
        for scheme in schemes {
            let result = format!("{scheme}://:secret@a/?{query}").parse::<Config>();
            let error = result.unwrap_err().to_string();
            assert!(error.contains(expected), "{query:?} gave {error:?}");
            assert!(!error.contains("secret"), "{query:?} gave {error:?}");
        }
    }

    #[test]
    fn options_are_those_of_the_config() {
        let config = config(
            "redis://a,b:1?protocol=resp2&name=my-app&deadline=250ms&connect_timeout=2s\
             &node=c:2&node=[::1]:3&database=4",
        );
        assert_eq!(config.protocol, Protocol::Resp2);
        assert_eq!(config.name.as_deref(), Some("my-app"));
        assert_eq!(config.limits.deadline, Duration::from_millis(250));
        assert_eq!(config.limits.connect_timeout, Duration::from_secs(2));
        assert_eq!(config.database, 4);
        let seeds: Vec<_> = config.seeds.iter().map(ToString::to_string).collect();
        assert_eq!(seeds, ["a:6379", "b:1", "c:2", "[::1]:3"]);
    }

    #[test]
    fn an_option_may_go_by_the_name_that_others_gave_it() {
        let config =
            config("redis://a/?PROTOCOL=3&clientName=x%21&commandTimeout=1m&db=2&addr=b:1");
        assert_eq!(config.protocol, Protocol::Resp3);
        assert_eq!(config.name.as_deref(), Some("x!"));
        assert_eq!(config.limits.deadline, Duration::from_secs(60));
        assert_eq!((config.database, config.seeds.len()), (2, 2));
    }

    #[test]
    fn an_option_that_is_not_known_names_the_nearest_and_is_not_quoted() {
        check_refused("protocl=resp3", "option 1 of the URL is not known; do you mean `protocol`");
        check_refused(
            "name=a&timout=1s",
            "option 2 of the URL is not known; do you mean `deadline`",
        );
        check_refused("sslca_file=x", "`ca_file`");
        check_refused("secret=1", "known are `ca_file`, ");
        check_refused("secret", "known are");
        check_refused(&"secret".repeat(10_000), "known are");
    }

    #[test]
    fn a_value_that_cannot_be_used_is_said_and_not_quoted() {
        check_refused("protocol=secret", "`protocol` cannot be used: it is `resp2` or `resp3`");
        check_refused("deadline=5", "`deadline` cannot be used: it has no unit");
        check_refused("timeout=0s", "`deadline` cannot be used: it is zero");
        check_refused("deadline=secret", "write it as");
        check_refused("deadline=-1s", "write it as");
        check_refused("deadline=99999999999s", "write it as");
        check_refused("deadline=4294967295h", "write it as");
        check_refused("name=a%20secret", "`name` cannot be used");
        check_refused("name=", "it is empty");
        check_refused("name", "it is empty");
        check_refused("name=%f", "hex digits");
        check_refused("name=%ff", "UTF-8");
        check_refused("db=-1", "`database` cannot be used: it is no number");
        check_refused("db=99999999999", "it is no number");
        check_refused("name=a&name=secret", "given twice");
        check_refused("node=secret:x", "port of seed 2");
        let both = "redis://a/1?db=2".parse::<Config>().unwrap_err().to_string();
        assert!(both.contains("the path names one already"), "{both}");
        let plain = "redis://a?ca_file=x".parse::<Config>().unwrap_err().to_string();
        assert!(plain.contains("rediss:// only"), "{plain}");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn tls_may_be_told_all_in_the_url() {
        let url = "rediss://a/?ca_file=ca.crt&cert_file=me.crt&key_file=me.key&server_name=nodes";
        let shown = format!("{:?}", config(url).tls.unwrap());
        for part in ["ca.crt", "me.crt", "me.key", "nodes"] {
            assert!(shown.contains(part), "{shown}");
        }
        let half = "rediss://a/?cert_file=me.crt".parse::<Config>().unwrap_err().to_string();
        assert!(half.contains("needs `key_file` too"), "{half}");
    }
}
