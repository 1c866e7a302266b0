//! Sorted sets, what is kept in them, and streams.

use std::collections::BTreeMap;

use slotway::{
    Aggregate, Client, Extreme, GeoArea, GeoCenter, GeoUnit, StreamReads, ZAddOptions, ZRange,
};

type Scored = Vec<(String, f64)>;
type Fields = BTreeMap<String, String>;
type Entries = Vec<(String, Fields)>;

fn scored<const N: usize>(pairs: [(&str, f64); N]) -> Scored {
    pairs.map(|(member, score)| (member.to_owned(), score)).into()
}

fn entry(id: &str, field: &str, value: &str) -> (String, Fields) {
    (id.to_owned(), Fields::from([(field.to_owned(), value.to_owned())]))
}

pub(crate) async fn sorted_sets(client: &Client) {
    assert_eq!(client.zadd("z", [(1.0, "a"), (2.5, "b")]).await.unwrap(), 2);
    assert_eq!(client.zadd("z", (3, "b")).await.unwrap(), 0);
    let options = ZAddOptions::new;
    assert_eq!(client.zadd_with("z", [(9, "a"), (9, "c")], options().nx()).await.unwrap(), 1);
    assert_eq!(client.zadd_with("z", [(2, "a"), (9, "d")], options().xx().ch()).await.unwrap(), 1);
    assert_eq!(client.zadd_with("z", [(1, "a"), (4, "b")], options().gt().ch()).await.unwrap(), 1);
    assert_eq!(client.zadd_with("z", [(1, "a"), (5, "b")], options().lt().ch()).await.unwrap(), 1);
    let all = scored([("a", 1.0), ("b", 4.0), ("c", 9.0)]);
    assert_eq!(client.zrange_with_scores::<Scored>("z", 0, -1).await.unwrap(), all);
    assert_eq!(client.zincr_by("z", "a", 0.5).await.unwrap(), 1.5);
    assert_eq!(client.zscore("z", "a").await.unwrap(), Some(1.5));
    assert_eq!(client.zscore("z", "none").await.unwrap(), None);
    let scores = [Some(4.0), None, Some(9.0)];
    assert_eq!(client.zmscore("z", ["b", "none", "c"]).await.unwrap(), scores);
    assert_eq!(client.zcard("z").await.unwrap(), 3);
    assert_eq!(client.zcount("z", "(1.5", "+inf").await.unwrap(), 2);
    assert_eq!(client.zrank("z", "b").await.unwrap(), Some(1));
    assert_eq!(client.zrevrank("z", "a").await.unwrap(), Some(2));
    assert_eq!(client.zrevrank("z", "none").await.unwrap(), None);
    assert_eq!(client.zrem("z", ["c", "none"]).await.unwrap(), 1);
}

pub(crate) async fn ranges(client: &Client) {
    client.zadd("r", [(1, "a"), (2, "b"), (3, "c"), (4, "d")]).await.unwrap();
    assert_eq!(client.zrange::<Vec<String>>("r", 0, 1).await.unwrap(), ["a", "b"]);
    assert_eq!(client.zrevrange::<Vec<String>>("r", 0, 1).await.unwrap(), ["d", "c"]);
    let top: Scored = client.zrevrange_with_scores("r", 0, 0).await.unwrap();
    assert_eq!(top, scored([("d", 4.0)]));
    let middle: Vec<String> = client.zrange_by_score("r", 2, "(4").await.unwrap();
    assert_eq!(middle, ["b", "c"]);
    let middle: Scored = client.zrange_by_score_with_scores("r", "-inf", 1.5).await.unwrap();
    assert_eq!(middle, scored([("a", 1.0)]));
    assert_eq!(client.zpopmin::<Scored>("r", 1).await.unwrap(), scored([("a", 1.0)]));
    assert_eq!(client.zpopmax::<Scored>("r", 1).await.unwrap(), scored([("d", 4.0)]));
    assert_eq!(client.zremrangebyrank("r", 0, 0).await.unwrap(), 1);
    assert_eq!(client.zremrangebyscore("r", 3, 3).await.unwrap(), 1);
    assert!(client.zpopmin::<Scored>("r", 1).await.unwrap().is_empty());
}

pub(crate) async fn geo(client: &Client) {
    let places = [(13.4, 52.5, "berlin"), (2.35, 48.85, "paris"), (-0.13, 51.5, "london")];
    assert_eq!(client.geoadd("g", places).await.unwrap(), 3);
    let positions = client.geopos("g", ["none", "paris"]).await.unwrap();
    assert!(matches!(positions[..], [None, Some((2.34..2.36, 48.84..48.86))]), "{positions:?}");
    let far = client.geodist("g", "paris", "london", GeoUnit::Kilometres).await.unwrap().unwrap();
    assert!((330.0..350.0).contains(&far), "{far}");
    let feet = client.geodist("g", "paris", "london", GeoUnit::Feet).await.unwrap().unwrap();
    assert!((feet / far / 3280.84 - 1.0).abs() < 1e-3, "{feet}");
    assert_eq!(client.geodist("g", "paris", "none", GeoUnit::Miles).await.unwrap(), None);
    let hashes = client.geohash("g", ["paris", "none"]).await.unwrap();
    assert!(matches!(&hashes[..], [Some(hash), None] if hash.starts_with("u09")), "{hashes:?}");
    let center = GeoCenter::Place("paris");
    let near: Vec<String> =
        client.geosearch("g", center, 500.0, GeoUnit::Kilometres).await.unwrap();
    assert_eq!(near, ["paris", "london"]);
    let center = GeoCenter::Point { longitude: 13.0, latitude: 52.0 };
    let near: Vec<String> =
        client.geosearch("g", center, 100_000.0, GeoUnit::Metres).await.unwrap();
    assert_eq!(near, ["berlin"]);
}

pub(crate) async fn streams(client: &Client) {
    assert_eq!(client.xadd("{x}1", "1-1", ("f", "a")).await.unwrap(), "1-1");
    assert_eq!(client.xadd("{x}1", "2-1", [("f", "b")]).await.unwrap(), "2-1");
    assert!(client.xadd("{x}1", "*", ("f", "c")).await.unwrap().contains('-'));
    assert_eq!(client.xlen("{x}1").await.unwrap(), 3);
    let first = entry("1-1", "f", "a");
    let range: Entries = client.xrange("{x}1", "-", "2").await.unwrap();
    assert_eq!(range, [first.clone(), entry("2-1", "f", "b")]);
    let range: Entries = client.xrevrange("{x}1", 1, "-").await.unwrap();
    assert_eq!(range, std::slice::from_ref(&first));
    client.xadd("{x}2", "5-1", ("g", "z")).await.unwrap();
    let streams = [("{x}1", "0"), ("{x}2", "0"), ("{x}none", "0")];
    let reads: StreamReads<Fields> = client.xread(&streams, Some(1)).await.unwrap();
    let expected = [("{x}1", vec![first]), ("{x}2", vec![entry("5-1", "g", "z")])];
    assert_eq!(reads, expected.map(|(key, entries)| (key.to_owned(), entries)).into());
    let nothing: StreamReads<Fields> = client.xread(&[("{x}2", "5-1")], None).await.unwrap();
    assert!(nothing.is_empty());
    assert_eq!(client.xdel("{x}1", ["1-1", "9-9"]).await.unwrap(), 1);
    assert_eq!(client.xtrim("{x}1", 1).await.unwrap(), 1);
}

pub(crate) async fn groups(client: &Client) {
    client.xgroup_create("y", "group", "$").await.unwrap();
    let taken = client.xgroup_create("y", "group", "$").await.unwrap_err();
    assert!(taken.to_string().starts_with("BUSYGROUP"), "{taken}");
    for (id, value) in [("1-1", "a"), ("2-1", "b")] {
        client.xadd("y", id, ("f", value)).await.unwrap();
    }
    let read = async |consumer: &str, id: &str| {
        let reads: StreamReads<Option<Fields>> =
            client.xreadgroup("group", consumer, &[("y", id)], Some(1)).await.unwrap();
        reads.into_values().flatten().collect::<Vec<_>>()
    };
    let full = |id, value| {
        let (id, fields) = entry(id, "f", value);
        (id, Some(fields))
    };
    assert_eq!(read("one", ">").await, [full("1-1", "a")]);
    assert_eq!(read("two", ">").await, [full("2-1", "b")]);
    assert_eq!(read("one", ">").await, []);
    assert_eq!(read("one", "0").await, [full("1-1", "a")]);
    client.xdel("y", "1-1").await.unwrap();
    assert_eq!(read("one", "0").await, [("1-1".to_owned(), None)]);
    assert_eq!(client.xack("y", "group", ["1-1", "2-1", "3-1"]).await.unwrap(), 2);
    assert_eq!(read("one", "0").await, []);
    assert!(client.xgroup_destroy("y", "group").await.unwrap());
    assert!(!client.xgroup_destroy("y", "group").await.unwrap());
}

pub(crate) async fn algebra(client: &Client) {
    let both = ["{a}1", "{a}2"];
    client.zadd("{a}1", [(1, "a"), (2, "b")]).await.unwrap();
    client.zadd("{a}2", [(10, "b"), (20, "c")]).await.unwrap();
    assert_eq!(client.zunion::<Vec<String>>(both).await.unwrap(), ["a", "b", "c"]);
    assert_eq!(client.zinter::<Vec<String>>(both).await.unwrap(), ["b"]);
    assert_eq!(client.zdiff::<Vec<String>>(both).await.unwrap(), ["a"]);
    let sums: Scored = client.zunion_with_scores(both, Aggregate::Sum).await.unwrap();
    assert_eq!(sums, scored([("a", 1.0), ("b", 12.0), ("c", 20.0)]));
    let least: Scored = client.zinter_with_scores(both, Aggregate::Min).await.unwrap();
    assert_eq!(least, scored([("b", 2.0)]));
    assert_eq!(client.zdiff_with_scores::<Scored>(both).await.unwrap(), scored([("a", 1.0)]));
    assert_eq!(client.zintercard(both, None).await.unwrap(), 1);
    assert_eq!(client.zintercard(["{a}1", "{a}1"], Some(1)).await.unwrap(), 1);
    let stored = async || client.zrange_with_scores::<Scored>("{a}3", 0, -1).await.unwrap();
    assert_eq!(client.zunionstore("{a}3", both, Aggregate::Max).await.unwrap(), 3);
    assert_eq!(stored().await, scored([("a", 1.0), ("b", 10.0), ("c", 20.0)]));
    assert_eq!(client.zinterstore("{a}3", both, Aggregate::Sum).await.unwrap(), 1);
    assert_eq!(stored().await, scored([("b", 12.0)]));
    assert_eq!(client.zdiffstore("{a}3", both).await.unwrap(), 1);
    assert_eq!(stored().await, scored([("a", 1.0)]));
    let keys = ["{a}none", "{a}2", "{a}1"];
    let taken: Option<(String, Scored)> = client.zmpop(keys, Extreme::Highest, 5).await.unwrap();
    assert_eq!(taken.unwrap(), ("{a}2".to_owned(), scored([("c", 20.0), ("b", 10.0)])));
    assert_eq!(client.zmpop::<Option<()>>("{a}2", Extreme::Lowest, 1).await.unwrap(), None);
    client.del(["{a}1", "{a}3"]).await.unwrap();
}

pub(crate) async fn parts(client: &Client) {
    client.zadd("{q}1", [(1, "a"), (2, "b"), (3, "c"), (4, "d")]).await.unwrap();
    let part = async |range| client.zrange_of::<Vec<String>>("{q}1", range).await.unwrap();
    assert_eq!(part(ZRange::ranks(0, 1)).await, ["a", "b"]);
    assert_eq!(part(ZRange::ranks(0, 1).reversed()).await, ["d", "c"]);
    assert_eq!(part(ZRange::scores("(1", 3.5)).await, ["b", "c"]);
    assert_eq!(part(ZRange::scores(2, "+inf").reversed().limit(1, 2)).await, ["c", "b"]);
    assert_eq!(client.zrangestore("{q}2", "{q}1", ZRange::scores(2, 3)).await.unwrap(), 2);
    assert_eq!(client.zcard("{q}2").await.unwrap(), 2);
    client.zadd("{q}3", [(0, "a"), (0, "b"), (0, "c")]).await.unwrap();
    let names = ZRange::names("[a", "(c");
    assert_eq!(client.zrange_of::<Vec<String>>("{q}3", names.clone()).await.unwrap(), ["a", "b"]);
    let names: Vec<String> = client.zrange_of("{q}3", names.reversed()).await.unwrap();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(client.zlexcount("{q}3", "-", "+").await.unwrap(), 3);
    assert_eq!(client.zremrangebylex("{q}3", "-", "(c").await.unwrap(), 2);
    let random: Scored = client.zrandmember("{q}3", 5).await.unwrap();
    assert_eq!(random, scored([("c", 0.0)]));
    client.del(["{q}1", "{q}2", "{q}3"]).await.unwrap();
}

pub(crate) async fn areas(client: &Client) {
    let places = [(13.4, 52.5, "berlin"), (2.35, 48.85, "paris"), (-0.13, 51.5, "london")];
    client.geoadd("{geo}1", places).await.unwrap();
    let (center, km) = (GeoCenter::Place("paris"), GeoUnit::Kilometres);
    let area = GeoArea::Radius(500.0, km);
    let near: Scored = client.geosearch_with_distances("{geo}1", center, area, None).await.unwrap();
    assert!(matches!(&near[..], [(_, 0.0), (name, 330.0..350.0)] if name == "london"), "{near:?}");
    let area = GeoArea::Box(5000.0, 5000.0, km);
    let near: Scored =
        client.geosearch_with_distances("{geo}1", center, area, Some(2)).await.unwrap();
    assert_eq!(near.len(), 2);
    assert_eq!(client.geosearchstore("{geo}2", "{geo}1", center, area).await.unwrap(), 3);
    client.del(["{geo}1", "{geo}2"]).await.unwrap();
}
