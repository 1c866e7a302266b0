"""A session of redis-py."""

import redis

from session import PATIENCE, PROTOCOL, URL, failure, line, text


def connect(**options):
    options = {"socket_timeout": PATIENCE, "protocol": PROTOCOL, **options}
    return redis.Redis.from_url(URL, **options)


r = connect()


def step(function):
    """Runs a function, each of whose results is a line."""
    name = function.__name__.replace("_", " ")
    try:
        for result, value in function():
            line(f"{name}, {result}", text(value))
    except Exception as error:  # noqa: BLE001: it is the result
        line(f"{name}, fails", failure(error))


line("client", f"redis-py {redis.__version__}")
r.flushall()
r.script_flush()


@step
def strings():
    yield "set", r.set("s", "value")
    yield "get", r.get("s")


line("end", "yes")
