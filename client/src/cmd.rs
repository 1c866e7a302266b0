//! Any command, put together argument by argument.

use std::fmt;

use slotway_protocol::{CommandBuf, Value};

use crate::{Client, Error, FromValue, ToArgs, reply::accepted};

/// Enough for the arguments of most commands.
const ROOM: usize = 96;

/// A command that is being put together.
///
/// ```
/// # async fn example(client: slotway::Client) -> Result<(), slotway::Error> {
/// use slotway::cmd;
///
/// let left: i64 = client.run(cmd("LPUSH").arg("queue").arg(["a", "b"])).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cmd {
    /// Or why it cannot be sent.
    command: Result<CommandBuf, String>,
}

/// The command of this name, without arguments yet. A subcommand, such as the `CREATE` of
/// `XGROUP CREATE`, is an argument.
pub fn cmd(name: &str) -> Cmd {
    let command = CommandBuf::named(name.as_bytes(), ROOM);
    Cmd { command: command.map_err(|error| error.to_string()) }
}

impl Cmd {
    /// Adds what this is in a command: one argument, several, or none.
    #[must_use]
    pub fn arg(mut self, args: impl ToArgs) -> Self {
        args.write_args(&mut self);
        self
    }

    /// Adds one argument.
    ///
    /// A command that is longer than the protocol allows is refused when it is run.
    pub fn push(&mut self, arg: &[u8]) {
        if let Ok(command) = &mut self.command
            && let Err(error) = command.push(arg)
        {
            self.command = Err(error.to_string());
        }
    }

    /// Has it refused when it is run: an argument cannot be written.
    #[cfg(feature = "serde")]
    pub(crate) fn refuse(&mut self, why: String) {
        if self.command.is_ok() {
            self.command = Err(why);
        }
    }

    /// The whole command.
    pub(crate) fn command(&self) -> Result<&CommandBuf, Error> {
        self.command.as_ref().map_err(|why| Error::Refused(why.clone()))
    }
}

/// Its arguments may be anything, a password too: only the name is shown.
impl fmt::Debug for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(command) = &self.command else { return f.write_str("Cmd(refused)") };
        let command = command.as_command();
        let name = String::from_utf8_lossy(command.name());
        write!(f, "Cmd({name}, {} arguments)", command.len() - 1)
    }
}

impl Client {
    /// Sends a command to where it belongs and returns the reply as a type of one's own.
    ///
    /// An error of the server is an error here, [`Error::Server`].
    pub async fn run<T: FromValue>(&self, cmd: Cmd) -> Result<T, Error> {
        T::from_value(self.reply(&cmd).await?)
    }

    /// The reply to a command, which is no error.
    pub(crate) async fn reply(&self, cmd: &Cmd) -> Result<Value, Error> {
        accepted(self.call(cmd.command()?).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_shows_its_name_alone() {
        let auth = cmd("AUTH").arg("app").arg("secret");
        assert_eq!(format!("{auth:?}"), "Cmd(AUTH, 2 arguments)");
    }
}
