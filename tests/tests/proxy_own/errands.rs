//! What has to ask the cluster, beside a server that is none.

use std::{collections::BTreeSet, sync::Arc};

use slotway::{Client, Config, cmd};
use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_protocol::{CommandBuf, Protocol, Value};
use slotway_proxy::log::Line;
use slotway_proxy::own::{Errands, Moment, Outcome, World, proxy};

use crate::{
    script::words,
    sides::{Ours, decoded, run, world},
    start,
};

/// Answered by the same words on both sides.
const SAME: &[&str] = &[
    "COMMAND COUNT",
    "COMMAND INFO get nosuch config|get xread",
    "COMMAND DOCS get",
    "COMMAND GETKEYS MSET a 1 b 2",
    "COMMAND GETKEYS PING",
    "COMMAND GETKEYS NOSUCH",
    "COMMAND GETKEYSANDFLAGS SET a b GET",
    "COMMAND LIST FILTERBY PATTERN nosuch*",
    "COMMAND LIST NOSUCH",
    "COMMAND HELP",
    "CLIENT HELP",
    "CONFIG GET databases",
    // Redis tells several in an order of the moment.
    "CONFIG GET cluster-enabled",
    "CONFIG GET maxmemory",
    "CONFIG GET requirepass",
    "CONFIG GET nosuch",
    "INFO nosuch",
];

/// Lines of `INFO` that only a server of its own has: the sockets that it listens on.
const NOT_HERE: [&str; 1] = ["listener0"];

async fn errand(ours: &mut Ours<'_>, world: &Arc<World>, client: &Client, line: &str) -> Vec<u8> {
    let me = ours.me.as_mut().unwrap();
    let words = words(line);
    let (out, outcome) = if line.starts_with("PROXY") {
        let (command, mut out) = (CommandBuf::new(&words).unwrap(), Vec::new());
        let outcome = proxy(&command.as_command(), me, world, Moment::default(), &mut out);
        (out, outcome)
    } else {
        run(&words, me, world)
    };
    let Outcome::Errand(errand) = outcome else { return out };
    Errands::of(me, client, world, Moment::default()).run(errand).await.unwrap()
}

async fn asks(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server).shape(3, 0)).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    let (_standalone, mut real) = start(server).await;
    let world = world(&mut real);
    let mut ours = Ours::new(&world, crate::nobody(), None);
    for hello in ["HELLO 2", "HELLO 3"] {
        real.ask(&words(hello));
        ours.ask(&words(hello));
        for line in SAME {
            let expected = real.ask(&words(line));
            let found = errand(&mut ours, &world, &client, line).await;
            let text = String::from_utf8_lossy;
            assert_eq!(text(&found), text(&expected), "{line} of {server}");
        }
        for line in ["INFO", "INFO server memory", "INFO everything", "INFO slotway"] {
            let expected = fields(&decoded(&real.ask(&words(line))));
            let reply = errand(&mut ours, &world, &client, line).await;
            assert_eq!(reply[0], if hello == "HELLO 2" { b'$' } else { b'=' });
            let found = fields(&decoded(&reply));
            let missing: Vec<_> = expected.difference(&found).collect();
            assert!(missing.iter().all(|name| NOT_HERE.contains(&name.as_str())), "{missing:?}");
            let more: Vec<_> = found.difference(&expected).collect();
            assert!(more.iter().all(|name| name.starts_with("slotway.")), "{line}: {more:?}");
        }
    }
}

/// The names of all fields; those that depend on what was called are left out, and those of ours
/// are marked.
fn fields(info: &Value) -> BTreeSet<String> {
    let (mut names, mut section) = (BTreeSet::new(), "");
    for line in info.as_str().unwrap().lines() {
        if let Some(title) = line.strip_prefix("# ") {
            section = title;
        }
        let name = line.split(':').next().unwrap_or_default();
        match section {
            "Commandstats" | "Errorstats" | "Latencystats" | "Keyspace" => {}
            "Slotway" => {
                names.insert(format!("slotway.{name}"));
            }
            _ => {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_of_redis_7_0_is_asked_and_shown_as_one_server() {
    asks(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_of_valkey_8_1_is_asked_and_shown_as_one_server() {
    asks(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_of_valkey_9_1_is_asked_and_shown_as_one_server() {
    asks(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_all_nodes_are_counted_together() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91).shape(3, 0)).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    let (_standalone, mut real) = start(TestServer::Valkey91).await;
    let world = world(&mut real);
    let mut ours = Ours::new(&world, crate::nobody(), None);
    for n in 0..100 {
        let set = cmd("SET").arg(format!("key:{n}")).arg(n);
        client.run::<()>(if n < 40 { set.arg("EX").arg(1000) } else { set }).await.unwrap();
    }
    let info = errand(&mut ours, &world, &client, "INFO keyspace replication slotway").await;
    let info = String::from_utf8(info).unwrap();
    assert!(info.contains("db0:keys=100,expires=40,avg_ttl="), "{info}");
    assert!(info.contains("role:master\r\nconnected_slaves:0\r\n"), "{info}");
    assert!(info.contains("primaries_asked:3\r\nprimaries_missing:0\r\n"), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_tells_of_itself() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91).shape(3, 0)).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    let (_standalone, mut real) = start(TestServer::Valkey91).await;
    let world = world(&mut real);
    world.log().push(Line::of(tracing::Level::WARN, "slotway", "a node is gone"));
    let mut ours = Ours::new(&world, crate::nobody(), None);
    ours.ask(&words("HELLO 3"));
    assert_eq!(ours.me.as_ref().unwrap().protocol(), Protocol::Resp3);
    for (line, expected) in [
        ("PROXY NODES", "$7\r\nprimary\r\n"),
        ("PROXY NODES", "$6\r\nonline\r\n"),
        ("PROXY ROUTE SET foo bar", "slot\r\n:12182\r\n"),
        ("PROXY ROUTE MGET a b", "the nodes of its keys, in 2 parts"),
        ("PROXY ROUTE DBSIZE", "all primaries: sum"),
        ("PROXY ROUTE GET", "-ERR wrong number of arguments for 'get' command\r\n"),
        ("PROXY LOG", "a node is gone\r\n"),
        ("PROXY LOG x", "-ERR count is not an integer or out of range\r\n"),
        ("PROXY CLIENTS", "cmd=proxy|clients"),
        ("PROXY INFO", "clients:1\r\n"),
        ("PROXY HELP", "+PROXY <subcommand>"),
        ("PROXY", "-ERR wrong number of arguments for 'proxy' command\r\n"),
        ("PROXY INFO x", "-ERR wrong number of arguments for 'proxy|info' command\r\n"),
        ("PROXY nosuch", "-ERR unknown subcommand 'nosuch'. Try PROXY HELP.\r\n"),
    ] {
        let found = errand(&mut ours, &world, &client, line).await;
        let found = String::from_utf8_lossy(&found);
        assert!(found.contains(expected), "{line}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_gone_is_missing_from_the_sums_and_that_is_told() {
    let cluster = TestCluster::start(Spec::on(TestServer::Valkey91).shape(3, 0)).await.unwrap();
    let client = Client::connect(Config::new([cluster.node(0).addr().clone()])).await.unwrap();
    let (_standalone, mut real) = start(TestServer::Valkey91).await;
    let world = world(&mut real);
    let mut ours = Ours::new(&world, ("a:1".to_owned(), "b:1".to_owned()), None);
    cluster.kill(2);
    let info = errand(&mut ours, &world, &client, "INFO").await;
    let info = String::from_utf8(info).unwrap();
    assert!(info.contains("primaries_asked:3\r\nprimaries_missing:1\r\n"), "{info}");
    assert!(info.contains("loading:0\r\n"), "{info}");
}
