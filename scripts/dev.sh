#!/bin/sh
# Builds slotway and starts a real cluster with it. A server binary is fetched if there is none.
set -eu
cd "$(dirname "$0")/.."

scripts/prepare.sh cargo cc
if [ -z "${SLOTWAY_SERVER:-}" ] && ! command -v valkey-server >/dev/null 2>&1 &&
    ! command -v redis-server >/dev/null 2>&1; then
    echo "dev: there is no valkey-server and no redis-server on the PATH, so one is fetched"
    scripts/prepare.sh python3
    scripts/fetch.py valkey-9.1
    SLOTWAY_SERVER=$PWD/target/servers/valkey-9.1/valkey-server
    export SLOTWAY_SERVER
fi
cargo build --release --locked --package slotway-proxy
# The binary itself, so that Ctrl-C reaches it alone and its exit code is ours.
exec target/release/slotway dev "$@"
