//! Finds a server to run, and says which one it took.

use std::{
    env,
    ffi::OsStr,
    fmt,
    io::{self, Read as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Error;

/// Whose server it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Product {
    /// valkey-server
    Valkey,
    /// redis-server
    Redis,
}

/// A server's version, ordered within one product.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version {
    /// Such as 9 in 9.1.2
    pub major: u16,
    /// Such as 1 in 9.1.2
    pub minor: u16,
    /// Such as 2 in 9.1.2
    pub patch: u16,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A valkey-server or redis-server that can be started.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerBinary {
    path: PathBuf,
    product: Product,
    version: Version,
}

impl ServerBinary {
    /// The environment variable that names the server to use.
    pub const VARIABLE: &str = "SLOTWAY_SERVER";

    /// How long a program may take to say its version: far more than a server does.
    const DEADLINE: Duration = Duration::from_secs(10);

    /// The server at `named` (a path, or a name to look for on PATH), else the one that
    /// [`Self::VARIABLE`] names, else valkey-server or redis-server on PATH.
    pub fn find(named: Option<&Path>) -> Result<Self, Error> {
        let variable = env::var_os(Self::VARIABLE).filter(|value| !value.is_empty());
        if let Some(named) = named.map(Path::to_owned).or_else(|| variable.map(PathBuf::from)) {
            let path = if named.components().count() == 1 && !named.is_file() {
                on_path(&named).unwrap_or(named)
            } else {
                named
            };
            return Self::at(&path);
        }
        ["valkey-server", "redis-server"]
            .iter()
            .find_map(|name| on_path(Path::new(name)))
            .ok_or(Error::NoServer)
            .and_then(|path| Self::at(&path))
    }

    /// The server at this path, asked for its version.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let bad = |reason: String| Error::BadServer { path: path.to_owned(), reason };
        let path = std::path::absolute(path).map_err(|error| bad(error.to_string()))?;
        let text = answer(&path, Self::DEADLINE).map_err(|error| bad(error.to_string()))?;
        let (product, version) = parse_version(&text).ok_or_else(|| {
            let first = text.lines().map(str::trim).find(|line| !line.is_empty());
            bad(first.map_or_else(
                || "its `--version` says nothing".into(),
                |line| format!("its `--version` says: {}", brief(line)),
            ))
        })?;
        if version.major < 7 {
            return Err(bad(format!("{version} is older than 7.0")));
        }
        Ok(Self { path, product, version })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    pub fn product(&self) -> Product {
        self.product
    }

    /// Its version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether a node of it can announce the host it stands on.
    pub(crate) fn has_availability_zone(&self) -> bool {
        self.product == Product::Valkey && (self.version.major, self.version.minor) >= (8, 1)
    }
}

impl fmt::Display for ServerBinary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.product {
            Product::Valkey => "valkey-server",
            Product::Redis => "redis-server",
        };
        write!(f, "{name} {} ({})", self.version, self.path.display())
    }
}

fn on_path(name: &Path) -> Option<PathBuf> {
    find_on(env::var_os("PATH").as_deref(), name)
}

/// The program of this name in the first of the folders of a search path that has one.
pub(crate) fn find_on(path: Option<&OsStr>, name: &Path) -> Option<PathBuf> {
    env::split_paths(path?).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    file.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// What a program says to `--version`. It may be any program: one that says too much is cut short,
/// and one that does not come to an end is killed.
fn answer(path: &Path, deadline: Duration) -> io::Result<String> {
    const BYTES_MAX: u64 = 4 << 10;
    let (said, output) = io::pipe()?;
    let errors = output.try_clone()?;
    let mut command = Command::new(path);
    command.arg("--version").stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    let mut child = command.spawn()?;
    // It holds the writing end, and the reader waits until nobody does.
    drop(command);
    let (send, answer) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = said.take(BYTES_MAX).read_to_end(&mut bytes);
        let _ = send.send(read.map(|_| String::from_utf8_lossy(&bytes).into_owned()));
    });
    let answer = answer.recv_timeout(deadline);
    // With all that it started. It fails when nobody is left.
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    answer.unwrap_or_else(|_| {
        let text = format!("no answer to `--version` within {deadline:.0?}");
        Err(io::Error::new(io::ErrorKind::TimedOut, text))
    })
}

/// A line of somebody else's, short enough for a message and without what would move the cursor.
fn brief(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Reads `Redis server v=7.0.15 sha=..` and `Valkey server v=9.1.2 sha=..`.
fn parse_version(text: &str) -> Option<(Product, Version)> {
    let product = match text.split_whitespace().next()? {
        "Valkey" => Product::Valkey,
        "Redis" => Product::Redis,
        _ => return None,
    };
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    let mut numbers = version
        .split('.')
        .map(|part| part.split(|c: char| !c.is_ascii_digit()).next().and_then(|n| n.parse().ok()));
    let mut next = || numbers.next().flatten();
    let (major, minor) = (next()?, next()?);
    Some((product, Version { major, minor, patch: next().unwrap_or(0) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(Product, &str)>) {
        let got = parse_version(text).map(|(product, version)| (product, version.to_string()));
        let expected = expected.map(|(product, version)| (product, version.to_owned()));
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn a_server_names_itself_and_its_version() {
        check("Redis server v=7.0.15 sha=00000000:0 bits=64", Some((Product::Redis, "7.0.15")));
        check("Valkey server v=9.1.2 sha=00000000:1", Some((Product::Valkey, "9.1.2")));
        check("Valkey server v=9.0.0-rc1 sha=0", Some((Product::Valkey, "9.0.0")));
        check("Redis server v=8.4 sha=0", Some((Product::Redis, "8.4.0")));
        check("cat (GNU coreutils) 9.1", None);
        check("Redis server v=x.y", None);
        check("", None);
    }

    #[test]
    fn a_wrong_path_is_named_with_the_reason() {
        let error = ServerBinary::at(Path::new("/nowhere/valkey-server")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/valkey-server is not a server"), "{error}");
        let error = ServerBinary::at(Path::new("/bin/echo")).unwrap_err();
        assert!(matches!(error, Error::BadServer { .. }), "{error}");
        assert!(error.to_string().contains("its `--version` says: "), "{error}");
    }

    /// A program of one line. A process of its own writes it: no file that is open for writing
    /// here could be inherited by what other tests start, which would keep it from being run.
    fn program(folder: &Path, line: &str) -> PathBuf {
        let path = folder.join("program");
        let script = "printf '#!/bin/sh\n%s\n' \"$1\" > \"$2\" && chmod +x \"$2\"";
        let args = ["-c", script, "sh", line];
        let done = Command::new("/bin/sh").args(args).arg(&path).status().unwrap();
        assert!(done.success());
        path
    }

    #[test]
    fn a_program_that_does_not_end_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path(), "sleep 3600 & wait");
        let error = answer(&path, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_program_that_says_too_much_is_cut_short() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path(), "while :; do echo x; done");
        assert_eq!(answer(&path, Duration::from_secs(60)).unwrap().len(), 4 << 10);
    }

    #[test]
    fn what_keeps_a_program_from_running_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = program(folder.path(), "echo 'libssl.so.3: cannot open' >&2; exit 127");
        let error = ServerBinary::at(&path).unwrap_err();
        assert!(error.to_string().ends_with("says: libssl.so.3: cannot open"), "{error}");
    }
}
