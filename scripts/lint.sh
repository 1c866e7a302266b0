#!/bin/sh
# Everything that can be checked without running the code.
set -eu
cd "$(dirname "$0")/.."

step() {
    printf '\nlint: %s\n' "$1"
}

scripts/prepare.sh cargo cc rustfmt clippy python3

step "formatting"
cargo fmt --all --check
# No member of the workspace.
cargo fmt --manifest-path protocol/fuzz/Cargo.toml --check

step "clippy, every target"
cargo clippy --workspace --all-targets --locked -- -D warnings
cargo clippy --package slotway --no-default-features --all-targets --locked -- -D warnings
cargo clippy --package slotway --all-features --all-targets --locked -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

step "the oldest Rust that the libraries promise"
if command -v rustup >/dev/null 2>&1 && rustup run 1.88 rustc --version >/dev/null 2>&1; then
    rustup run 1.88 cargo check --package slotway-protocol --package slotway --locked --target-dir target/msrv
else
    echo "no toolchain 1.88 is here; clippy has checked that nothing newer is called"
fi

step "licences, sources and duplicates of dependencies"
if [ ! -x target/tools/cargo-deny ] && ! command -v cargo-deny >/dev/null 2>&1 &&
    ! scripts/fetch.py cargo-deny; then
    echo "lint: building it instead"
    cargo install --locked --quiet --root target/tools/cargo-deny-build cargo-deny@0.20.2
    mv target/tools/cargo-deny-build/bin/cargo-deny target/tools/
fi
PATH=$PWD/target/tools:$PATH cargo-deny --log-level warn check licenses bans sources
echo "advisories were not checked: they need a database from the network (cargo deny check advisories)"

step "promises to callers"
scripts/semver.sh

step "scripts"
python3 -m py_compile scripts/*.py
if [ -x target/tools/shellcheck ] || command -v shellcheck >/dev/null 2>&1 ||
    scripts/fetch.py shellcheck; then
    PATH=$PWD/target/tools:$PATH shellcheck scripts/*.sh .ci/run
else
    echo "lint: shellcheck is not to be had here; the shell scripts were not checked"
fi

printf '\nlint: clean\n'
