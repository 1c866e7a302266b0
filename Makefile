# Every target works on a fresh clone of a machine that has Rust, a C compiler and Python 3. What is
# missing beyond that is fetched into target/, or named with the line that installs it.

# Options for a target: make dev ARGS="--primaries 5", make bench ARGS="--only get-64B-64",
# make fuzz SECONDS=600.
ARGS ?=
SECONDS ?= 60
export SLOTWAY_TEST_SERVERS ?= $(CURDIR)/target/servers

.DEFAULT_GOAL := help
.PHONY: help dev servers clients test test-docker lint bench fuzz docs

.DEFAULT:
	@printf 'error: there is no target "%s"\n hint: make help shows them\n' '$@' >&2; exit 2

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## Start a real cluster of six nodes and the proxy here, without Docker; ARGS are those of `slotway dev`
	@scripts/dev.sh $(ARGS)

servers: ## Get Redis 7.0, Valkey 8.1 and Valkey 9.1 for the tests, into target/servers
	@scripts/prepare.sh python3
	@scripts/fetch.py servers

clients: ## Get the client libraries that the tests run, into target/clients
	@scripts/prepare.sh python3
	@scripts/clients.py

test: servers clients ## Run all tests that need no Docker
	@scripts/prepare.sh cargo cc
	cargo test --workspace --locked

test-docker: ## Run the tests that need a Docker engine
	@scripts/test-docker.sh

lint: ## Check formatting, lints, docs, licences and scripts
	@scripts/lint.sh

bench: servers ## Measure, and write target/bench/*.json; ARGS are those of the program client
	@scripts/prepare.sh cargo cc
	cargo build --release --locked --package slotway-bench
	cargo run --release --locked --package slotway-bench --bin scan
	cargo run --release --locked --package slotway-bench --bin client -- $(ARGS)

fuzz: ## Fuzz each target for SECONDS=60, from the kept corpus
	@scripts/fuzz.sh $(SECONDS)

docs: ## Build the documentation of the crates
	@scripts/prepare.sh cargo cc
	cargo doc --workspace --no-deps --locked
	@echo "open target/doc/slotway_protocol/index.html"
