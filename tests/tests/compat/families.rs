//! Methods of `AsyncCommands`, some of each family.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use redis::{
    AsyncCommands, Direction, ExistenceCheck, Script, SetExpiry, SetOptions,
    geo::{Coord, RadiusOptions, Unit},
    streams::{StreamReadOptions, StreamReadReply},
};
use slotway_redis::Connection;

pub(crate) async fn strings(con: &mut Connection) {
    let _: () = con.set("s", "value").await.unwrap();
    assert_eq!(con.get::<_, String>("s").await.unwrap(), "value");
    assert_eq!(con.get::<_, Option<String>>("s:none").await.unwrap(), None);
    assert_eq!(con.get::<_, Vec<u8>>("s").await.unwrap(), b"value");
    assert_eq!(con.append::<_, _, usize>("s", "!").await.unwrap(), 6);
    assert_eq!(con.strlen::<_, usize>("s").await.unwrap(), 6);
    assert_eq!(con.getrange::<_, String>("s", 0, 1).await.unwrap(), "va");
    assert_eq!(con.incr::<_, _, i64>("s:n", 5).await.unwrap(), 5);
    assert_eq!(con.decr::<_, _, i64>("s:n", 2).await.unwrap(), 3);
    assert_eq!(con.incr::<_, _, f64>("s:n", 0.5).await.unwrap(), 3.5);
    // Keys of several slots, and all in one reply.
    let _: () = con.mset(&[("s:a", 1), ("s:b", 2), ("s:c", 3)]).await.unwrap();
    let all: Vec<Option<i64>> = con.mget(&["s:c", "s:none", "s:a", "s:b"]).await.unwrap();
    assert_eq!(all, [Some(3), None, Some(1), Some(2)]);
    let options = SetOptions::default();
    let options = options.conditional_set(ExistenceCheck::NX).with_expiration(SetExpiry::EX(60));
    let taken: Option<String> = con.set_options("s", 1, options).await.unwrap();
    assert_eq!(taken, None);
    let first: bool = con.set_nx("s:new", 1).await.unwrap();
    let second: bool = con.set_nx("s:new", 1).await.unwrap();
    assert!(first && !second);
    assert_eq!(con.getset::<_, _, String>("s", "new").await.unwrap(), "value!");
    assert_eq!(con.get_del::<_, String>("s").await.unwrap(), "new");
}

pub(crate) async fn keys(con: &mut Connection) {
    for key in ["k:1", "k:2", "k:3"] {
        let _: () = con.set(key, key).await.unwrap();
    }
    let all = ["k:1", "k:2", "k:3", "k:none"];
    assert_eq!(con.exists::<_, u64>(&all).await.unwrap(), 3);
    assert!(con.exists::<_, bool>("k:1").await.unwrap());
    assert!(con.expire::<_, bool>("k:1", 100).await.unwrap());
    assert!((1..=100).contains(&con.ttl::<_, i64>("k:1").await.unwrap()));
    assert!(con.persist::<_, bool>("k:1").await.unwrap());
    assert_eq!(con.ttl::<_, i64>("k:1").await.unwrap(), -1);
    let kind: String = con.key_type("k:1").await.unwrap();
    assert_eq!(kind, "string");
    let _: () = con.rename("k:1", "{k:1}:other").await.unwrap();
    assert_eq!(con.del::<_, u64>(&["{k:1}:other", "k:2", "k:3"]).await.unwrap(), 3);
    let pong: String = con.ping().await.unwrap();
    assert_eq!(pong, "PONG");
}

pub(crate) async fn walks(con: &mut Connection) {
    let expected: BTreeSet<String> = (0..500).map(|n| format!("walk:{n}")).collect();
    let mut fill = redis::pipe();
    for key in &expected {
        fill.set(key, 1).ignore();
    }
    let () = fill.query_async(con).await.unwrap();
    // Over all nodes.
    let mut walk = con.scan_match::<_, String>("walk:*").await.unwrap();
    let mut seen = BTreeSet::new();
    while let Some(key) = walk.next_item().await {
        seen.insert(key.unwrap());
    }
    assert_eq!(seen, expected);
}

pub(crate) async fn hashes(con: &mut Connection) {
    let fields = [("a", 1), ("b", 2)];
    let _: () = con.hset_multiple("h", &fields).await.unwrap();
    assert!(con.hset_nx::<_, _, _, bool>("h", "c", 3).await.unwrap());
    let all: HashMap<String, i64> = con.hgetall("h").await.unwrap();
    assert_eq!(all, [("a", 1), ("b", 2), ("c", 3)].map(|(f, v)| (f.to_owned(), v)).into());
    assert_eq!(con.hget::<_, _, i64>("h", "b").await.unwrap(), 2);
    let some: Vec<Option<i64>> = con.hmget("h", &["c", "none", "a"]).await.unwrap();
    assert_eq!(some, [Some(3), None, Some(1)]);
    assert_eq!(con.hincr::<_, _, _, i64>("h", "a", 9).await.unwrap(), 10);
    assert_eq!(con.hlen::<_, usize>("h").await.unwrap(), 3);
    assert!(con.hdel::<_, _, bool>("h", "b").await.unwrap());
    let many: Vec<(String, u32)> = (0..1000).map(|n| (format!("f{n}"), n)).collect();
    let _: () = con.hset_multiple("h:many", &many).await.unwrap();
    // More than one step, so with cursors.
    let mut walk = con.hscan::<_, (String, u32)>("h:many").await.unwrap();
    let mut seen = BTreeMap::new();
    while let Some(pair) = walk.next_item().await {
        let (field, value) = pair.unwrap();
        seen.insert(field, value);
    }
    assert_eq!(seen, many.into_iter().collect());
}

pub(crate) async fn lists(con: &mut Connection) {
    assert_eq!(con.rpush::<_, _, usize>("l", &["a", "b", "c"]).await.unwrap(), 3);
    assert_eq!(con.lpush::<_, _, usize>("l", "z").await.unwrap(), 4);
    let all: Vec<String> = con.lrange("l", 0, -1).await.unwrap();
    assert_eq!(all, ["z", "a", "b", "c"]);
    assert_eq!(con.lpop::<_, String>("l", None).await.unwrap(), "z");
    let two = std::num::NonZeroUsize::new(2);
    assert_eq!(con.rpop::<_, Vec<String>>("l", two).await.unwrap(), ["c", "b"]);
    let (from, to) = (Direction::Left, Direction::Right);
    let moved: String = con.lmove("l", "{l}:to", from, to).await.unwrap();
    assert_eq!(moved, "a");
    let waited: Option<(String, String)> = con.blpop("l", 0.01).await.unwrap();
    assert_eq!(waited, None);
    let mut other = con.clone();
    let (popped, pushed) = tokio::join!(
        con.blpop::<_, (String, String)>("l:wait", 20.0),
        other.rpush::<_, _, usize>("l:wait", "x")
    );
    assert_eq!((popped.unwrap().1, pushed.unwrap()), ("x".to_owned(), 1));
}

pub(crate) async fn sets(con: &mut Connection) {
    assert_eq!(con.sadd::<_, _, usize>("{m}:1", &["a", "b", "c"]).await.unwrap(), 3);
    assert_eq!(con.sadd::<_, _, usize>("{m}:2", &["b", "c", "d"]).await.unwrap(), 3);
    let both: BTreeSet<String> = con.sinter(&["{m}:1", "{m}:2"]).await.unwrap();
    assert_eq!(both, ["b", "c"].map(str::to_owned).into());
    assert!(con.sismember::<_, _, bool>("{m}:1", "a").await.unwrap());
    let are: Vec<bool> = con.smismember("{m}:1", &["a", "d"]).await.unwrap();
    assert_eq!(are, [true, false]);
    assert_eq!(con.sdiffstore::<_, _, u64>("{m}:3", &["{m}:1", "{m}:2"]).await.unwrap(), 1);
    let rest: Vec<String> = con.smembers("{m}:3").await.unwrap();
    assert_eq!(rest, ["a"]);
    assert_eq!(con.scard::<_, usize>("{m}:1").await.unwrap(), 3);
    assert!(con.srem::<_, _, bool>("{m}:1", "a").await.unwrap());
}

pub(crate) async fn sorted_sets(con: &mut Connection) {
    let members = [(1.5, "a"), (2.0, "b"), (3.0, "c")];
    assert_eq!(con.zadd_multiple::<_, _, _, usize>("z", &members).await.unwrap(), 3);
    assert_eq!(con.zscore::<_, _, f64>("z", "a").await.unwrap(), 1.5);
    assert_eq!(con.zscore::<_, _, Option<f64>>("z", "none").await.unwrap(), None);
    let all: Vec<(String, f64)> = con.zrange_withscores("z", 0, -1).await.unwrap();
    assert_eq!(all, members.map(|(score, member)| (member.to_owned(), score)));
    let some: Vec<String> = con.zrangebyscore("z", 2, "+inf").await.unwrap();
    assert_eq!(some, ["b", "c"]);
    assert_eq!(con.zincr::<_, _, _, f64>("z", "a", 10).await.unwrap(), 11.5);
    assert_eq!(con.zrank::<_, _, usize>("z", "a").await.unwrap(), 2);
    let least: Vec<(String, f64)> = con.zpopmin("z", 1).await.unwrap();
    assert_eq!(least, [("b".to_owned(), 2.0)]);
    assert_eq!(con.zcard::<_, usize>("z").await.unwrap(), 2);
}

pub(crate) async fn streams(con: &mut Connection) {
    let first: String = con.xadd("x", "1-1", &[("n", 1)]).await.unwrap();
    let _: String = con.xadd("x", "1-2", &[("n", 2)]).await.unwrap();
    assert_eq!(first, "1-1");
    assert_eq!(con.xlen::<_, usize>("x").await.unwrap(), 2);
    let read: StreamReadReply = con.xread(&["x"], &["0"]).await.unwrap();
    let ids: Vec<&str> = read.keys[0].ids.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["1-1", "1-2"]);
    assert_eq!(read.keys[0].ids[1].get::<u64>("n"), Some(2));
    let _: () = con.xgroup_create("x", "group", "0").await.unwrap();
    let options = StreamReadOptions::default().group("group", "me").count(1);
    let mine: StreamReadReply = con.xread_options(&["x"], &[">"], &options).await.unwrap();
    assert_eq!(mine.keys[0].ids[0].id, "1-1");
    assert_eq!(con.xack::<_, _, _, usize>("x", "group", &["1-1"]).await.unwrap(), 1);
}

pub(crate) async fn geo(con: &mut Connection) {
    let cities =
        [(Coord::lon_lat(13.36, 38.11), "Palermo"), (Coord::lon_lat(15.08, 37.5), "Catania")];
    assert_eq!(con.geo_add::<_, _, usize>("g", &cities).await.unwrap(), 2);
    let apart: f64 = con.geo_dist("g", "Palermo", "Catania", Unit::Kilometers).await.unwrap();
    assert!((100.0..250.0).contains(&apart), "{apart}");
    let options = RadiusOptions::default();
    let near: Vec<String> =
        con.geo_radius("g", 15.0, 37.4, 100.0, Unit::Kilometers, options).await.unwrap();
    assert_eq!(near, ["Catania"]);
}

pub(crate) async fn bits_and_logs(con: &mut Connection) {
    assert!(!con.setbit::<_, bool>("b", 7, true).await.unwrap());
    assert!(con.getbit::<_, bool>("b", 7).await.unwrap());
    assert_eq!(con.bitcount::<_, usize>("b").await.unwrap(), 1);
    assert!(con.pfadd::<_, _, bool>("{p}:1", &["a", "b"]).await.unwrap());
    let _: bool = con.pfadd("{p}:2", &["b", "c"]).await.unwrap();
    assert_eq!(con.pfcount::<_, usize>(&["{p}:1", "{p}:2"]).await.unwrap(), 3);
}

pub(crate) async fn scripts(con: &mut Connection) {
    // Not known to the servers yet: it is loaded, and asked for again.
    let script = Script::new("return {KEYS[1], tonumber(ARGV[1]) + 1}");
    for key in ["script:a", "script:b", "script:c"] {
        let reply: (String, i64) = script.key(key).arg(6).invoke_async(con).await.unwrap();
        assert_eq!(reply, (key.to_owned(), 7));
    }
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(con).await.unwrap();
    let reply: (String, i64) = script.key("script:d").arg(0).invoke_async(con).await.unwrap();
    assert_eq!(reply, ("script:d".to_owned(), 1));
}
