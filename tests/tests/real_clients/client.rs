//! The clients, and how each one's session is run.

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
    time::Duration,
};

use slotway::Protocol;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    endpoint::Endpoint,
    fred, redis_benchmark, redis_cli, redis_rs,
    transcript::{FAILED, Transcript},
};

/// Longer than any session takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A client library that users have.
#[derive(Debug)]
pub(crate) struct Client {
    /// As its users call it.
    pub(crate) name: &'static str,
    /// Those it speaks: it has a session in each.
    pub(crate) protocols: &'static [Protocol],
    session: Session,
}

/// How a session is run.
enum Session {
    /// A file below `tests/clients`, by an interpreter that `scripts/clients.py` has prepared.
    Script { runner: &'static str, file: &'static str },
    /// A function of this program.
    Here(fn(Stage) -> Steps),
}

/// The work of a session that is a function of this program.
pub(crate) type Steps = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How long a step of a session may take.
const STEP: Duration = Duration::from_secs(10);

/// What a session gets.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    /// Where to connect to, as `redis://HOST:PORT`.
    pub(crate) url: String,
    /// What to speak.
    pub(crate) protocol: Protocol,
    /// Where to write what comes of it.
    pub(crate) transcript: Transcript,
}

const RESP2: &[Protocol] = &[Protocol::Resp2];
const BOTH: &[Protocol] = &[Protocol::Resp2, Protocol::Resp3];

pub(crate) const REDIS_PY: Client = script("redis-py", BOTH, "python", "python/redis_py.py");
pub(crate) const FRED: Client =
    Client { name: "fred", protocols: BOTH, session: Session::Here(fred::session) };
pub(crate) const IOREDIS: Client = script("ioredis", BOTH, "node", "node/ioredis.js");
pub(crate) const NODE_REDIS: Client = script("node-redis", BOTH, "node", "node/node_redis.js");
pub(crate) const VALKEY_GLIDE: Client =
    script("valkey-glide", BOTH, "python", "python/valkey_glide.py");
pub(crate) const HIREDIS: Client = script("hiredis", RESP2, "c", "c/hiredis.c");
pub(crate) const PHPREDIS: Client = script("phpredis", RESP2, "php", "php/phpredis.php");
pub(crate) const PREDIS: Client = script("Predis", RESP2, "php", "php/predis.php");
pub(crate) const REDIS_RB: Client = script("redis-rb", RESP2, "ruby", "ruby/redis_rb.rb");
pub(crate) const REDIS_BENCHMARK: Client = here("redis-benchmark", redis_benchmark::session);
pub(crate) const REDIS_CLI: Client = here("redis-cli", redis_cli::redis);
pub(crate) const VALKEY_CLI: Client = here("valkey-cli", redis_cli::valkey);
pub(crate) const REDIS_RS: Client = here("redis-rs", redis_rs::session);

const fn script(
    name: &'static str,
    protocols: &'static [Protocol],
    runner: &'static str,
    file: &'static str,
) -> Client {
    Client { name, protocols, session: Session::Script { runner, file } }
}

const fn here(name: &'static str, steps: fn(Stage) -> Steps) -> Client {
    Client { name, protocols: BOTH, session: Session::Here(steps) }
}

impl Client {
    /// Runs its session on `endpoint` and returns what it wrote, also when it failed.
    pub(crate) async fn run(&self, endpoint: &Endpoint, protocol: Protocol) -> Transcript {
        let transcript = Transcript::default();
        let stage = Stage { url: endpoint.url(), protocol, transcript: transcript.clone() };
        let ended = match &self.session {
            Session::Script { runner, file } => {
                let mut child = start(runner, file, &stage);
                timeout(PATIENCE, follow(&mut child, &transcript)).await
            }
            Session::Here(steps) => {
                let steps = tokio::spawn(steps(stage));
                timeout(PATIENCE, async { steps.await.map_err(|error| error.to_string()) }).await
            }
        };
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(trouble)) => transcript.ended_by(trouble),
            Err(_) => transcript.ended_by(format!("it was still running after {PATIENCE:?}")),
        }
        transcript
    }
}

impl Stage {
    /// Writes what comes of a step, and returns it when it went well.
    pub(crate) async fn step<T: fmt::Debug, E: fmt::Display>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let (value, text) = match timeout(STEP, step).await {
            Ok(Ok(value)) => {
                let text = format!("{value:?}");
                (Some(value), text)
            }
            Ok(Err(error)) => (None, format!("{FAILED} {error}")),
            Err(_) => (None, format!("{FAILED} not within {STEP:?}")),
        };
        self.transcript.line(name, text.replace('\n', " "));
        value
    }

    /// Writes what comes of a step that may end either way.
    pub(crate) async fn either<T: fmt::Debug, E: fmt::Display>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, E>>,
    ) {
        let either = async {
            let text = step
                .await
                .map_or_else(|error| format!("error: {error}"), |value| format!("{value:?}"));
            Ok::<_, Infallible>(Text(text))
        };
        self.step(name, either).await;
    }

    /// Writes the error that a step is expected to end in.
    pub(crate) async fn error<T: fmt::Debug, E: fmt::Display>(
        &self,
        name: &str,
        step: impl Future<Output = Result<T, E>>,
    ) {
        let text = match timeout(STEP, step).await {
            Ok(Ok(value)) => format!("{FAILED} no error, but {value:?}"),
            Ok(Err(error)) => format!("error: {error}"),
            Err(_) => format!("{FAILED} not within {STEP:?}"),
        };
        self.transcript.line(name, text.replace('\n', " "));
    }
}

/// A text that is written as it is.
struct Text(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Script { file, .. } => f.write_str(file),
            Self::Here(_) => f.write_str("a function"),
        }
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program that `scripts/clients.py` has prepared.
#[track_caller]
pub(crate) fn program(name: &str) -> PathBuf {
    let program = root().join("target/clients/bin").join(name);
    assert!(program.is_file(), "no clients at {}: run `make clients`", program.display());
    program
}

#[track_caller]
fn start(runner: &str, file: &str, stage: &Stage) -> Child {
    let mut command = Command::new(program(runner));
    command.arg(root().join("tests/clients").join(file)).arg(&stage.url);
    command.arg(match stage.protocol {
        Protocol::Resp2 => "2",
        Protocol::Resp3 => "3",
    });
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().unwrap()
}

/// Reads what the program prints, until it ends.
async fn follow(child: &mut Child, transcript: &Transcript) -> Result<(), String> {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut stderr = child.stderr.take().unwrap();
    let mut complaints = Vec::new();
    let printed = async {
        while let Ok(Some(line)) = lines.next_line().await {
            transcript.read(&line);
        }
    };
    let _ = tokio::join!(printed, stderr.read_to_end(&mut complaints));
    let status = child.wait().await.unwrap();
    let complaints = String::from_utf8_lossy(&complaints);
    if status.success() { Ok(()) } else { Err(format!("{status}\n{complaints}")) }
}

/// The version of a crate that this program is built with.
#[track_caller]
pub(crate) fn locked_version(name: &str) -> String {
    let lock: toml::Table = include_str!("../../../Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let found = packages.iter().find(|package| package["name"].as_str() == Some(name)).unwrap();
    found["version"].as_str().unwrap().to_owned()
}
