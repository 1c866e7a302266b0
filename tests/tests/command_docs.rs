//! Keeps docs/commands.md what the command table says.

use std::{fmt::Write, fs, path::Path};

use slotway_protocol::{CommandTable, PlanRules};

const HEAD: &str = "\
# Commands

Every command that slotway knows without asking a server, written from its own table. A connected
server's `COMMAND` adds to it, and replaces what it says of the same command.

- **Goes to**: where it is sent, and how several replies become one. A command whose keys are in
  several slots is refused with `CROSSSLOT`, unless it goes out in parts; then each part is atomic
  and the whole is not.
- **Sent again**: whether it may be sent a second time when a connection broke before the reply.
  *If asked for*: only where retries of idempotent commands are turned on.
- **Since**: the version that brought it, and the oldest of the tested servers that has it.
- Struck through: refused by default, since only the operator of a node should do it; and `MSETEX`,
  since Valkey 9.1 does not look at the slots of its keys and would write them on a wrong node.

| Command | Goes to | Sent again | Since | Seen in |
|---|---|---|---|---|
";

#[test]
fn the_page_of_commands_is_what_the_table_says() {
    let table = CommandTable::builtin();
    let rules = PlanRules::new(&table);
    let mut page = HEAD.to_owned();
    for spec in table.iter().filter(|spec| table.subcommands(spec).next().is_none()) {
        let name = spec.name().to_uppercase().replace('|', " ");
        let name = if rules.denies(spec) { format!("~~`{name}`~~") } else { format!("`{name}`") };
        let (to, again) = (spec.destination(), spec.sent_again());
        let (since, seen) = (spec.since(), spec.first_seen());
        writeln!(page, "| {name} | {to} | {again} | {since} | {seen} |").expect("memory");
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("commands.md");
    fs::write(&built, &page).expect("the target folder can be written");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    let kept = fs::read_to_string(kept).unwrap_or_default();
    assert!(kept == page, "docs/commands.md is stale: copy {} over it", built.display());
}
