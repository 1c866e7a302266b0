"""A session of valkey-glide, as its asynchronous client for a standalone server."""

import asyncio
from importlib.metadata import version

import glide
from glide import Batch, GlideClient, GlideClientConfiguration, ListDirection, NodeAddress

from session import HOST, PATIENCE, PORT, PROTOCOL, Expected, failure, line, text

STEPS = []


def step(function):
    STEPS.append(function)


async def connect(**options):
    protocol = glide.ProtocolVersion.RESP3 if PROTOCOL == 3 else glide.ProtocolVersion.RESP2
    config = GlideClientConfiguration(
        [NodeAddress(HOST, PORT)], protocol=protocol, request_timeout=PATIENCE * 1000, **options
    )
    return await GlideClient.create(config)


async def value_or_error(call):
    try:
        return await call
    except Exception as error:  # noqa: BLE001: any error is a result here
        return Expected(error)


async def error(call):
    value = await value_or_error(call)
    if not isinstance(value, Expected):
        raise AssertionError(f"no error, but {text(value)}")
    return value


async def until(condition, what):
    for _ in range(PATIENCE * 100):
        value = await condition()
        if value:
            return value
        await asyncio.sleep(0.01)
    raise TimeoutError(f"{what}: not within {PATIENCE} s")


async def when_blocked(call):
    """Runs `call` with another connection when somebody is seen to be blocked."""
    other = await connect()

    async def somebody():
        return b"blocked_clients:0\r" not in await other.info([glide.InfoSection.CLIENTS])

    await until(somebody, "nobody is blocked")
    await call(other)
    await other.close()


def pairs(mapping):
    return sorted(mapping.items())


@step
async def strings(r):
    yield "set", await r.set("s", "value")
    yield "get", await r.get("s")
    yield "get of nothing", await r.get("nothing")
    yield "set nx", await r.set("s", "x", conditional_set=glide.ConditionalChange.ONLY_IF_DOES_NOT_EXIST)
    yield "set and get", await r.set("s", "third", return_old_value=True)
    yield "set with a time", await r.set("s:ex", "v", expiry=glide.ExpirySet(glide.ExpiryType.SEC, 100))
    yield "append", [await r.append("s", "!"), await r.strlen("s"), await r.getrange("s", 1, -2)]
    yield "incr", [await r.incr("n"), await r.incrby("n", 9), await r.decr("n")]
    yield "incrbyfloat", await r.incrbyfloat("f", 0.5)
    yield "getdel", [await r.getdel("s"), await r.get("s")]
    yield "empty value", [await r.set("empty", ""), await r.get("empty")]
    yield "lcs", [await r.mset({"{l}a": "ohmytext", "{l}b": "mynewtext"}), await r.lcs_idx("{l}a", "{l}b")]
    key = b"\x00\r\n\xff"
    yield "a binary key", [await r.set(key, b"\r\n\xff"), await r.get(key), await r.delete([key])]


@step
async def many_keys(r):
    keys = [f"key:{n}" for n in range(300)]
    yield "mset", await r.mset({key: f"of {key}" for key in keys})
    yield "mget", await r.mget([*keys, "nothing"])
    yield "exists", await r.exists([*keys, "nothing", keys[0]])
    yield "touch", await r.touch(keys)
    yield "delete", await r.delete([*keys[:100], "nothing"])
    yield "unlink", await r.unlink(keys[50:200])
    yield "what is left", await r.exists(keys)
    yield "msetnx of one slot", await r.msetnx({"{m}1": "1", "{m}2": "2"})
    yield "keys", sorted(await r.custom_command(["KEYS", "key:2[0-9]9"]))
    yield "dbsize", await r.dbsize()
    yield "random_key", await r.exists([await r.random_key()])


@step
async def expiry(r):
    await r.set("e", "v")
    yield "no time", [await r.ttl("e"), await r.ttl("nothing"), await r.expiretime("e")]
    yield "expire", [await r.expire("e", 10000), 9990 < await r.ttl("e") <= 10000]
    yield "persist", [await r.persist("e"), await r.persist("e")]
    yield "expireat", [await r.expireat("e", 33177117420), await r.expiretime("e")]
    yield "in the past", [await r.expire("e", -1), await r.exists(["e"])]


@step
async def hashes(r):
    yield "hset", await r.hset("h", {"a": "1", "b": "two"})
    yield "hgetall", pairs(await r.hgetall("h"))
    yield "hgetall of nothing", await r.hgetall("nothing")
    yield "hmget", await r.hmget("h", ["a", "x", "b"])
    yield "hincrby", [await r.hincrby("h", "a", 5), await r.hincrbyfloat("h", "f", 1.5)]
    yield "hrandfield", sorted(await r.hrandfield_withvalues("h", 10))
    yield "hdel", await r.hdel("h", ["a", "x"])
    await r.hset("h:big", {f"f{n}": str(n) for n in range(1000)})
    cursor, count = b"0", 0
    while True:
        cursor, found = await r.hscan("h:big", cursor, count=100)
        count += len(found) // 2
        if cursor == b"0":
            break
    yield "hscan", count


@step
async def lists(r):
    yield "rpush", await r.rpush("l", ["a", "b", "c"])
    yield "lrange", await r.lrange("l", 0, -1)
    yield "lpop", [await r.lpop("l"), await r.lpop_count("l", 5), await r.lpop("l")]
    yield "lset", await error(r.lset("l", 99, "x"))
    await r.rpush("{l}from", ["1", "2", "3"])
    yield "lmove", await r.lmove("{l}from", "{l}to", ListDirection.LEFT, ListDirection.RIGHT)
    yield "lmpop", await r.lmpop(["{l}none", "{l}from"], ListDirection.LEFT, 5)


@step
async def sets(r):
    yield "sadd", [await r.sadd("{s}1", ["a", "b", "c"]), await r.sadd("{s}2", ["b", "c", "d"])]
    yield "smembers", await r.smembers("{s}1")
    yield "smismember", await r.smismember("{s}1", ["a", "x"])
    yield "sinter", await r.sinter(["{s}1", "{s}2"])
    yield "sinterstore", [await r.sinterstore("{s}3", ["{s}1", "{s}2"]), await r.scard("{s}3")]


@step
async def sorted_sets(r):
    yield "zadd", [await r.zadd("{z}1", {"a": 1, "b": 2.5}), await r.zadd("{z}2", {"b": 10, "d": 4})]
    yield "zadd incr", await r.zadd_incr("{z}1", "a", 0.5)
    yield "zscore", [await r.zscore("{z}1", "a"), await r.zscore("{z}1", "x")]
    yield "zrange", pairs(await r.zrange_withscores("{z}1", glide.RangeByIndex(0, -1)))
    yield "zrank", [await r.zrank("{z}1", "b"), await r.zrank("{z}1", "x")]
    yield "zunion", pairs(await r.zunion_withscores(["{z}1", "{z}2"]))
    yield "zpopmin", [await r.zpopmin("{z}1"), pairs(await r.zpopmax("{z}2", 5))]


@step
async def other_types(r):
    yield "setbit", [await r.setbit("bits", 7, 1), await r.bitcount("bits")]
    encoding = glide.UnsignedEncoding(8)
    yield "bitfield", await r.bitfield("bits", [glide.BitFieldIncrBy(encoding, glide.BitOffset(8), 100)])
    yield "pfadd", [await r.pfadd("{p}1", ["a", "b"]), await r.pfcount(["{p}1", "{p}2"])]
    yield "geoadd", await r.geoadd("geo", {"Palermo": glide.GeospatialData(13.361389, 38.115556)})
    yield "geosearch", await r.geosearch(
        "geo", glide.GeospatialData(15, 37), glide.GeoSearchByRadius(200, glide.GeoUnit.KILOMETERS),
        with_coord=True, with_dist=True,
    )
    yield "dump", await r.restore("restored", 0, await r.dump("bits"))
    yield "rename", [await r.rename("{s}1", "{s}9"), await r.copy("{s}9", "{s}8"), await r.type("{s}8")]
    yield "object", [await r.object_encoding("n"), await r.object_refcount("h")]


@step
async def streams(r):
    for n in range(1, 5):
        yield f"xadd {n}", await r.xadd("x", [("a", str(n))], glide.StreamAddOptions(id=f"1-{n}"))
    yield "xread", await r.xread({"x": "1-2"})
    yield "xgroup_create", await r.xgroup_create("x", "g", "0")
    yield "xgroup_create again", await error(r.xgroup_create("x", "g", "0"))
    yield "xreadgroup", await r.xreadgroup({"x": ">"}, "g", "one", glide.StreamReadGroupOptions(count=2))
    yield "xack", await r.xack("x", "g", ["1-1", "9-9"])
    yield "xpending", await r.xpending("x", "g")
    yield "xautoclaim", await r.xautoclaim("x", "g", "two", 0, "0-0")
    yield "xinfo_groups", [pairs(group) for group in await r.xinfo_groups("x")]
    yield "xread that times out", await r.xread({"x": "$"}, glide.StreamReadOptions(block_ms=20))
    blocked = await connect()
    read = asyncio.create_task(blocked.xread({"x": "2-0"}, glide.StreamReadOptions(block_ms=5000)))
    await when_blocked(lambda other: other.xadd("x", [("late", "yes")], glide.StreamAddOptions(id="2-1")))
    yield "xread woken", await read
    await blocked.close()


@step
async def batches(r):
    pipe = Batch(is_atomic=False)
    for n in range(500):
        pipe.set(f"p:{n}", str(n)).incr(f"p:{n}").get(f"p:{n}")
    yield "of 1500 commands over many slots", await r.exec(pipe, raise_on_error=True)
    pipe = Batch(is_atomic=False)
    pipe.set("p:s", "text").lpush("p:s", ["1"]).get("p:s").mget(["p:1", "p:2", "p:3"]).incr("p:s")
    pipe.delete(["p:1", "p:2"]).ping().custom_command(["NO.SUCH", "p:1"])
    yield "with errors in it", await r.exec(pipe, raise_on_error=False)
    yield "that raises", await error(r.exec(Batch(is_atomic=False).get("p:s").incr("p:s"), raise_on_error=True))
    yield "900 at once", await asyncio.gather(*(r.get(f"p:{n % 500}") for n in range(900)))


@step
async def transactions(r):
    batch = Batch(is_atomic=True).set("{t}a", "1").incr("{t}a").hset("{t}h", {"f": "v"}).hgetall("{t}h")
    yield "of one slot", await r.exec(batch, raise_on_error=True)
    batch = Batch(is_atomic=True).set("{t}a", "text").incr("{t}a").get("{t}a")
    yield "with an error in it", await r.exec(batch, raise_on_error=False)
    batch = Batch(is_atomic=True).set("{t}a", "never").custom_command(["GET"])
    yield "that is refused", await error(r.exec(batch, raise_on_error=True))
    yield "after it", await r.get("{t}a")
    mine = Batch(is_atomic=True).set("{t}w", "mine")
    yield "watched and undisturbed", [await r.watch(["{t}w"]), await r.exec(mine, raise_on_error=True)]
    await r.watch(["{t}w"])
    other = await connect()
    await other.set("{t}w", "other")
    yield "watched and disturbed", [await r.exec(mine, raise_on_error=True), await r.get("{t}w")]
    await r.watch(["{t}w"])
    await r.unwatch()
    await other.set("{t}w", "again")
    yield "unwatched", await r.exec(mine, raise_on_error=True)
    await other.close()
    async with await r.scoped_connection() as scope:
        await scope.watch("{t}w")
        await scope.multi()
        await scope.set("{t}w", "scoped")
        yield "on a connection of its own", await scope.exec()


@step
async def pub_sub(r):
    if PROTOCOL == 2:
        return
    modes = GlideClientConfiguration.PubSubChannelModes
    wanted = {modes.Exact: {"c:1", "c:2"}, modes.Pattern: {"c:[34]"}}
    subscriptions = GlideClientConfiguration.PubSubSubscriptions(wanted, None, None)
    subscriber = await connect(pubsub_subscriptions=subscriptions)

    async def messages(count):
        found = [await asyncio.wait_for(subscriber.get_pubsub_message(), PATIENCE) for _ in range(count)]
        return [(message.channel, message.message, message.pattern) for message in found]

    async def subscribed():
        return len(await r.pubsub_channels("c:*")) == 2 and await r.pubsub_numpat() == 1

    yield "subscribed", await until(subscribed, "it does not subscribe")
    yield "publish", [await r.publish(f"to {name}", name) for name in ("c:1", "c:2", "c:3", "d")]
    yield "messages", sorted(await messages(3))
    yield "pubsub", [sorted(await r.pubsub_channels()), pairs(await r.pubsub_numsub(["c:1", "none"]))]
    for n in range(200):
        await r.publish(str(n), "c:2")
    yield "200 messages in order", [message[1] for message in await messages(200)]
    yield "subscribe", await subscriber.subscribe({"c:9"}, timeout_ms=5000)
    yield "publish to it", [await r.publish("v", "c:9"), await messages(1)]
    yield "unsubscribe", await subscriber.unsubscribe({"c:9"}, timeout_ms=5000)
    yield "publish to nobody", await r.publish("v", "c:9")
    yield "a command while subscribed", await subscriber.get("p:3")
    await subscriber.close()


@step
async def scripts(r):
    script = glide.Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    yield "a script", [await r.invoke_script(script, ["script"], ["5"]), await r.invoke_script(script, ["script"], ["7"])]
    await r.script_flush()
    yield "after a flush", await r.invoke_script(script, ["script"], ["1"])
    yield "script_exists", await r.script_exists([script.get_hash(), "0" * 40])
    yield "without keys", await r.invoke_script(glide.Script("return {ARGV[1], 2, {3, 'four'}, false}"), args=["one"])
    wrong = glide.Script("return redis.call('LPUSH', KEYS[1], 1)")
    yield "an error in it", await error(r.invoke_script(wrong, ["script"]))
    code = "#!lua name=lib\nredis.register_function('f', function(k, a) return redis.call('SET', k[1], a[1]) end)"
    yield "function_load", await r.function_load(code, replace=True)
    yield "fcall", [await r.fcall("f", ["by function"], ["v"]), await r.get("by function")]
    yield "function_delete", await r.function_delete("lib")


@step
async def blocking(r):
    yield "blpop timing out", await r.blpop(["b:none"], 0.05)
    blocked = await connect()
    popped = asyncio.create_task(blocked.blpop(["{b}1", "{b}2"], 5))
    await when_blocked(lambda other: other.rpush("{b}2", ["pushed"]))
    yield "blpop woken", await popped
    popped = asyncio.create_task(blocked.blmove("{b}1", "{b}3", ListDirection.LEFT, ListDirection.RIGHT, 5))
    await when_blocked(lambda other: other.rpush("{b}1", ["moved"]))
    yield "blmove woken", await popped
    popped = asyncio.create_task(blocked.bzpopmin(["{b}z"], 5))
    await when_blocked(lambda other: other.zadd("{b}z", {"m": 1.5}))
    yield "bzpopmin woken", await popped
    yield "blpop of another type", await error(blocked.blpop(["h"], 1))
    await blocked.close()


@step
async def scans(r):
    await r.mset({f"scan:{n}": str(n) for n in range(2000)})
    cursor, found = b"0", set()
    while True:
        cursor, keys = await r.scan(cursor, match="scan:*", count=100)
        found.update(keys)
        if cursor == b"0":
            break
    yield "scan", len(found)


@step
async def the_connection(r):
    named = await connect(client_name="session", database_id=0)
    yield "name", await named.client_getname()
    yield "client_id", await named.client_id() > 0
    yield "echo", [await named.ping(), await named.ping("hello"), await named.echo("hello")]
    yield "select 0", await named.select(0)
    info = (await named.custom_command(["CLIENT", "INFO"])).decode().split()
    wanted = ("name=", "db=", "lib-name=", "resp=")
    yield "client info", sorted(field for field in info if field.startswith(wanted))
    yield "info", b"redis_version:" in await named.info()
    yield "config_get", await named.config_get(["maxmemory-policy"])
    yield "time", len(await named.time())
    yield "lastsave", await named.lastsave() >= 0
    await r.custom_command(["CLIENT", "KILL", "ID", str(await named.client_id())])

    async def back():
        return await value_or_error(named.ping()) == b"PONG"

    yield "it comes back", await until(back, "it does not")
    await named.close()


@step
async def errors(r):
    yield "another type", await error(r.lpush("p:s", ["1"]))
    yield "no integer", await error(r.incr("p:s"))
    yield "too few arguments", await error(r.custom_command(["GET"]))
    yield "an unknown command", await error(r.custom_command(["NO.SUCH", "a", "b"]))
    yield "an unknown subcommand", await error(r.custom_command(["CLIENT", "NO.SUCH"]))
    yield "a syntax error", await error(r.custom_command(["SET", "a", "b", "NOPE"]))


@step
async def bytes_of_all_kinds(r):
    big = bytes(range(256)) * 4096
    yield "1 MB", [await r.set("big", big), await r.get("big") == big]
    yield "1 MB twenty times at once", [len(value) for value in await asyncio.gather(*(r.get("big") for _ in range(20)))]
    yield "many arguments", await r.sadd("many", [str(n) for n in range(20000)])


@step
async def several_slots(r):
    await r.sadd("across:1", ["a", "b"])
    await r.sadd("across:2", ["b", "c"])
    yield "sinter", await value_or_error(r.sinter(["across:1", "across:2"]))
    batch = Batch(is_atomic=True).set("across:a", "1").set("across:b", "2")
    yield "transaction", await value_or_error(r.exec(batch, raise_on_error=True))


async def run(function, r):
    name = function.__name__.replace("_", " ")

    async def lines():
        async for result, value in function(r):
            line(f"{name}, {result}", text(value))

    try:
        await asyncio.wait_for(lines(), 3 * PATIENCE)
    except Exception as error:  # noqa: BLE001: it is the result
        line(f"{name}, fails", failure(error))


async def main():
    # What it logs goes to standard output, among the lines.
    glide.Logger.set_logger_config(glide.LogLevel.OFF)
    line("client", f"valkey-glide {version('valkey-glide')}")
    r = await connect()
    await r.flushall()
    await r.script_flush()
    for function in STEPS:
        await run(function, r)
    await r.close()
    line("end", "yes")


asyncio.run(main())
