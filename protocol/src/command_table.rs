//! All commands, found by name.

mod index;
mod server;

use index::NameIndex;

use crate::{
    command::Command,
    spec::{BUILTIN, CommandId, CommandSpec, Finder, RetryRule, Route},
    value::Value,
};

pub use server::CommandTableError;

/// The commands that are known: those of the built-in table, and those of a connected server.
///
/// It is built once and then only read.
#[derive(Clone, Debug)]
pub struct CommandTable {
    index: NameIndex,
    commands: Vec<CommandSpec>,
}

/// Which part of a command's name is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnknownCommand {
    /// Its first word.
    Command,
    /// Its second, the first being a container such as `CONFIG`.
    Subcommand,
}

impl CommandTable {
    /// The commands of Redis 7.0, Valkey 8.1 and Valkey 9.1 together.
    pub fn builtin() -> Self {
        let mut table = Self { index: NameIndex::default(), commands: Vec::new() };
        BUILTIN.iter().for_each(|spec| table.add(spec.clone()));
        table.index = NameIndex::new(&table.commands);
        table
    }

    /// The built-in table with a server's answer to `COMMAND` laid over it.
    ///
    /// What the server says of a command replaces what is built in: arity, flags, categories, and,
    /// where it tells them, policies and the places of keys. What slotway itself decides stays
    /// with the name: the rules for keys that options hide, where the command goes, whether it may
    /// be sent again. Commands that the server does not have are kept, since another node may
    /// have them; commands that are not built in are added, and go where their policies say.
    pub fn of_server(reply: &Value) -> Result<Self, CommandTableError> {
        let mut table = Self::builtin();
        server::overlay(&mut table, reply)?;
        table.index = NameIndex::new(&table.commands);
        Ok(table)
    }

    /// What is known of this command; for a container with a second word, of the subcommand.
    ///
    /// Upper and lower case are the same. Nothing is allocated.
    #[inline]
    pub fn lookup(&self, command: &Command<'_>) -> Result<&CommandSpec, UnknownCommand> {
        let id = self.index.find(command.name(), &self.commands).ok_or(UnknownCommand::Command)?;
        let spec = &self.commands[id.index()];
        if spec.subcommands.is_empty() || command.len() == 1 {
            return Ok(spec);
        }
        self.subcommand(spec, command.arg(1).unwrap_or_default()).ok_or(UnknownCommand::Subcommand)
    }

    /// The command of this name, a subcommand being written `container|subcommand`.
    pub fn named(&self, name: &str) -> Option<&CommandSpec> {
        let (container, rest) = name.split_once('|').map_or((name, None), |(c, s)| (c, Some(s)));
        let id = self.index.find(container.as_bytes(), &self.commands)?;
        let spec = &self.commands[id.index()];
        rest.map_or(Some(spec), |rest| self.subcommand(spec, rest.as_bytes()))
    }

    /// All commands, each container before its subcommands.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &CommandSpec> {
        self.commands.iter()
    }

    /// The subcommands of a container.
    pub fn subcommands(&self, container: &CommandSpec) -> impl Iterator<Item = &CommandSpec> {
        container.subcommands.iter().filter_map(|id| self.commands.get(id.index()))
    }

    fn subcommand(&self, container: &CommandSpec, word: &[u8]) -> Option<&CommandSpec> {
        let prefix = container.name.len() + 1;
        self.subcommands(container).find(|spec| {
            spec.name.as_bytes().get(prefix..).is_some_and(|own| own.eq_ignore_ascii_case(word))
        })
    }

    /// Adds a command that is not there yet, behind its container. Names are lower case.
    fn add(&mut self, mut spec: CommandSpec) {
        spec.id = CommandId(self.commands.len() as u16);
        spec.finder = Finder::of(&spec.name);
        spec.retry = RetryRule::of(&spec.name, spec.flags);
        spec.route = Route::of(&spec);
        if let Some((container, _)) = spec.name.split_once('|')
            && let Some(container) = self.commands.iter_mut().rfind(|own| own.name == container)
        {
            container.subcommands.push(spec.id);
        }
        self.commands.push(spec);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandBuf;

    #[track_caller]
    fn check(words: &[&str], expected: Result<&str, UnknownCommand>) {
        let table = CommandTable::builtin();
        let command = CommandBuf::new(words).unwrap();
        let found = table.lookup(&command.as_command()).map(CommandSpec::name);
        assert_eq!(found, expected, "{words:?}");
    }

    #[test]
    fn a_command_is_found_in_any_case() {
        check(&["GET"], Ok("get"));
        check(&["get", "config"], Ok("get"));
        check(&["GeoRadiusByMember_RO"], Ok("georadiusbymember_ro"));
        check(&["Config", "gEt", "a"], Ok("config|get"));
        check(&["CONFIG"], Ok("config"));
    }

    #[test]
    fn what_is_not_known_is_told_apart() {
        check(&["GETT"], Err(UnknownCommand::Command));
        check(&[""], Err(UnknownCommand::Command));
        check(&["config|get", "a"], Err(UnknownCommand::Command));
        check(&["\u{7}et"], Err(UnknownCommand::Command));
        check(&["CONFIG", "GETT"], Err(UnknownCommand::Subcommand));
        check(&["CONFIG", ""], Err(UnknownCommand::Subcommand));
        check(&["CONFIG", "|get"], Err(UnknownCommand::Subcommand));
    }

    #[test]
    fn every_command_is_found_by_its_own_name() {
        let table = CommandTable::builtin();
        for spec in table.iter() {
            assert_eq!(table.named(spec.name()), Some(spec));
            assert_eq!(table.named(&spec.name().to_uppercase()), Some(spec));
            let words: Vec<&str> = spec.name().split('|').collect();
            let command = CommandBuf::new(&words).unwrap();
            assert_eq!(table.lookup(&command.as_command()), Ok(spec));
        }
    }
}
