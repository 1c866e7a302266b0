//! The same through the whole proxy: a client of it sees what a client of one server sees.

use slotway_cluster::{Spec, Standalone, TestCluster, TestServer};
use slotway_protocol::NodeAddr;
use slotway_tests::proxy::Proxy;

use crate::{
    cases, listed,
    script::{comparable, words},
    sides::Real,
};

/// What only the whole proxy can be asked for, beside what all others are.
const MORE: &[&str] = &[
    "SET a b",
    "CLIENT INFO",
    "RESET",
    "SUBSCRIBE a",
    "PING",
    "PING hi",
    "ECHO a",
    "CLIENT INFO",
    "RESET",
    "PING",
    "TIME a",
    "ROLE",
    "COMMAND COUNT",
    "CONFIG GET databases",
    "CLIENT HELP",
    // From now on Valkey shows an empty transaction, so its line is not looked at any more.
    "MULTI",
    "GET a",
    "NOSUCH a",
    "RESET",
    "GET a",
    "QUIT",
    "PING",
];

/// A cluster behind a proxy, and one server that has as many databases.
struct Both {
    cluster: TestCluster,
    proxy: Proxy,
    server: TestServer,
    alone: Standalone,
}

impl Both {
    async fn start(server: TestServer) -> Self {
        let cluster = TestCluster::start(Spec::on(server).shape(3, 0)).await.unwrap();
        let proxy = Proxy::start(cluster.node(0).addr()).await;
        let alone = Standalone::start(server.binary(), &[("databases", "1")]).await.unwrap();
        Self { cluster, proxy, server, alone }
    }

    /// As many connections to each, and nobody else there.
    async fn connect<const N: usize>(&self) -> [[Real; N]; 2] {
        // One is answered before the next comes, so that they are numbered in that order.
        let to = |addr: &NodeAddr| {
            std::array::from_fn(|_| {
                let mut one = Real::connect(addr);
                one.ask(&words("CLIENT ID"));
                one
            })
        };
        let mut both: [[Real; N]; 2] = [to(self.alone.addr()), to(self.proxy.addr())];
        for side in &mut both {
            listed(&mut side[0], N).await;
        }
        both
    }

    #[track_caller]
    fn check(&self, [real, ours]: [&mut Real; 2], lines: [&str; 2], line: &str) {
        let expected = comparable(line, &real.ask(&words(lines[0])));
        let found = comparable(line, &ours.ask(&words(lines[1])));
        assert_eq!(found, expected, "{line} of {}", self.server);
    }

    async fn lines(&self, greeting: &str, lines: &[&str]) {
        let [[mut real], [mut ours]] = self.connect().await;
        for line in [greeting].iter().chain(lines) {
            // Nobody delivers to those that track, so they are told at once.
            if !line.starts_with("CLIENT TRACKING ON") {
                self.check([&mut real, &mut ours], [line, line], line);
            }
        }
    }

    async fn muted(&self) {
        let [[mut real], [mut ours]] = self.connect().await;
        let all = |side: &mut Real| {
            cases::MUTED.iter().for_each(|line| side.send(&words(line)));
            let mut heard = Vec::new();
            while !heard.ends_with(b"end\r\n") {
                heard.extend(side.reply());
            }
            String::from_utf8(heard).unwrap()
        };
        assert_eq!(all(&mut ours), all(&mut real), "{}", self.server);
    }

    /// Two connections on each side; `$1`, `$2`, `$A1` and `$A2` are their ids and addresses.
    async fn two(&self, script: &[(usize, &str)]) {
        let [mut real, mut ours] = self.connect::<2>().await;
        let names = |side: &mut [Real; 2]| {
            side.each_mut().map(|one| {
                let id = one.value(&["CLIENT", "ID"]).as_integer().unwrap().to_string();
                (id, one.local().to_string())
            })
        };
        let names = [names(&mut real), names(&mut ours)];
        for (from, line) in script.iter().filter(|(_, line)| !line.contains("TRACKING ON")) {
            let lines = names.each_ref().map(|[(one, first), (other, second)]| {
                let line = line.replace("$A1", first).replace("$A2", second);
                line.replace("$1", one).replace("$2", other)
            });
            let lines = [lines[0].as_str(), lines[1].as_str()];
            self.check([&mut real[*from], &mut ours[*from]], lines, line);
        }
    }

    async fn login(&self) {
        let args = ["--listen-password", "secret"];
        let proxy = Proxy::start_with(self.cluster.node(0).addr(), &args).await;
        let mut real = Real::connect(self.alone.addr());
        real.ask(&words("CONFIG SET requirepass secret"));
        let (mut real, mut ours) = (Real::connect(self.alone.addr()), Real::connect(proxy.addr()));
        for line in cases::LOGIN {
            self.check([&mut real, &mut ours], [line, line], line);
        }
    }
}

async fn sees_one_server(server: TestServer) {
    let both = Both::start(server).await;
    for greeting in ["HELLO 2", "HELLO 3"] {
        both.lines(greeting, cases::LINES).await;
        both.lines(greeting, cases::FILTERS).await;
    }
    both.lines("HELLO 2", MORE).await;
    both.muted().await;
    for script in cases::TWO {
        both.two(script).await;
    }
    both.login().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_proxy_sees_one_redis_7_0() {
    sees_one_server(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_proxy_sees_one_valkey_8_1() {
    sees_one_server(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_a_proxy_sees_one_valkey_9_1() {
    sees_one_server(TestServer::Valkey91).await;
}
