//! Which crate may know which: protocol <- client <- {cluster, proxy} <- tests.

use toml::{Table, Value};

use crate::{
    papers::names,
    tree::{File, Finding, Tree},
};

/// Each crate, and those of ours that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("slotway-protocol", &[]),
    ("slotway", &["slotway-protocol"]),
    ("slotway-cluster", &["slotway", "slotway-protocol"]),
    // The cluster's verbs are in the same binary: see `the_binary_alone_joins_proxy_and_cluster`.
    ("slotway-proxy", &["slotway", "slotway-cluster", "slotway-protocol"]),
    ("slotway-redis", &["slotway", "slotway-protocol"]),
    (
        "slotway-tests",
        &["slotway", "slotway-cluster", "slotway-protocol", "slotway-proxy", "slotway-redis"],
    ),
    (
        "slotway-bench",
        &["slotway", "slotway-cluster", "slotway-protocol", "slotway-proxy", "slotway-redis"],
    ),
    ("slotway-protocol-fuzz", &["slotway-protocol"]),
];

/// The files of the proxy's crate that may name the cluster's: those of the binary.
const BINARY: [&str; 2] = ["proxy/src/main.rs", "proxy/src/dev.rs"];

/// A crate depends on no crate of ours that stands above it or beside it, not even in its tests.
pub(crate) fn crates_point_one_way(tree: &Tree) -> Vec<Finding> {
    tree.manifests().flat_map(wrong_arrows).collect()
}

/// The proxy and the cluster share a binary, and nothing else.
pub(crate) fn the_binary_alone_joins_proxy_and_cluster(tree: &Tree) -> Vec<Finding> {
    let of_library =
        |file: &&File| file.path.starts_with("proxy/src/") && !BINARY.contains(&file.path.as_str());
    let naming = tree.rust().filter(of_library).filter(|file| names(&file.text, "slotway_cluster"));
    let says = format!("names slotway_cluster: only {} may", BINARY.join(" and "));
    naming.map(|file| file.finding(says.clone())).collect()
}

/// Every member takes the workspace's lints, so that a rule for one is a rule for all.
pub(crate) fn members_share_the_lints(tree: &Tree) -> Vec<Finding> {
    let outside = |file: &&File| file.path.contains("/fuzz/");
    let members = tree.manifests().filter(|file| !outside(file));
    let without = members.filter(|file| {
        let lints = table(file).get("lints").and_then(|lints| lints.get("workspace")).cloned();
        lints != Some(Value::Boolean(true))
    });
    without.map(|file| file.finding("[lints] has no `workspace = true`")).collect()
}

fn wrong_arrows(file: &File) -> Vec<Finding> {
    let manifest = table(file);
    let name = manifest.get("package").and_then(|package| package.get("name"));
    let name = name.and_then(Value::as_str).unwrap_or_default();
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![file.finding(format!("say in {} what `{name}` may depend on", file!()))];
    };
    let ours = dependencies(&manifest);
    let wrong = ours.into_iter().filter(|name| !allowed.contains(&name.as_str()));
    wrong.map(|other| file.finding(format!("{name} must not depend on {other}"))).collect()
}

/// Our crates that a manifest depends on in any way, also on some platforms only.
fn dependencies(manifest: &Table) -> Vec<String> {
    let of = |table: &Table| -> Vec<String> {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let tables = kinds.iter().filter_map(|kind| table.get(*kind)?.as_table());
        tables.flatten().map(|(name, value)| real_name(name, value)).collect()
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(|targets| targets.values());
    let everywhere = of(manifest).into_iter();
    let somewhere = targets.filter_map(Value::as_table).flat_map(of);
    everywhere.chain(somewhere).filter(|name| name.starts_with("slotway")).collect()
}

/// A dependency may go by another name than its crate's.
fn real_name(name: &str, value: &Value) -> String {
    value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned()
}

fn table(file: &File) -> Table {
    file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, says: Option<&str>) {
        let found = rule(&Tree::of(&[(path, text)]));
        assert_eq!(found.len(), usize::from(says.is_some()), "{found:?}");
        assert!(found.iter().all(|finding| finding.says.contains(says.unwrap_or_default())));
    }

    #[track_caller]
    fn check_arrow(name: &str, dependency: &str, says: Option<&str>) {
        let text = format!("[package]\nname = \"{name}\"\n{dependency}\n");
        check(crates_point_one_way, "some/Cargo.toml", &text, says);
    }

    #[test]
    fn an_arrow_that_points_up_or_aside_is_found() {
        let both = Some("slotway must not depend on slotway-proxy");
        check_arrow("slotway", "[dependencies]\nslotway-proxy.workspace = true", both);
        let both = Some("slotway-cluster must not depend on slotway-proxy");
        check_arrow("slotway-cluster", "[dependencies]\nslotway-proxy = \"1\"", both);
        let both = Some("slotway-protocol must not depend on slotway");
        check_arrow("slotway-protocol", "[dev-dependencies]\nslotway = { path = \"..\" }", both);
    }

    #[test]
    fn an_arrow_cannot_hide() {
        let both = Some("slotway must not depend on slotway-tests");
        check_arrow("slotway", "[target.'cfg(unix)'.dependencies]\nslotway-tests = \"1\"", both);
        check_arrow("slotway", "[build-dependencies]\nx = { package = \"slotway-tests\" }", both);
    }

    #[test]
    fn an_arrow_down_and_a_crate_of_others_are_fine() {
        check_arrow("slotway", "[dependencies]\nslotway-protocol = \"1\"\ntokio = \"1\"", None);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        check_arrow("slotway-new", "", Some("what `slotway-new` may depend on"));
    }

    #[test]
    fn a_proxy_that_knows_the_cluster_is_found() {
        let rule = the_binary_alone_joins_proxy_and_cluster;
        check(rule, "proxy/src/session.rs", "use slotway_cluster::Node;", Some("only"));
        check(rule, "proxy/src/metrics.rs", "\"slotway_cluster_up\" [] \"Whether it is.\"", None);
        check(rule, "proxy/src/main.rs", "use slotway_cluster::dev;", None);
        check(rule, "proxy/src/dev.rs", "use slotway_cluster::Front;", None);
        check(rule, "proxy/src/lib.rs", "use slotway_cluster::Front;", Some("only"));
        check(rule, "proxy/tests/dev.rs", "use slotway_cluster::TestServer;", None);
    }

    #[test]
    fn a_member_with_lints_of_its_own_is_found() {
        let rule = members_share_the_lints;
        check(rule, "some/Cargo.toml", "[lints.rust]\n", Some("workspace = true"));
        check(rule, "some/Cargo.toml", "[lints]\nworkspace = true\n", None);
        check(rule, "protocol/fuzz/Cargo.toml", "", None);
    }
}
