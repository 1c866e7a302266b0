#!/bin/sh
# Fuzzes each target for some seconds: scripts/fuzz.sh [SECONDS] [TARGET...]
# Keeps what it learned:               scripts/fuzz.sh keep [TARGET...]
#
# The targets are built with the coverage that libFuzzer needs by flags that stable Rust has, so no
# nightly toolchain and no cargo-fuzz is needed. Overflow checks and debug assertions are on. What is
# found stays in protocol/fuzz/artifacts. New inputs of interest join the corpus in
# target/fuzz/corpus; the kept one in protocol/fuzz/corpus is only read, until `keep` adds to it those
# inputs that reach code which no kept one reaches.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=${*:-$(find protocol/fuzz/fuzz_targets -name '*.rs' -exec basename {} .rs \; | sort)}

# To libFuzzer 0 seconds would mean for ever.
case $seconds in
keep) ;;
*[!0-9]* | 0* | '')
    printf 'error: "%s" is no number of seconds\n hint: make fuzz SECONDS=60\n' "$seconds" >&2
    exit 2
    ;;
esac

# libfuzzer-sys compiles libFuzzer itself, which is C++.
scripts/prepare.sh cargo cc c++

flags="-C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4"
flags="$flags -C llvm-args=-sanitizer-coverage-inline-8bit-counters"
flags="$flags -C llvm-args=-sanitizer-coverage-pc-table"
flags="$flags -C llvm-args=-sanitizer-coverage-trace-compares"
flags="$flags -C codegen-units=1 -C debug-assertions -C overflow-checks --cfg fuzzing"
host=$(rustc -vV | sed -n 's/^host: //p')

# A target triple keeps the flags away from build scripts.
RUSTFLAGS=$flags cargo build --release --locked --manifest-path protocol/fuzz/Cargo.toml \
    --target "$host" --target-dir target/fuzz

for target in $targets; do
    program=target/fuzz/$host/release/$target
    kept=protocol/fuzz/corpus/$target
    new=target/fuzz/corpus/$target
    mkdir -p "$kept" "$new" "protocol/fuzz/artifacts/$target"
    if [ "$seconds" = keep ]; then
        printf '\nfuzz: %s: adding to %s what %s has found\n' "$target" "$kept" "$new"
        "$program" -set_cover_merge=1 -use_counters=0 -verbosity=0 "$kept" "$new"
        continue
    fi
    printf '\nfuzz: %s for %s s\n' "$target" "$seconds"
    "$program" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=512 -verbosity=0 \
        -print_final_stats=1 -artifact_prefix="protocol/fuzz/artifacts/$target/" "$new" "$kept"
done
