//! The differences that there may be, and the document that tells of them.

use crate::transcript::Transcript;

/// What users read.
const DOCUMENT: &str = include_str!("../../../docs/compatibility.md");

/// One line that may differ.
#[derive(Debug)]
pub(crate) struct Listed {
    /// The client whose session it is.
    pub(crate) client: &'static str,
    /// The line's name.
    pub(crate) line: &'static str,
    /// Why it has to differ: only because several slots are no one server.
    pub(crate) reason: &'static str,
}

/// All of them.
const LISTED: &[Listed] = &[];

/// Those of one client.
pub(crate) fn of(client: &str) -> impl Iterator<Item = &'static Listed> {
    LISTED.iter().filter(move |listed| listed.client == client)
}

/// Whether this client's line of this name may differ.
pub(crate) fn is_listed(client: &str, line: &str) -> bool {
    of(client).any(|listed| listed.line == line)
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
