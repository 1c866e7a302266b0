//! What a reader of this repository may rely on, held true by code.
//!
//! A rule is a function from the [`Tree`] to its [`Finding`]s. Each has a test that plants a
//! violation, so that no rule can rot into one that finds nothing. To add one: write it beside its
//! kin, plant a violation, and add it to [`RULES`].

mod arrows;
mod code;
mod help;
mod papers;
mod size;
mod tree;

use tree::{Finding, Tree};

/// What is checked, in the order in which it is reported.
const RULES: &[fn(&Tree) -> Vec<Finding>] = &[
    size::files_are_short,
    size::functions_are_short,
    size::tables_say_that_they_are_written_by_a_program,
    arrows::crates_point_one_way,
    arrows::the_binary_alone_joins_proxy_and_cluster,
    arrows::members_share_the_lints,
    code::protocol_touches_nothing,
    code::names_say_what_is_inside,
    code::exceptions_have_reasons,
    code::every_test_runs,
    papers::licences_are_here,
    papers::crates_are_licensed,
    papers::no_place_is_one_machines,
    papers::readme_names_every_target,
    papers::every_fuzz_target_is_built,
];

#[test]
fn the_tree_is_tidy() {
    let tree = Tree::here();
    let findings: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    assert!(findings.is_empty(), "{}", listed(&findings));
}

#[test]
fn the_readme_names_every_flag_of_the_command() {
    let tree = Tree::here();
    // Before there is a command there is nothing that a README could leave out.
    if tree.text("proxy/Cargo.toml").is_none() {
        return;
    }
    let findings = help::readme_names_every_flag(&tree, &mut help::of_the_command);
    assert!(findings.is_empty(), "{}", listed(&findings));
}

#[test]
fn the_readme_names_every_key_of_the_proxy() {
    let findings = help::readme_names_every_key(&Tree::here(), &help::schema_of_the_command());
    assert!(findings.is_empty(), "{}", listed(&findings));
}

fn listed(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("\n  {finding}")).collect()
}
