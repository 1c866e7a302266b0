//! What the owner of a cluster allows.

use crate::{
    command_table::CommandTable,
    spec::{CommandFlags, CommandSpec},
};

/// What to do with a command that could be split.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CrossSlot {
    /// Split it: each part is atomic, the whole is not.
    #[default]
    Split,
    /// Refuse it, as a node of a cluster does.
    Reject,
}

/// Which commands are allowed, and whether commands may be split.
#[derive(Clone, Debug, Default)]
pub struct PlanRules {
    cross_slot: CrossSlot,
    /// A bit for each command of the table.
    denied: Vec<u64>,
}

/// A name in a list of allowed or denied commands that no command has.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no command is called {0:?}")]
pub struct UnknownName(pub String);

impl PlanRules {
    /// The usual rules: commands are split, and what only the operator of a node should do, or
    /// what would harm others on a shared connection, is refused.
    ///
    /// The rules are for this table, and for any that a server's commands were laid over: there,
    /// commands that are not built in are allowed.
    pub fn new(table: &CommandTable) -> Self {
        let mut rules = Self::allowing_all();
        table
            .iter()
            .filter(|spec| is_denied_by_default(spec))
            .for_each(|spec| rules.set(spec, true));
        rules
    }

    /// Rules that refuse nothing that a server would run.
    pub fn allowing_all() -> Self {
        Self::default()
    }

    /// The same rules, with another answer to commands across slots.
    #[must_use]
    pub fn with_cross_slot(mut self, cross_slot: CrossSlot) -> Self {
        self.cross_slot = cross_slot;
        self
    }

    /// Allows a command by its name, `config` with all its subcommands, or `config|set` alone.
    pub fn allow(&mut self, name: &str, table: &CommandTable) -> Result<(), UnknownName> {
        self.set_named(name, table, false)
    }

    /// Refuses a command, named in the same way.
    pub fn deny(&mut self, name: &str, table: &CommandTable) -> Result<(), UnknownName> {
        self.set_named(name, table, true)
    }

    /// Whether this command is refused.
    #[inline]
    pub fn denies(&self, spec: &CommandSpec) -> bool {
        let index = spec.id.index();
        self.denied.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn cross_slot(&self) -> CrossSlot {
        self.cross_slot
    }

    fn set_named(
        &mut self,
        name: &str,
        table: &CommandTable,
        deny: bool,
    ) -> Result<(), UnknownName> {
        let spec = table.named(name).ok_or_else(|| UnknownName(name.to_owned()))?;
        self.set(spec, deny);
        table.subcommands(spec).for_each(|subcommand| self.set(subcommand, deny));
        Ok(())
    }

    fn set(&mut self, spec: &CommandSpec, deny: bool) {
        let index = spec.id.index();
        if self.denied.len() <= index / 64 {
            self.denied.resize(index / 64 + 1, 0);
        }
        let bit = 1 << (index % 64);
        if deny {
            self.denied[index / 64] |= bit;
        } else {
            self.denied[index / 64] &= !bit;
        }
    }
}

/// `MSETEX` is among them since Valkey 9.1 does not look at the slots of its keys: sent to a node
/// that has given them away, it writes there, and no redirect tells.
fn is_denied_by_default(spec: &CommandSpec) -> bool {
    let (word, subcommand) = spec.name().split_once('|').unwrap_or_else(|| (spec.name(), ""));
    let admin = spec.flags().contains(CommandFlags::ADMIN);
    match (word, subcommand) {
        (_, "help") => false,
        ("config", "set" | "rewrite" | "resetstat") | ("script", "debug") => true,
        // What a later server adds for administrators is refused too, unless it is named here.
        ("cluster", "count-failure-reports" | "replicas" | "slaves" | "getslotmigrations") => false,
        ("acl", "dryrun" | "getuser" | "list" | "log" | "users") => false,
        ("cluster" | "acl", subcommand) => admin && !subcommand.is_empty(),
        ("module", subcommand) => !subcommand.is_empty(),
        (
            "asking" | "bgrewriteaof" | "bgsave" | "debug" | "failover" | "migrate" | "monitor"
            | "msetex" | "pfdebug" | "pfselftest" | "psync" | "replconf" | "replicaof"
            | "restore-asking" | "save" | "shutdown" | "slaveof" | "sync",
            _,
        ) => true,
        _ => false,
    }
}
