//! One server process: started, stopped, killed, paused, and what it said last.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::{Error, guard::Guard};

/// What a node's process is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It is stopped by a signal: its connections stay open, and nothing answers.
    Paused,
    /// It is gone.
    Dead,
}

/// Whether a process was asked to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Unasked,
    Asked,
}

/// A server process, or the place of one that is gone.
#[derive(Debug)]
pub(crate) struct Process {
    child: Option<Child>,
    state: ProcessState,
    /// How it ended, if nobody had asked it to.
    ended: Option<ExitStatus>,
    ending: Ending,
    log: PathBuf,
}

impl Process {
    /// How often an exit is looked for.
    const POLL: Duration = Duration::from_millis(5);
    /// How much of a log is quoted.
    const TAIL_BYTES: u64 = 8 << 10;

    /// The place of a process that logs to `log`.
    pub(crate) fn new(log: PathBuf) -> Self {
        Self { child: None, state: ProcessState::Dead, ended: None, ending: Ending::Unasked, log }
    }

    /// Starts `binary` with the configuration file `conf`.
    pub(crate) fn start(&mut self, binary: &Path, conf: &Path, guard: &Guard) -> Result<(), Error> {
        let open = || File::options().create(true).append(true).open(&self.log);
        let output = open().map_err(Error::file("open", &self.log))?;
        let errors = open().map_err(Error::file("open", &self.log))?;
        let mut command = Command::new(binary);
        command.arg(conf).stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = guard.spawn(&mut command).map_err(Error::file("run", binary))?;
        self.child = Some(child);
        self.state = ProcessState::Running;
        self.ended = None;
        self.ending = Ending::Unasked;
        Ok(())
    }

    /// What it is doing now.
    pub(crate) fn state(&mut self) -> ProcessState {
        let _ = self.exited();
        self.state
    }

    /// Its process id while it is there.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How it ended, if it did and nobody had asked it to.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
            self.child = None;
            self.state = ProcessState::Dead;
            self.ended = (self.ending == Ending::Unasked).then_some(status);
        }
        self.ended
    }

    /// Ends it at once, as a crash would, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Fails only for a process that is gone. After SIGKILL the wait is short.
            let _ = child.kill();
            let _ = child.wait();
        }
        self.ended = None;
        self.state = ProcessState::Dead;
    }

    /// Stops it where it is.
    pub(crate) fn pause(&mut self) {
        if self.state() == ProcessState::Running && self.signal(Signal::STOP) {
            self.state = ProcessState::Paused;
        }
    }

    /// Lets it go on.
    pub(crate) fn resume(&mut self) {
        if self.state() == ProcessState::Paused && self.signal(Signal::CONT) {
            self.state = ProcessState::Running;
        }
    }

    /// Asks it to end in good order.
    pub(crate) fn terminate(&mut self) {
        self.resume();
        self.ending = Ending::Asked;
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) -> bool {
        let id = self.id().and_then(|id| Pid::from_raw(id as i32));
        // Our own child, not yet waited for: the id cannot belong to anybody else.
        id.is_some_and(|id| kill_process(id, signal).is_ok())
    }

    /// The end of its log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits until every one of `processes` is gone; those that are not by the deadline are killed.
pub(crate) async fn wait_gone<'a>(
    processes: impl Iterator<Item = &'a parking_lot::Mutex<Process>> + Clone,
    deadline: Duration,
) {
    let end = Instant::now() + deadline;
    while Instant::now() < end {
        if processes.clone().all(|process| process.lock().state() == ProcessState::Dead) {
            return;
        }
        sleep(Process::POLL).await;
    }
    processes.for_each(|process| process.lock().kill());
}

fn tail(path: &Path, lines: usize) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(Process::TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(Process::TAIL_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}
