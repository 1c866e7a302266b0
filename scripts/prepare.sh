#!/bin/sh
# Makes sure that programs are here: scripts/prepare.sh cargo cc python3
#
# What the system's package manager has it installs, and says so before. Rust it does not install:
# which toolchain a person wants is theirs to say.
set -eu

fail() {
    printf 'error: %s\n hint: %s\n' "$1" "$2" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "installing needs root" "run as root: $*"
    fi
}

# install DEBIAN FEDORA ALPINE ARCH BREW: the package that has a program, by each one's name.
install() {
    echo "prepare: installing a system package, since a program is missing"
    if command -v apt-get >/dev/null 2>&1; then
        echo "prepare: apt-get install $1"
        as_root apt-get install -qq -y "$1" >/dev/null 2>&1 || {
            as_root apt-get update -qq
            as_root apt-get install -qq -y "$1" >/dev/null
        }
    elif command -v dnf >/dev/null 2>&1; then
        echo "prepare: dnf install $2"
        as_root dnf install -q -y "$2"
    elif command -v apk >/dev/null 2>&1; then
        echo "prepare: apk add $3"
        as_root apk add --quiet "$3"
    elif command -v pacman >/dev/null 2>&1; then
        echo "prepare: pacman -S $4"
        as_root pacman -S --noconfirm --quiet "$4"
    elif command -v brew >/dev/null 2>&1; then
        echo "prepare: brew install $5"
        brew install --quiet "$5"
    else
        fail "no package manager was found" "install ${1:-$5} by hand"
    fi
}

for program in "$@"; do
    case $program in
    rustfmt | clippy)
        component=$program
        [ "$program" = rustfmt ] && binary=rustfmt || binary=cargo-clippy
        "$binary" --version >/dev/null 2>&1 && continue
        command -v rustup >/dev/null 2>&1 ||
            fail "$component is missing" "install it beside your Rust toolchain"
        echo "prepare: rustup component add $component"
        rustup component add "$component"
        ;;
    cargo)
        command -v cargo >/dev/null 2>&1 ||
            fail "Rust is missing" "install a stable toolchain with rustup, then run the same again"
        ;;
    cc)
        command -v cc >/dev/null 2>&1 || install gcc gcc build-base gcc gcc
        ;;
    c++)
        command -v c++ >/dev/null 2>&1 || install g++ gcc-c++ build-base gcc gcc
        ;;
    valkey-server)
        command -v valkey-server >/dev/null 2>&1 && continue
        # Debian's package starts a service, which would stay behind on port 6379.
        command -v apt-get >/dev/null 2>&1 &&
            fail "there is no server for this machine" "install one: apt-get install redis-server"
        install "" valkey valkey valkey valkey
        ;;
    python3)
        command -v python3 >/dev/null 2>&1 || install python3 python3 python3 python python3
        ;;
    *)
        fail "prepare.sh does not know '$program'" "teach it, in scripts/prepare.sh"
        ;;
    esac
done
