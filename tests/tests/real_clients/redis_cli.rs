//! Sessions of redis-cli and of valkey-cli, as a person at a shell has them.

use std::fmt::Write as _;

use slotway_cluster::TestServer;
use tokio::time::{Duration, sleep, timeout};

use crate::{
    client::{Stage, Steps},
    endpoint::Endpoint,
    shell::Shell,
    transcript::Transcript,
};

/// How long a condition may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at.
const BETWEEN: Duration = Duration::from_millis(20);

/// What a person does with redis-cli.
pub(crate) fn redis(stage: Stage) -> Steps {
    Box::pin(async move { session("redis-cli", &stage).await })
}

/// What a person does with valkey-cli.
pub(crate) fn valkey(stage: Stage) -> Steps {
    Box::pin(async move { session("valkey-cli", &stage).await })
}

async fn session(program: &'static str, stage: &Stage) {
    let cli = Shell::new(program, stage);
    cli.names_itself().await;
    cli.line("flushall", &["flushall"]).await;
    cli.line("script flush", &["script", "flush"]).await;
    commands(&cli).await;
    formats(&cli).await;
    errors(&cli).await;
    input(&cli).await;
    subscriptions(&cli).await;
    pipe(&cli).await;
    scan(&cli).await;
    sampling(&cli).await;
    watching(&cli).await;
    stage.transcript.line("end", "yes");
}

async fn commands(cli: &Shell<'_>) {
    cli.line("ping", &["ping"]).await;
    cli.line("set", &["set", "s", "value"]).await;
    cli.line("get", &["get", "s"]).await;
    cli.line("get nothing", &["get", "nothing"]).await;
    cli.line("a database", &["-n", "0", "get", "s"]).await;
    cli.line("mset", &["mset", "a", "1", "b", "2", "c", "3"]).await;
    cli.line("mget", &["mget", "a", "b", "c", "nothing"]).await;
    cli.line("del", &["del", "a", "b", "c", "nothing"]).await;
    cli.line("again and again", &["-r", "5", "-i", "0.01", "incr", "n"]).await;
    cli.line("config", &["config", "get", "maxmemory-policy"]).await;
    cli.line("time", &["-r", "1", "exists", "s", "n"]).await;
    cli.line_of("info", &["info", "server"], b"", |info| {
        info.only(|text| format!("{}", text.contains("redis_version:"))).out
    })
    .await;
    cli.line_of("client list", &["client", "list"], b"", |list| {
        format!("{}", list.out.lines().any(|line| line.contains("cmd=client")))
    })
    .await;
    cli.line("xadd", &["xadd", "st", "1-1", "field", "value"]).await;
    cli.line("xread", &["xread", "streams", "st", "0"]).await;
    cli.line("blpop", &["blpop", "nothing", "0.05"]).await;
    cli.line("sort", &["sort", "nothing"]).await;
    cli.line("object help", &["object", "help"]).await;
}

async fn formats(cli: &Shell<'_>) {
    cli.line("rpush", &["rpush", "l", "a", "b\"b", "c\nc", ""]).await;
    cli.line("hset", &["hset", "h", "field", "value"]).await;
    cli.line("zadd", &["zadd", "z", "1", "one", "2.5", "more"]).await;
    let scores = ["zrange", "z", "0", "-1", "withscores"];
    for format in ["--no-raw", "--raw", "--csv", "--json", "--quoted-json"] {
        cli.line(&format!("{format} list"), &[format, "lrange", "l", "0", "-1"]).await;
        cli.line(&format!("{format} hash"), &[format, "hgetall", "h"]).await;
        cli.line(&format!("{format} scores"), &[&[format], &scores[..]].concat()).await;
        cli.line(&format!("{format} nothing"), &[format, "get", "nothing"]).await;
        cli.line(&format!("{format} number"), &[format, "llen", "l"]).await;
        cli.line(&format!("{format} status"), &[format, "type", "l"]).await;
        let nested = "return {1, {2, 'three'}, redis.status_reply('FINE'), 4.5}";
        cli.line(&format!("{format} script"), &[format, "eval", nested, "0"]).await;
        let modern = "redis.setresp(3) return {map = {a = 1}, double = 2.5}";
        cli.line(&format!("{format} map"), &[format, "eval", modern, "0"]).await;
    }
    cli.line("quoted input", &["--quoted-input", "set", "\"\\x00\\xff\"", "binary"]).await;
    cli.line("quoted output", &["--no-raw", "--quoted-input", "get", "\"\\x00\\xff\""]).await;
}

async fn errors(cli: &Shell<'_>) {
    cli.line("unknown", &["nonsense", "x"]).await;
    cli.line("an exit code", &["-e", "nonsense", "x"]).await;
    cli.line("arguments", &["get"]).await;
    cli.line("wrong type", &["lpush", "s", "x"]).await;
    cli.line("a password", &["--no-auth-warning", "-a", "wrong", "get", "s"]).await;
    cli.line("select too far", &["-n", "99", "get", "s"]).await;
}

async fn input(cli: &Shell<'_>) {
    cli.line_on("a value from input", &["-x", "set", "x"], "from input").await;
    let lines =
        "set {t}1 1\nmulti\nincr {t}1\nget {t}1\nexec\nmulti\nset {t}1 no\ndiscard\nget {t}1\n";
    cli.line_on("a transaction", &[], lines).await;
    let aborted = "watch {t}1\nmulti\nnonsense\nset {t}1 no\nexec\nunwatch\nget {t}1\n";
    cli.line_on("an aborted one", &[], aborted).await;
    let many: String = (0..300).fold(String::new(), |mut lines, number| {
        let _ = writeln!(lines, "set line:{number} {number}\nget line:{number}");
        lines
    });
    cli.line_on("many lines", &[], many).await;
    let script = std::env::temp_dir().join(format!("slotway-{}.lua", std::process::id()));
    std::fs::write(&script, "return {KEYS[1], KEYS[2], ARGV[1]}").unwrap();
    let path = script.to_str().unwrap();
    cli.line("a script's file", &["--eval", path, "{k}1", "{k}2", ",", "arg"]).await;
    // Another test of this process may have removed it.
    let _ = std::fs::remove_file(&script);
}

async fn subscriptions(cli: &Shell<'_>) {
    let publish = async {
        let seen = async {
            while cli.output(&["publish", "news", "one"]).await.out.trim() != "1" {
                sleep(BETWEEN).await;
            }
        };
        // What the subscriber prints tells whether it came.
        let _ = timeout(PATIENCE, seen).await;
    };
    let last = |lines: &[String]| lines.last().is_some_and(|line| line.contains("one"));
    let all = |lines: &[String]| format!("{lines:?}");
    cli.lines_until("subscribe", &["subscribe", "news"], publish, last, all).await;
}

async fn pipe(cli: &Shell<'_>) {
    let load = (0..5000).fold(Vec::new(), |mut load, number| {
        let key = format!("pipe:{number}");
        let value = "v".repeat(number % 100);
        let command = format!(
            "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n",
            key.len(),
            value.len()
        );
        load.extend_from_slice(command.as_bytes());
        load
    });
    cli.line_on("--pipe", &["--pipe"], load).await;
    let some_wrong = "SET pipe:s x\r\nLPUSH pipe:s x\r\nNONSENSE\r\nGET pipe:s\r\n";
    cli.line_on("--pipe with errors", &["--pipe"], some_wrong).await;
    cli.line("dbsize after --pipe", &["dbsize"]).await;
}

async fn scan(cli: &Shell<'_>) {
    let words = ["--scan", "--pattern", "pipe:*"];
    cli.line_of("--scan", &words, b"", |found| {
        let mut keys: Vec<_> = found.out.lines().collect();
        keys.sort_unstable();
        keys.dedup();
        format!("{:?}", found.only(|_| keys.join("\n")))
    })
    .await;
    let words = ["--scan", "--pattern", "pipe:4[12]*"];
    cli.line_of("--scan for few", &words, b"", |found| format!("{:?}", found.sorted())).await;
    cli.line("delete all", &["flushall"]).await;
}

async fn sampling(cli: &Shell<'_>) {
    let words = "rpush big:list a b c d\nsadd big:set a b c\nhset big:hash f v\n\
        zadd big:zset 1 a 2 b\nset big:string 0123456789\nxadd big:stream 1-1 f v\n\
        rpush list a\nsadd set a\nset string x\nzadd zset 1 a\n";
    cli.line_on("keys of all types", &[], words).await;
    let summary = |text: &str| {
        let (_, summary) = text.split_once("summary").unwrap_or(("", text));
        summary.to_owned()
    };
    cli.line_of("--bigkeys", &["--bigkeys"], b"", |found| format!("{:?}", found.only(summary)))
        .await;
    // How much memory a key takes is a matter of how a server is made.
    cli.line_of("--memkeys", &["--memkeys"], b"", |found| {
        let sampled = found.out.lines().filter(|line| line.starts_with("Sampled")).collect();
        format!("{:?}", found.only(|_| sampled))
    })
    .await;
    cli.line_of("--hotkeys", &["--hotkeys"], b"", |found| {
        format!("{:?}", found.only(|text| text.lines().last().unwrap_or_default().into()))
    })
    .await;
}

async fn watching(cli: &Shell<'_>) {
    cli.line_of("--latency", &["--raw", "--latency", "-i", "0.2"], b"", |latency| {
        let numbers = latency.out.split_whitespace();
        let numbers = numbers.filter(|number| number.parse::<f64>().is_ok()).count();
        format!("{:?}", latency.only(|_| format!("{numbers} numbers")))
    })
    .await;
    cli.line_of("--latency as csv", &["--csv", "--latency", "-i", "0.2"], b"", |latency| {
        format!("{:?}", latency.only(|text| format!("{} numbers", text.split(',').count())))
    })
    .await;
    // It writes to a pipe only when its buffer is full.
    let last = |lines: &[String]| lines.len() > 3;
    let of = |lines: &[String]| {
        let keys = lines.get(2).and_then(|line| line.split_whitespace().next());
        let columns = lines.get(1).map_or(0, |line| line.split_whitespace().count());
        format!("{keys:?} keys, {columns} columns")
    };
    cli.lines_until("--stat", &["--stat", "-i", "0.01"], async {}, last, of).await;
}

/// What shows every client's commands and keys to one, or copies a whole server, says no at once.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_proxy_can_do_is_refused_clearly() {
    let slotway = Endpoint::slotway(TestServer::Valkey91).await;
    let transcript = Transcript::default();
    let stage = Stage { url: slotway.url(), protocol: slotway::Protocol::Resp2, transcript };
    let cli = Shell::new("redis-cli", &stage);
    for command in ["monitor", "sync", "shutdown", "save"] {
        let said = cli.output(&["-e", command]).await;
        let text = format!("{said:?}");
        let clear = format!("ERR '{}' is not allowed here", command);
        assert!(text.contains(&clear) && text.starts_with("exit"), "{text}");
    }
    assert_eq!(cli.output(&["ping"]).await.out, "PONG\n");
}
