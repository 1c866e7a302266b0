//! Every example runs, and prints what it should.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod web;

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use slotway_cluster::{Spec, TestCluster, TestServer};

/// Examples with what they print, when they are told of a cluster and nothing else. One that is not
/// here has to print something.
const PRINTS: &[(&str, &str, &str)] = &[
    ("slotway", "get_set", "Some(\"hello\")\n"),
    ("slotway", "pipeline", "4 letters, 3 cities, None\n"),
    ("slotway", "pubsub", "b\"greetings\": b\"hello\"\n"),
    ("slotway", "scan", "100 users\n"),
    ("slotway", "tower_layers", "Some(\"hello\")\n3 primaries answer\n"),
    ("slotway", "transaction", "[true, true, false], 2 sold\n"),
    ("slotway-redis", "migrate_from_redis_rs", "home: 1\nabout: 1\nhome: 2\nhome has 2\n"),
];

/// Those that are run in a way of their own.
const OTHERS: &[(&str, &str)] = &[("slotway", "axum_app"), ("slotway", "nat")];

/// Where each crate's examples are.
const FOLDERS: &[(&str, &str)] = &[("slotway", "client"), ("slotway-redis", "compat")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The examples of a crate in this folder.
fn examples_in(folder: &str) -> Vec<String> {
    let files = fs::read_dir(root().join(folder).join("examples")).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let sources = paths.filter(|path| path.extension() == Some(OsStr::new("rs")));
    sources.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// An example that is built, ready to run.
fn example(package: &str, name: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--offline", "--package", package]);
    cargo.args(["--example", name, "--"]).current_dir(root());
    cargo.stdin(Stdio::null());
    cargo
}

fn run(package: &str, name: &str, args: &[&str]) -> String {
    let output = example(package, name).args(args).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

async fn start(spec: Spec) -> (TestCluster, String) {
    let cluster = TestCluster::start(spec.shape(3, 0)).await.unwrap();
    let url = format!("redis://{}", cluster.node(0).addr());
    (cluster, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_prints_what_it_should() {
    let (_cluster, url) = start(Spec::on(TestServer::Valkey91)).await;
    let all = move || {
        for (package, folder) in FOLDERS {
            for name in examples_in(folder) {
                if OTHERS.contains(&(package, &name)) {
                    continue;
                }
                let printed = run(package, &name, &[&url]);
                let known = PRINTS.iter().find(|(of, known, _)| (of, *known) == (package, &name));
                match known {
                    Some((_, _, expected)) => assert_eq!(printed, *expected, "{name}"),
                    None => assert!(!printed.is_empty(), "{name} prints nothing"),
                }
            }
        }
    };
    tokio::task::spawn_blocking(all).await.unwrap();
}

#[test]
fn examples_that_are_expected_are_there() {
    for (package, folder) in FOLDERS {
        let names = examples_in(folder);
        let printing = PRINTS.iter().map(|(of, name, _)| (of, name));
        let others = OTHERS.iter().map(|(of, name)| (of, name));
        for (_, name) in printing.chain(others).filter(|(of, _)| *of == package) {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_nat_finds_nodes_that_announce_another_address() {
    let spec = Spec::on(TestServer::Valkey81).config("cluster-announce-client-ipv4", "192.0.2.1");
    let (_cluster, url) = start(spec).await;
    let rule = "192.0.2.0/24:* -> 127.0.0.1:*";
    let output = tokio::task::spawn_blocking(move || run("slotway", "nat", &[&url, rule]));
    let output = output.await.unwrap();
    assert_eq!(output, format!("{}Some(\"NAT\")\n", "192.0.2.1: PONG\n".repeat(3)));
}
