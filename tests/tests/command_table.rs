//! Holds what slotway knows of commands against what real servers say.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use bytes::Bytes;
use slotway_protocol::{
    CommandBuf, CommandFlags, CommandSpec, CommandTable, CrossSlot, KeyFlags, Plan, PlanRules,
    Refusal, ReplyLimits, ReplyScan, ReplyScanner, Value,
};

/// A server that the built-in table was written from, and the commands of which a later one says
/// something else, so that the later one's word is built in.
struct Known {
    binary: &'static str,
    changed_later: &'static [&'static str],
}

const SERVERS: [Known; 3] = [
    Known {
        binary: "redis-7.0/redis-server",
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
        binary: "valkey-8.1/valkey-server",
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
    Known { binary: "valkey-9.1/valkey-server", changed_later: &[] },
];

/// A server of its own for one test, on a Unix socket.
struct Server {
    process: Child,
    folder: PathBuf,
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Server {
    fn start(binary: &str) -> Self {
        Self::start_with(binary, &["--port", "0"])
    }

    /// A node that is a cluster by itself, and serves the upper half of the slots.
    fn start_half_cluster(binary: &str) -> Self {
        let free = || TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let (client, bus) = (free(), free());
        let port =
            |socket: TcpListener| socket.local_addr().expect("it is bound").port().to_string();
        let (client, bus) = (port(client), port(bus));
        let options = ["--port", &client, "--cluster-port", &bus, "--bind", "127.0.0.1"];
        let cluster = ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"];
        let mut server = Self::start_with(binary, &[&options[..], &cluster[..]].concat());
        let done = server.call(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
        assert_eq!(done.as_str(), Some("OK"));
        // A node waits for others before it serves. Each WAIT takes the server 50 ms.
        let is_up = |info: Value| info.as_str().is_some_and(|info| info.contains("state:ok"));
        let up = (0..600).any(|_| {
            server.call(&["WAIT", "1", "50"]);
            is_up(server.call(&["CLUSTER", "INFO"]))
        });
        assert!(up, "{binary} does not serve its slots after 30 s");
        server
    }

    fn start_with(binary: &str, options: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let folder =
            format!("slotway-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("the folder for temporary files can be written");
        let mut process = Process::new(binary_path(binary))
            .args(["--unixsocket", "socket", "--save", ""])
            .args(options)
            .current_dir(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server's program starts");
        let log = process.stdout.take().expect("its output was asked for");
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("eady to accept connections"));
        assert!(ready, "{binary} ended before it was ready");
        // The log has to be read on, or the server would wait for it.
        std::thread::spawn(move || lines.for_each(drop));
        let stream = UnixStream::connect(folder.join("socket")).expect("a ready server accepts");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout can be set");
        Self { process, folder, stream, unread: Vec::new() }
    }

    fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        let command = CommandBuf::new(args).expect("a short command");
        self.stream.write_all(command.as_command().bytes()).expect("the server reads");
        let mut scanner = ReplyScanner::new(ReplyLimits::default());
        loop {
            match scanner.scan(&self.unread).expect("a server's reply is one") {
                ReplyScan::Complete(reply) => {
                    let bytes: Vec<u8> = self.unread.drain(..reply.len).collect();
                    return Value::decode(&Bytes::from(bytes), &ReplyLimits::default())
                        .expect("a whole reply can be decoded");
                }
                ReplyScan::Partial => {
                    let mut piece = [0; 65536];
                    let count = self.stream.read(&mut piece).expect("the server answers");
                    assert_ne!(count, 0, "the server closed the connection");
                    self.unread.extend_from_slice(&piece[..count]);
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn binary_path(binary: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace is above");
    let servers = env::var_os("SLOTWAY_TEST_SERVERS")
        .map_or_else(|| workspace.join("target/servers"), PathBuf::from);
    let path = servers.join(binary);
    assert!(path.exists(), "there is no {}: `make test` gets the servers", path.display());
    path
}

#[test]
fn every_command_of_each_server_is_built_in_as_the_newest_says() {
    let builtin = CommandTable::builtin();
    let mut everywhere = BTreeSet::new();
    for Known { binary, changed_later } in SERVERS {
        let mut server = Server::start(binary);
        let reply = server.call(&["COMMAND"]);
        check_words(&reply);
        let theirs = CommandTable::of_server(&reply).expect("COMMAND can be read");
        assert_eq!(theirs.iter().len(), builtin.iter().len(), "{binary} has unknown commands");
        let mut different = Vec::new();
        for (ours, theirs) in builtin.iter().zip(theirs.iter()) {
            assert_eq!(ours.name(), theirs.name());
            if !says_the_same(ours, theirs) {
                different.push(ours.name());
            }
        }
        assert_eq!(different, changed_later, "{binary}");
        let _ = server.call(&["HELLO", "3"]);
        let again = CommandTable::of_server(&server.call(&["COMMAND"])).expect("so can RESP3's");
        assert!(theirs.iter().zip(again.iter()).all(|(a, b)| says_the_same(a, b)), "{binary}");
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
fn keys_of_server(server: &mut Server, args: &[String]) -> Option<Vec<(Vec<u8>, KeyFlags)>> {
    let words = ["COMMAND", "GETKEYSANDFLAGS"].into_iter().chain(args.iter().map(String::as_str));
    let reply = server.call(&words.collect::<Vec<_>>());
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

#[test]
fn keys_are_where_each_server_finds_them() {
    for Known { binary, .. } in SERVERS {
        let mut server = Server::start(binary);
        let table = CommandTable::of_server(&server.call(&["COMMAND"])).expect("COMMAND is read");
        let mut dice = Dice(7);
        let mut compared = 0;
        for spec in table.iter() {
            for _ in 0..if spec.key_specs().is_empty() { 3 } else { 60 } {
                let args = arguments(spec, &mut dice);
                let ours = keys_of_ours(spec, &args);
                if !is_comparable(binary, &args, &ours) {
                    continue;
                }
                let Some(theirs) = keys_of_server(&mut server, &args) else { break };
                let same = theirs.len() == ours.len()
                    && theirs.iter().zip(&ours).all(|(theirs, ours)| agrees(theirs, ours));
                assert!(same, "{binary} {args:?}: server {theirs:?}, ours {ours:?}");
                compared += theirs.len();
            }
        }
        assert!(compared > 10_000, "only {compared} keys were compared with {binary}");
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
fn is_comparable(binary: &str, args: &[String], ours: &[(Vec<u8>, KeyFlags)]) -> bool {
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
            binary.starts_with("valkey-9") || count("store") + count("storedist") == 0
        }
        // A `KEYS` that names none is a syntax error, for which servers have two answers.
        "migrate" => !args.last().is_some_and(|last| last.eq_ignore_ascii_case("keys")),
        _ => true,
    }
}

#[test]
fn each_server_looks_for_keys_in_the_slot_that_was_planned() {
    for Known { binary, .. } in SERVERS {
        let mut server = Server::start_half_cluster(binary);
        let table = CommandTable::of_server(&server.call(&["COMMAND"])).expect("COMMAND is read");
        let rules = PlanRules::new(&table).with_cross_slot(CrossSlot::Reject);
        let mut dice = Dice(11);
        let mut compared = 0;
        for spec in table.iter() {
            for _ in 0..60 {
                let args = arguments(spec, &mut dice);
                let command = CommandBuf::new(&args).expect("a short command");
                let plan = Plan::of(&command.as_command(), &table, &rules);
                let Some(expected) = codes(&plan) else { continue };
                let reply = server.call(&args);
                let error = reply.as_error().map(String::from_utf8_lossy).unwrap_or_default();
                let code = error.split(' ').next().unwrap_or_default();
                let elsewhere = ["CROSSSLOT", "CLUSTERDOWN"].contains(&code);
                let same = if elsewhere { expected.contains(&code) } else { expected.is_empty() };
                assert!(
                    same || is_told_without_a_look(&error),
                    "{binary} {args:?}: planned {expected:?}, answered {error:?}"
                );
                compared += 1;
            }
        }
        assert!(compared > 5_000, "only {compared} commands were compared with {binary}");
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

#[test]
fn a_refusal_has_the_words_of_each_server() {
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
        &["mset", "a", "1", "b"],
    ];
    let table = CommandTable::builtin();
    let rules = PlanRules::new(&table);
    for Known { binary, .. } in SERVERS {
        let mut server = Server::start(binary);
        for line in lines {
            let command = CommandBuf::new(line).expect("a short command");
            let plan = Plan::of(&command.as_command(), &table, &rules);
            let Plan::Refused(refusal) = plan else { panic!("{line:?} gives {plan:?}") };
            let ours = refusal.text(&command.as_command());
            let theirs = server.call(line);
            assert_eq!(Some(ours.as_slice()), theirs.as_error(), "{binary} {line:?}");
        }
    }
}
