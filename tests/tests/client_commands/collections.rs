//! Hashes, lists and sets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use slotway::{Client, Side};

type Names = BTreeSet<String>;

fn names<const N: usize>(names: [&str; N]) -> Names {
    names.map(String::from).into()
}

pub(crate) async fn hashes(client: &Client) {
    assert_eq!(client.hset("h", [("a", 1), ("b", 2)]).await.unwrap(), 2);
    assert_eq!(client.hset("h", ("b", "3")).await.unwrap(), 0);
    assert_eq!(client.hset("h", BTreeMap::from([("c", 4)])).await.unwrap(), 1);
    assert_eq!(client.hget::<Option<i64>>("h", "b").await.unwrap(), Some(3));
    assert_eq!(client.hget::<Option<i64>>("h", "none").await.unwrap(), None);
    assert!(!client.hsetnx("h", "a", 9).await.unwrap());
    assert!(client.hsetnx("h", "d", 9).await.unwrap());
    let some: Vec<Option<i64>> = client.hmget("h", ["d", "none", "a"]).await.unwrap();
    assert_eq!(some, [Some(9), None, Some(1)]);
    assert_eq!(client.hdel("h", ["d", "none"]).await.unwrap(), 1);
    let all: HashMap<String, i64> = client.hgetall("h").await.unwrap();
    assert_eq!(all, HashMap::from([("a", 1), ("b", 3), ("c", 4)].map(|(k, v)| (k.to_owned(), v))));
    assert!(client.hgetall::<HashMap<String, i64>>("h:none").await.unwrap().is_empty());
    assert!(client.hexists("h", "a").await.unwrap());
    assert!(!client.hexists("h", "d").await.unwrap());
    assert_eq!(client.hlen("h").await.unwrap(), 3);
    assert_eq!(client.hkeys::<Names>("h").await.unwrap(), names(["a", "b", "c"]));
    assert_eq!(client.hvals::<BTreeSet<i64>>("h").await.unwrap(), BTreeSet::from([1, 3, 4]));
    assert_eq!(client.hincr_by("h", "a", 41).await.unwrap(), 42);
    assert_eq!(client.hstrlen("h", "a").await.unwrap(), 2);
    assert_eq!(client.hincr_by_float("h", "a", -0.5).await.unwrap(), 41.5);
    assert_eq!(client.hrandfield::<Names>("h", 9).await.unwrap(), names(["a", "b", "c"]));
}

pub(crate) async fn lists(client: &Client) {
    let all = async || client.lrange::<Vec<String>>("{l}", 0, -1).await.unwrap().concat();
    assert_eq!(client.lpushx("{l}", "x").await.unwrap(), 0);
    assert_eq!(client.rpushx("{l}", "x").await.unwrap(), 0);
    assert_eq!(client.rpush("{l}", ["c", "d"]).await.unwrap(), 2);
    assert_eq!(client.lpush("{l}", ["b", "a"]).await.unwrap(), 4);
    assert_eq!(client.rpushx("{l}", "e").await.unwrap(), 5);
    assert_eq!(client.lpushx("{l}", "_").await.unwrap(), 6);
    assert_eq!(all().await, "_abcde");
    assert_eq!(client.lpop::<Option<String>>("{l}").await.unwrap().as_deref(), Some("_"));
    assert_eq!(client.rpop::<Option<String>>("{l}").await.unwrap().as_deref(), Some("e"));
    assert_eq!(client.llen("{l}").await.unwrap(), 4);
    assert_eq!(client.lindex::<Option<String>>("{l}", -1).await.unwrap().as_deref(), Some("d"));
    assert_eq!(client.lindex::<Option<String>>("{l}", 9).await.unwrap(), None);
    client.lset("{l}", 0, "d").await.unwrap();
    assert_eq!(client.lpos("{l}", "d").await.unwrap(), Some(0));
    assert_eq!(client.lpos("{l}", "none").await.unwrap(), None);
    assert_eq!(client.lrem("{l}", -1, "d").await.unwrap(), 1);
    assert_eq!(all().await, "dbc");
    let moved: Option<String> = client.lmove("{l}", "{l}2", Side::Left, Side::Right).await.unwrap();
    assert_eq!(moved.as_deref(), Some("d"));
    client.rpush("{l}", ["x", "y", "z"]).await.unwrap();
    client.ltrim("{l}", 1, -1).await.unwrap();
    assert_eq!(all().await, "cxyz");
    let left: Option<Vec<String>> = client.lpop_many("{l}", 2).await.unwrap();
    assert_eq!(left.unwrap(), ["c", "x"]);
    let right: Option<Vec<String>> = client.rpop_many("{l}", 9).await.unwrap();
    assert_eq!(right.unwrap(), ["z", "y"]);
    assert_eq!(client.rpop_many::<Option<Vec<String>>>("{l}", 9).await.unwrap(), None);
    assert_eq!(client.lpop_many::<Option<Vec<String>>>("{l}", 9).await.unwrap(), None);
}

pub(crate) async fn sets(client: &Client) {
    assert_eq!(client.sadd("{t}1", ["a", "b", "c"]).await.unwrap(), 3);
    assert_eq!(client.sadd("{t}1", "a").await.unwrap(), 0);
    assert_eq!(client.srem("{t}1", ["c", "none"]).await.unwrap(), 1);
    assert_eq!(client.smembers::<Names>("{t}1").await.unwrap(), names(["a", "b"]));
    assert!(client.sismember("{t}1", "a").await.unwrap());
    assert!(!client.sismember("{t}1", "c").await.unwrap());
    assert_eq!(client.smismember("{t}1", ["c", "a"]).await.unwrap(), [false, true]);
    assert_eq!(client.scard("{t}1").await.unwrap(), 2);
    let one: Option<String> = client.srandmember("{t}1").await.unwrap();
    assert!(names(["a", "b"]).contains(&one.unwrap()));
    assert_eq!(client.srandmember_many::<Names>("{t}1", 9).await.unwrap(), names(["a", "b"]));
    assert!(client.smove("{t}1", "{t}2", "b").await.unwrap());
    assert!(!client.smove("{t}1", "{t}2", "b").await.unwrap());
    assert_eq!(client.spop::<Option<String>>("{t}1").await.unwrap().as_deref(), Some("a"));
    assert_eq!(client.spop::<Option<String>>("{t}1").await.unwrap(), None);
    assert_eq!(client.spop_many::<Names>("{t}2", 9).await.unwrap(), names(["b"]));
}

pub(crate) async fn stored_sets(client: &Client) {
    let both = ["{u}1", "{u}2"];
    client.sadd("{u}1", ["a", "b"]).await.unwrap();
    client.sadd("{u}2", ["b", "c"]).await.unwrap();
    assert_eq!(client.sunion::<Names>(both).await.unwrap(), names(["a", "b", "c"]));
    assert_eq!(client.sinter::<Names>(both).await.unwrap(), names(["b"]));
    assert_eq!(client.sdiff::<Names>(both).await.unwrap(), names(["a"]));
    let stored = async || client.smembers::<Names>("{u}3").await.unwrap();
    assert_eq!(client.sunionstore("{u}3", both).await.unwrap(), 3);
    assert_eq!(stored().await, names(["a", "b", "c"]));
    assert_eq!(client.sinterstore("{u}3", both).await.unwrap(), 1);
    assert_eq!(stored().await, names(["b"]));
    assert_eq!(client.sdiffstore("{u}3", both).await.unwrap(), 1);
    assert_eq!(stored().await, names(["a"]));
}

pub(crate) async fn more_lists(client: &Client) {
    client.rpush("{m}l", ["a", "b", "a"]).await.unwrap();
    assert_eq!(client.lpos_all("{m}l", "a", None).await.unwrap(), [0, 2]);
    assert_eq!(client.lpos_all("{m}l", "a", Some(1)).await.unwrap(), [0]);
    assert_eq!(client.linsert_before("{m}l", "b", "x").await.unwrap(), Some(4));
    assert_eq!(client.linsert_after("{m}l", "b", "y").await.unwrap(), Some(5));
    assert_eq!(client.linsert_after("{m}l", "none", "y").await.unwrap(), None);
    assert_eq!(client.linsert_after("{m}none", "a", "y").await.unwrap(), None);
    let taken: Option<(String, Vec<String>)> =
        client.lmpop(["{m}none", "{m}l"], Side::Right, 2).await.unwrap();
    assert_eq!(taken.unwrap(), ("{m}l".to_owned(), vec!["a".to_owned(), "y".to_owned()]));
    assert_eq!(client.lmpop::<Option<()>>("{m}none", Side::Left, 2).await.unwrap(), None);
    client.sadd("{m}s", ["a", "b", "c"]).await.unwrap();
    client.sadd("{m}t", ["b", "c"]).await.unwrap();
    assert_eq!(client.sintercard(["{m}s", "{m}t"], None).await.unwrap(), 2);
    assert_eq!(client.sintercard(["{m}s", "{m}t"], Some(1)).await.unwrap(), 1);
    client.hset("{m}h", ("a", 1)).await.unwrap();
    let pairs: Vec<(String, i64)> = client.hrandfield_with_values("{m}h", 9).await.unwrap();
    assert_eq!(pairs, [("a".to_owned(), 1)]);
    client.del(["{m}l", "{m}s", "{m}t", "{m}h"]).await.unwrap();
}

pub(crate) async fn fields_alone(client: &Client) {
    client.hset("alone", [("a", "1"), ("b", "2"), ("other", "3")]).await.unwrap();
    let mut fields = client.hscan_fields::<String>("alone", "?");
    let mut found = BTreeSet::new();
    while let Some(field) = fields.next().await {
        found.insert(field.unwrap());
    }
    assert_eq!(found, ["a", "b"].map(String::from).into());
    client.del("alone").await.unwrap();
}
