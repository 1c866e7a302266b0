#!/bin/sh
# The tests that need a Docker engine.
set -eu
cd "$(dirname "$0")/.."

# Nothing of slotway runs in a container yet, so there is nothing that an engine could show.
if [ ! -f docker-compose.yml ]; then
    echo "test-docker: there is no docker-compose.yml in this version, and no test that needs Docker"
    exit 0
fi
echo "error: docker-compose.yml has no tests" >&2
exit 1
