//! Commands whose replies are the same in every run on one version of a server.
//!
//! So there is none of what has no order (a set's members are numbers, which a server keeps in
//! order), of what is random, and of what tells the time.

use std::fmt;

use fastrand::Rng;

/// How many keys there are: few, so that commands meet what others left.
const KEYS: usize = 300;

/// How many tags: keys that share one are in one slot.
const TAGS: usize = 20;

/// In the far future: what expires then expires in no test.
const LATER: &str = "4102444800";

/// What no server takes for a request. It may have been preceded by what is one.
pub(crate) const BROKEN: &[&[u8]] = &[
    b"PING\r\n*1\r\n:1\r\n",
    b"PING\r\n*1\r\n$-5\r\n",
    b"PING\r\n*1\r\n$x\r\n",
    b"PING\r\n*x\r\n",
    b"PING\r\n*01\r\n$4\r\nPING\r\n",
    b"PING\r\n*1\r\n$04\r\nPING\r\n",
    b"PING\r\n*1\r\nPING\r\n",
    b"PING\r\n*99999999999999999999\r\n",
    b"PING\r\n*1\r\n$99999999999\r\n",
    b"PING\r\n*1\r\n$99999999999999999999\r\n",
    b"PING\r\nGET \"no end\r\n",
    b"PING\r\nGET 'no end\r\n",
    b"QUIT\r\nPING\r\n",
    b"PING\r\n*2\r\n$3\r\nGET\r\n$1",
];

/// One request, as it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    owes: Owes,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owes {
    AReply,
    Nothing,
}

impl Request {
    /// A command in its binary form.
    pub(crate) fn words<W: AsRef<[u8]>>(words: &[W]) -> Self {
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words.iter().map(AsRef::as_ref) {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        Self { bytes, owes: Owes::AReply }
    }

    /// A line that is no command.
    pub(crate) fn empty() -> Self {
        Self { bytes: b"\r\n".to_vec(), owes: Owes::Nothing }
    }

    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> {
        self.bytes.iter().copied()
    }

    pub(crate) fn owes_a_reply(&self) -> bool {
        self.owes == Owes::AReply
    }

    fn line(line: &str) -> Self {
        Self { bytes: line.as_bytes().to_vec(), owes: Owes::AReply }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        let words: Vec<_> = text.lines().filter(|line| !line.starts_with(['*', '$'])).collect();
        let text: String = words.join(" ").escape_debug().take(200).collect();
        f.write_str(&text)
    }
}

/// So many requests, of all kinds in any order.
pub(crate) fn mixed(rng: &mut Rng, count: usize) -> Vec<Request> {
    let mut requests = Vec::with_capacity(count);
    while requests.len() < count {
        match rng.usize(0..100) {
            0..82 => requests.push(spelt(&on_one_key(rng), rng)),
            82..88 => requests.push(spelt(&on_many_keys(rng), rng)),
            88..91 => requests.push(spelt(&on_one_slot(rng), rng)),
            91..94 => requests.push(wrong(rng)),
            94..97 => requests.push(unusual(rng)),
            _ => requests.extend(transaction(rng)),
        }
    }
    requests
}

/// A template's words: `K` is any key, each time the same, `M` is any, each time another, `V` is any
/// value, `N` any number.
fn filled(template: &str, rng: &mut Rng) -> Vec<Vec<u8>> {
    let same = rng.usize(0..KEYS);
    let word = |word: &str, rng: &mut Rng| match word {
        "K" => format!("key:{same}").into_bytes(),
        "M" => format!("key:{}", rng.usize(0..KEYS)).into_bytes(),
        "V" => value(rng),
        "N" => rng.i32(-20..100).to_string().into_bytes(),
        "F" => format!("field{}", rng.usize(0..8)).into_bytes(),
        "LATER" => LATER.into(),
        word => word.into(),
    };
    template.split_whitespace().map(|part| word(part, rng)).collect()
}

fn value(rng: &mut Rng) -> Vec<u8> {
    match rng.usize(0..20) {
        0..8 => rng.i32(-1000..1000).to_string().into_bytes(),
        8 => Vec::new(),
        9 => (0..rng.usize(1..5000)).map(|_| rng.u8(..)).collect(),
        10 => b"\r\n$3\r\n+OK\r\n".to_vec(),
        _ => (0..rng.usize(1..30)).map(|_| rng.u8(b'a'..=b'z')).collect(),
    }
}

#[rustfmt::skip]
const ON_ONE_KEY: &[&str] = &[
    "SET K V", "SET K V", "SET K V", "SET K V EXAT LATER", "SET K V NX", "SET K V XX GET", "SET K V KEEPTTL",
    "GET K", "GET K", "GET K", "GETSET K V", "GETDEL K", "GETEX K PERSIST", "STRLEN K", "APPEND K V", "SETNX K V",
    "GETRANGE K 1 N", "SETRANGE K 5 V", "INCR K", "INCRBY K N", "DECR K", "DECRBY K 7", "INCRBYFLOAT K 0.5",
    "SETBIT K 9 1", "GETBIT K 9", "BITCOUNT K", "BITPOS K 1", "BITFIELD K INCRBY u8 0 N GET i5 3", "LCS K K",
    "DEL K", "DEL K", "DEL K", "DEL K", "UNLINK K", "EXISTS K", "TYPE K", "TOUCH K", "OBJECT ENCODING K",
    "OBJECT REFCOUNT nothing", "EXPIREAT K LATER", "EXPIRETIME K", "PEXPIRETIME K", "PERSIST K", "EXPIRE K -1",
    "EXPIREAT K LATER NX", "TTL nothing",
    "LPUSH K V N", "RPUSH K V N V", "LPUSHX K V", "LPOP K", "RPOP K 2", "LRANGE K 0 -1", "LRANGE K 0 N", "LLEN K",
    "LINDEX K N", "LINSERT K BEFORE 1 V", "LSET K 0 V", "LREM K 1 N", "LTRIM K 0 20", "LPOS K N", "LMOVE K K LEFT RIGHT",
    "LMPOP 1 K LEFT COUNT 2", "SORT K", "SORT K ALPHA DESC LIMIT 0 5",
    "HSET K F V", "HSET K F N F V", "HGET K F", "HMGET K F F nofield", "HGETALL K", "HKEYS K", "HVALS K", "HLEN K",
    "HDEL K F F", "HEXISTS K F", "HINCRBY K F N", "HINCRBYFLOAT K F 1.25", "HSETNX K F V", "HSTRLEN K F", "HMSET K F V",
    "SADD K N N N", "SREM K N", "SMEMBERS K", "SCARD K", "SISMEMBER K N", "SMISMEMBER K N N", "SINTER K K", "SSCAN K 0 COUNT 1000",
    "ZADD K N a", "ZADD K N b N c", "ZADD K GT CH N a", "ZADD K INCR 1.5 a", "ZINCRBY K N b", "ZSCORE K a", "ZMSCORE K a nothing",
    "ZRANK K b", "ZREVRANK K b", "ZCARD K", "ZCOUNT K -inf (50", "ZRANGE K 0 -1", "ZRANGE K 0 -1 WITHSCORES",
    "ZRANGE K -inf +inf BYSCORE LIMIT 0 2", "ZREVRANGE K 0 1", "ZPOPMIN K", "ZPOPMAX K 2", "ZREM K a", "ZREMRANGEBYRANK K 0 0",
    "ZRANGEBYLEX K - +", "ZMPOP 1 K MIN",
    "XADD K LATER-* f V", "XLEN K", "XRANGE K - + COUNT 3", "XTRIM K MAXLEN 5", "XREAD COUNT 2 STREAMS K 0", "XGROUP CREATE K g 0 MKSTREAM",
    "XREADGROUP GROUP g me COUNT 1 STREAMS K >", "XPENDING K g", "XACK K g 1-1", "XDEL K 1-1", "XINFO GROUPS nothing",
    "PFADD K a V", "PFCOUNT K", "GEOADD K 13.36 38.11 Palermo", "GEOPOS K Palermo nothing", "GEODIST K Palermo Palermo km",
    "GEOHASH K Palermo", "DUMP nothing", "MEMORY USAGE nothing", "COPY K K", "RENAME nothing nothing",
];

fn on_one_key(rng: &mut Rng) -> Vec<Vec<u8>> {
    filled(ON_ONE_KEY[rng.usize(0..ON_ONE_KEY.len())], rng)
}

fn on_many_keys(rng: &mut Rng) -> Vec<Vec<u8>> {
    let verb =
        ["MGET", "MGET", "MSET", "MSET", "DEL", "UNLINK", "EXISTS", "TOUCH"][rng.usize(0..8)];
    let pair = if verb == "MSET" { " M V" } else { " M" };
    let count = rng.usize(1..40);
    filled(&format!("{verb}{}", pair.repeat(count)), rng)
}

#[rustfmt::skip]
const ON_ONE_SLOT: &[&str] = &[
    "RENAME T1 T2", "RENAMENX T1 T2", "COPY T1 T2", "COPY T1 T2 REPLACE", "MSETNX T1 V T3 V", "LMOVE T1 T2 LEFT LEFT",
    "RPOPLPUSH T1 T2", "SADD T1 N N", "SADD T2 N N", "SINTERSTORE T3 T1 T2", "SUNION T1 T2", "SDIFF T1 T2", "SMOVE T1 T2 5",
    "ZADD T1 N a N b", "ZUNIONSTORE T3 2 T1 T2", "ZINTER 2 T1 T2 WITHSCORES", "ZRANGESTORE T2 T1 0 -1", "BITOP AND T3 T1 T2",
    "PFMERGE T3 T1 T2", "LPUSH T1 V", "SET T1 V", "DEL T1 T2 T3", "LMPOP 2 T1 T2 LEFT",
    "XREAD STREAMS T1 T2 0 0", "LCS T1 T2 LEN", "SINTERCARD 2 T1 T2", "SORT T1 STORE T3",
];

fn on_one_slot(rng: &mut Rng) -> Vec<Vec<u8>> {
    let template = ON_ONE_SLOT[rng.usize(0..ON_ONE_SLOT.len())];
    tagged(template, rng.usize(0..TAGS), rng)
}

/// A template whose keys `T1`, `T2` and `T3` share a tag.
fn tagged(template: &str, tag: usize, rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut words = filled(template, rng);
    for word in &mut words {
        if let [b'T', number @ b'1'..=b'3'] = word[..] {
            *word = format!("{{tag{tag}}}{}", char::from(number)).into_bytes();
        }
    }
    words
}

#[rustfmt::skip]
const WRONG: &[&str] = &[
    "GET", "GET K K", "SET K", "MSET K", "MSET K V K", "MGET", "DEL", "EXISTS", "NONSENSE", "NONSENSE K V", "nonsense:x y",
    "INCR", "SET K V NONSENSE", "SET K V EX 0", "SETEX K 0 V", "EXPIRE K x", "INCRBY K x", "LRANGE K a b", "HSET K F",
    "ZADD K x a", "ZADD K NX XX 1 a", "ZRANGE K 0 -1 BYLEX", "OBJECT NONSENSE K", "OBJECT ENCODING", "XADD K 0-0 f v",
    "BITFIELD K GET x9 0", "SETBIT K -1 1", "SETRANGE K -1 x", "LPOP K -1", "GETEX K EX x", "BLPOP K x", "BLPOP K -1",
    "XREAD STREAMS K", "XREADGROUP STREAMS K 0", "EVAL x", "LMPOP 0 K LEFT", "LMPOP x K LEFT", "ZUNION 0 K", "SINTERCARD 0 K",
    "HELLO 9", "HELLO x", "AUTH wrong", "AUTH nobody wrong", "SELECT 99", "SELECT x", "ECHO", "PING a b", "CLIENT NONSENSE",
    "CLIENT SETNAME", "EXEC", "DISCARD", "SCAN x", "SCAN 0 COUNT 0", "SCAN 0 NONSENSE", "SORT K BY", "EVALSHA 0 0", "DUMP",
    "RESTORE K 0 garbage", "RESTORE K -1 garbage", "COPY K K DB x", "OBJECT FREQ nothing", "CLIENT REPLY x",
    "COMMAND NONSENSE", "SCRIPT NONSENSE", "WAIT x 0", "SUBSCRIBE", "PUBLISH a", "GEOADD K 500 500 x", "PUBSUB NONSENSE", "KEYS", "DBSIZE x",
];

fn wrong(rng: &mut Rng) -> Request {
    Request::words(&filled(WRONG[rng.usize(0..WRONG.len())], rng))
}

/// What owes no reply, what is spelt otherwise, and what no node is asked for.
fn unusual(rng: &mut Rng) -> Request {
    let key = rng.usize(0..KEYS);
    let nothing = |bytes: &[u8]| Request { bytes: bytes.to_vec(), owes: Owes::Nothing };
    match rng.usize(0..16) {
        0 => nothing(b"\r\n"),
        1 => nothing(b"*0\r\n"),
        2 => nothing(b"*-1\r\n"),
        // Not a line of spaces, after which Valkey 8.1 takes `*1` for a command.
        3 => nothing(b"\n"),
        4 => Request::line(&format!("get key:{key}\r\n")),
        5 => Request::line(&format!("  GeT   key:{key}  \r\n")),
        6 => Request::line(&format!("set \"key:{key}\" 'single \\' quoted'\r\n")),
        7 => Request::line(&format!("SET key:{key} \"\\x00\\xff\\n\\\"\"\n")),
        8 => Request::line("PING\n"),
        9 => Request::line("nonsense in line\r\n"),
        10 => Request::words(&["ping", "hello"]),
        11 => Request::words(&["SELECT", "0"]),
        12 => Request::words(&["CLIENT", "GETNAME"]),
        // A server looks for what waited long enough only ten times a second.
        13 if rng.u8(0..4) == 0 => Request::words(&filled("BLPOP K 0.001", rng)),
        14 if rng.u8(0..4) == 0 => Request::words(&["BZPOPMIN", "nothing", "0.001"]),
        _ => Request::words(&["ECHO", "\r\n"]),
    }
}

fn transaction(rng: &mut Rng) -> Vec<Request> {
    let tag = rng.usize(0..TAGS);
    let mut requests = vec![Request::words(&["MULTI"])];
    for _ in 0..rng.usize(0..6) {
        let template = ON_ONE_SLOT[rng.usize(0..ON_ONE_SLOT.len())];
        requests.push(Request::words(&tagged(template, tag, rng)));
        if rng.usize(0..8) == 0 {
            requests.push(wrong_in_transaction(rng));
        }
    }
    requests.push(Request::words(&[if rng.usize(0..5) == 0 { "DISCARD" } else { "EXEC" }]));
    requests
}

fn wrong_in_transaction(rng: &mut Rng) -> Request {
    match rng.usize(0..5) {
        0 => Request::words(&["NONSENSE", "x"]),
        1 => Request::words(&["GET"]),
        2 => Request::words(&["MULTI"]),
        3 => Request::words(&["WATCH", "x"]),
        _ => Request::empty(),
    }
}

/// The command, its name in any case.
fn spelt(words: &[Vec<u8>], rng: &mut Rng) -> Request {
    let mut words = words.to_vec();
    match rng.usize(0..4) {
        0 => words[0].make_ascii_lowercase(),
        1 => words[0].iter_mut().step_by(2).for_each(|byte| byte.make_ascii_lowercase()),
        _ => {}
    }
    Request::words(&words)
}
