//! A cluster's address as people write it: `redis://user:password@host:port,host:port/0`.

use std::str::FromStr;

use slotway_protocol::{NodeAddr, Transport};

use super::Config;

const PORT: u16 = 6379;
/// More seeds than this are a mistake.
const SEEDS_MAX: usize = 1024;

/// Why a URL cannot be used. None of the texts quotes the URL, since it may have a password in it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not start with a scheme.
    #[error("the URL has no scheme: write redis://host:port")]
    NoScheme,
    /// Its scheme is another one.
    #[error(
        "the URL's scheme is unknown: use redis:// or valkey://, or with TLS \
         rediss://, or unix:///path/of/a/socket"
    )]
    Scheme,
    /// Its scheme asks for TLS, which was left out of this build.
    #[error(
        "the URL's scheme asks for TLS, and slotway was built without: enable its feature `tls`"
    )]
    NoTls,
    /// What stands before the `@` is not a login.
    #[error("the URL's {part} cannot be used: {why}")]
    Login {
        /// Which part of it.
        part: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A seed has no host, or none that can be one.
    #[error("the host of seed {seed} in the URL cannot be used: {why}")]
    Host {
        /// Which one, counted from 1.
        seed: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What should be the path of a Unix socket is none.
    #[error("the path of the socket in the URL cannot be used: {why}")]
    Socket {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A seed's port is none.
    #[error("the port of seed {seed} in the URL is not a number from 1 to 65535")]
    Port {
        /// Which one, counted from 1.
        seed: usize,
    },
    /// There are too many seeds.
    #[error("the URL names more than {SEEDS_MAX} seeds")]
    TooManySeeds,
    /// What stands behind the `/` is no number.
    #[error("the URL's database cannot be used: it is no number")]
    Database,
    /// It has an option that is none.
    #[error(
        "option {option} of the URL is not known{}; known are `ca_file`, `cert_file`, \
         `connect_timeout`, `database`, `deadline`, `key_file`, `name`, `node`, `protocol`, \
         `server_name`",
        nearest.map(|nearest| format!("; do you mean `{nearest}`?")).unwrap_or_default()
    )]
    UnknownOption {
        /// Which one, counted from 1.
        option: usize,
        /// The one that is most like it.
        nearest: Option<&'static str>,
    },
    /// The value of an option cannot be used.
    #[error("the URL's option `{name}` cannot be used: {why}")]
    Option {
        /// What we call it.
        name: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It has a fragment.
    #[error(
        "the URL has a fragment (`#`), which means nothing here; certificates are left unchecked \
         by `Tls::dangerous_without_verification` alone"
    )]
    Fragment,
}

impl FromStr for Config {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::NoScheme)?;
        if super::socket::is_scheme(scheme) {
            return super::socket::config(rest);
        }
        let transport = transport(scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // Whatever stands before such an `@` is part of a password, and not a host or a port.
        if path.contains('@') {
            let why = "it has a `/`, `?` or `#`, which has to be percent-encoded";
            return Err(UrlError::Login { part: "user or password", why });
        }
        let (database, query) = path_parts(path)?;
        let (login, seeds) = match authority.rsplit_once('@') {
            Some((login, seeds)) => (Some(login), seeds),
            None => (None, authority),
        };
        if seeds.split(',').count() > SEEDS_MAX {
            return Err(UrlError::TooManySeeds);
        }
        let seeds = (1..).zip(seeds.split(',')).map(|(number, text)| seed(number, text));
        let config = Self::new(seeds.collect::<Result<Vec<_>, _>>()?);
        let config = match transport {
            Transport::Plain => config,
            Transport::Tls => over_tls(config)?,
        };
        let config = config.with_database(database.unwrap_or_default());
        let config = super::options::apply(config, query, transport, database)?;
        if config.seeds.len() > SEEDS_MAX {
            return Err(UrlError::TooManySeeds);
        }
        match login {
            Some(login) => with_login(config, login),
            None => Ok(config),
        }
    }
}

fn transport(scheme: &str) -> Result<Transport, UrlError> {
    let is = |names: &[&str]| names.iter().any(|name| scheme.eq_ignore_ascii_case(name));
    match () {
        () if is(&["redis", "valkey"]) => Ok(Transport::Plain),
        () if is(&["rediss", "valkeys"]) => Ok(Transport::Tls),
        () => Err(UrlError::Scheme),
    }
}

#[cfg(feature = "tls")]
fn over_tls(config: Config) -> Result<Config, UrlError> {
    Ok(config.with_tls(crate::Tls::new()))
}

#[cfg(not(feature = "tls"))]
fn over_tls(_: Config) -> Result<Config, UrlError> {
    Err(UrlError::NoTls)
}

/// The database, if there is one, and the query.
fn path_parts(path: &str) -> Result<(Option<u32>, &str), UrlError> {
    if path.contains('#') {
        return Err(UrlError::Fragment);
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path.strip_prefix('/').unwrap_or(path) {
        "" => Ok((None, query)),
        text => Ok((Some(super::options::number(text).ok_or(UrlError::Database)?), query)),
    }
}

pub(super) fn seed(number: usize, text: &str) -> Result<NodeAddr, UrlError> {
    let bad = |why| UrlError::Host { seed: number, why };
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| bad("a `]` is missing"))?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(bad("what stands in brackets is not an IPv6 address"));
        }
        match rest.strip_prefix(':') {
            None if !rest.is_empty() => return Err(bad("something follows its `]`")),
            port => (host, port),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(bad("it has more than one `:`; an IPv6 address stands in brackets"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if host.is_empty() {
        return Err(bad("it is empty"));
    }
    if host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(bad("it has a blank in it"));
    }
    let Some(port) = port else { return Ok(NodeAddr::new(host, PORT)) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(port @ 1..) if digits => Ok(NodeAddr::new(host, port)),
        _ => Err(UrlError::Port { seed: number }),
    }
}

pub(super) fn with_login(config: Config, login: &str) -> Result<Config, UrlError> {
    if login.is_empty() {
        return Ok(config);
    }
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let password = decoded(password).map_err(|why| UrlError::Login { part: "password", why })?;
    if password.is_empty() {
        return Err(UrlError::Login { part: "password", why: "it is empty: write user:password@" });
    }
    let config = config.with_password(password);
    if user.is_empty() {
        return Ok(config);
    }
    let user =
        decoded(user).and_then(|user| String::from_utf8(user).map_err(|_| "it is not UTF-8"));
    Ok(config.with_user(user.map_err(|why| UrlError::Login { part: "user", why })?))
}

/// Undoes percent-encoding. A `%` that starts no byte is an error, since it may be meant either
/// way.
pub(super) fn decoded(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err("a `%` is not followed by two hex digits; `%` itself is `%25`");
        };
        bytes.push((high * 16 + low) as u8);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        let config: Config = match url.parse() {
            Ok(config) => config,
            Err(error) => return UrlError::to_string(&error),
        };
        let seeds: Vec<String> = config.seeds.iter().map(ToString::to_string).collect();
        let login = config.credentials.map(|login| {
            let password = String::from_utf8_lossy(login.password.expose()).into_owned();
            format!("{}/{password} at ", login.user.as_deref().unwrap_or("-"))
        });
        format!("{}{}", login.unwrap_or_default(), seeds.join(" "))
    }

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(shown(url), expected, "URL {url:?}");
    }

    #[track_caller]
    fn check_refused(url: &str, expected: &str) {
        let error = shown(url);
        assert!(error.contains(expected), "URL {url:?} gave {error:?}");
        assert!(!error.contains("secret"), "URL {url:?} gave {error:?}");
    }

    #[test]
    fn a_url_names_seeds_and_a_login() {
        check("redis://localhost", "localhost:6379");
        check("redis://localhost/", "localhost:6379");
        check("VALKEY://10.0.0.1:7000/0", "10.0.0.1:7000");
        check("redis://a:1,b:2,c", "a:1 b:2 c:6379");
        check("redis://[::1]:7001,[fe80::1]", "[::1]:7001 [fe80::1]:6379");
        check("redis://:secret@a,b/0", "-/secret at a:6379 b:6379");
        check("redis://app:secret@a:65535", "app/secret at a:65535");
        check("redis://a%40pp:s%2Fe%3ac%25r@a", "a@pp/s/e:c%r at a:6379");
        check("redis://app:one@two@a", "app/one@two at a:6379");
        check("redis://@a", "a:6379");
    }

    #[test]
    fn the_path_names_a_database() {
        for (url, database) in [("redis://a", 0), ("redis://a/", 0), ("redis://a/15?", 15)] {
            assert_eq!(url.parse::<Config>().unwrap().database, database, "URL {url:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named_and_never_quoted() {
        check_refused("secret", "no scheme");
        check_refused("http://a", "scheme is unknown");
        check_refused("secret://a", "scheme is unknown");
        check_refused("redis://", "host of seed 1");
        check_refused("redis://a,,b", "host of seed 2");
        check_refused("redis://a:1,:2", "host of seed 2");
        check_refused("redis://::1", "brackets");
        check_refused("redis://[::1", "`]`");
        check_refused("redis://[secret]:1", "IPv6");
        check_refused("redis://[::1]secret", "follows");
        check_refused("redis://a b", "blank");
        for port in ["0", "65536", "+1", "secret", "", "1x"] {
            check_refused(&format!("redis://a,b:{port}"), "port of seed 2");
        }
        check_refused("redis://:sec/ret@a", "user or password cannot be used");
        check_refused("redis://:sec#ret@a", "percent-encoded");
        check_refused("redis://:secret%4@a", "password cannot be used: a `%`");
        check_refused("redis://sec%ffret:x@a", "user cannot be used");
        check_refused("redis://secret@a", "password cannot be used");
        check_refused("redis://a/1/2", "database");
        check_refused("redis://a/-1", "database");
        check_refused("redis://a/secret", "database");
        check_refused("redis://a/0?secret=1", "option 1");
        check_refused("redis://a#secret", "fragment");
        check_refused(&format!("redis://{}", "a,".repeat(1024)), "1024 seeds");
    }

    #[test]
    fn no_text_makes_it_panic_or_say_a_secret() {
        const PIECES: [&str; 30] = [
            "redis://",
            "rediss://",
            "secret",
            "secret",
            ":secret@",
            "@",
            ":",
            "/",
            "?",
            "#",
            "&",
            "=",
            "%",
            "%41",
            "%ff",
            "[",
            "]",
            "::1",
            ",",
            "a",
            "b:1",
            "0",
            "65536",
            "1s",
            "é",
            " ",
            "protocol=",
            "deadline=",
            "node=",
            "db=",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50_000 {
            let start = if random.bool() { "redis://:secret@a" } else { "" };
            let pieces = (0..random.usize(..10)).map(|_| PIECES[random.usize(..PIECES.len())]);
            let url: String = [start].into_iter().chain(pieces).collect();
            if let Err(error) = url.parse::<Config>() {
                let said = format!("{error} {error:?}");
                assert!(!said.contains("secret"), "URL {url:?} gave {said:?}");
            }
        }
    }
}
