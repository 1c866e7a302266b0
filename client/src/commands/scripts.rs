//! Lua scripts. All keys of a script have to be in one slot, and have to be named.

use crate::{Client, Error, FromValue, ToArgs, cmd};

impl Client {
    /// Runs a script with these keys and arguments; `()` stands for none.
    pub async fn eval<T: FromValue>(
        &self,
        script: &str,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("EVAL").arg(script).arg(count(&keys)).arg(keys).arg(args)).await
    }

    /// Runs a script that the node knows already, by its SHA-1 in hex. If it does not know it, the error
    /// has the code `NOSCRIPT`.
    pub async fn evalsha<T: FromValue>(
        &self,
        sha: &str,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("EVALSHA").arg(sha).arg(count(&keys)).arg(keys).arg(args)).await
    }

    /// Runs a script that may only read.
    pub async fn eval_ro<T: FromValue>(
        &self,
        script: &str,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("EVAL_RO").arg(script).arg(count(&keys)).arg(keys).arg(args)).await
    }

    /// Runs a script that may only read and that the node knows already, by its SHA-1 in hex.
    pub async fn evalsha_ro<T: FromValue>(
        &self,
        sha: &str,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        self.run(cmd("EVALSHA_RO").arg(sha).arg(count(&keys)).arg(keys).arg(args)).await
    }

    /// Whether all primaries know each of these scripts, named by their SHA-1 in hex.
    pub async fn script_exists(&self, shas: impl ToArgs) -> Result<Vec<bool>, Error> {
        self.run(cmd("SCRIPT").arg("EXISTS").arg(shas)).await
    }

    /// Lets all primaries forget all scripts.
    pub async fn script_flush(&self) -> Result<(), Error> {
        self.run(cmd("SCRIPT").arg("FLUSH")).await
    }

    /// Makes a script known to all primaries, and returns its SHA-1 in hex.
    pub async fn script_load(&self, script: &str) -> Result<String, Error> {
        self.run(cmd("SCRIPT").arg("LOAD").arg(script)).await
    }
}

/// How many arguments these are.
pub(super) fn count(keys: &impl ToArgs) -> usize {
    let command = cmd("").arg(keys);
    // One that is too long is refused anyway.
    command.command().map_or(0, |command| command.as_command().len() - 1)
}
