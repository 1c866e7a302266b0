//! Scripts that are sent once and then called by their hash.

use std::{fmt::Write as _, sync::Arc};

use sha1::{Digest as _, Sha1};

use crate::{Client, Cmd, Error, FromValue, ToArg, ToArgs, cmd};

/// A Lua script. It is sent to a node in full when the node does not know it yet, and after that by
/// its hash alone; also to one that has taken over, or has started anew.
///
/// All its keys have to be in one slot and have to be named by [`key`](Self::key). It is never run
/// twice for one call: when it cannot be known whether it ran, that is the error.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::Script;
///
/// let at_most = Script::new(
///     "local n = redis.call('INCR', KEYS[1]) \
///      if n > tonumber(ARGV[1]) then redis.call('DECR', KEYS[1]) return 0 end return 1",
/// );
/// let granted: bool = at_most.key("seats").arg(100).run(&client).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: String,
    sha: String,
    effect: Effect,
}

/// Whether a script may write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Effect {
    Writes,
    Reads,
}

/// A script with the keys and arguments of one call.
#[derive(Clone, Debug)]
#[must_use = "nothing is run before `run`"]
pub struct ScriptCall {
    script: Script,
    keys: Cmd,
    args: Cmd,
}

impl Script {
    /// One that may write.
    pub fn new(source: impl Into<String>) -> Self {
        Self::with_effect(source.into(), Effect::Writes)
    }

    /// One that only reads: what it would write is refused by the server. It may run on replicas, and
    /// twice.
    pub fn read_only(source: impl Into<String>) -> Self {
        Self::with_effect(source.into(), Effect::Reads)
    }

    fn with_effect(source: String, effect: Effect) -> Self {
        let digest = Sha1::digest(source.as_bytes());
        let mut sha = String::with_capacity(40);
        for byte in digest {
            write!(sha, "{byte:02x}").expect("a string takes all text");
        }
        Self { inner: Arc::new(Inner { source, sha, effect }) }
    }

    /// Its SHA-1 in hex, by which servers know it.
    pub fn sha(&self) -> &str {
        &self.inner.sha
    }

    /// A call without keys and arguments yet.
    pub fn call(&self) -> ScriptCall {
        ScriptCall { script: self.clone(), keys: cmd(""), args: cmd("") }
    }

    /// A call with this key, or these.
    pub fn key(&self, keys: impl ToArgs) -> ScriptCall {
        self.call().key(keys)
    }

    /// A call with this argument, or these, and no key yet.
    pub fn arg(&self, args: impl ToArgs) -> ScriptCall {
        self.call().arg(args)
    }

    /// Makes it known to all primaries, so that no first call has to send it.
    pub async fn load(&self, client: &Client) -> Result<(), Error> {
        client.script_load(&self.inner.source).await.map(drop)
    }
}

impl ScriptCall {
    /// Adds a key, or several.
    pub fn key(mut self, keys: impl ToArgs) -> Self {
        keys.write_args(&mut self.keys);
        self
    }

    /// Adds an argument, or several.
    pub fn arg(mut self, args: impl ToArgs) -> Self {
        args.write_args(&mut self.args);
        self
    }

    /// Runs it, and reads what it returns.
    ///
    /// A node that does not know the script says `NOSCRIPT`, and is sent the whole then. Who runs a
    /// script that speaks of `NOSCRIPT` itself sends all of it each time: that it did not run could
    /// not be told from what it says.
    pub async fn run<T: FromValue>(&self, client: &Client) -> Result<T, Error> {
        let Inner { source, sha, effect } = &*self.script.inner;
        if !source.contains("NOSCRIPT") {
            let name = match effect {
                Effect::Writes => "EVALSHA",
                Effect::Reads => "EVALSHA_RO",
            };
            match client.reply(&self.command(name, sha)?).await {
                Err(Error::Server { code, .. }) if code == "NOSCRIPT" => {}
                Err(error) => return Err(error),
                Ok(value) => return T::from_value(value),
            }
        }
        client.run(self.to_cmd()?).await
    }

    /// The same as a command that holds the whole script, for a pipeline or a transaction.
    pub fn to_cmd(&self) -> Result<Cmd, Error> {
        let Inner { source, effect, .. } = &*self.script.inner;
        let name = match effect {
            Effect::Writes => "EVAL",
            Effect::Reads => "EVAL_RO",
        };
        self.command(name, source)
    }

    fn command(&self, name: &str, script: impl ToArg) -> Result<Cmd, Error> {
        let (keys, args) = (self.keys.command()?.as_command(), self.args.command()?.as_command());
        let mut command = cmd(name).arg(script).arg(keys.len() - 1);
        keys.args().skip(1).chain(args.args().skip(1)).for_each(|arg| command.push(arg));
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_servers_compute() {
        assert_eq!(Script::new("return 1").sha(), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
    }

    #[test]
    fn keys_and_arguments_stand_in_their_places() {
        let call = Script::read_only("return 1").arg("x").key(["a", "b"]).arg([1, 2]).key("c");
        let command = call.to_cmd().unwrap();
        let command = command.command().unwrap().as_command();
        let words: Vec<_> = command.args().map(|arg| str::from_utf8(arg).unwrap()).collect();
        assert_eq!(words, ["EVAL_RO", "return 1", "3", "a", "b", "c", "x", "1", "2"]);
    }
}
