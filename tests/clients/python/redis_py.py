"""A session of redis-py."""

import asyncio
import datetime
import threading
import time

import redis
import redis.asyncio

from session import HOST, PATIENCE, PORT, PROTOCOL, URL, error, failure, line, text, until, value_or_error


def connect(**options):
    options = {"socket_timeout": PATIENCE, "protocol": PROTOCOL, **options}
    return redis.Redis.from_url(URL, **options)


r = connect()
# Keys that are in no one slot, and in one.
MANY = [f"key:{n}" for n in range(300)]


def step(function):
    """Runs a function that yields names and values: each is a line."""
    group = function.__name__.replace("_", " ")
    try:
        for name, value in function():
            line(f"{group}, {name}", text(value))
    except Exception as error:  # noqa: BLE001: it is the result
        line(f"{group}, fails", failure(error))


def in_background(call):
    """Runs `call` when another connection of this server is seen to be blocked."""

    def run():
        with connect() as other:
            until(lambda: int(other.info("clients")["blocked_clients"]) > 0, "nobody is blocked")
            call(other)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


line("client", f"redis-py {redis.__version__}")
r.flushall()
r.script_flush()


@step
def strings():
    yield "set", r.set("s", "value")
    yield "get", r.get("s")
    yield "get of nothing", r.get("nothing")
    yield "set nx of what is there", r.set("s", "other", nx=True)
    yield "set xx get", r.set("s", "third", xx=True, get=True)
    yield "set with a time", r.set("s:ex", "v", ex=datetime.timedelta(seconds=100))
    yield "setex", r.execute_command("SETEX", "s:setex", 100, "v")
    yield "psetex", r.psetex("s:psetex", 100000, "v")
    yield "setnx", [r.setnx("s:nx", "1"), r.setnx("s:nx", "2")]
    yield "append", [r.append("s", "!"), r.strlen("s"), r.getrange("s", 1, -2)]
    yield "setrange", [r.setrange("s", 2, "XX"), r.get("s")]
    yield "getset", r.getset("s", "new")
    yield "getdel", [r.getdel("s"), r.get("s")]
    yield "incr", [r.incr("n"), r.incrby("n", 9), r.decr("n", 3), r.get("n")]
    yield "incrbyfloat", [r.incrbyfloat("f", 0.5), r.incrbyfloat("f", 1e10)]
    yield "getex", [r.getex("n", ex=50), 0 < r.ttl("n") <= 50, r.getex("n", persist=True), r.ttl("n")]
    r.mset({"{l}a": "ohmytext", "{l}b": "mynewtext"})
    yield "lcs", r.lcs("{l}a", "{l}b")
    yield "lcs with positions", r.lcs("{l}a", "{l}b", idx=True)
    yield "empty value", [r.set("empty", ""), r.get("empty"), r.strlen("empty")]
    yield "empty key", [r.set("", "at nothing"), r.get(""), r.delete("")]


@step
def many_keys():
    yield "mset", r.mset({key: f"value of {key}" for key in MANY})
    yield "mget", r.mget([*MANY, "nothing"])
    yield "exists", r.exists(*MANY, "nothing", MANY[0])
    yield "touch", r.touch(*MANY[:50], "nothing")
    yield "delete", r.delete(*MANY[:100], "nothing")
    yield "unlink", r.unlink(*MANY[50:200])
    yield "what is left", r.exists(*MANY)
    yield "msetnx of one slot", [r.msetnx({"{m}1": 1, "{m}2": 2}), r.msetnx({"{m}2": 3, "{m}3": 3})]
    yield "msetnx left", r.mget("{m}1", "{m}2", "{m}3")
    yield "mget of the same key twice", r.mget(MANY[299], MANY[299])
    yield "mget of another type", (r.rpush("list", "x"), r.mget("list", MANY[299]))
    yield "keys", sorted(r.keys("key:2[0-9]9"))
    yield "dbsize", r.dbsize()
    yield "randomkey is a key", r.exists(r.randomkey())


@step
def expiry():
    r.set("e", "v")
    yield "no time", [r.ttl("e"), r.pttl("e"), r.ttl("nothing"), r.expiretime("e")]
    yield "expire", [r.expire("e", 10000), 9990 < r.ttl("e") <= 10000]
    yield "pexpire", [r.pexpire("e", 5000000), 4990000 < r.pttl("e") <= 5000000]
    yield "expire nx xx gt lt", [
        r.expire("e", 100, nx=True), r.expire("e", 9000, xx=True), r.expire("e", 100, gt=True),
        r.expire("e", 100, lt=True),
    ]
    yield "persist", [r.persist("e"), r.persist("e"), r.ttl("e")]
    yield "expireat", [r.expireat("e", 33177117420), r.expiretime("e"), r.pexpiretime("e")]
    yield "in the past", [r.expire("e", -1), r.exists("e")]
    r.set("e:soon", "v", px=20)
    yield "it expires", until(lambda: r.get("e:soon") is None, "it does not expire")
    yield "a bad time", error(r.expire, "s:ex", 2**63)
    yield "a bad setex", error(r.set, "e", "v", ex=0)


@step
def keys():
    r.set("{k}a", "v")
    yield "type", [r.type("{k}a"), r.type("list"), r.type("nothing")]
    yield "rename", [r.rename("{k}a", "{k}b"), r.get("{k}b")]
    yield "renamenx", [r.renamenx("{k}b", "{k}c"), r.exists("{k}b", "{k}c")]
    yield "rename of nothing", error(r.rename, "{k}x", "{k}y")
    yield "copy", [r.copy("{k}c", "{k}d"), r.copy("{k}c", "{k}d"), r.copy("{k}c", "{k}d", replace=True)]
    dumped = r.dump("{k}c")
    yield "dump and restore", [r.restore("elsewhere", 0, dumped), r.get("elsewhere")]
    yield "restore on a key", error(r.restore, "elsewhere", 0, dumped)
    yield "restore of nonsense", error(r.restore, "new", 0, b"nonsense")
    r.set("number", 12)
    yield "object encoding", [r.object("encoding", "number"), r.object("encoding", "list")]
    yield "object idletime", r.object("idletime", "number") < 60
    yield "object refcount", r.object("refcount", "list")
    yield "memory usage", r.memory_usage("list") > 10
    r.rpush("{sort}list", 3, 1, 2)
    for n in (1, 2, 3):
        r.set(f"{{sort}}w:{n}", 10 - n)
    yield "sort", [r.sort("{sort}list"), r.sort("{sort}list", desc=True, start=0, num=2)]
    yield "sort store", [r.sort("{sort}list", store="{sort}to"), r.lrange("{sort}to", 0, -1)]


@step
def hashes():
    yield "hset", r.hset("h", mapping={"a": 1, "b": "two", b"\xff\x00": b"\r\n"})
    yield "hget", [r.hget("h", "a"), r.hget("h", "x"), r.hexists("h", "b"), r.hlen("h")]
    yield "hgetall", r.hgetall("h")
    yield "hgetall of nothing", r.hgetall("nothing")
    yield "hmget", r.hmget("h", ["a", "x", "b"])
    yield "hkeys", [set(r.hkeys("h")), set(r.hvals("h"))]
    yield "hincrby", [r.hincrby("h", "a", 5), r.hincrbyfloat("h", "f", 1.5)]
    yield "hsetnx", [r.hsetnx("h", "a", 0), r.hsetnx("h", "new", 0)]
    yield "hstrlen", r.hstrlen("h", "b")
    yield "hdel", [r.hdel("h", "a", "x"), r.hlen("h")]
    yield "hrandfield", r.hrandfield("h") in r.hkeys("h")
    yield "hrandfield with values", sorted(text(item) for item in r.hrandfield("h", 100, withvalues=True))
    r.hset("h:big", mapping={f"f{n}": n for n in range(1000)})
    yield "hscan_iter", len(dict(r.hscan_iter("h:big", count=100)))
    yield "hscan match", set(dict(r.hscan_iter("h:big", match="f99*")))


@step
def lists():
    yield "rpush", [r.rpush("l", "a", "b", "c"), r.lpush("l", "z"), r.rpushx("no list", "x")]
    yield "lrange", r.lrange("l", 0, -1)
    yield "lindex", [r.lindex("l", 1), r.lindex("l", 99), r.llen("l")]
    yield "linsert", [r.linsert("l", "before", "b", "between"), r.lpos("l", "c")]
    yield "lset", [r.lset("l", 0, "first"), error(r.lset, "l", 99, "x"), error(r.lset, "nothing", 0, "x")]
    yield "lrem", [r.lrem("l", 1, "between"), r.ltrim("l", 0, 2)]
    yield "lpop", [r.lpop("l"), r.rpop("l", 2), r.lpop("l"), r.lpop("l", 2)]
    r.rpush("{l}from", 1, 2, 3)
    yield "lmove", [r.lmove("{l}from", "{l}to", "LEFT", "RIGHT"), r.rpoplpush("{l}from", "{l}to")]
    yield "lmpop", r.lmpop(2, "{l}none", "{l}to", direction="LEFT", count=5)


@step
def sets():
    yield "sadd", [r.sadd("{s}1", "a", "b", "c"), r.sadd("{s}2", "b", "c", "d"), r.scard("{s}1")]
    yield "smembers", r.smembers("{s}1")
    yield "sismember", [r.sismember("{s}1", "a"), r.smismember("{s}1", ["a", "x"])]
    yield "sinter", [set(r.sinter("{s}1", "{s}2")), set(r.sunion("{s}1", "{s}2")), set(r.sdiff("{s}1", "{s}2"))]
    yield "sintercard", r.sintercard(2, ["{s}1", "{s}2"], limit=1)
    yield "sinterstore", [r.sinterstore("{s}3", "{s}1", "{s}2"), r.smembers("{s}3")]
    yield "smove", [r.smove("{s}1", "{s}2", "a"), r.srem("{s}2", "a", "x")]
    yield "spop", [{r.spop("{s}3"), *r.spop("{s}3", 5)}, r.spop("{s}3")]
    yield "srandmember", [r.srandmember("{s}1") in (b"b", b"c"), set(r.srandmember("{s}1", 9))]
    r.sadd("s:big", *range(2000))
    yield "sscan_iter", len(set(r.sscan_iter("s:big", count=50)))


@step
def sorted_sets():
    yield "zadd", [r.zadd("{z}1", {"a": 1, "b": 2.5, "c": float("inf")}), r.zadd("{z}1", {"a": 9}, nx=True)]
    yield "zadd incr", [r.zadd("{z}1", {"a": 0.5}, incr=True), r.zincrby("{z}1", 1, "b")]
    yield "zscore", [r.zscore("{z}1", "a"), r.zscore("{z}1", "c"), r.zscore("{z}1", "x")]
    yield "zmscore", r.zmscore("{z}1", ["a", "x"])
    yield "zrange", r.zrange("{z}1", 0, -1)
    yield "zrange with scores", r.zrange("{z}1", 0, -1, withscores=True)
    yield "zrange by score", r.zrange("{z}1", 1, 4, byscore=True, offset=0, num=10)
    yield "zrevrange", r.zrevrange("{z}1", 0, 1, withscores=True)
    yield "zrangebyscore", r.zrangebyscore("{z}1", "-inf", "(4", withscores=True)
    yield "zrank", [r.zrank("{z}1", "b"), r.zrevrank("{z}1", "b"), r.zrank("{z}1", "x")]
    yield "zcount", [r.zcount("{z}1", 0, 3), r.zcard("{z}1"), r.zlexcount("{z}1", "-", "+")]
    r.zadd("{z}2", {"b": 10, "d": 4})
    yield "zunion", r.zunion(["{z}1", "{z}2"], withscores=True)
    yield "zinter", r.zinter({"{z}1": 2, "{z}2": 1}, withscores=True)
    yield "zdiff", r.zdiff(["{z}1", "{z}2"], withscores=True)
    yield "zunionstore", [r.zunionstore("{z}3", ["{z}1", "{z}2"], aggregate="MAX"), r.zcard("{z}3")]
    yield "zpopmin", [r.zpopmin("{z}3"), r.zpopmax("{z}3", 2), r.zpopmin("nothing")]
    yield "zmpop", r.zmpop(2, ["{z}none", "{z}2"], min=True, count=2)
    yield "zrem", [r.zrem("{z}1", "a", "x"), r.zremrangebyrank("{z}1", 0, 0), r.zremrangebyscore("{z}1", 0, 1)]
    yield "zrandmember", r.zrandmember("{z}1", 5, withscores=True)
    r.zadd("z:big", {f"m{n}": n for n in range(1000)})
    yield "zscan_iter", len(dict(r.zscan_iter("z:big", count=100)))


@step
def other_types():
    yield "setbit", [r.setbit("bits", 7, 1), r.getbit("bits", 7), r.bitcount("bits"), r.bitpos("bits", 1)]
    yield "bitop", [r.bitop("NOT", "{bits}not", "{bits}none"), r.set("{bits}a", "\xff")]
    yield "bitfield", r.bitfield("bits").incrby("u8", 8, 100).overflow("SAT").set("u8", 0, 255).execute()
    yield "bitfield_ro", r.bitfield_ro("bits", "u8", 0)
    yield "pfadd", [r.pfadd("{p}1", "a", "b"), r.pfadd("{p}2", "b", "c"), r.pfcount("{p}1"), r.pfcount("{p}1", "{p}2")]
    yield "pfmerge", [r.pfmerge("{p}3", "{p}1", "{p}2"), r.pfcount("{p}3")]
    yield "geoadd", r.geoadd("geo", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
    yield "geodist", [r.geodist("geo", "Palermo", "Catania", "km"), r.geohash("geo", "Palermo", "x")]
    yield "geopos", r.geopos("geo", "Palermo", "x")
    yield "geosearch", r.geosearch(
        "geo", longitude=15, latitude=37, radius=200, unit="km", withcoord=True, withdist=True, sort="ASC"
    )


@step
def streams():
    yield "xadd", [r.xadd("x", {"a": n}, id=f"1-{n}") for n in range(1, 6)]
    yield "xadd with an old id", error(r.xadd, "x", {"a": 1}, id="1-1")
    yield "xlen", [r.xlen("x"), r.xrange("x", count=2), r.xrevrange("x", count=1)]
    yield "xread", r.xread({"x": "1-3"}, count=10)
    yield "xread of nothing new", r.xread({"x": "$"})
    yield "xgroup create", [r.xgroup_create("x", "g", id="0"), error(r.xgroup_create, "x", "g")]
    yield "xgroup create mkstream", r.xgroup_create("x:new", "g", mkstream=True)
    yield "xreadgroup", r.xreadgroup("g", "one", {"x": ">"}, count=3)
    yield "xreadgroup of another", r.xreadgroup("g", "two", {"x": ">"})
    yield "xreadgroup again", r.xreadgroup("g", "one", {"x": "0"}, count=1)
    yield "xack", [r.xack("x", "g", "1-1", "9-9"), r.xpending("x", "g")]
    yield "xpending", [
        {key: entry[key] for key in ("message_id", "consumer", "times_delivered")}
        for entry in r.xpending_range("x", "g", "-", "+", 10)
    ]
    yield "xclaim", r.xclaim("x", "g", "two", 0, ["1-2"])
    yield "xautoclaim", r.xautoclaim("x", "g", "two", 0, "0-0", count=2)
    yield "xinfo stream", {key: r.xinfo_stream("x")[key] for key in ("length", "groups", "last-generated-id")}
    yield "xinfo groups", [{key: group[key] for key in ("name", "consumers", "pending")} for group in r.xinfo_groups("x")]
    yield "xinfo consumers", [(consumer["name"], consumer["pending"]) for consumer in r.xinfo_consumers("x", "g")]
    yield "xreadgroup of no group", error(r.xreadgroup, "none", "one", {"x": ">"})
    yield "xdel", [r.xdel("x", "1-1", "9-9"), r.xtrim("x", maxlen=2, approximate=False), r.xlen("x")]
    yield "xgroup destroy", [r.xgroup_delconsumer("x", "g", "one"), r.xgroup_destroy("x", "g")]
    yield "xread block timing out", r.xread({"x": "$"}, block=20)
    thread = in_background(lambda other: other.xadd("x", {"late": "yes"}, id="2-1"))
    yield "xread block woken", r.xread({"x": "2-0"}, block=PATIENCE * 1000)
    thread.join()


@step
def pipelines():
    with r.pipeline(transaction=False) as pipe:
        for n in range(500):
            pipe.set(f"p:{n}", n).incr(f"p:{n}").get(f"p:{n}")
        yield "of 1500 commands over many slots", pipe.execute()
    with r.pipeline(transaction=False) as pipe:
        pipe.set("p:s", "text").lpush("p:s", 1).get("p:s").hgetall("h").mget("p:1", "p:2", "p:3")
        pipe.incr("p:s").delete("p:1", "p:2").ping().dbsize().execute_command("NO.SUCH", "p:1")
        yield "with errors in it", pipe.execute(raise_on_error=False)
    with r.pipeline(transaction=False) as pipe:
        yield "that raises", error(pipe.get("p:s").incr("p:s").execute)
    with r.pipeline(transaction=False) as pipe:
        yield "of nothing", pipe.execute()
    with r.pipeline(transaction=False) as pipe:
        for n in range(3000):
            pipe.echo(n)
        yield "of echoes in order", pipe.execute() == [str(n).encode() for n in range(3000)]


@step
def transactions():
    with r.pipeline() as pipe:
        pipe.set("{t}a", 1).incr("{t}a").lpush("{t}l", "x").hset("{t}h", "f", "v").hgetall("{t}h")
        yield "of one slot", pipe.execute()
    with r.pipeline() as pipe:
        pipe.set("{t}a", "text").incr("{t}a").get("{t}a")
        yield "with an error in it", pipe.execute(raise_on_error=False)
    with r.pipeline() as pipe:
        pipe.set("{t}a", "never").execute_command("GET")
        yield "that is refused", error(pipe.execute)
    yield "after it", r.get("{t}a")
    with r.pipeline() as pipe:
        pipe.set("{t}a", "never").execute_command("NO.SUCH", "{t}a")
        yield "with an unknown command", error(pipe.execute)
    with r.pipeline() as pipe:
        for n in range(500):
            pipe.rpush("{t}many", n)
        yield "of 500 commands", pipe.execute()
    with r.pipeline() as pipe:
        pipe.watch("{t}w")
        before = pipe.get("{t}w")
        pipe.multi()
        pipe.set("{t}w", "mine")
        yield "watched and undisturbed", [before, pipe.execute()]
    with r.pipeline() as pipe, connect() as other:
        pipe.watch("{t}w")
        other.set("{t}w", "other")
        pipe.multi()
        pipe.set("{t}w", "mine")
        yield "watched and disturbed", [error(pipe.execute), r.get("{t}w")]
    with r.pipeline() as pipe, connect() as other:
        pipe.watch("{t}w", "{t}w2")
        pipe.unwatch()
        other.set("{t}w", "other")
        pipe.multi()
        pipe.set("{t}w", "unwatched")
        yield "unwatched", [pipe.execute(), r.get("{t}w")]

    def add(pipe):
        value = int(pipe.get("{t}counter") or 0)
        pipe.multi()
        pipe.set("{t}counter", value + 1)

    def add_often():
        with connect() as other:
            for _ in range(50):
                other.transaction(add, "{t}counter")

    threads = [threading.Thread(target=add_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield "of 4 threads that count to 200 watching", r.get("{t}counter")
    yield "exec alone", error(r.execute_command, "EXEC")
    yield "discard alone", error(r.execute_command, "DISCARD")


def messages(pubsub, count):
    """The next messages, without waiting for ever."""
    found = []

    def more():
        message = pubsub.get_message(timeout=0.1)
        if message:
            found.append({key: message[key] for key in ("type", "pattern", "channel", "data")})
        return len(found) >= count

    until(more, f"only {found} came")
    return found


@step
def pub_sub():
    pubsub = r.pubsub()
    pubsub.subscribe("c:1", "c:2")
    pubsub.psubscribe("c:[34]", "d*")
    yield "subscribed", messages(pubsub, 4)
    yield "publish", [r.publish(name, f"to {name}") for name in ("c:1", "c:2", "c:3", "d", "e")]
    got = messages(pubsub, 4)
    yield "messages of one slot or many", sorted(text(message) for message in got)
    yield "pubsub channels", [sorted(r.pubsub_channels("c:*")), r.pubsub_numsub("c:1", "c:2", "none"), r.pubsub_numpat()]
    pubsub.ping("there")
    yield "ping", messages(pubsub, 1)
    pubsub.unsubscribe("c:1")
    pubsub.punsubscribe("d*")
    yield "unsubscribed", messages(pubsub, 2)
    yield "publish to nobody", [r.publish("c:1", "x"), r.publish("d", "x"), r.publish("c:2", "last")]
    yield "what is left", messages(pubsub, 1)
    for n in range(300):
        r.publish("c:2", n)
    yield "300 messages in order", [message["data"] for message in messages(pubsub, 300)] == [
        str(n).encode() for n in range(300)
    ]
    pubsub.unsubscribe()
    pubsub.punsubscribe()
    yield "all unsubscribed", sorted(text(message) for message in messages(pubsub, 2))
    yield "a command after it", [pubsub.subscribed, r.get("{t}a")]
    pubsub.close()
    got = []
    pubsub = r.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(**{"c:handler": lambda message: got.append(message["data"])})
    thread = pubsub.run_in_thread(sleep_time=0.01, daemon=True)
    until(lambda: r.publish("c:handler", "x"), "nobody hears")
    yield "in a thread", until(lambda: got, "no message came")[0]
    thread.stop()
    thread.join()
    sharded = r.pubsub()
    sharded.ssubscribe("{shard}1")
    yield "ssubscribe", [messages(sharded, 1), r.spublish("{shard}1", "v")]
    yield "smessage", until(lambda: sharded.get_sharded_message(timeout=0.1), "no message came")["data"] if hasattr(
        sharded, "get_sharded_message"
    ) else messages(sharded, 1)
    sharded.close()


@step
def locks():
    lock = r.lock("lock", timeout=100)
    yield "acquire", [lock.acquire(), lock.locked(), lock.owned(), 0 < r.pttl("lock") <= 100000]
    other = r.lock("lock", timeout=100)
    yield "taken", [other.acquire(blocking=False), other.acquire(blocking_timeout=0.05)]
    yield "extend", [lock.extend(50), 100000 < r.pttl("lock") <= 150000, lock.reacquire()]
    yield "release", [lock.release(), r.exists("lock"), error(lock.release)]
    with r.lock("lock", timeout=100):
        yield "within", r.exists("lock")
    yield "after", r.exists("lock")
    lost = r.lock("lock", timeout=100)
    lost.acquire()
    r.set("lock", "stolen")
    yield "lost", error(lost.release)


@step
def scans():
    with r.pipeline(transaction=False) as pipe:
        for n in range(2000):
            pipe.set(f"scan:{n}", n)
        pipe.execute()
    found = list(r.scan_iter("scan:*", count=100))
    yield "scan_iter", [len(set(found)), set(found) == {f"scan:{n}".encode() for n in range(2000)}]
    yield "scan_iter of all", set(r.scan_iter()) == set(r.keys())
    yield "scan_iter of a type", set(r.scan_iter(match="z*", _type="zset"))
    yield "scan_iter of one key", list(r.scan_iter(match="scan:77"))
    yield "scan_iter of none", list(r.scan_iter(match="none*"))
    yield "a bad cursor", error(r.execute_command, "SCAN", "x")
    yield "a bad count", error(r.execute_command, "SCAN", 0, "COUNT", "x")


@step
def scripts():
    add = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    yield "register_script", [add(keys=["script"], args=[5]), add(keys=["script"], args=[7])]
    r.script_flush()
    yield "after a flush", add(keys=["script"], args=[1])
    with r.pipeline(transaction=False) as pipe:
        for n in range(20):
            add(keys=[f"script:{n}"], args=[n], client=pipe)
        yield "in a pipeline", pipe.execute()
    yield "exists", r.script_exists(add.sha, "0" * 40)
    yield "load", [r.script_load("return 1"), r.evalsha("e0e1f9fabfc9d4800c877a703b823ac0578ff8db", 0)]
    yield "evalsha of nothing", error(r.evalsha, "0" * 40, 1, "k")
    yield "eval without keys", r.eval("return {ARGV[1], 2, {3, 'four'}, false}", 0, "one")
    yield "eval with keys", r.eval("return {KEYS[1], KEYS[2]}", 2, "{e}1", "{e}2")
    yield "eval_ro", r.eval_ro("return redis.call('GET', KEYS[1])", 1, "script")
    yield "eval_ro that writes", error(r.eval_ro, "return redis.call('SET', KEYS[1], 1)", 1, "script")
    yield "an error in it", error(r.eval, "return redis.call('LPUSH', KEYS[1], 1)", 1, "script")
    yield "an error reply", error(r.eval, "return redis.error_reply('MY error')", 0)
    yield "a status reply", r.eval("return redis.status_reply('FINE')", 0)
    yield "no script", error(r.eval, "this is no lua", 0)
    yield "function load", r.function_load(
        "#!lua name=lib\nredis.register_function('f', function(k, a) return redis.call('SET', k[1], a[1]) end)"
        "\nredis.register_function{function_name='ro', callback=function(k) return redis.call('GET', k[1]) end,"
        " flags={'no-writes'}}",
        replace=True,
    )
    yield "fcall", [r.fcall("f", 1, "by function", "v"), r.fcall_ro("ro", 1, "by function")]
    yield "fcall of nothing", error(r.fcall, "none", 0)
    yield "function list", len(r.function_list())
    yield "function delete", [r.function_delete("lib"), r.function_list()]


@step
def blocking():
    yield "blpop timing out", r.blpop("b:none", timeout=0.05)
    r.rpush("{b}2", "there")
    yield "blpop of what is there", r.blpop(["{b}1", "{b}2"], timeout=PATIENCE)
    thread = in_background(lambda other: other.rpush("{b}1", "pushed"))
    yield "blpop woken", r.blpop(["{b}1", "{b}2"], timeout=PATIENCE)
    thread.join()
    thread = in_background(lambda other: other.rpush("{b}1", "pushed"))
    yield "brpop woken", r.brpop("{b}1", timeout=0)
    thread.join()
    thread = in_background(lambda other: other.rpush("{b}1", "moved"))
    yield "blmove woken", [r.blmove("{b}1", "{b}3", PATIENCE), r.lrange("{b}3", 0, -1)]
    thread.join()
    thread = in_background(lambda other: other.zadd("{b}z", {"m": 1.5}))
    yield "bzpopmin woken", r.bzpopmin(["{b}z", "{b}z2"], timeout=PATIENCE)
    thread.join()
    thread = in_background(lambda other: other.rpush("{b}4", 1, 2, 3))
    yield "blmpop woken", r.blmpop(PATIENCE, 2, "{b}1", "{b}4", direction="LEFT", count=2)
    thread.join()
    yield "bzmpop timing out", r.bzmpop(0.05, 1, ["{b}z"], min=True)
    yield "brpoplpush timing out", r.brpoplpush("{b}1", "{b}2", timeout=1)
    yield "blpop of another type", error(r.blpop, "h", timeout=1)
    yield "blpop with a bad timeout", error(r.blpop, "b:none", timeout=-1)
    with r.pipeline() as pipe:
        pipe.blpop("{b}none", timeout=0)
        yield "blpop in a transaction", pipe.execute()
    yield "wait", r.wait(0, 100) >= 0


@step
def the_connection():
    yield "ping", [r.ping(), r.echo("hello")]
    with connect(client_name="session") as named:
        yield "name", named.client_getname()
        info = named.client_info()
        yield "client info", {key: info[key] for key in ("name", "db", "resp", "multi", "sub", "lib-name") if key in info}
        yield "client id", named.client_id() > 0 and named.client_id() == int(info["id"])
        yield "client list", [one["name"] for one in named.client_list() if one["name"] == "session"]
        yield "client list by id", len(named.client_list(client_id=[named.client_id()]))
        yield "client setname", [named.client_setname("other"), named.client_getname()]
        yield "a bad name", error(named.client_setname, "a b")
        yield "client kill", [r.client_kill_filter(_id=named.client_id()), until(named.ping, "it does not come back")]
        yield "client no-evict", named.client_no_evict("ON")
    with connect(db=0) as zero:
        yield "select 0", [zero.get("{t}a"), zero.select(0)]
    yield "select of no number", error(r.execute_command, "SELECT", "x")
    with connect(password="secret") as wrong:
        yield "a password that nobody asked for", value_or_error(wrong.ping)
    with connect(username="nobody", password="secret") as wrong:
        yield "a user that is not there", error(wrong.ping)
    with redis.Redis(host=HOST, port=PORT, decode_responses=True, protocol=PROTOCOL, socket_timeout=PATIENCE) as decoded:
        yield "decoded", [decoded.get("{t}w"), decoded.hgetall("h:none"), decoded.lrange("{b}3", 0, -1)]
    yield "time", abs(r.time()[0] - time.time()) < 60
    yield "info", {name: name in r.info() for name in ("redis_version", "used_memory", "role", "db0", "connected_clients")}
    yield "info of a section", {name: r.info("server").get(name) for name in ("redis_mode", "redis_version")}
    yield "info keyspace", r.info("keyspace")["db0"]["keys"] == r.dbsize()
    yield "config get", r.config_get("maxmemory-policy")
    yield "command count", r.command_count() > 200
    yield "command getkeys", r.command_getkeys("MSET", "a", 1, "b", 2)
    yield "command info", len(r.command()) > 200
    yield "lastsave", isinstance(r.lastsave(), datetime.datetime)
    yield "slowlog", [isinstance(r.slowlog_get(1), list), r.slowlog_len() >= 0]
    yield "acl whoami", r.acl_whoami()
    yield "no tracking", [r.execute_command("CLIENT", "TRACKING", "OFF"), r.client_getredir()]


@step
def errors():
    yield "another type", error(r.lpush, "{t}w", 1)
    yield "no integer", error(r.incr, "{t}w")
    yield "too few arguments", error(r.execute_command, "GET")
    yield "too many arguments", error(r.execute_command, "GET", "a", "b")
    yield "an unknown command", error(r.execute_command, "NO.SUCH", "a", "b")
    yield "an unknown command of lines", error(r.execute_command, "NO\r\nSUCH", "a\r\nb")
    yield "an unknown subcommand", error(r.execute_command, "CLIENT", "NO.SUCH")
    yield "a syntax error", error(r.execute_command, "SET", "a", "b", "NOPE")
    yield "a bad option", error(r.execute_command, "ZADD", "z", "NX", "XX", 1, "a")
    yield "no float", error(r.zadd, "z:bad", {"a": "x"})
    yield "an index out of range", error(r.execute_command, "SETRANGE", "{t}w", -1, "x")
    yield "too large", error(r.execute_command, "SETRANGE", "{t}w", 2**40, "x")
    yield "an overflow", [r.set("huge", 2**63 - 1), error(r.incr, "huge")]
    yield "mset of a key without a value", error(r.execute_command, "MSET", "a", 1, "b")
    yield "mget of nothing", error(r.execute_command, "MGET")
    yield "del of nothing", error(r.execute_command, "DEL")
    yield "eval with a wrong number of keys", error(r.execute_command, "EVAL", "return 1", 2, "a")
    yield "eval with a negative number of keys", error(r.execute_command, "EVAL", "return 1", -1, "a")
    yield "object help", len(r.execute_command("OBJECT", "HELP")) > 3


@step
def bytes_of_all_kinds():
    big = bytes(range(256)) * 4096
    yield "1 MB", [r.set("big", big), r.strlen("big"), r.get("big") == big, r.getrange("big", 255, 257)]
    yield "1 MB ten times in a pipeline", [len(value) for value in r.pipeline(transaction=False).get("big").get("big").get(
        "big").get("big").get("big").get("big").get("big").get("big").get("big").get("big").execute()]
    key = b"\x00\r\n\xff{\r\n}\x80"
    yield "a binary key", [r.set(key, b"\r\n"), r.get(key), r.exists(key), r.keys(b"\x00*"), r.delete(key)]
    long = b"k" * 100000
    yield "a long key", [r.set(long, 1), r.incr(long), r.delete(long)]
    yield "many arguments", [r.sadd("many", *range(20000)), r.scard("many")]
    yield "many keys", r.mget([f"m:{n}" for n in range(20000)]) == [None] * 20000
    yield "a big list", len(r.lrange("{t}many", 0, -1))
    with r.pipeline() as pipe:
        yield "1 MB in a transaction", pipe.set("{big}1", big).get("{big}1").execute()
    yield "text", [r.set("ключ", "значение"), r.get("ключ").decode()]


@step
def many_threads():
    pool = redis.BlockingConnectionPool.from_url(URL, max_connections=10, protocol=PROTOCOL, socket_timeout=PATIENCE)
    shared = redis.Redis(connection_pool=pool)

    def work(number):
        for n in range(50):
            shared.incr("threads")
            shared.hset(f"thread:{number}", n, n)
            assert shared.hget(f"thread:{number}", n) == str(n).encode()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    yield "count", [shared.get("threads"), sum(shared.hlen(f"thread:{number}") for number in range(20))]
    pool.disconnect()


@step
def asynchronous():
    async def run():
        client = redis.asyncio.Redis.from_url(URL, protocol=PROTOCOL, socket_timeout=PATIENCE)
        found = {"set": await client.set("a:s", "v"), "get": await client.get("a:s")}
        found["gathered"] = await asyncio.gather(*(client.incr("a:n") for _ in range(50)))
        found["gathered"].sort()
        async with client.pipeline(transaction=True) as pipe:
            found["transaction"] = await pipe.set("{a}1", 1).incr("{a}1").execute()
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("a:channel")
            await pubsub.get_message(timeout=PATIENCE)
            found["publish"] = await client.publish("a:channel", "v")
            found["message"] = await pubsub.get_message(timeout=PATIENCE)
        async with client.lock("a:lock", timeout=100) as lock:
            found["lock"] = await lock.locked()
        found["scan"] = len({key async for key in client.scan_iter("scan:*", count=500)})
        found["blocked"], _ = await asyncio.gather(client.blpop("a:list", timeout=PATIENCE), client.rpush("a:list", "x"))
        # A call that is given up leaves no reply behind for the next one.
        try:
            await asyncio.wait_for(client.blpop("a:none", timeout=0), timeout=0.05)
        except asyncio.TimeoutError:
            found["given up"] = await client.get("a:s")
        await client.aclose()
        return found

    for name, value in asyncio.run(run()).items():
        yield name, value


@step
def several_slots():
    r.sadd("across:1", "a", "b")
    r.sadd("across:2", "b", "c")
    r.set("across:s", "v")
    yield "sinter", value_or_error(r.sinter, "across:1", "across:2")
    yield "rename", value_or_error(r.rename, "across:s", "across:t")
    yield "msetnx", value_or_error(r.msetnx, {"across:n1": 1, "across:n2": 2})
    yield "eval", value_or_error(r.eval, "return 1", 2, "across:n1", "across:n2")
    with r.pipeline() as pipe:
        yield "transaction", value_or_error(pipe.set("across:n1", 1).set("across:n2", 2).execute)


@step
def the_end():
    yield "flushdb", [r.flushdb(), r.dbsize()]
    r.close()


line("end", "yes")
