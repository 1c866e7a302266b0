#!/bin/sh
# Compares what the libraries offer with their last release: a change that breaks callers needs a
# version that says so. Before the first tag v* nothing has been promised.
set -eu
cd "$(dirname "$0")/.."

version=0.51.0

if ! git rev-parse --git-dir >/dev/null 2>&1; then
    echo "semver: not compared with the last release: this is no git checkout, and the tags are missing"
    exit 0
fi
last=$(git tag --list 'v[0-9]*' --sort=-version:refname | head -n 1)
if [ -z "$last" ] && [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    echo "semver: not compared with the last release: this is a shallow clone (git fetch --unshallow --tags)"
    exit 0
fi
if [ -z "$last" ]; then
    echo "semver: there is no release yet (no tag v*), and nothing to compare with"
    exit 0
fi

PATH=$PWD/target/tools:$PATH
if ! command -v cargo-semver-checks >/dev/null 2>&1; then
    {
        printf 'error: cargo-semver-checks is missing, and %s has to be compared with\n' "$last"
        printf ' hint: cargo install --locked cargo-semver-checks@%s\n' "$version"
    } >&2
    exit 1
fi
for crate in protocol:slotway-protocol client:slotway cluster:slotway-cluster compat:slotway-redis; do
    manifest=${crate%%:*}/Cargo.toml
    # One that came after the release has promised nothing.
    git cat-file -e "$last:$manifest" 2>/dev/null || continue
    cargo-semver-checks semver-checks --manifest-path "$manifest" --package "${crate##*:}" \
        --baseline-rev "$last"
done
