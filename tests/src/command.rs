//! The `slotway` command, as a person would run it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// How those variables begin that cargo sets for the package whose test runs.
const PACKAGE_VARIABLES: [&str; 4] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_TARGET_TMPDIR"];

/// The built command, from the sources as they are now.
///
/// Cargo tells a test where the binaries of its own package are, not those of another: so it is
/// asked to build this one, which takes no time when nothing has changed.
///
/// # Panics
/// When it does not build, with what the compiler says.
#[track_caller]
pub fn slotway() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build)
}

fn build() -> PathBuf {
    let test = env::current_exe().expect("a running test has a path");
    // A test is at target/PROFILE/deps/NAME.
    let profile = test.ancestors().nth(2).expect("a test is in a folder of a profile");
    let target = profile.parent().expect("a profile is in the target folder");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--quiet", "--package=slotway-proxy", "--bin=slotway"]);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    // What cargo says of the test's package is none of that build's business: some build scripts
    // look at it, and would run again, here and in the next build by hand.
    let of_package = |name: &OsString| {
        let name = name.to_string_lossy();
        PACKAGE_VARIABLES.iter().any(|start| name.starts_with(start))
    };
    for name in env::vars_os().map(|(name, _)| name).filter(of_package) {
        command.env_remove(name);
    }
    command.arg("--target-dir").arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("cargo runs, since it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    profile.join("slotway")
}
