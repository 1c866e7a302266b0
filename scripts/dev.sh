#!/bin/sh
# Builds slotway and starts a real cluster and the proxy in front of it. A server binary is fetched if there is none.
set -eu
cd "$(dirname "$0")/.."

scripts/prepare.sh cargo cc
if [ -z "${SLOTWAY_SERVER:-}" ] && ! command -v valkey-server >/dev/null 2>&1 &&
    ! command -v redis-server >/dev/null 2>&1; then
    echo "dev: there is no valkey-server and no redis-server on the PATH, so one is fetched"
    scripts/prepare.sh python3
    # A binary below target/ and no package of the system: a package would start a service on 6379.
    if scripts/fetch.py valkey-9.1; then
        SLOTWAY_SERVER=$PWD/target/servers/valkey-9.1/valkey-server
        export SLOTWAY_SERVER
        # Nothing here is lost without it: any client does.
        command -v redis-cli >/dev/null 2>&1 || command -v valkey-cli >/dev/null 2>&1 ||
            scripts/fetch.py valkey-cli || echo "dev: so there is no valkey-cli; any client does"
    else
        scripts/prepare.sh valkey-server
    fi
fi
# Not the release profile: it takes 2.4 times the CPU to build (95 s instead of 40 s), and the cluster
# is not ready any sooner (2.1 s instead of 2.2 s), since that is the nodes' own time.
cargo build --locked --package slotway-proxy
# The binary itself, so that Ctrl-C reaches it alone and its exit code is ours.
exec "${CARGO_TARGET_DIR:-target}/debug/slotway" dev "$@"
