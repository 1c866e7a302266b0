//! The first program of the README is the example, and it runs.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::{fs, path::Path, process::Command};

use slotway_cluster::{Spec, TestCluster, TestServer};

/// The code of the README's section, without its fence.
fn printed(readme: &str) -> &str {
    let section = readme.split_once("\n## A first program\n").expect("the section is there").1;
    let section = section.split("\n## ").next().unwrap();
    let code = section.split_once("```rust\n").expect("it has code").1;
    code.split_once("```").expect("the code ends").0
}

/// An example without what only the repository's own checks want: its first lines.
fn program(example: &str) -> &str {
    let start = example.find("\nuse ").expect("it imports something");
    &example[start + 1..]
}

#[test]
fn the_readme_prints_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("../README.md")).unwrap();
    let example = fs::read_to_string(root.join("../client/examples/get_set.rs")).unwrap();
    assert_eq!(printed(&readme), program(&example));
}

#[test]
fn another_text_in_the_readme_is_noticed() {
    let readme = "# x\n\n## A first program\n\n```rust\nuse a;\n```\n\n## Next\n";
    assert_eq!(printed(readme), "use a;\n");
    assert_eq!(program("//! x\n\n#![y]\n\nuse a;\n"), "use a;\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_program_runs() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91).shape(3, 0)).await.unwrap();
    let url = format!("redis://{}", cluster.node(0).addr());
    let run = move || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "--locked", "--offline", "--package", "slotway"]);
        cargo.args(["--example", "get_set", "--", &url]);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Some(\"hello\")\n", "{errors}");
}
