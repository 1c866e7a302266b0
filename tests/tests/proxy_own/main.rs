//! What a proxied connection answers by itself is what a real server of the same version answers,
//! byte for byte; `script::comparable` says what may differ.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

mod cases;
mod errands;
mod script;
mod sides;
mod through;

use std::time::Duration;

use script::{comparable, words};
use sides::{Ours, Real, world};
use slotway_cluster::{Standalone, TestServer};
use slotway_protocol::NodeAddr;
use slotway_proxy::own::{Standing, World};
use tokio::time::{Instant, sleep};

/// Waits until there are only so many connections: some of before may be on their way out.
async fn listed(real: &mut Real, count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let list = real.value(&["CLIENT", "LIST"]);
        if list.as_str().unwrap().lines().count() == count {
            return;
        }
        assert!(Instant::now() < deadline, "{list:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Addresses that are not looked at.
fn nobody() -> (String, String) {
    ("a:1".to_owned(), "b:1".to_owned())
}

async fn start(server: TestServer) -> (Standalone, Real) {
    let standalone = Standalone::start(server.binary(), &[]).await.unwrap();
    let mut real = Real::connect(standalone.addr());
    listed(&mut real, 1).await;
    (standalone, real)
}

#[track_caller]
fn check(server: TestServer, real: &mut Real, ours: &mut Ours<'_>, line: &str) {
    let words = words(line);
    let expected = comparable(line, &real.ask(&words));
    let found = comparable(line, &ours.ask(&words).expect("nobody asked to hear nothing"));
    assert_eq!(found, expected, "{line} of {server}");
}

async fn answers_alike(server: TestServer) {
    let (standalone, mut real) = start(server).await;
    let world = world(&mut real);
    for protocol in ["HELLO 2", "HELLO 3"] {
        drop(real);
        real = Real::connect(standalone.addr());
        listed(&mut real, 1).await;
        let peer = real.local().to_string();
        let mut ours = Ours::new(&world, (peer, standalone.addr().to_string()), None);
        check(server, &mut real, &mut ours, protocol);
        for line in [cases::LINES, cases::TRACKING, cases::FILTERS].concat() {
            check(server, &mut real, &mut ours, line);
            if line.starts_with("RESET") || line.starts_with("HELLO") {
                check(server, &mut real, &mut ours, "CLIENT INFO");
                check(server, &mut real, &mut ours, protocol);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_front_of_redis_7_0_answers_as_it_does() {
    answers_alike(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_front_of_valkey_8_1_answers_as_it_does() {
    answers_alike(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_front_of_valkey_9_1_answers_as_it_does() {
    answers_alike(TestServer::Valkey91).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_asked_for_as_servers_ask_for_it() {
    for server in TestServer::ALL {
        let (standalone, mut real) = start(server).await;
        real.ask(&words("CONFIG SET requirepass secret"));
        let world = world(&mut real);
        let mut real = Real::connect(standalone.addr());
        let mut ours = Ours::new(&world, nobody(), Some("secret"));
        for line in cases::LOGIN {
            check(server, &mut real, &mut ours, line);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_only_what_it_asked_to_hear() {
    for server in TestServer::ALL {
        let (_standalone, mut real) = start(server).await;
        let world = world(&mut real);
        let mut ours = Ours::new(&world, nobody(), None);
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        for line in cases::MUTED {
            real.send(&words(line));
            found.extend(ours.ask(&words(line)).unwrap_or_default());
        }
        while !expected.ends_with(b"end\r\n") {
            expected.extend(real.reply());
        }
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected), "{server}");
    }
}

/// Two connections on each side; `$1`, `$2`, `$A1` and `$A2` are their ids and addresses.
struct Two<'a> {
    real: [Real; 2],
    ours: [Ours<'a>; 2],
    real_names: [(&'static str, String); 4],
    our_names: [(&'static str, String); 4],
}

impl<'a> Two<'a> {
    fn new(addr: &NodeAddr, world: &'a World) -> Self {
        let mut real = [Real::connect(addr), Real::connect(addr)];
        let addrs = [0, 1].map(|which: usize| real[which].local().to_string());
        let ids = [0, 1].map(|which: usize| {
            real[which].value(&["CLIENT", "ID"]).as_integer().unwrap().to_string()
        });
        let ours = [0, 1].map(|which: usize| {
            let mut ours = Ours::new(world, (addrs[which].clone(), addr.to_string()), None);
            ours.ask(&words("CLIENT ID"));
            ours
        });
        let our_ids = [0, 1].map(|which: usize| ours[which].me.as_ref().unwrap().id().to_string());
        let names = |[first, second]: [String; 2], [one, other]: [String; 2]| {
            [("$1", first), ("$2", second), ("$A1", one), ("$A2", other)]
        };
        let real_names = names(ids, addrs.clone());
        Self { real, ours, real_names, our_names: names(our_ids, addrs) }
    }

    #[track_caller]
    fn check(&mut self, server: TestServer, from: usize, line: &str) {
        let named = |names: &[(&str, String)]| {
            let fill = |line: String, (name, value): &(&str, String)| line.replace(name, value);
            words(&names.iter().fold(line.to_owned(), fill))
        };
        let expected = comparable(line, &self.real[from].ask(&named(&self.real_names)));
        let found = self.ours[from].ask(&named(&self.our_names)).unwrap();
        assert_eq!(comparable(line, &found), expected, "{line} of {server}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_find_and_end_each_other_as_with_servers() {
    for server in TestServer::ALL {
        let (standalone, mut first) = start(server).await;
        let world = world(&mut first);
        for script in cases::TWO {
            drop(first);
            let mut two = Two::new(standalone.addr(), &world);
            // Those of before may still be on the way out.
            listed(&mut two.real[0], 2).await;
            for (from, line) in *script {
                two.check(server, *from, line);
            }
            first = Real::connect(standalone.addr());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_listens_may_do_as_much_as_with_servers() {
    for server in TestServer::ALL {
        let (_standalone, mut real) = start(server).await;
        let world = world(&mut real);
        let mut ours = Ours::new(&world, nobody(), None);
        real.ask(&words("SUBSCRIBE a"));
        let standing = Standing { channels: 1, ..Standing::default() };
        ours.me.as_ref().unwrap().stand(standing);
        for line in ["PING", "PING hi", "CLIENT INFO", "ECHO a", "ECHO", "NOSUCH", "RESET", "PING"]
        {
            check(server, &mut real, &mut ours, line);
        }
    }
}
