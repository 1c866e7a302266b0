//! What a person types to get on: the client's command line, and how this program was called.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::event::ProxyStatus;
use crate::{LocalCluster, binary::find_on};

/// The port that clients take when they are told none.
const PORT: u16 = 6379;

/// Any of them talks to any server.
const CLIENTS: [&str; 2] = ["redis-cli", "valkey-cli"];

/// Where to connect, and the command that gets a person in, a line each.
pub(crate) fn connect_lines(cluster: &LocalCluster, proxy: Option<&ProxyStatus>) -> Vec<String> {
    let settings = cluster.settings();
    let client = near(&client(env::var_os("PATH").as_deref(), settings.binary.path()));
    let client = client.display();
    let (node, access) = (cluster.node(0).addr(), &settings.access);
    let askpass = if access.password.is_some() { " --askpass" } else { "" };
    let scheme = if cluster.tls().is_some() { "rediss" } else { "redis" };
    let mut lines = Vec::new();
    if let Some(proxy) = proxy {
        let port = if proxy.port == PORT { String::new() } else { format!(" -p {}", proxy.port) };
        let command = format!("{client}{port}{askpass} set hello world");
        lines.push(("any client", proxy.url.clone(), command));
    }
    let tls = cluster.tls().map(|tls| format!(" --tls --cacert {}", near(&tls.ca).display()));
    let user = access.user.as_ref().map(|user| format!(" --user {user}"));
    let (tls, user) = (tls.unwrap_or_default(), user.unwrap_or_default());
    let command = format!("{client} -c -p {}{tls}{user}{askpass}", node.port());
    lines.push(("cluster clients", format!("{scheme}://{node}"), command));
    if let Some(admin) = proxy.and_then(|proxy| proxy.admin.clone()) {
        lines.push(("admin", admin, "health, metrics, API".into()));
    }
    let width = lines.iter().map(|(_, url, _)| url.len()).max().unwrap_or(0);
    lines.iter().map(|(who, url, how)| format!("{who:<15}   {url:<width$}   {how}")).collect()
}

/// This program, as a person calls it: by its path if that was how it was called.
pub(crate) fn program() -> String {
    let called = env::args_os().next().map(PathBuf::from);
    let by_path = called.filter(|called| called.components().count() > 1);
    by_path.map_or_else(|| "slotway".into(), |path| near(&path).display().to_string())
}

/// The client on the search path, or the one beside the server; the usual name if there is none.
fn client(path: Option<&OsStr>, server: &Path) -> PathBuf {
    if let Some(name) = CLIENTS.iter().find(|name| find_on(path, Path::new(name)).is_some()) {
        return name.into();
    }
    let folder = server.parent().map(Path::as_os_str);
    CLIENTS
        .iter()
        .find_map(|name| find_on(folder, Path::new(name)))
        .unwrap_or_else(|| CLIENTS[0].into())
}

/// The same file by a shorter name, seen from here.
fn near(path: &Path) -> PathBuf {
    let here = env::current_dir().ok();
    let inside = here.and_then(|here| path.strip_prefix(here).map(Path::to_owned).ok());
    // One word alone would be looked for on the search path.
    inside.filter(|path| path.components().count() > 1).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[track_caller]
    fn check(on_path: &[&str], beside: &[&str], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        for (place, names) in [("path", on_path), ("server", beside)] {
            let place = folder.path().join(place);
            fs::create_dir(&place).unwrap();
            for name in names {
                let file = place.join(name);
                fs::write(&file, "").unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        let path = folder.path().join("path");
        let got = client(Some(path.as_os_str()), &folder.path().join("server/valkey-server"));
        let got = got.strip_prefix(folder.path()).unwrap_or(&got);
        assert_eq!(got, Path::new(expected), "{on_path:?} {beside:?}");
    }

    #[test]
    fn the_client_that_is_here_is_named() {
        check(&["redis-cli", "valkey-cli"], &[], "redis-cli");
        check(&["valkey-cli"], &["redis-cli"], "valkey-cli");
        check(&[], &["valkey-cli"], "server/valkey-cli");
        check(&[], &[], "redis-cli");
    }

    #[test]
    fn a_file_here_has_a_short_name_that_is_still_a_path() {
        let here = env::current_dir().unwrap();
        assert_eq!(near(&here.join("a/b")), Path::new("a/b"));
        assert_eq!(near(&here.join("a")), here.join("a"));
        assert_eq!(near(Path::new("/elsewhere/a")), Path::new("/elsewhere/a"));
        assert_eq!(near(Path::new("redis-cli")), Path::new("redis-cli"));
    }
}
