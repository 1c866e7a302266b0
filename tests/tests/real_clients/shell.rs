//! Sessions that are runs of programs, as a person at a shell has them.

use std::{
    collections::hash_map::DefaultHasher,
    fmt,
    hash::{Hash, Hasher},
    process::Stdio,
    time::Duration,
};

use slotway::Protocol;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{
    client::{Stage, program},
    transcript::FAILED,
};

/// Longer than any one run takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Output that is longer is a length and a hash.
const LONG: usize = 600;

/// One program that `scripts/clients.py` has prepared, and where it is to connect to.
#[derive(Debug)]
pub(crate) struct Shell<'a> {
    program: &'static str,
    stage: &'a Stage,
    host: &'a str,
    port: &'a str,
}

/// What a run came to.
pub(crate) struct Output {
    code: Option<i32>,
    /// What it printed.
    pub(crate) out: String,
    err: String,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(program: &'static str, stage: &'a Stage) -> Self {
        let addr = stage.url.strip_prefix("redis://").unwrap();
        let (host, port) = addr.rsplit_once(':').unwrap();
        Self { program, stage, host, port }
    }

    /// Writes what the program says of its version, as the first line of a session.
    pub(crate) async fn names_itself(&self) {
        let mut command = Command::new(program(self.program));
        let said = finish(command.arg("--version"), b"").await.unwrap_or_default();
        let version = said.out.split_whitespace().nth(1).unwrap_or_default().to_owned();
        self.stage.transcript.line("client", format!("{} {version}", self.program));
    }

    /// Runs it and writes all that came of it.
    pub(crate) async fn line(&self, name: &str, words: &[&str]) {
        self.line_of(name, words, b"", |output| format!("{output:?}")).await;
    }

    /// Runs it on some input and writes all that came of it.
    pub(crate) async fn line_on(&self, name: &str, words: &[&str], input: impl AsRef<[u8]>) {
        self.line_of(name, words, input, |output| format!("{output:?}")).await;
    }

    /// Runs it on some input and writes what does not differ between runs.
    pub(crate) async fn line_of(
        &self,
        name: &str,
        words: &[&str],
        input: impl AsRef<[u8]>,
        of: impl FnOnce(&Output) -> String,
    ) {
        let ended = finish(&mut self.command(words), input.as_ref()).await;
        let text = ended.map_or_else(|trouble| format!("{FAILED} {trouble}"), |output| of(&output));
        self.stage.transcript.line(name, text);
    }

    /// Runs it, and returns its output.
    pub(crate) async fn output(&self, words: &[&str]) -> Output {
        finish(&mut self.command(words), b"").await.unwrap_or_default()
    }

    /// Starts what ends by no itself, does `beside`, writes what is printed until a line is
    /// `last`, and ends it.
    pub(crate) async fn lines_until(
        &self,
        name: &str,
        words: &[&str],
        beside: impl Future<Output = ()>,
        last: impl Fn(&[String]) -> bool,
        of: impl FnOnce(&[String]) -> String,
    ) {
        let mut child = self.command(words).spawn().unwrap();
        // An end of its input may end it.
        let input = child.stdin.take();
        let read = async {
            let mut printed = Vec::new();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            while !last(&printed) {
                let Ok(Some(line)) = lines.next_line().await else { break };
                printed.push(line);
            }
            printed
        };
        let done = timeout(PATIENCE, async { tokio::join!(read, beside).0 }).await;
        drop(input);
        end(&mut child).await;
        let text = done.map_or_else(|_| format!("{FAILED} not within {PATIENCE:?}"), |l| of(&l));
        self.stage.transcript.line(name, text);
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program(self.program));
        command.args(["-h", self.host, "-p", self.port]);
        if self.stage.protocol == Protocol::Resp3 {
            command.arg("-3");
        }
        command.args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        command
    }
}

/// Runs a program to its end.
async fn finish(command: &mut Command, input: &[u8]) -> Result<Output, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let done = timeout(PATIENCE, async {
        let write = async {
            // What ends early leaves some unread; what it printed is what counts.
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let _ = tokio::join!(write, stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
        child.wait().await.unwrap()
    });
    let done = done.await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match done {
        Ok(status) => Ok(Output { code: status.code(), out: text(&out), err: text(&err) }),
        Err(_) => {
            end(&mut child).await;
            Err(format!("not within {PATIENCE:?}, but it printed {:?}", text(&out)))
        }
    }
}

async fn end(child: &mut Child) {
    // What cannot be killed has ended.
    let _ = child.kill().await;
}

impl Output {
    /// The same, with its lines in order: for what has no order of its own.
    pub(crate) fn sorted(&self) -> Self {
        let mut lines: Vec<_> = self.out.lines().collect();
        lines.sort_unstable();
        Self { code: self.code, out: lines.join("\n"), err: self.err.clone() }
    }

    /// The same, of what was printed only what `of` it.
    pub(crate) fn only(&self, of: impl FnOnce(&str) -> String) -> Self {
        Self { code: self.code, out: of(&self.out), err: self.err.clone() }
    }
}

impl Default for Output {
    fn default() -> Self {
        Self { code: None, out: String::new(), err: String::new() }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(0) => {}
            Some(code) => write!(f, "exit {code} ")?,
            None => f.write_str("ended by a signal ")?,
        }
        if self.out.len() > LONG {
            let mut hasher = DefaultHasher::new();
            self.out.hash(&mut hasher);
            write!(f, "{} bytes, {:016x}", self.out.len(), hasher.finish())?;
        } else {
            write!(f, "{:?}", self.out)?;
        }
        if self.err.is_empty() { Ok(()) } else { write!(f, " stderr {:?}", self.err) }
    }
}
