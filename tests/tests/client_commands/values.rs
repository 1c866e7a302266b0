//! Strings, what holds for keys of any type, and what is kept in strings.

use std::time::Duration;

use bytes::Bytes;
use slotway::{
    BitField, BitInt, BitOp, Client, Expiry, ExpiryCondition, Overflow, SetOptions, Ttl,
};

type Text = Option<String>;

pub(crate) async fn strings(client: &Client) {
    assert_eq!(client.get::<Text>("s").await.unwrap(), None);
    client.set("s", "one").await.unwrap();
    assert_eq!(client.get::<Text>("s").await.unwrap().as_deref(), Some("one"));
    assert_eq!(client.get::<Bytes>("s").await.unwrap(), "one");
    client.set(b"s:\xff", b"\x00\xff").await.unwrap();
    assert_eq!(client.get::<Vec<u8>>(b"s:\xff").await.unwrap(), [0, 255]);
    client.mset([("s:1", 1), ("s:2", 2), ("s:3", 3)]).await.unwrap();
    let many: Vec<Option<i64>> = client.mget(["s:3", "s:none", "s:1"]).await.unwrap();
    assert_eq!(many, [Some(3), None, Some(1)]);
    assert_eq!(client.incr("s:n").await.unwrap(), 1);
    assert_eq!(client.incr_by("s:n", 9).await.unwrap(), 10);
    assert_eq!(client.decr("s:n").await.unwrap(), 9);
    assert_eq!(client.decr_by("s:n", 10).await.unwrap(), -1);
    assert_eq!(client.incr_by_float("s:n", 1.5).await.unwrap(), 0.5);
    assert_eq!(client.append("s", " two").await.unwrap(), 7);
    assert_eq!(client.strlen("s").await.unwrap(), 7);
    assert_eq!(client.getrange::<String>("s", -3, -1).await.unwrap(), "two");
    assert_eq!(client.setrange("s", 4, "three").await.unwrap(), 9);
    assert_eq!(client.getdel::<Text>("s").await.unwrap().as_deref(), Some("one three"));
    assert_eq!(client.getdel::<Text>("s").await.unwrap(), None);
    assert_eq!(client.getex::<i64>("s:1", Expiry::Seconds(100)).await.unwrap(), 1);
    assert!(matches!(client.ttl("s:1").await.unwrap(), Ttl::Left(_)));
    assert_eq!(client.getex::<i64>("s:1", Expiry::Never).await.unwrap(), 1);
    assert_eq!(client.ttl("s:1").await.unwrap(), Ttl::Forever);
}

pub(crate) async fn set_options(client: &Client) {
    let options = SetOptions::new;
    assert!(!client.set_with("o", "a", options().xx()).await.unwrap());
    assert!(client.set_with("o", "a", options().nx().ex(100)).await.unwrap());
    assert!(!client.set_with("o", "b", options().nx()).await.unwrap());
    assert!(client.set_with("o", "b", options().xx().keep_ttl()).await.unwrap());
    assert_eq!(client.get::<String>("o").await.unwrap(), "b");
    let Ttl::Left(left) = client.pttl("o").await.unwrap() else { panic!("the key stays for good") };
    assert!(left <= Duration::from_secs(100), "{left:?}");
    let before: Text = client.set_and_get("o", "c", options().px(100_000)).await.unwrap();
    assert_eq!(before.as_deref(), Some("b"));
    assert!(matches!(client.ttl("o").await.unwrap(), Ttl::Left(_)));
    assert!(client.set_with("o", "d", options().expiry(Expiry::Never)).await.unwrap());
    assert_eq!(client.ttl("o").await.unwrap(), Ttl::Forever);
    let past_2100 = 4_102_444_800;
    for expiry in [Expiry::AtSeconds(past_2100), Expiry::AtMillis(past_2100 * 1000)] {
        assert!(client.set_with("o", "d", options().expiry(expiry)).await.unwrap());
        assert!(matches!(client.ttl("o").await.unwrap(), Ttl::Left(_)));
    }
    assert_eq!(client.getex::<String>("o", Expiry::Millis(100_000)).await.unwrap(), "d");
    let Ttl::Left(left) = client.pttl("o").await.unwrap() else { panic!("the key stays for good") };
    assert!(left <= Duration::from_secs(100), "{left:?}");
}

pub(crate) async fn keys(client: &Client) {
    client.mset([("k:1", 1), ("k:2", 2), ("k:3", 3), ("k:4", 4)]).await.unwrap();
    assert_eq!(client.exists(["k:1", "k:2", "k:1", "k:none"]).await.unwrap(), 3);
    assert_eq!(client.touch(["k:1", "k:2", "k:none"]).await.unwrap(), 2);
    assert_eq!(client.del(["k:1", "k:2", "k:none"]).await.unwrap(), 2);
    assert_eq!(client.unlink(vec!["k:3", "k:none"]).await.unwrap(), 1);
    assert_eq!(client.exists("k:3").await.unwrap(), 0);
    assert_eq!(client.ttl("k:none").await.unwrap(), Ttl::Missing);
    assert_eq!(client.pttl("k:4").await.unwrap(), Ttl::Forever);
    assert!(client.expire("k:4", 100).await.unwrap());
    assert!(!client.expire("k:none", 100).await.unwrap());
    let Ttl::Left(left) = client.ttl("k:4").await.unwrap() else {
        panic!("the key stays for good")
    };
    assert!((1..=100).contains(&left.as_secs()), "{left:?}");
    assert!(client.pexpire("k:4", 50_000).await.unwrap());
    let Ttl::Left(left) = client.pttl("k:4").await.unwrap() else {
        panic!("the key stays for good")
    };
    assert!(left <= Duration::from_secs(50), "{left:?}");
    assert!(client.persist("k:4").await.unwrap());
    assert!(!client.persist("k:4").await.unwrap());
    assert!(client.expire_at("k:4", 1).await.unwrap());
    assert_eq!(client.exists("k:4").await.unwrap(), 0);
    client.set("{k}a", 1).await.unwrap();
    assert_eq!(client.type_of("{k}a").await.unwrap(), "string");
    assert_eq!(client.type_of("{k}b").await.unwrap(), "none");
    client.rename("{k}a", "{k}b").await.unwrap();
    assert!(client.copy("{k}b", "{k}c").await.unwrap());
    assert!(!client.copy("{k}b", "{k}c").await.unwrap());
    assert_eq!(client.exists(["{k}a", "{k}b", "{k}c"]).await.unwrap(), 2);
}

pub(crate) async fn bitmaps(client: &Client) {
    assert!(!client.setbit("{b}1", 7, true).await.unwrap());
    assert!(client.setbit("{b}1", 7, true).await.unwrap());
    client.setbit("{b}1", 8, true).await.unwrap();
    assert!(client.getbit("{b}1", 7).await.unwrap());
    assert!(!client.getbit("{b}1", 1000).await.unwrap());
    assert_eq!(client.bitcount("{b}1").await.unwrap(), 2);
    assert_eq!(client.bitcount_range("{b}1", 1, -1).await.unwrap(), 1);
    assert_eq!(client.bitpos("{b}1", true).await.unwrap(), Some(7));
    assert_eq!(client.bitpos("{b}none", true).await.unwrap(), None);
    client.setbit("{b}2", 7, true).await.unwrap();
    let keys = ["{b}1", "{b}2"];
    for (op, count) in [(BitOp::And, 1), (BitOp::Or, 2), (BitOp::Xor, 1)] {
        assert_eq!(client.bitop(op, "{b}3", keys).await.unwrap(), 2);
        assert_eq!(client.bitcount("{b}3").await.unwrap(), count, "{op:?}");
    }
    assert_eq!(client.bitop(BitOp::Not, "{b}3", "{b}1").await.unwrap(), 2);
    assert_eq!(client.bitcount("{b}3").await.unwrap(), 14);
}

pub(crate) async fn hyperloglogs(client: &Client) {
    assert!(client.pfadd("{p}1", ["a", "b"]).await.unwrap());
    assert!(!client.pfadd("{p}1", "a").await.unwrap());
    assert!(client.pfadd("{p}2", ["b", "c"]).await.unwrap());
    assert_eq!(client.pfcount("{p}1").await.unwrap(), 2);
    assert_eq!(client.pfcount(["{p}1", "{p}2"]).await.unwrap(), 3);
    client.pfmerge("{p}3", ["{p}1", "{p}2"]).await.unwrap();
    assert_eq!(client.pfcount("{p}3").await.unwrap(), 3);
}

pub(crate) async fn more_strings(client: &Client) {
    assert!(client.msetnx([("{n}1", "ohmytext"), ("{n}2", "mynewtext")]).await.unwrap());
    assert!(!client.msetnx([("{n}2", 2), ("{n}3", 3)]).await.unwrap());
    assert_eq!(client.lcs::<String>("{n}1", "{n}2").await.unwrap(), "mytext");
    assert_eq!(client.lcs_len("{n}1", "{n}2").await.unwrap(), 6);
    client.del(["{n}1", "{n}2"]).await.unwrap();
}

pub(crate) async fn of_valkey_9(client: &Client) {
    client.set("lock", "mine").await.unwrap();
    assert!(!client.delifeq("lock", "theirs").await.unwrap());
    assert!(client.delifeq("lock", "mine").await.unwrap());
}

pub(crate) async fn more_keys(client: &Client) {
    client.set("{o}1", 1).await.unwrap();
    client.set("{o}2", 2).await.unwrap();
    assert!(!client.renamenx("{o}1", "{o}2").await.unwrap());
    assert!(client.renamenx("{o}1", "{o}3").await.unwrap());
    assert!(client.copy_over("{o}3", "{o}2").await.unwrap());
    assert_eq!(client.get::<i64>("{o}2").await.unwrap(), 1);
    assert!(!client.pexpire_if("{o}2", 60_000, ExpiryCondition::Set).await.unwrap());
    assert!(client.pexpire_if("{o}2", 60_000, ExpiryCondition::Unset).await.unwrap());
    assert!(!client.pexpire_if("{o}2", 70_000, ExpiryCondition::Earlier).await.unwrap());
    assert!(client.pexpire_if("{o}2", 70_000, ExpiryCondition::Later).await.unwrap());
    assert!(client.pexpire_at("{o}2", 9_000_000_000_000).await.unwrap());
    let at = Ttl::Left(Duration::from_millis(9_000_000_000_000));
    assert_eq!(client.expires_at("{o}2").await.unwrap(), at);
    let mut names: Vec<String> = client.keys("{o}*").await.unwrap();
    names.sort();
    assert_eq!(names, ["{o}2", "{o}3"]);
    assert!(client.randomkey::<Option<String>>().await.unwrap().is_some());
    client.del(["{o}2", "{o}3"]).await.unwrap();
}

pub(crate) async fn bit_fields(client: &Client) {
    let (byte, nibble) = (BitInt::Unsigned(8), BitInt::Signed(4));
    let fields = BitField::new().set(byte, 0, 255).read(nibble, 0).add(byte, 0, 2);
    let got = client.bitfield("bits", fields).await.unwrap();
    assert_eq!(got, [Some(0), Some(-1), Some(1)]);
    let fields = BitField::new().overflow(Overflow::Fail).add(byte, 0, 255);
    let fields = fields.overflow(Overflow::Saturate).add(byte, 0, 255);
    assert_eq!(client.bitfield("bits", fields).await.unwrap(), [None, Some(255)]);
    let fields = BitField::new().read(byte, 0).read(byte, 8);
    assert_eq!(client.bitfield_ro("bits", fields).await.unwrap(), [255, 0]);
    client.del("bits").await.unwrap();
}

pub(crate) async fn of_valkey_8_1(client: &Client) {
    client.set("ifeq", "a").await.unwrap();
    let lasting = SetOptions::new().ex(60);
    assert!(!client.set_ifeq("ifeq", "x", "b", lasting).await.unwrap());
    assert!(client.set_ifeq("ifeq", "a", "b", lasting).await.unwrap());
    assert!(!client.set_ifeq("ifeq:none", "a", "b", SetOptions::new()).await.unwrap());
    assert_eq!(client.get::<String>("ifeq").await.unwrap(), "b");
    assert!(matches!(client.ttl("ifeq").await.unwrap(), Ttl::Left(_)));
    client.del("ifeq").await.unwrap();
}
