//! Scripts and functions.

use std::collections::BTreeMap;

use slotway::{Client, Config, Error, Script, Value};
use slotway_cluster::{Spec, TestCluster, TestServer};

pub(crate) async fn by_text_and_hash(client: &Client) {
    let both = "return {KEYS[1], ARGV[1]}";
    let reply: (String, i64) = client.eval(both, "key", 7).await.unwrap();
    assert_eq!(reply, ("key".to_owned(), 7));
    assert_eq!(client.eval::<i64>("return #KEYS", ["{s}1", "{s}2"], ()).await.unwrap(), 2);
    assert_eq!(client.eval::<i64>("return #KEYS", (), [1, 2]).await.unwrap(), 0);
    let get = "return redis.call('GET', KEYS[1])";
    client.set("script:key", "v").await.unwrap();
    assert_eq!(client.eval_ro::<String>(get, "script:key", ()).await.unwrap(), "v");
    let sha = client.script_load(get).await.unwrap();
    // Every primary knows it.
    for n in 0..20 {
        let key = format!("script:{n}");
        client.set(&key, n).await.unwrap();
        assert_eq!(client.evalsha::<i64>(&sha, &key, ()).await.unwrap(), n);
    }
    let unknown = client.evalsha::<i64>(&"0".repeat(40), "k", ()).await.unwrap_err();
    assert!(matches!(&unknown, Error::Server { code, .. } if code == "NOSCRIPT"), "{unknown}");
}

pub(crate) async fn scripts(client: &Client) {
    let append = Script::new("return redis.call('APPEND', KEYS[1], ARGV[1])");
    for n in 0..20 {
        let key = format!("{{script:{n}}}:append");
        for (times, part) in ["a", "bc"].into_iter().enumerate() {
            let len: usize = append.key(&key).arg(part).run(client).await.unwrap();
            assert_eq!(len, times * 2 + 1);
        }
    }
    let known = client.script_exists([append.sha(), &"0".repeat(40)]).await.unwrap();
    assert!(!known[1]);
    append.load(client).await.unwrap();
    assert_eq!(client.script_exists(append.sha()).await.unwrap(), [true]);
    client.script_flush().await.unwrap();
    assert_eq!(client.script_exists(append.sha()).await.unwrap(), [false]);
    // All at once, to nodes that do not know it.
    let keys: Vec<_> = (0..100).map(|n| format!("at once:{n}")).collect();
    let calls = keys.iter().map(|key| {
        let (call, client) = (append.key(key).arg("x"), client.clone());
        tokio::spawn(async move { call.run::<usize>(&client).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap().unwrap(), 1);
    }
    let reads = Script::read_only("return redis.call('GET', KEYS[1])");
    assert_eq!(reads.key("at once:7").run::<String>(client).await.unwrap(), "x");
    let writes = Script::read_only("return redis.call('SET', KEYS[1], 'y')");
    writes.key("at once:7").run::<Value>(client).await.unwrap_err();
    assert_eq!(client.get::<String>("at once:7").await.unwrap(), "x");
    let piped = append.key("at once:7").arg("z").to_cmd().unwrap();
    assert_eq!(client.run::<usize>(piped).await.unwrap(), 2);
    says_noscript_itself(client).await;
    let without = Script::new("return #KEYS + #ARGV");
    assert_eq!(without.call().run::<u64>(client).await.unwrap(), 0);
    assert_eq!(without.arg([1, 2]).run::<u64>(client).await.unwrap(), 2);
}

/// It is not taken for unknown, and so not run twice.
async fn says_noscript_itself(client: &Client) {
    let script = Script::new(
        "redis.call('INCR', KEYS[1]) return redis.error_reply('NOSCRIPT No matching script.')",
    );
    for count in 1..=2 {
        let said = script.key("noscript").run::<Value>(client).await.unwrap_err();
        assert!(matches!(&said, Error::Server { code, .. } if code == "NOSCRIPT"), "{said}");
        assert_eq!(client.get::<u64>("noscript").await.unwrap(), count);
    }
    client.del("noscript").await.unwrap();
}

pub(crate) async fn functions(client: &Client) {
    let library = "#!lua name=tested
        redis.register_function('put', function(keys, args)
            return redis.call('SET', keys[1], args[1])
        end)
        redis.register_function{
            function_name = 'look',
            callback = function(keys) return redis.call('GET', keys[1]) end,
            flags = {'no-writes'},
        }";
    assert_eq!(client.function_load(library).await.unwrap(), "tested");
    assert_eq!(client.function_load(library).await.unwrap(), "tested");
    for n in 0..20 {
        let key = format!("function:{n}");
        client.fcall::<()>("put", &key, n).await.unwrap();
        assert_eq!(client.fcall_ro::<u64>("look", &key, ()).await.unwrap(), n);
    }
    let libraries: Vec<BTreeMap<String, Value>> = client.function_list().await.unwrap();
    assert_eq!(libraries[0]["library_name"].as_str(), Some("tested"));
    let dump = client.function_dump().await.unwrap();
    client.function_delete("tested").await.unwrap();
    client.fcall_ro::<Value>("look", "function:1", ()).await.unwrap_err();
    client.function_restore(dump).await.unwrap();
    assert_eq!(client.fcall_ro::<u64>("look", "function:1", ()).await.unwrap(), 1);
    client.function_flush().await.unwrap();
    assert!(client.function_list::<Vec<Value>>().await.unwrap().is_empty());
}

async fn scripts_outlive_failovers(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server)).await.unwrap();
    let client = Client::connect(Config::from(cluster.node(0).addr())).await.unwrap();
    let count = Script::new("return redis.call('INCR', KEYS[1])");
    count.load(&client).await.unwrap();
    for round in 1..=2 {
        for n in 0..30 {
            let counted: u64 = count.key(format!("counted:{n}")).run(&client).await.unwrap();
            assert_eq!(counted, round);
        }
        for replica in [3, 4].into_iter().filter(|_| round == 1) {
            cluster.failover(replica).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_outlive_failovers_on_redis_7_0() {
    scripts_outlive_failovers(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_outlive_failovers_on_valkey_9_1() {
    scripts_outlive_failovers(TestServer::Valkey91).await;
}
