//! What streams keep of their groups, and what servers say of values.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use slotway::{
    Claimed, Client, Expiry, ExpiryCondition, FieldChange, FieldCondition, FieldTtl, Pending,
    SortOptions, StreamReads, Ttl, Value, XTrim,
};

type Fields = BTreeMap<String, String>;
type Entries = Vec<(String, Fields)>;

fn ids(entries: &Entries) -> Vec<&str> {
    entries.iter().map(|(id, _)| id.as_str()).collect()
}

pub(crate) async fn claims(client: &Client) {
    client.xgroup_create("claims", "group", "$").await.unwrap();
    assert_eq!(client.xpending("claims", "group").await.unwrap(), Pending::default());
    for id in ["1-1", "2-1", "3-1"] {
        client.xadd("claims", id, ("f", id)).await.unwrap();
    }
    assert!(client.xgroup_createconsumer("claims", "group", "idler").await.unwrap());
    assert!(!client.xgroup_createconsumer("claims", "group", "idler").await.unwrap());
    let read: StreamReads<Fields> =
        client.xreadgroup("group", "one", &[("claims", ">")], None).await.unwrap();
    assert_eq!(read["claims"].len(), 3);
    let pending = client.xpending("claims", "group").await.unwrap();
    assert_eq!((pending.count, &*pending.consumers), (3, &[("one".to_owned(), 3)][..]));
    assert_eq!((pending.first.as_deref(), pending.last.as_deref()), (Some("1-1"), Some("3-1")));
    let now = Duration::ZERO;
    let claimed: Entries = client.xclaim("claims", "group", "two", now, ["2-1"]).await.unwrap();
    assert_eq!(ids(&claimed), ["2-1"]);
    let of_two = client.xpending_range("claims", "group", ("-", "+"), (now, 10), Some("two"));
    let of_two = of_two.await.unwrap();
    assert!(matches!(&of_two[..], [entry] if entry.id == "2-1" && entry.deliveries == 2));
    let all = client.xpending_range("claims", "group", ("-", "+"), (now, 10), None).await.unwrap();
    assert_eq!(all.len(), 3);
    client.xdel("claims", "3-1").await.unwrap();
    let claimed: Claimed<Fields> =
        client.xautoclaim("claims", "group", "three", now, ("0-0", 10)).await.unwrap();
    assert_eq!((&*claimed.next, ids(&claimed.entries)), ("0-0", vec!["1-1", "2-1"]));
    assert_eq!(claimed.deleted, ["3-1"]);
    let hour = Duration::from_secs(3600);
    let claimed: Claimed<Fields> =
        client.xautoclaim("claims", "group", "one", hour, ("0-0", 10)).await.unwrap();
    assert!(claimed.entries.is_empty());
    assert_eq!(client.xgroup_delconsumer("claims", "group", "three").await.unwrap(), 2);
    client.xgroup_setid("claims", "group", "0").await.unwrap();
    client.del("claims").await.unwrap();
}

pub(crate) async fn infos(client: &Client) {
    client.xgroup_create("infos", "group", "0").await.unwrap();
    client.xadd("infos", "1-1", ("f", "a")).await.unwrap();
    let _read: StreamReads<Fields> =
        client.xreadgroup("group", "one", &[("infos", ">")], None).await.unwrap();
    let stream: BTreeMap<String, Value> = client.xinfo_stream("infos").await.unwrap();
    assert_eq!(stream["length"], Value::Integer(1));
    let groups: Vec<BTreeMap<String, Value>> = client.xinfo_groups("infos").await.unwrap();
    assert_eq!((groups.len(), groups[0]["name"].as_str()), (1, Some("group")));
    let consumers: Vec<BTreeMap<String, Value>> =
        client.xinfo_consumers("infos", "group").await.unwrap();
    assert_eq!((consumers.len(), &consumers[0]["pending"]), (1, &Value::Integer(1)));
    client.del("infos").await.unwrap();
}

pub(crate) async fn trims(client: &Client) {
    for n in 1..=5 {
        client.xadd("trims", format!("{n}-1"), ("f", n)).await.unwrap();
    }
    client.xadd_and_trim("trims", XTrim::Newest(4), "6-1", ("f", 6)).await.unwrap();
    assert_eq!(client.xlen("trims").await.unwrap(), 4);
    assert_eq!(client.xtrim_to("trims", XTrim::About(4)).await.unwrap(), 0);
    assert_eq!(client.xtrim_to("trims", XTrim::From("5-1")).await.unwrap(), 2);
    client.del("trims").await.unwrap();
}

pub(crate) async fn values(client: &Client) {
    client.rpush("{v}list", [3, 20, 1]).await.unwrap();
    let options = SortOptions::new;
    assert_eq!(client.sort::<Vec<i64>>("{v}list", options()).await.unwrap(), [1, 3, 20]);
    let text: Vec<i64> = client.sort("{v}list", options().alphabetical()).await.unwrap();
    assert_eq!(text, [1, 20, 3]);
    let top: Vec<i64> = client.sort("{v}list", options().descending().limit(1, 1)).await.unwrap();
    assert_eq!(top, [3]);
    assert_eq!(client.sort_store("{v}sorted", "{v}list", options()).await.unwrap(), 3);
    let dump = client.dump("{v}sorted").await.unwrap().unwrap();
    assert_eq!(client.dump("{v}none").await.unwrap(), None);
    client.restore("elsewhere", None, &dump).await.unwrap();
    assert_eq!(client.lrange::<Vec<i64>>("elsewhere", 0, -1).await.unwrap(), [1, 3, 20]);
    client.restore("elsewhere", Some(Duration::from_secs(60)), &dump).await.unwrap();
    assert!(matches!(client.ttl("elsewhere").await.unwrap(), Ttl::Left(_)));
    assert!(client.memory_usage("{v}list").await.unwrap().unwrap() > 10);
    assert_eq!(client.memory_usage("{v}none").await.unwrap(), None);
    let encoding = client.object_encoding("{v}list").await.unwrap();
    assert!(encoding.is_some_and(|encoding| encoding.contains("list")));
    assert_eq!(client.object_encoding("{v}none").await.unwrap(), None);
    assert!(client.object_idletime("{v}list").await.unwrap().unwrap() < Duration::from_secs(60));
    assert_eq!(client.object_refcount("{v}list").await.unwrap(), Some(1));
    client.object_freq("{v}list").await.unwrap_err();
    client.del(["{v}list", "{v}sorted", "elsewhere"]).await.unwrap();
}

pub(crate) async fn field_expiry(client: &Client) {
    use FieldChange::{Changed, Deleted, Kept, Missing};
    client.hset("e", [("a", 1), ("b", 2), ("c", 3)]).await.unwrap();
    let changed = client.hpexpire("e", 60_000, None, ["a", "none"]).await.unwrap();
    assert_eq!(changed, [Changed, Missing]);
    let unset = Some(ExpiryCondition::Unset);
    assert_eq!(client.hpexpire("e", 9_000, unset, ["a", "b"]).await.unwrap(), [Kept, Changed]);
    let left = client.hpttl("e", ["a", "c", "none"]).await.unwrap();
    assert!(matches!(left[..], [FieldTtl::Left(_), FieldTtl::Forever, FieldTtl::Missing]));
    let at = client.hexpires_at("e", "a").await.unwrap();
    assert!(matches!(at[..], [FieldTtl::Left(time)] if time > Duration::from_secs(1_700_000_000)));
    assert_eq!(client.hpersist("e", ["a", "c"]).await.unwrap(), [Changed, Kept]);
    assert_eq!(client.hpexpire_at("e", 1, None, "b").await.unwrap(), [Deleted]);
    assert!(client.hsetex("e", Expiry::Seconds(60), [("d", 4), ("f", 5)]).await.unwrap());
    let got: Vec<Option<i64>> = client.hgetex("e", Expiry::Never, ["d", "b"]).await.unwrap();
    assert_eq!(got, [Some(4), None]);
    assert_eq!(client.hpttl("e", "d").await.unwrap(), [FieldTtl::Forever]);
    let gone: Vec<Option<i64>> = client.hgetdel("e", ["d", "none"]).await.unwrap();
    assert_eq!(gone, [Some(4), None]);
    let second = Expiry::Seconds(60);
    let (none, all) = (FieldCondition::NoneExists, FieldCondition::AllExist);
    assert!(!client.hsetex_if("e", none, second, [("a", 1), ("g", 6)]).await.unwrap());
    assert!(!client.hsetex_if("e", all, second, [("a", 1), ("g", 6)]).await.unwrap());
    assert!(client.hsetex_if("e", all, second, [("a", 1)]).await.unwrap());
    assert!(matches!(client.hpttl("e", "a").await.unwrap()[..], [FieldTtl::Left(_)]));
    let names: BTreeSet<String> = client.hkeys("e").await.unwrap();
    assert_eq!(names, ["a", "c", "f"].map(String::from).into());
    client.del("e").await.unwrap();
}
