"""What every Python session does alike: see ../README.md."""

import hashlib
import sys
import time
from urllib.parse import urlsplit

# The bound of every wait, in seconds.
PATIENCE = 10

URL = sys.argv[1]
PROTOCOL = int(sys.argv[2])
HOST = urlsplit(URL).hostname
PORT = urlsplit(URL).port


def line(name, value):
    print(f"{name}: {value}", flush=True)


def text(value):
    """A value on one line, the same in every run: a set has an order, and what is long is a hash."""
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(text(item) for item in value)) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{text(key)}: {text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text(item) for item in value) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(text(item) for item in value) + ")"
    if isinstance(value, (str, bytes)) and len(value) > 500:
        data = value.encode() if isinstance(value, str) else value
        digest = hashlib.sha256(data).hexdigest()[:16]
        return f"{type(value).__name__} of {len(value)}, {digest}"
    if isinstance(value, Exception):
        return f"{type(value).__name__}: {value}"
    return repr(value)


def failure(error):
    return f"FAILED {type(error).__name__}: {' '.join(str(error).split())}"


def value_or_error(call, *args, **options):
    """What a call returns or raises."""
    try:
        return call(*args, **options)
    except Exception as error:  # noqa: BLE001: any error is a result here
        return Expected(error)


def error(call, *args, **options):
    """The error that a call is expected to end in."""
    value = value_or_error(call, *args, **options)
    if not isinstance(value, Expected):
        raise AssertionError(f"no error, but {text(value)}")
    return value


class Expected:
    """An error as a value."""

    def __init__(self, error):
        self.text = f"{type(error).__name__}: {error}"

    def __repr__(self):
        return self.text


def until(condition, what):
    """The first value of `condition` that is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE} s")
        time.sleep(0.01)
