//! The differences that there may be, and the document that tells of them.

use crate::{compare::Difference, transcript::Transcript};

/// What users read.
const DOCUMENT: &str = include_str!("../../../docs/compatibility.md");

/// One line that may differ.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The client whose session it is.
    pub(crate) client: &'static str,
    /// The line's name.
    pub(crate) line: &'static str,
    /// What the line says on slotway, in part.
    pub(crate) says: &'static str,
    /// Why it has to differ: only because several slots are no one server.
    pub(crate) reason: &'static str,
}

const TRANSACTION: &str = "a transaction is of one slot";
const READ: &str = "a command that reads several keys at once is of one slot";
const WRITE: &str = "a command that is all or nothing is of one slot";
const SCRIPT: &str = "a script is of one slot";

/// Keys of several slots, as each client tells of the refusal.
const SLOTS: &str = "Keys in request don't hash to the same slot";

/// All of them.
const LISTED: &[Listed] = &[
    listed("fred", "several slots in a command", SLOTS, READ),
    listed("fred", "several slots in a transaction", SLOTS, TRANSACTION),
    listed("ioredis", "several slots, sinter", SLOTS, READ),
    listed("ioredis", "several slots, transaction", "EXECABORT", TRANSACTION),
    listed("node-redis", "several slots, sInter", SLOTS, READ),
    listed("node-redis", "several slots, transaction", SLOTS, TRANSACTION),
    listed("redis-py", "several slots, eval", SLOTS, SCRIPT),
    listed("redis-py", "several slots, msetnx", SLOTS, WRITE),
    listed("redis-py", "several slots, rename", SLOTS, WRITE),
    listed("redis-py", "several slots, sinter", SLOTS, READ),
    listed("redis-py", "several slots, transaction", SLOTS, TRANSACTION),
    listed("redis-rs", "several slots in a command", SLOTS, READ),
    listed("redis-rs", "several slots in a transaction", SLOTS, TRANSACTION),
    listed("valkey-glide", "several slots, sinter", SLOTS, READ),
    listed("valkey-glide", "several slots, transaction", SLOTS, TRANSACTION),
];

const fn listed(
    client: &'static str,
    line: &'static str,
    says: &'static str,
    reason: &'static str,
) -> Listed {
    Listed { client, line, says, reason }
}

/// Those of one client.
pub(crate) fn of(client: &str) -> impl Iterator<Item = &'static Listed> {
    LISTED.iter().filter(move |listed| listed.client == client)
}

/// Whether this client's line may differ like this.
pub(crate) fn is_listed(client: &str, found: &Difference) -> bool {
    let slotway = found.slotway.as_deref().unwrap_or_default();
    of(client).any(|listed| listed.line == found.name && slotway.contains(listed.says))
}

/// Checks that the document tells of the client and of its version that ran.
#[track_caller]
pub(crate) fn documents_this_client(session: &Transcript) {
    let lines = session.lines();
    let first = lines.first().expect("a whole session has lines");
    assert_eq!(first.name, "client", "a session begins with its client and that one's version");
    let (name, version) = first.value.split_once(' ').expect("a client has a version");
    let row = format!("| {name} | {version} |");
    assert!(DOCUMENT.contains(&row), "docs/compatibility.md has no row `{row}`");
}

/// The rows of the table of differences that the document should have.
fn rows(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "None.\n".into();
    }
    let row = |listed: &Listed| {
        format!("| {} | `{}` | {} |\n", listed.client, listed.line, listed.reason)
    };
    let rows: String = listed.iter().map(row).collect();
    format!("| client | line | reason |\n|---|---|---|\n{rows}")
}

#[test]
fn the_document_tells_of_these_differences_and_of_no_others() {
    let (_, section) = DOCUMENT.split_once("## Differences\n").expect("it has this section");
    let section = section.split("\n## ").next().unwrap_or(section);
    let table = rows(LISTED);
    assert!(
        section.trim_end().ends_with(table.trim_end())
            && section.matches('|').count() == table.matches('|').count(),
        "the section `Differences` of docs/compatibility.md has to end with:\n{table}"
    );
}
