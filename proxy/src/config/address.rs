//! Where to listen, as people write it.

use std::{net::SocketAddr, path::PathBuf};

use super::{listener::ListenAddress, problem::Wrong};

/// Where clients connect: `host:port`, `[IPv6]:port`, a port on all addresses, a path.
pub(crate) fn listen(text: &str) -> Result<ListenAddress, Wrong> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(ListenAddress::Unix(PathBuf::from(path)));
    }
    // No host has a slash in it, and nearly every path has one.
    if text.contains('/') && !text.contains("://") {
        return Ok(ListenAddress::Unix(PathBuf::from(text)));
    }
    let hint = "write it as 0.0.0.0:6379, [::]:6379, 6379, or /run/slotway.sock";
    let (host, port) = host_and_port(text, "0.0.0.0", hint)?;
    Ok(ListenAddress::Tcp { host, port })
}

/// Where operators connect, or nowhere: `off`.
pub(crate) fn admin(text: &str) -> Result<Option<SocketAddr>, Wrong> {
    if text == "off" {
        return Ok(None);
    }
    let hint = "write it as 127.0.0.1:9379, [::1]:9379, 9379, or off";
    let (host, port) = host_and_port(text, "127.0.0.1", hint)?;
    let host = if host == "localhost" { "127.0.0.1" } else { &host };
    match host.parse() {
        Ok(ip) => Ok(Some(SocketAddr::new(ip, port))),
        Err(_) => Err(Wrong::new(format!("`{host}` is no IP address"), hint)),
    }
}

/// A host and a port; the host is this one if there is only a port.
fn host_and_port(text: &str, all: &str, hint: &str) -> Result<(String, u16), Wrong> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|host| host.contains(':')),
        None => Some(host).filter(|host| !host.contains(':')),
    };
    let blank = |host: &&str| !host.contains(|char: char| char.is_whitespace() || char == '@');
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match (bare.filter(blank), port.parse()) {
        (Some("" | "*"), Ok(port)) if digits => Ok((all.to_owned(), port)),
        (Some(host), Ok(port)) if digits => Ok((host.to_owned(), port)),
        _ => Err(Wrong::new(format!("`{text}` is no place to listen"), hint)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = listen(text).map_or_else(|wrong| wrong.says, |address| address.to_string());
        assert_eq!(got, expected, "{text:?}");
    }

    #[track_caller]
    fn check_admin(text: &str, expected: &str) {
        let got = admin(text).map_or_else(|wrong| wrong.says, |address| format!("{address:?}"));
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn clients_connect_to_a_host_and_a_port_or_to_a_path() {
        check("10.0.0.1:6379", "10.0.0.1:6379");
        check("6380", "0.0.0.0:6380");
        check("*:6380", "0.0.0.0:6380");
        check("localhost:0", "localhost:0");
        check("[::1]:6379", "[::1]:6379");
        check("/run/slotway.sock", "/run/slotway.sock");
        check("unix:proxy.sock", "proxy.sock");
        for bad in ["", "a", "a:", "a:65536", "::1", "[a]:1", "[::1:1", "a b:1", "redis://a:1"] {
            check(bad, &format!("`{bad}` is no place to listen"));
        }
    }

    #[test]
    fn operators_connect_to_an_address_of_this_machine_or_not_at_all() {
        check_admin("off", "None");
        check_admin("9379", "Some(127.0.0.1:9379)");
        check_admin("localhost:1", "Some(127.0.0.1:1)");
        check_admin("[::]:1", "Some([::]:1)");
        check_admin("a:1", "`a` is no IP address");
        check_admin("on", "`on` is no place to listen");
    }
}
