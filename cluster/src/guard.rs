//! No orphans: a process that outlives this one just long enough to end the servers.
//!
//! A shell waits on a pipe whose other end only this process holds. However this process ends,
//! also by `kill -9`, the pipe closes; the shell then kills its process group, which is where all
//! servers were started. There is no list of process ids that could be stale, and no moment
//! between the start of a server and its membership: the group is set before the server is
//! executed, and the pipe cannot close earlier.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// Keeps servers from outliving this process. Dropping it kills them.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

impl Guard {
    /// A guard over an empty process group of its own, out of reach of the terminal's Ctrl-C.
    pub(crate) fn new() -> io::Result<Self> {
        // A group that has lost its parent gets SIGHUP when one of it is stopped: hence the trap.
        let script = "trap '' HUP INT TERM QUIT PIPE; read -r _; kill -9 0";
        let shell = Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { shell })
    }

    /// Starts a process under guard.
    pub(crate) fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        // An unsigned id above i32::MAX does not exist.
        command.process_group(self.shell.id() as i32).spawn()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.shell.id() as i32) {
            // It fails only when nobody is left in the group.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.shell.wait();
    }
}
