//! What the recipes promise.

use std::{fs, path::Path};

use slotway::Client;
use slotway_cluster::{Spec, TestCluster, TestServer};

use super::*;

/// The blocks of Rust in a text.
fn blocks(text: &str) -> Vec<&str> {
    let starts = text.split("```rust\n").skip(1);
    starts.map(|block| block.split_once("```").expect("a block ends").0).collect()
}

#[test]
fn every_block_of_the_page_is_run_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../docs/client/recipes.md")).unwrap();
    let here = [include_str!("main.rs"), include_str!("settings.rs")];
    let blocks = blocks(&page);
    assert!(blocks.len() > 10, "{} blocks", blocks.len());
    for block in blocks {
        assert!(here.iter().any(|code| code.contains(block)), "not run:\n{block}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recipes_do_what_they_say() {
    let spec = Spec::on(TestServer::Valkey91).shape(3, 0);
    let cluster = TestCluster::start(spec).await.unwrap();
    let client = Client::connect(cluster.node(0).addr()).await.unwrap();
    caches(&client).await;
    locks(&client).await;
    limits_and_counters(&client).await;
    queues(&client).await;
    batches(&client).await;
    tries(&client).await;
}

async fn caches(client: &Client) {
    assert_eq!(product(client, 7).await.unwrap(), "product 7");
    client.set("product:7", "cached").await.unwrap();
    assert_eq!(product(client, 7).await.unwrap(), "cached");
    product_changed(client, 7).await.unwrap();
    assert_eq!(product(client, 7).await.unwrap(), "product 7");
}

async fn locks(client: &Client) {
    assert!(lock(client, "lock", "mine", 60_000).await.unwrap());
    assert!(!lock(client, "lock", "yours", 60_000).await.unwrap());
    assert!(!unlock(client, "lock", "yours").await.unwrap());
    assert!(unlock(client, "lock", "mine").await.unwrap());
    assert!(lock(client, "lock", "yours", 60_000).await.unwrap());
}

async fn limits_and_counters(client: &Client) {
    for expected in [true, true, false] {
        assert_eq!(allowed(client, "me", 2).await.unwrap(), expected);
    }
    assert!(allowed(client, "you", 2).await.unwrap());
    assert_eq!(count_once(client, "home", "a").await.unwrap(), 1);
    assert_eq!(count_once(client, "home", "a").await.unwrap(), 1);
    assert_eq!(count_once(client, "home", "b").await.unwrap(), 2);
}

async fn queues(client: &Client) {
    prepare(client).await.unwrap();
    prepare(client).await.unwrap();
    assert!(next_job(client, "one").await.unwrap().is_none());
    add_job(client, "17", "paint").await.unwrap();
    let (entry, job) = next_job(client, "one").await.unwrap().unwrap();
    assert_eq!(job["task"], "paint");
    assert!(abandoned_job(client, "two").await.unwrap().is_none());
    finish(client, &entry).await.unwrap();
    add_job(client, "18", "dry").await.unwrap();
    let (entry, _) = next_job(client, "one").await.unwrap().unwrap();
    // As if a minute had passed.
    let idle = cmd("XCLAIM").arg(("jobs", "workers", "one", 0)).arg((&entry, "IDLE", 60_001));
    client.run::<Value>(idle).await.unwrap();
    let (again, job) = abandoned_job(client, "two").await.unwrap().unwrap();
    assert_eq!((again, job["id"].as_str()), (entry, "18"));
}

async fn batches(client: &Client) {
    assert_eq!(import(client, &[(1, "Ada"), (2, "Bob"), (3, "Cy")]).await.unwrap(), 3);
    assert_eq!(profile(client, 2).await.unwrap(), (Some("Bob".to_owned()), 0, 1));
    client.set("{bank}:a", 10).await.unwrap();
    assert!(transfer(client, "a", "b", 7).await.unwrap());
    assert!(!transfer(client, "a", "b", 7).await.unwrap());
    let both: (i64, i64) = client.mget(["{bank}:a", "{bank}:b"]).await.unwrap();
    assert_eq!(both, (3, 7));
}

async fn tries(client: &Client) {
    let once = unless_sent(client, cmd("INCR").arg("tries")).await.unwrap();
    assert_eq!(once.as_integer(), Some(1));
    // A refusal is one that was not sent; it ends all the same.
    let refused = unless_sent(client, cmd("MULTI")).await.unwrap_err();
    assert_eq!(refused.delivery(), Delivery::NotSent);
    remember(client, "note", "text").await.unwrap();
    assert_eq!(client.get::<String>("note").await.unwrap(), "text");
}
