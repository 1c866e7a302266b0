//! Every flag of the `slotway` command is in the README.

use std::{collections::HashSet, process::Command};

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

    #[test]
    fn only_what_help_explains_is_a_flag_or_a_verb() {
        assert_eq!(subcommands(TOP).collect::<Vec<_>>(), ["dev"]);
        assert_eq!(subcommands(DEV).count(), 0);
        assert_eq!(flags(DEV).collect::<Vec<_>>(), ["--fresh", "--password"]);
    }
}
