//! What no Rust file of ours contains.

use crate::tree::{File, Finding, Lines, Tree};

/// Modules through which code acts, or is not the same twice.
const ACTING: &[&str] = &["env", "fs", "io", "net", "process", "rand", "thread", "tokio"];

/// Values of such modules that only say what is: they open nothing.
const VALUES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr"];

/// Types that read a clock.
const CLOCKS: &[&str] = &["Instant", "SystemTime"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["mod.rs", "util.rs", "utils.rs", "helpers.rs", "misc.rs"];

/// The `protocol` crate has no way to act: no runtime, clock, socket, file, environment, thread.
pub(crate) fn protocol_touches_nothing(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust().filter(|file| file.path.starts_with("protocol/src/"));
    lines_that(files, File::lines_without_tests, |line| {
        let acts = path_into(line, ACTING).or_else(|| clock(line))?;
        Some(format!("`{acts}` in protocol, which decides and never acts"))
    })
}

/// A module is named by what it holds.
pub(crate) fn names_say_what_is_inside(tree: &Tree) -> Vec<Finding> {
    let empty = tree.rust().filter(|file| EMPTY_NAMES.contains(&file.name()));
    empty.map(|file| file.finding("name the module by what it holds")).collect()
}

/// An exception to a lint is expected, for a reason, and so ends when it is no longer needed.
pub(crate) fn exceptions_have_reasons(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        for (start, kind) in attributes(&file.text) {
            let whole = file.text[start..].split(']').next().unwrap_or_default();
            let line = file.text[..start].lines().count().max(1);
            if kind == "allow" {
                found.push(file.finding_at(line, "write #[expect] with a reason, not #[allow]"));
            } else if !whole.contains("reason = \"") {
                found.push(file.finding_at(line, "#[expect] has no reason"));
            }
        }
    }
    found
}

/// No test is left out.
pub(crate) fn every_test_runs(tree: &Tree) -> Vec<Finding> {
    lines_that(tree.rust(), File::lines, |line| {
        let ignored = line.trim_start().starts_with(concat!("#[", "ignore"));
        ignored.then(|| "a test that does not run proves nothing".to_owned())
    })
}

fn lines_that<'a>(
    files: impl Iterator<Item = &'a File>,
    lines: fn(&'a File) -> Lines<'a>,
    says: impl Fn(&str) -> Option<String>,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in lines(file) {
            let code = line.split("//").next().unwrap_or_default();
            found.extend(says(code).map(|says| file.finding_at(number, says)));
        }
    }
    found
}

/// The first path in `line` that leads through one of `modules`, as `net::TcpStream` does.
fn path_into<'a>(line: &'a str, modules: &[&str]) -> Option<&'a str> {
    let steps = line.match_indices("::").filter_map(|(at, _)| {
        let module = last_word(&line[..at]);
        let items = match line[at + 2..].strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default(),
            None => first_word(&line[at + 2..]),
        };
        let acts = words(items).any(|item| !VALUES.contains(&item)) || items.is_empty();
        (acts && modules.contains(&module)).then_some(module)
    });
    // `use std::{env, fs}` names a module last.
    let imports = line.contains("use ").then(|| words(line).find(|word| modules.contains(word)));
    let imports = imports.flatten().filter(|word| !line.contains(&format!("{word}::")));
    steps.chain(imports).next()
}

fn clock(line: &str) -> Option<&str> {
    words(line).find(|word| CLOCKS.contains(word))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !is_word(char)).filter(|word| !word.is_empty())
}

fn first_word(text: &str) -> &str {
    &text[..text.find(|char| !is_word(char)).unwrap_or(text.len())]
}

fn last_word(text: &str) -> &str {
    text.rsplit(|char| !is_word(char)).next().unwrap_or_default()
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Where each attribute begins that makes an exception to a lint, inner ones too, and its kind.
fn attributes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('[').filter_map(|(at, _)| {
        let before = text[..at].trim_end_matches('!');
        let kind = first_word(&text[at + 1..]);
        let opens = text[at + 1 + kind.len()..].starts_with('(');
        let quoted = before.lines().last().is_some_and(|line| line.contains("//"));
        let ours = before.ends_with('#') && opens && matches!(kind, "allow" | "expect");
        (ours && !quoted).then_some((at, kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, lines: &[usize]) {
        let found = rule(&Tree::of(&[(path, text)]));
        let found: Vec<_> = found.iter().map(|finding| finding.line.unwrap_or(0)).collect();
        assert_eq!(found, lines, "in {text:?}");
    }

    #[test]
    fn a_protocol_that_acts_is_found() {
        for line in [
            "use std::net::TcpStream;",
            "use std::{fmt, net::{Ipv6Addr, TcpStream}};",
            "use std::{env, fmt};",
            "let text = std::fs::read(path);",
            "tokio::spawn(task);",
            "use std::time::{Duration, Instant};",
            "let now = SystemTime::now();",
        ] {
            let text = format!("//! Slots.\n{line}\n");
            check(protocol_touches_nothing, "protocol/src/a.rs", &text, &[2]);
            check(protocol_touches_nothing, "client/src/a.rs", &text, &[]);
        }
    }

    #[test]
    fn a_protocol_that_only_speaks_of_acting_is_fine() {
        for line in [
            "//! No tokio::spawn here.",
            "use std::{fmt, net::Ipv6Addr, str::FromStr};",
            "use std::net::{IpAddr, Ipv4Addr};",
            "let net = env!(\"A\"); // not std::fs",
        ] {
            check(protocol_touches_nothing, "protocol/src/a.rs", line, &[]);
        }
        let tests = "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        check(protocol_touches_nothing, "protocol/src/a.rs", tests, &[]);
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        check(names_say_what_is_inside, "client/src/a/mod.rs", "", &[0]);
        check(names_say_what_is_inside, "client/src/util.rs", "", &[0]);
        check(names_say_what_is_inside, "client/src/slot.rs", "", &[]);
    }

    #[test]
    fn an_exception_without_a_reason_is_found() {
        let attribute = |kind: &str, rest: &str| format!("//!\n#{kind}(dead_code{rest})]\n");
        let check =
            |text: String, lines| check(exceptions_have_reasons, "a/src/b.rs", &text, lines);
        check(attribute("[expect", ""), &[2]);
        check(attribute("![expect", ",\n    clippy::all\n"), &[2]);
        check(attribute("[allow", ", reason = \"x\""), &[2]);
        check(attribute("[expect", ",\n    reason = \"it is for later\"\n"), &[]);
    }

    #[test]
    fn a_test_that_does_not_run_is_found() {
        let ignored = concat!("#[", "ignore");
        let text = format!("#[cfg(test)]\nmod tests {{\n    {ignored} = \"slow\"]\n}}\n");
        check(every_test_runs, "a/src/b.rs", &text, &[3]);
    }
}
