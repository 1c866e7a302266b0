//! Holds what slotway knows of commands against what real servers say.

use std::collections::BTreeSet;

use slotway_cluster::{Admin, Spec, TestCluster, TestServer};
use slotway_protocol::{
    CommandBuf, CommandFlags, CommandSpec, CommandTable, CrossSlot, KeyFlags, Plan, PlanRules,
    Refusal, Value,
};

/// A server that the built-in table was written from, and the commands of which a later one says
/// something else, so that the later one's word is built in.
struct Known {
    server: TestServer,
    changed_later: &'static [&'static str],
}

const SERVERS: [Known; 3] = [
    Known {
        server: TestServer::Redis70,
        changed_later: &[
            "acl|deluser",
            "acl|save",
            "acl|setuser",
            "blmove",
            "blpop",
            "brpop",
            "brpoplpush",
            "bzpopmax",
            "bzpopmin",
            "client|caching",
            "client|getname",
            "client|getredir",
            "client|id",
            "client|no-evict",
            "client|reply",
            "client|setname",
            "cluster|info",
            "cluster|myid",
            "cluster|nodes",
            "cluster|replicate",
            "cluster|shards",
            "cluster|slots",
            "command|getkeys",
            "command|getkeysandflags",
            "config|resetstat",
            "config|rewrite",
            "exec",
            "georadius",
            "georadiusbymember",
            "latency|reset",
            "memory|malloc-stats",
            "memory|purge",
            "msetnx",
            "multi",
            "randomkey",
            "scan",
            "script|debug",
            "script|exists",
            "script|flush",
            "select",
            "sinterstore",
            "wait",
            "watch",
            "zrank",
            "zrevrank",
        ],
    },
    Known {
        server: TestServer::Valkey81,
        changed_later: &[
            "client|caching",
            "client|capa",
            "client|getname",
            "client|getredir",
            "client|id",
            "client|no-evict",
            "client|no-touch",
            "client|reply",
            "client|setinfo",
            "client|setname",
            "cluster|replicate",
            "georadius",
            "georadiusbymember",
            "script|debug",
            "script|exists",
            "script|flush",
            "script|show",
            "select",
        ],
    },
    Known { server: TestServer::Valkey91, changed_later: &[] },
];

/// A cluster of one node.
async fn start(server: TestServer) -> TestCluster {
    let alone = Spec::on(server).shape(1, 0).config("cluster-require-full-coverage", "no");
    TestCluster::start(alone).await.expect("a server for tests starts")
}

async fn connect(cluster: &TestCluster) -> Admin {
    cluster.connect(0).await.expect("a ready node accepts")
}

async fn call<A: AsRef<[u8]>>(node: &mut Admin, args: &[A]) -> Value {
    node.call(args).await.expect("the server answers")
}

#[tokio::test]
async fn every_command_of_each_server_is_built_in_as_the_newest_says() {
    let builtin = CommandTable::builtin();
    let mut everywhere = BTreeSet::new();
    for Known { server, changed_later } in SERVERS {
        let cluster = start(server).await;
        let mut node = connect(&cluster).await;
        let reply = call(&mut node, &["COMMAND"]).await;
        check_words(&reply);
        let theirs = CommandTable::of_server(&reply).expect("COMMAND can be read");
        assert_eq!(theirs.iter().len(), builtin.iter().len(), "{server} has unknown commands");
        let mut different = Vec::new();
        for (ours, theirs) in builtin.iter().zip(theirs.iter()) {
            assert_eq!(ours.name(), theirs.name());
            if !says_the_same(ours, theirs) {
                different.push(ours.name());
            }
        }
        assert_eq!(different, changed_later, "{server}");
        let _ = call(&mut node, &["HELLO", "3"]).await;
        let again =
            CommandTable::of_server(&call(&mut node, &["COMMAND"]).await).expect("so can RESP3's");
        assert!(theirs.iter().zip(again.iter()).all(|(a, b)| says_the_same(a, b)), "{server}");
        names(&reply, &mut everywhere);
    }
    let ours: BTreeSet<String> = builtin.iter().map(|spec| spec.name().to_owned()).collect();
    assert_eq!(ours, everywhere, "some command is built in that no server has");
}

fn says_the_same(a: &CommandSpec, b: &CommandSpec) -> bool {
    let said = |spec: &CommandSpec| {
        let policies = (spec.request_policy(), spec.response_policy());
        let mut keys = spec.key_specs().to_vec();
        keys.sort_by_key(|place| format!("{place:?}"));
        (spec.arity(), spec.flags(), spec.categories(), policies, keys)
    };
    said(a) == said(b)
}

/// Checks that we know every word that the server says of its commands.
fn check_words(commands: &Value) {
    for command in commands.as_elements().expect("COMMAND is a list") {
        let fields = command.as_elements().expect("a command is a list");
        for flag in fields[2].as_elements().expect("flags are a list") {
            let word = flag.as_bytes().expect("a flag is a word");
            assert!(CommandFlags::from_word(word).is_some(), "{flag:?}");
        }
        check_words(&fields[9]);
    }
}

fn names(commands: &Value, into: &mut BTreeSet<String>) {
    for command in commands.as_elements().expect("COMMAND is a list") {
        let fields = command.as_elements().expect("a command is a list");
        into.insert(fields[0].as_str().expect("a name is a text").to_owned());
        names(&fields[9], into);
    }
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// Arguments for a command that make sense now and then: counts, and the words of its options.
fn arguments(spec: &CommandSpec, dice: &mut Dice) -> Vec<String> {
    let name_words = spec.name().split('|').count();
    let fixed = usize::from(spec.arity().number().unsigned_abs()) - name_words;
    let more = if spec.arity().number() < 0 { dice.below(6) } else { 0 };
    let options: &[&str] = match spec.name() {
        "sort" | "sort_ro" => &["STORE", "BY", "get", "LIMIT"],
        "georadius" | "georadiusbymember" => &["STORE", "storedist", "COUNT"],
        "migrate" => &["KEYS", "COPY", "AUTH", "auth2", ""],
        "xread" => &["STREAMS", "COUNT", "block"],
        "xreadgroup" => &["STREAMS", "STREAMS", "GROUP", "noack"],
        "set" => &["GET", "NX", "EX"],
        _ => &[],
    };
    let mut args: Vec<String> = spec.name().split('|').map(str::to_owned).collect();
    for position in args.len()..args.len() + fixed + more {
        args.push(match dice.below(4) {
            0 => dice.pick(&["0", "1", "2", "3", "-1", "x"]).to_owned(),
            1 if !options.is_empty() => dice.pick(options).to_owned(),
            _ => format!("key{position}"),
        });
    }
    args
}

/// What `COMMAND GETKEYSANDFLAGS` says: no keys also where it calls the arguments invalid, and
/// nothing if the server does not have the command.
async fn keys_of_server(node: &mut Admin, args: &[String]) -> Option<Vec<(Vec<u8>, KeyFlags)>> {
    let words = ["COMMAND", "GETKEYSANDFLAGS"].into_iter().chain(args.iter().map(String::as_str));
    let reply = call(node, &words.collect::<Vec<_>>()).await;
    if let Some(text) = reply.as_error() {
        return (text != b"ERR Invalid command specified").then(Vec::new);
    }
    let keys = reply.as_elements().expect("the keys are a list");
    let mut keys: Vec<_> = keys
        .iter()
        .map(|pair| {
            let pair = pair.as_elements().expect("a key with its flags");
            let flags = pair[1].as_elements().expect("flags are a list").iter();
            let flags = flags.map(|flag| {
                let word = flag.as_bytes().expect("a flag is a word");
                KeyFlags::from_word(word).expect("a flag we know")
            });
            let key = pair[0].as_bytes().expect("a key is a string").to_vec();
            (key, flags.fold(KeyFlags::EMPTY, KeyFlags::with))
        })
        .collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    Some(keys)
}

fn keys_of_ours(spec: &CommandSpec, args: &[String]) -> Vec<(Vec<u8>, KeyFlags)> {
    let command = CommandBuf::new(args).expect("a short command");
    let command = command.as_command();
    let keys = spec.keys(&command).unwrap_or_default();
    let keys = keys.iter().filter(|key| !key.flags.contains(KeyFlags::NOT_KEY));
    let mut keys: Vec<_> = keys
        .map(|key| (command.arg(key.position).expect("a key is there").to_vec(), key.flags))
        .collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    keys
}

#[tokio::test]
async fn keys_are_where_each_server_finds_them() {
    for Known { server, .. } in SERVERS {
        let cluster = start(server).await;
        let mut node = connect(&cluster).await;
        let table =
            CommandTable::of_server(&call(&mut node, &["COMMAND"]).await).expect("COMMAND is read");
        let mut dice = Dice(7);
        let mut compared = 0;
        for spec in table.iter() {
            for _ in 0..if spec.key_specs().is_empty() { 3 } else { 60 } {
                let args = arguments(spec, &mut dice);
                let ours = keys_of_ours(spec, &args);
                if !is_comparable(server, &args, &ours) {
                    continue;
                }
                let Some(theirs) = keys_of_server(&mut node, &args).await else { break };
                let same = theirs.len() == ours.len()
                    && theirs.iter().zip(&ours).all(|(theirs, ours)| agrees(theirs, ours));
                assert!(same, "{server} {args:?}: server {theirs:?}, ours {ours:?}");
                compared += theirs.len();
            }
        }
        assert!(compared > 10_000, "only {compared} keys were compared with {server}");
    }
}

/// Whether both mean the same key and use. Where options decide about the use, ours is the most
/// that it can be.
fn agrees(theirs: &(Vec<u8>, KeyFlags), ours: &(Vec<u8>, KeyFlags)) -> bool {
    let extra = KeyFlags::VARIABLE_FLAGS.with(KeyFlags::INCOMPLETE);
    theirs.0 == ours.0
        && (ours.1.contains(KeyFlags::VARIABLE_FLAGS) || theirs.1.with(extra) == ours.1.with(extra))
}

/// Whether what servers publish about these arguments is also how they route them.
fn is_comparable(server: TestServer, args: &[String], ours: &[(Vec<u8>, KeyFlags)]) -> bool {
    let count = |word: &str| args.iter().filter(|arg| arg.eq_ignore_ascii_case(word)).count();
    match args[0].as_str() {
        // The published places of streams are looser than what servers do: a word STREAMS counts
        // wherever it is, and the list behind it need not be in pairs. What servers do is in the
        // tables of `protocol`.
        "xread" => count("streams") == 1 && !ours.is_empty(),
        "xreadgroup" => {
            let late = args.iter().skip(4).any(|arg| arg.eq_ignore_ascii_case("streams"));
            late && count("streams") == 1 && !ours.is_empty()
        }
        // With only a destination it is whole, and goes there, but no second place is found.
        "pfmerge" => args.len() > 2,
        // Without a source it is wrong, and may go anywhere to be told so.
        "zdiffstore" | "zinterstore" | "zunionstore" => args[2] != "0",
        // Before Valkey 9.1 the published places were neither those that decide about the slot
        // nor, where both words are there, those that are written.
        "georadius" | "georadiusbymember" => {
            server == TestServer::Valkey91 || count("store") + count("storedist") == 0
        }
        // A `KEYS` that names none is a syntax error, for which servers have two answers.
        "migrate" => !args.last().is_some_and(|last| last.eq_ignore_ascii_case("keys")),
        _ => true,
    }
}

#[tokio::test]
async fn each_server_looks_for_keys_in_the_slot_that_was_planned() {
    for Known { server, .. } in SERVERS {
        let cluster = start(server).await;
        let mut node = connect(&cluster).await;
        let lower = ["CLUSTER", "DELSLOTSRANGE", "0", "8191"];
        assert_eq!(call(&mut node, &lower).await.as_str(), Some("OK"));
        let table =
            CommandTable::of_server(&call(&mut node, &["COMMAND"]).await).expect("COMMAND is read");
        let rules = PlanRules::new(&table).with_cross_slot(CrossSlot::Reject);
        let mut dice = Dice(11);
        let mut compared = 0;
        for spec in table.iter() {
            for _ in 0..60 {
                let args = arguments(spec, &mut dice);
                let command = CommandBuf::new(&args).expect("a short command");
                let plan = Plan::of(&command.as_command(), &table, &rules);
                let Some(expected) = codes(&plan) else { continue };
                let reply = call(&mut node, &args).await;
                let error = reply.as_error().map(String::from_utf8_lossy).unwrap_or_default();
                let code = error.split(' ').next().unwrap_or_default();
                let elsewhere = ["CROSSSLOT", "CLUSTERDOWN"].contains(&code);
                let same = if elsewhere { expected.contains(&code) } else { expected.is_empty() };
                assert!(
                    same || is_told_without_a_look(&error),
                    "{server} {args:?}: planned {expected:?}, answered {error:?}"
                );
                compared += 1;
            }
        }
        assert!(compared > 5_000, "only {compared} commands were compared with {server}");
    }
}

/// With what a node that serves only the upper half of the slots answers what was planned for one
/// slot, if it does not run it.
fn codes(plan: &Plan) -> Option<&'static [&'static str]> {
    if let Plan::Refused(Refusal::CrossSlot { .. }) = plan {
        // The first key alone may tell it that it does not serve them.
        return Some(&["CROSSSLOT", "CLUSTERDOWN"]);
    }
    let Plan::Single { slot, .. } = plan else { return None };
    Some(if slot.number() < 8192 { &["CLUSTERDOWN"] } else { &[] })
}

/// Whether the server refused before it looked at any key: it does not have the command, or there
/// is only a destination.
fn is_told_without_a_look(error: &str) -> bool {
    error.starts_with("ERR unknown ") || error.starts_with("ERR at least 1 input key is needed")
}

#[tokio::test]
async fn a_refusal_has_the_words_of_each_server() {
    let (a60, a128, a200) = ("a".repeat(60), "a".repeat(128), "a".repeat(200));
    let lines: [&[&str]; 16] = [
        &["foo"],
        &["Foo", "a", "b"],
        &[""],
        &["foo\r\nbar", "q\nr", "z"],
        &["fo\0o", "a\0b", "c"],
        &[&a200],
        &["foo", &a128, "b"],
        &["foo", &a60, &a60, &a60, "d"],
        &["foo", &a60, &a60, "bcdefghijk", "l"],
        &["CoNfig", "foo"],
        &["config", &a200, "b"],
        &["config", "a\r\nb"],
        &["CONFIG"],
        &["Config", "Get"],
        &["GET", "a", "b"],
        &["mset", "{a}", "1", "{a}b"],
    ];
    let table = CommandTable::builtin();
    let rules = PlanRules::new(&table);
    for Known { server, .. } in SERVERS {
        let cluster = start(server).await;
        let mut node = connect(&cluster).await;
        for line in lines {
            let command = CommandBuf::new(line).expect("a short command");
            let plan = Plan::of(&command.as_command(), &table, &rules);
            let Plan::Refused(refusal) = plan else { panic!("{line:?} gives {plan:?}") };
            let ours = refusal.text(&command.as_command());
            let theirs = call(&mut node, line).await;
            assert_eq!(Some(ours.as_slice()), theirs.as_error(), "{server} {line:?}");
        }
    }
}
