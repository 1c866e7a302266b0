//! What the service manager is told: that the proxy is ready, how it is, that it is alive, that it ends.
//!
//! This is systemd's protocol: datagrams of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
//! Without that variable there is nobody to tell, and nothing is done.

use std::{
    ffi::OsString,
    io,
    os::unix::net::{SocketAddr, UnixDatagram},
    process,
    time::Duration,
};

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notify {
    manager: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

/// What it is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum News<'a> {
    /// Clients are served now.
    Ready,
    /// No more clients are taken, and those that are there are ended.
    Stopping,
    /// The process is alive. Only whoever knows that all workers are may say so.
    Alive,
    /// How it is, in a line for people.
    Status(&'a str),
}

impl Notify {
    /// The manager that the environment names.
    ///
    /// It fails when the environment names a socket that cannot be one: a manager that waits for news
    /// that never come would end the process much later, and say nothing of the reason.
    pub fn from_env() -> io::Result<Self> {
        Self::from_vars(|name| std::env::var_os(name))
    }

    fn from_vars(var: impl Fn(&str) -> Option<OsString>) -> io::Result<Self> {
        let Some(socket) = var("NOTIFY_SOCKET").filter(|socket| !socket.is_empty()) else {
            return Ok(Self::default());
        };
        let manager = (UnixDatagram::unbound()?, address(socket)?);
        // A manager that does not read must not stop us.
        manager.0.set_nonblocking(true)?;
        let number = |name| var(name)?.to_str()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| ours && *micros > 0);
        Ok(Self { manager: Some(manager), watchdog: watchdog.map(Duration::from_micros) })
    }

    /// Tells the manager, if there is one.
    pub fn tell(&self, news: &News<'_>) -> io::Result<()> {
        let Some((socket, manager)) = &self.manager else { return Ok(()) };
        socket.send_to_addr(news.line().as_bytes(), manager).map(drop)
    }

    /// How often [`News::Alive`] is to be told: twice in the time after which the manager would end us.
    pub fn alive_every(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }
}

impl News<'_> {
    fn line(&self) -> String {
        match self {
            Self::Ready => "READY=1".into(),
            Self::Stopping => "STOPPING=1".into(),
            Self::Alive => "WATCHDOG=1".into(),
            // A line break would begin another variable.
            Self::Status(status) => format!("STATUS={}", status.replace(['\r', '\n'], " ")),
        }
    }
}

/// A path, or, behind an `@`, a name that only the kernel knows.
fn address(socket: OsString) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_encoded_bytes().strip_prefix(b"@") {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    if !socket.as_encoded_bytes().starts_with(b"/") {
        let says = "NOTIFY_SOCKET is neither a path nor the name of an abstract socket";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, says));
    }
    SocketAddr::from_pathname(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notify(vars: &[(&str, &str)]) -> io::Result<Notify> {
        let found = |name: &str| vars.iter().find(|(known, _)| *known == name);
        Notify::from_vars(|name| found(name).map(|(_, value)| OsString::from(value)))
    }

    #[track_caller]
    fn check(manager: &UnixDatagram, notify: &Notify, news: &News<'_>, expected: &str) {
        notify.tell(news).unwrap();
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).unwrap();
        assert_eq!(std::str::from_utf8(&bytes[..length]).unwrap(), expected);
    }

    #[test]
    fn a_manager_with_a_path_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", path.to_str().unwrap())]).unwrap();
        check(&manager, &notify, &News::Ready, "READY=1");
        check(&manager, &notify, &News::Stopping, "STOPPING=1");
        check(&manager, &notify, &News::Alive, "WATCHDOG=1");
        check(&manager, &notify, &News::Status("12 clients\nREADY=1"), "STATUS=12 clients READY=1");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_manager_with_an_abstract_name_is_told() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("slotway-notify-{}", process::id());
        let addr = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&addr).unwrap();
        let notify = notify(&[("NOTIFY_SOCKET", &format!("@{name}"))]).unwrap();
        check(&manager, &notify, &News::Ready, "READY=1");
    }

    #[test]
    fn without_a_manager_nobody_is_told() {
        for vars in [&[][..], &[("NOTIFY_SOCKET", "")], &[("WATCHDOG_USEC", "1000000")]] {
            let notify = notify(vars).unwrap();
            notify.tell(&News::Ready).unwrap();
            assert_eq!(notify.alive_every(), None);
        }
    }

    #[test]
    fn a_socket_that_cannot_be_one_is_an_error() {
        assert!(notify(&[("NOTIFY_SOCKET", "notify")]).is_err());
        assert!(notify(&[("NOTIFY_SOCKET", &format!("/{}", "x".repeat(200)))]).is_err());
        let gone = notify(&[("NOTIFY_SOCKET", "/nowhere/notify")]).unwrap();
        assert!(gone.tell(&News::Ready).is_err());
    }

    #[test]
    fn the_watchdog_is_told_twice_in_its_time_if_it_waits_for_us() {
        let every = |pid: &str, micros: &str| {
            let vars = [("NOTIFY_SOCKET", "/x"), ("WATCHDOG_PID", pid), ("WATCHDOG_USEC", micros)];
            notify(&vars).unwrap().alive_every()
        };
        let us = process::id().to_string();
        assert_eq!(every(&us, "3000000"), Some(Duration::from_millis(1500)));
        assert_eq!(every("1", "3000000"), None);
        assert_eq!(every(&us, "0"), None);
        assert_eq!(every(&us, "soon"), None);
    }
}
