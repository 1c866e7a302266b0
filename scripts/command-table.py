#!/usr/bin/env python3
"""Write protocol/src/spec/builtin.rs from the COMMAND and COMMAND DOCS of running servers.

    python3 scripts/command-table.py SERVER... > protocol/src/spec/builtin.rs

Each SERVER is `host:port` of a running one, or the path of a server binary, which is started on a
free port of 127.0.0.1 for as long as it takes. List the oldest first: the newest one wins where
they differ, and each command notes the first server that has it.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time


class Connection:
    """A RESP2 connection, good enough for two commands."""

    def __init__(self, host, port):
        self.file = socket.create_connection((host, port), timeout=30).makefile("rwb")

    def call(self, *args):
        self.file.write(b"*%d\r\n" % len(args))
        for arg in args:
            self.file.write(b"$%d\r\n%s\r\n" % (len(arg), arg.encode()))
        self.file.flush()
        return self.reply()

    def reply(self):
        line = self.file.readline().decode().rstrip("\r\n")
        kind, rest = line[0], line[1:]
        if kind == "+":
            return rest
        if kind == ":":
            return int(rest)
        if kind == "$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self.reply() for _ in range(int(rest))]
        raise SystemExit(f"a server answered {line!r}")


def pairs(flat):
    return dict(zip(flat[::2], flat[1::2]))


def rust(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def key(spec):
    spec = pairs(spec)
    begin, find = pairs(spec["begin_search"]), pairs(spec["find_keys"])
    how, where = pairs(find["spec"]), pairs(begin["spec"])
    if begin["type"] == "index":
        start = f"index({where['index']})"
    elif begin["type"] == "keyword":
        start = f"keyword({rust(where['keyword'])}, {where['startfrom']})"
    else:
        start = "KeyBegin::Unknown"
    if find["type"] == "range":
        end = f"range({how['lastkey']}, {how['keystep']}, {how['limit']})"
    elif find["type"] == "keynum":
        end = f"keynum({how['keynumidx']}, {how['firstkey']}, {how['keystep']})"
    else:
        end = "KeyFind::Unknown"
    return f"key({rust(' '.join(sorted(spec['flags'])))}, {start}, {end})"


def policy(tips, kind):
    return next((tip.split(":")[1] for tip in tips if tip.startswith(kind + "_policy:")), "")


def row(command, since):
    name, arity, flags, _, _, _, categories, tips, keys, _ = command
    policies = f"policy({rust(policy(tips, 'request'))}, {rust(policy(tips, 'response'))})"
    return [
        rust(name),
        str(arity),
        rust(" ".join(sorted(flags))),
        rust(" ".join(sorted(word.lstrip("@") for word in categories))),
        "NO_POLICY" if policies == 'policy("", "")' else policies,
        "const { &[" + ", ".join(key(spec) for spec in keys) + "] }" if keys else "&[]",
        rust(since),
    ]


def rows(connection):
    """Every command and subcommand of a server, by name."""
    since = {}

    def read_docs(docs):
        for name, about in pairs(docs).items():
            about = pairs(about)
            since[name] = about.get("since", "")
            read_docs(about.get("subcommands", []))

    read_docs(connection.call("COMMAND", "DOCS"))
    found = {}

    def read(commands):
        for command in commands:
            found[command[0]] = row(command, since.get(command[0], ""))
            read(command[9])

    read(connection.call("COMMAND"))
    return found


def label(connection):
    info = dict(line.split(":", 1) for line in connection.call("INFO", "server").split("\r\n") if ":" in line)
    if info.get("server_name") == "valkey":
        return "Valkey " + ".".join(info["valkey_version"].split(".")[:2])
    return "Redis " + ".".join(info["redis_version"].split(".")[:2])


def started(binary, scratch):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", scratch]
    process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return process, Connection("127.0.0.1", port)
        except OSError:
            time.sleep(0.02)
    process.kill()
    raise SystemExit(f"{binary} does not start")


def main(servers):
    if not servers:
        raise SystemExit(__doc__)
    found, first, labels, processes = {}, {}, [], []
    try:
        with tempfile.TemporaryDirectory() as scratch:
            for server in servers:
                if os.path.exists(server):
                    process, connection = started(server, scratch)
                    processes.append(process)
                else:
                    host, port = server.rsplit(":", 1)
                    connection = Connection(host, int(port))
                labels.append(label(connection))
                for name, fields in rows(connection).items():
                    found[name] = fields
                    first.setdefault(name, labels[-1])
    finally:
        for process in processes:
            process.kill()
    command = "python3 scripts/command-table.py SERVER... > protocol/src/spec/builtin.rs"
    print("//! The commands of known servers, written from their `COMMAND` and `COMMAND DOCS`:")
    print(f"//! {', '.join(labels)}; where they differ, the last one is right.")
    print("//!")
    print("//! Do not edit. To write it anew, from the root of the repository:")
    print("//!")
    print(f"//! `{command}`")
    print()
    print("use super::{CommandSpec, KeyBegin, KeyFind, row::*};")
    print()
    print("/// Sorted by name, a container's subcommands right behind it.")
    print("#[rustfmt::skip]")
    print("pub(crate) static BUILTIN: &[CommandSpec] = &[")
    for name in sorted(found, key=lambda name: name.split("|")):
        print(f"    row({', '.join([*found[name], rust(first[name])])}),")
    print("];")


main(sys.argv[1:])
