//! Every flag of the `slotway` command is in the README.

use std::{collections::HashSet, process::Command};

use serde_json::Value;
use slotway_tests::command;

use crate::{
    papers::names,
    tree::{Finding, Tree},
};

/// What `slotway VERB... --help` prints.
pub(crate) type Help<'a> = dyn FnMut(&[String]) -> String + 'a;

/// The help of the real command.
pub(crate) fn of_the_command(verbs: &[String]) -> String {
    let output = Command::new(command::slotway()).args(verbs).arg("--help").output();
    let output = output.expect("the command was built and runs");
    assert!(output.status.success(), "slotway {verbs:?} --help: {}", output.status);
    String::from_utf8(output.stdout).expect("help is text")
}

/// The README has each flag that `help` shows, of each verb below any other.
pub(crate) fn readme_names_every_flag(tree: &Tree, help: &mut Help<'_>) -> Vec<Finding> {
    let readme = tree.text("README.md").unwrap_or_default();
    let mut found: Vec<Finding> = Vec::new();
    let mut known = HashSet::new();
    let mut left = vec![Vec::new()];
    while let Some(verbs) = left.pop() {
        let help = help(&verbs);
        // A flag that many verbs have is found once.
        let unknown = |flag: &&str| !names(readme, flag) && known.insert((*flag).to_owned());
        for flag in flags(&help).filter(unknown) {
            let says = format!(
                "says nothing of `slotway {}`",
                [&verbs[..], &[flag.to_owned()]].concat().join(" ")
            );
            found.push(Finding { path: "README.md".into(), line: None, says });
        }
        for verb in subcommands(&help) {
            left.push(verbs.iter().cloned().chain([verb.to_owned()]).collect());
        }
    }
    found
}

/// What `slotway config schema --output json` prints.
pub(crate) fn schema_of_the_command() -> Value {
    let output = Command::new(command::slotway())
        .args(["config", "schema", "--output", "json"])
        .output()
        .expect("the command was built and runs");
    serde_json::from_slice(&output.stdout).expect("the schema is JSON")
}

/// The README has a row for each key of the proxy's configuration, with its flag and its default.
pub(crate) fn readme_names_every_key(tree: &Tree, schema: &Value) -> Vec<Finding> {
    let readme = tree.text("README.md").unwrap_or_default();
    let missing = keys("", schema).into_iter().filter(|key| {
        let start = format!("| `{}` |", key.path);
        let mut rows = readme.lines().filter(|line| line.starts_with(&start));
        !rows.any(|row| key.row.iter().all(|part| row.contains(&format!("`{part}`"))))
    });
    let says = |key: Key| format!("no row has `{}` with `{}`", key.path, key.row.join("` and `"));
    let finding = |key| Finding { path: "README.md".into(), line: None, says: says(key) };
    missing.map(finding).collect()
}

/// A key, and what its row in the README has to have besides.
struct Key {
    path: String,
    row: Vec<String>,
}

/// The keys below an object of a schema.
fn keys(prefix: &str, schema: &Value) -> Vec<Key> {
    let properties = schema["properties"].as_object();
    let of = |(name, property): (&String, &Value)| {
        let path = format!("{prefix}{name}");
        let Some(flag) = property["x-flag"].as_str() else {
            let below = property.get("items").unwrap_or(property);
            return keys(&format!("{path}."), below);
        };
        let default = property.get("default");
        let default =
            default.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        vec![Key { path, row: [flag.to_owned()].into_iter().chain(default).collect() }]
    };
    properties.into_iter().flatten().flat_map(of).collect()
}

/// The long flags that a help text explains.
fn flags(help: &str) -> impl Iterator<Item = &str> {
    let options = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    options.filter_map(|line| {
        let at = line.find("--")?;
        let name = &line[at..];
        let end = name.find(|char: char| !(char.is_alphanumeric() || char == '-'));
        Some(&name[..end.unwrap_or(name.len())])
    })
}

/// The verbs that a help text lists, without the one that prints help.
fn subcommands(help: &str) -> impl Iterator<Item = &str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| line.starts_with("  "));
    // What continues a description stands deeper than a verb.
    let verbs = listed.filter(|line| !line.starts_with("   "));
    verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOP: &str = "One endpoint\n\nUsage: slotway <COMMAND>\n\nCommands:\n  \
        dev   Start a real cluster, which is\n        a description\n  help  Print this message\n\n\
        Options:\n  -h, --help     Print help\n";
    const DEV: &str = "Usage: slotway dev [OPTIONS]\n\nOptions:\n      --fresh\n          Start empty\n\n  \
        -a, --password <PASSWORD>\n          As in --help\n";

    fn help(verbs: &[String]) -> String {
        if verbs.is_empty() { TOP.into() } else { format!("{} of {}", DEV, verbs.join(" ")) }
    }

    #[track_caller]
    fn check(readme: &str, says: &[&str]) {
        let found = readme_names_every_flag(&Tree::of(&[("README.md", readme)]), &mut help);
        let found: Vec<_> = found.iter().map(|finding| finding.says.as_str()).collect();
        assert_eq!(found, says);
    }

    #[test]
    fn a_flag_that_the_readme_leaves_out_is_found() {
        check("`--help` `--fresh` `--password PASSWORD`", &[]);
        check("`--help` `--password`", &["says nothing of `slotway dev --fresh`"]);
        check("`--fresh` `--help` --password-file", &["says nothing of `slotway dev --password`"]);
    }

    #[track_caller]
    fn check_keys(readme: &str, says: &[&str]) {
        let schema = json!({ "properties": {
            "workers": { "x-flag": "--workers", "default": 3 },
            "listen": { "items": { "properties": { "address": { "x-flag": "--listen" } } } },
        } });
        let found = readme_names_every_key(&Tree::of(&[("README.md", readme)]), &schema);
        let found: Vec<_> = found.iter().map(|finding| finding.says.as_str()).collect();
        assert_eq!(found, says);
    }

    #[test]
    fn a_key_that_the_readme_leaves_out_or_has_wrong_is_found() {
        let listen = "| `listen.address` | `--listen` | where |";
        check_keys(&format!("| `workers` | `--workers` | threads (`3`) |\n{listen}"), &[]);
        let wrong = "no row has `workers` with `--workers` and `3`";
        check_keys(&format!("| `workers` | `--workers` | threads (`4`) |\n{listen}"), &[wrong]);
        let missing = "no row has `listen.address` with `--listen`";
        check_keys("| `workers` | `--workers` | threads (`3`) |", &[missing]);
    }

    #[test]
    fn only_what_help_explains_is_a_flag_or_a_verb() {
        assert_eq!(subcommands(TOP).collect::<Vec<_>>(), ["dev"]);
        assert_eq!(subcommands(DEV).count(), 0);
        assert_eq!(flags(DEV).collect::<Vec<_>>(), ["--fresh", "--password"]);
    }
}
