//! The URL of a server behind a Unix socket: `unix:///run/redis.sock?database=3`.

use slotway_protocol::{NodeAddr, Transport};

use super::{
    Config, UrlError,
    url::{decoded, with_login},
};

/// Whether a URL that begins so names a Unix socket.
pub(super) fn is_scheme(scheme: &str) -> bool {
    let names = ["unix", "redis+unix", "valkey+unix"];
    cfg!(unix) && names.iter().any(|name| scheme.eq_ignore_ascii_case(name))
}

/// Reads what follows the scheme.
pub(super) fn config(rest: &str) -> Result<Config, UrlError> {
    if rest.contains('#') {
        return Err(UrlError::Fragment);
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let bad = |why| UrlError::Socket { why };
    let start = rest.find('/').ok_or_else(|| bad("it is no path: write unix:///path"))?;
    let (login, path) = rest.split_at(start);
    let login = match login.strip_suffix('@') {
        None if !login.is_empty() => {
            return Err(bad("it does not begin with a `/`: write unix:///path"));
        }
        login => login,
    };
    let path = decoded(path).map_err(bad)?;
    let path = String::from_utf8(path).map_err(|_| bad("it is no UTF-8"))?;
    if path.ends_with('/') {
        return Err(bad("it is a directory"));
    }
    if path.contains('\0') {
        return Err(bad("it has a zero byte in it"));
    }
    let config = Config::new([NodeAddr::socket(path)]);
    let config = super::options::apply(config, query, Transport::Plain, None)?;
    match login {
        Some(login) => with_login(config, login),
        None => Ok(config),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, path: &str) -> Config {
        let config: Config = url.parse().unwrap();
        assert_eq!(config.seeds, [NodeAddr::socket(path)], "{url}");
        assert_eq!(config.seeds[0].to_string(), path);
        config
    }

    #[track_caller]
    fn check_refused(url: &str, why: &str) {
        let error = url.parse::<Config>().unwrap_err().to_string();
        assert!(error.contains(why), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn a_socket_is_named_by_its_path() {
        check("unix:///run/redis.sock", "/run/redis.sock");
        check("redis+unix:///a", "/a");
        check("VALKEY+UNIX:///a%20b/c:1,d@e", "/a b/c:1,d@e");
        let config = check("unix://ann:sesame@/run/a?database=3&name=app", "/run/a");
        assert_eq!((config.database, config.name.as_deref()), (3, Some("app")));
        assert_eq!(config.credentials.unwrap().user.as_deref(), Some("ann"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        check_refused("unix://", "it is no path");
        check_refused("unix://secret", "it is no path");
        check_refused("unix://secret/path", "does not begin with a `/`");
        check_refused("unix:///run/", "it is a directory");
        check_refused("unix:///", "it is a directory");
        check_refused("unix:///a%00b", "zero byte");
        check_refused("unix:///a%ffb", "no UTF-8");
        check_refused("unix:///a#b", "fragment");
        check_refused("unix://:@/a", "password");
        check_refused("unix:///a?ca_file=secret", "ca_file");
    }
}
