//! What must be said somewhere, and what must be said nowhere.

use toml::{Table, Value};

use crate::tree::{File, Finding, Tree};

/// The licences that slotway is under, and a sentence of each.
const LICENCES: &[(&str, &str)] =
    &[("LICENSE-MIT", "Permission is hereby granted"), ("LICENSE-APACHE", "Apache License")];

/// Folders that exist on one machine. They are written in two halves, or this file would break the
/// rule.
const PLACES: &[&str] =
    &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

/// Both licences are here, in their own words.
pub(crate) fn licences_are_here(tree: &Tree) -> Vec<Finding> {
    let missing = LICENCES.iter().filter(|(path, words)| {
        let text = tree.text(path);
        !text.is_some_and(|text| text.contains(words))
    });
    missing.map(|(path, _)| finding(path, "the licence is not here")).collect()
}

/// Every crate says its licence.
pub(crate) fn crates_are_licensed(tree: &Tree) -> Vec<Finding> {
    let silent = tree.manifests().filter(|file| {
        let manifest: Table = file.text.parse().unwrap_or_default();
        let licence = manifest.get("package").and_then(|package| package.get("license"));
        let shared = licence.and_then(|licence| licence.get("workspace")).is_some();
        !shared && licence.and_then(Value::as_str) != Some("MIT OR Apache-2.0")
    });
    silent.map(|file| file.finding("`license` must be MIT OR Apache-2.0")).collect()
}

/// Nothing names a folder that only one machine has.
pub(crate) fn no_place_is_one_machines(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.files() {
        for (number, line) in file.lines() {
            let place = PLACES.iter().find(|place| line.contains(**place));
            found.extend(place.map(|place| file.finding_at(number, format!("names {place}"))));
        }
    }
    found
}

/// The README tells of every target of the Makefile.
pub(crate) fn readme_names_every_target(tree: &Tree) -> Vec<Finding> {
    let readme = tree.text("README.md").unwrap_or_default();
    let targets = targets(tree.text("Makefile").unwrap_or_default());
    let silent = targets.filter(|target| !names(readme, &format!("make {target}")));
    silent.map(|target| finding("README.md", &format!("says nothing of `make {target}`"))).collect()
}

/// A file with a fuzz target is built, and so run.
pub(crate) fn every_fuzz_target_is_built(tree: &Tree) -> Vec<Finding> {
    let manifest = tree.text("protocol/fuzz/Cargo.toml").unwrap_or_default();
    let targets = tree.rust().filter(|file| file.path.starts_with("protocol/fuzz/fuzz_targets/"));
    let unbuilt = targets.filter(|file| {
        let name = file.name().trim_end_matches(".rs");
        let (name, path) = (format!("name = \"{name}\""), format!("fuzz_targets/{}", file.name()));
        !(manifest.contains(&name) && manifest.contains(&path))
    });
    unbuilt
        .map(|file| file.finding("no [[bin]] of protocol/fuzz/Cargo.toml has its name"))
        .collect()
}

/// Whether `text` has `name`, and not only as the beginning of another name.
pub(crate) fn names(text: &str, name: &str) -> bool {
    let longer = |char: char| char.is_alphanumeric() || char == '-' || char == '_';
    text.match_indices(name).any(|(at, _)| !text[at + name.len()..].starts_with(longer))
}

/// The documented targets of a Makefile.
fn targets(makefile: &str) -> impl Iterator<Item = &str> {
    let documented = makefile.lines().filter(|line| line.contains(":") && line.contains("## "));
    documented.filter_map(|line| line.split(':').next()).filter(|name| !name.contains(' '))
}

fn finding(path: &str, says: &str) -> Finding {
    File { path: path.into(), text: String::new() }.finding(says)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)], says: &[&str]) {
        let found = rule(&Tree::of(files));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, says);
    }

    #[test]
    fn a_missing_or_an_empty_licence_is_found() {
        let mit = ("LICENSE-MIT", "Permission is hereby granted, free of charge");
        let apache = ("LICENSE-APACHE", "Apache License, Version 2.0");
        check(licences_are_here, &[mit, apache], &[]);
        check(licences_are_here, &[mit], &["LICENSE-APACHE: the licence is not here"]);
        let empty = ("LICENSE-MIT", "");
        check(licences_are_here, &[empty, apache], &["LICENSE-MIT: the licence is not here"]);
    }

    #[test]
    fn a_crate_without_our_licence_is_found() {
        let says = ["a/Cargo.toml: `license` must be MIT OR Apache-2.0"];
        for (licence, says) in [
            ("license.workspace = true", &says[..0]),
            ("license = \"MIT OR Apache-2.0\"", &[]),
            ("license = \"AGPL-3.0\"", &says),
            ("", &says),
        ] {
            let manifest = format!("[package]\nname = \"a\"\n{licence}\n");
            check(crates_are_licensed, &[("a/Cargo.toml", &manifest)], says);
        }
    }

    #[test]
    fn a_place_on_one_machine_is_found() {
        let text = format!("one\ncd {}me/slotway\n", PLACES[0]);
        let says = format!("a.sh:2: names {}", PLACES[0]);
        check(no_place_is_one_machines, &[("a.sh", &text)], &[&says]);
        check(no_place_is_one_machines, &[("a.sh", "cd /usr/bin\n$root/x\n")], &[]);
    }

    #[test]
    fn a_target_that_the_readme_leaves_out_is_found() {
        let makefile = "x ?= 1\ntest: servers ## Run\n\tgo\nservers:\n\tgo\n";
        let readme = |text| [("Makefile", makefile), ("README.md", text)];
        check(readme_names_every_target, &readme("`make test`"), &[]);
        let says = ["README.md: says nothing of `make test`"];
        check(readme_names_every_target, &readme("make test-docker"), &says);
    }

    #[test]
    fn a_fuzz_target_that_nobody_builds_is_found() {
        let target = ("protocol/fuzz/fuzz_targets/reply.rs", "");
        let manifest = "[[bin]]\nname = \"reply\"\npath = \"fuzz_targets/reply.rs\"\n";
        check(every_fuzz_target_is_built, &[target, ("protocol/fuzz/Cargo.toml", manifest)], &[]);
        let path = "protocol/fuzz/fuzz_targets/reply.rs";
        let says = format!("{path}: no [[bin]] of protocol/fuzz/Cargo.toml has its name");
        check(every_fuzz_target_is_built, &[target], &[&says]);
    }
}
