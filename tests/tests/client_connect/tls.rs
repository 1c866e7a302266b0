//! TLS, on the one of the servers that is built with it.

use std::{fs, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use slotway::{Client, Config, ConnectError, Error, Protocol, Slot, Tls, TlsError};
use slotway_cluster::{Encryption, Spec, TestCluster, TestServer, TlsFiles};

use crate::{load::Load, reason, works};

async fn start() -> (TestCluster, TlsFiles) {
    let spec = Spec::on(TestServer::Redis70).shape(3, 1);
    let cluster = TestCluster::start(Spec { encryption: Encryption::Tls, ..spec }).await.unwrap();
    let files = cluster.tls().unwrap().clone();
    (cluster, files)
}

fn config(cluster: &TestCluster, tls: Tls) -> Config {
    Config::from(cluster.node(0).addr()).with_tls(tls)
}

/// Nodes take no client any more that shows no certificate of theirs. Nobody else gets in either.
async fn require_client_certificates(cluster: &TestCluster) {
    for node in 0..cluster.nodes().len() {
        let set = ["CONFIG", "SET", "tls-auth-clients", "yes"];
        assert!(cluster.command(node, &set).await.unwrap().as_error().is_none());
    }
}

/// A certificate that nobody signed but its owner, and its key, as PEM.
fn stranger() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".into()]).unwrap();
    (certificate.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_found_and_talked_to_over_tls() {
    let (cluster, files) = start().await;
    for protocol in [Protocol::Resp3, Protocol::Resp2] {
        let mut config = config(&cluster, Tls::new().with_ca_file(&files.ca));
        config.protocol = protocol;
        let client = Client::connect(config).await.unwrap();
        works(&client).await;
        // Larger than what TLS and the socket take at a time, many of them at once.
        let large = vec![b'x'; 1 << 20];
        let write = |n: i32| client.set(format!("large:{n}"), &large);
        futures_util::future::try_join_all((0..16).map(write)).await.unwrap();
        let read = |n: i32| client.get::<Vec<u8>>(format!("large:{n}"));
        let all = futures_util::future::try_join_all((0..16).map(read)).await.unwrap();
        assert!(all.iter().all(|value| *value == large));
    }
}

/// Sends calls on detours: slots move, a replica takes over, connections are cut.
async fn goes_through_changes(cluster: &TestCluster, config: Config) {
    let client = Client::connect(config).await.unwrap();
    let load = Load::start(&client).await;
    load.goes_on(cluster).await;
    for n in 0..10 {
        let slot = Slot::of(format!("load:{n}").as_bytes());
        let to = if cluster.owner(slot).await.unwrap() == 0 { 1 } else { 0 };
        let moving = cluster.open_move(slot, to).await.unwrap();
        while cluster.move_keys(moving, 1).await.unwrap() > 0 {}
        cluster.finish_move(moving).await.unwrap();
    }
    load.goes_on(cluster).await;
    let (primary, shard) = (cluster.primary_of(2).await.unwrap(), 2);
    let replica = (0..6).find(|&n| cluster.node(n).shard() == shard && n != primary).unwrap();
    cluster.failover(replica).await.unwrap();
    load.goes_on(cluster).await;
    for node in 0..6 {
        cluster.command(node, &["CLIENT", "KILL", "TYPE", "normal"]).await.unwrap();
    }
    load.goes_on(cluster).await;
    load.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_the_cluster_costs_no_error_over_tls_either() {
    let (cluster, files) = start().await;
    let tls = config(&cluster, Tls::new().with_ca_file(&files.ca));
    goes_through_changes(&cluster, tls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_in_a_certificate_is_that_of_the_host_or_the_one_that_is_said() {
    let (cluster, files) = start().await;
    let trusted = || Tls::new().with_ca_pem(fs::read(&files.ca).unwrap());
    let named = [
        trusted().with_server_name("localhost"),
        trusted().with_server_name("127.0.0.1"),
        trusted().with_server_names(|node| (node.port() > 0).then(|| "localhost".into())),
        trusted().with_server_names(|_| None),
    ];
    for tls in named {
        works(&Client::connect(config(&cluster, tls)).await.unwrap()).await;
    }
    let other = trusted().with_server_name("other.example");
    let said = reason(Client::connect(config(&cluster, other)).await);
    assert!(said.contains("is for `localhost`, `127.0.0.1`"), "{said}");
    assert!(said.contains("not for `other.example`"), "{said}");
    assert!(said.contains("Tls::with_server_name"), "{said}");
    let none = trusted().with_server_names(|_| panic!("it has no names"));
    let said = reason(Client::connect(config(&cluster, none)).await);
    assert!(said.contains("panicked"), "{said}");
    let no_name = trusted().with_server_name("a b");
    let said = reason(Client::connect(config(&cluster, no_name)).await);
    assert!(said.contains("`a b` is neither"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (cluster, _) = start().await;
    let (certificate, _) = stranger();
    let tls = Tls::new().with_ca_pem(certificate);
    let said = reason(Client::connect(config(&cluster, tls)).await);
    assert!(said.contains("nobody who is trusted signed"), "{said}");
    assert!(said.contains("Tls::with_ca_file"), "{said}");
    let url = format!("rediss://{}", cluster.node(0).addr());
    Client::connect(url).await.unwrap_err();
    let careless = Tls::new().dangerous_without_verification();
    works(&Client::connect(config(&cluster, careless)).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_where_one_is_wanted() {
    let (cluster, files) = start().await;
    require_client_certificates(&cluster).await;
    let trusted = || Tls::new().with_ca_file(&files.ca);

    let ours = trusted().with_client_certificate_files(&files.certificate, &files.key);
    works(&Client::connect(config(&cluster, ours)).await.unwrap()).await;
    let (chain, key) = (fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap());
    let ours = trusted().with_client_certificate_pem(chain, key);
    works(&Client::connect(config(&cluster, ours)).await.unwrap()).await;

    let said = reason(Client::connect(config(&cluster, trusted())).await);
    assert!(said.contains("client certificate"), "{said}");
    assert!(said.contains("with_client_certificate_files"), "{said}");

    let (chain, key) = stranger();
    let foreign = trusted().with_client_certificate_pem(&chain, &key);
    let said = reason(Client::connect(config(&cluster, foreign)).await);
    assert!(said.contains("not accept the client certificate"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_client_certificate_is_used_without_a_restart() {
    let (cluster, files) = start().await;
    require_client_certificates(&cluster).await;
    let (mine, key) = (cluster.folder().join("mine.crt"), cluster.folder().join("mine.key"));
    let renew = || {
        fs::copy(&files.certificate, &mine).unwrap();
        fs::copy(&files.key, &key).unwrap();
    };
    let (foreign, foreign_key) = stranger();
    fs::write(&mine, foreign).unwrap();
    fs::write(&key, foreign_key).unwrap();
    let tls = Tls::new().with_ca_file(&files.ca).with_client_certificate_files(&mine, &key);
    let config = config(&cluster, tls);
    Client::connect(config.clone()).await.unwrap_err();
    renew();
    let client = Client::connect(config.clone()).await.unwrap();
    works(&client).await;
    // What cannot be used does no harm to who had something better.
    fs::write(&key, "no key").unwrap();
    works(&Client::connect(config).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_named() {
    let (cluster, files) = start().await;
    let missing = Tls::new().with_ca_file("/nowhere/ca.crt");
    let said = reason(Client::connect(config(&cluster, missing)).await);
    assert!(said.starts_with("cannot read /nowhere/ca.crt: "), "{said}");
    let empty = Tls::new().with_ca_pem("");
    let said = reason(Client::connect(config(&cluster, empty)).await);
    assert!(said.contains("no certificate in it"), "{said}");
    let (chain, _) = stranger();
    let (_, other_key) = stranger();
    let trusted = || Tls::new().with_ca_file(&files.ca);
    let mixed = trusted().with_client_certificate_pem(&chain, &other_key);
    let said = reason(Client::connect(config(&cluster, mixed)).await);
    assert!(said.contains("client certificate with its key cannot be used"), "{said}");
    let no_key = trusted().with_client_certificate_pem(&chain, &chain);
    let said = reason(Client::connect(config(&cluster, no_key)).await);
    assert!(said.contains("private key cannot be used"), "{said}");
}

/// The reason why the last seed could not be talked to.
#[track_caller]
fn error(connected: Result<Client, Error>) -> std::sync::Arc<ConnectError> {
    match connected {
        Err(Error::NoSeed { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_tls_and_a_server_without_are_told_apart_from_a_dead_one() {
    for server in TestServer::ALL {
        let plain = TestCluster::start(Spec::on(server).shape(1, 0)).await.unwrap();
        let mut config = config(&plain, Tls::new().dangerous_without_verification());
        config.limits.connect_timeout = Duration::from_millis(500);
        let error = error(Client::connect(config).await);
        let not_tls = matches!(&*error, ConnectError::Tls(TlsError::NotTls | TlsError::Silent(_)),);
        assert!(not_tls, "{server}: {error}");
        assert!(error.to_string().contains("use its TLS port, or redis://"), "{error}");
    }
    let (cluster, _) = start().await;
    let error = error(Client::connect(Config::from(cluster.node(0).addr())).await);
    // It sends an alert, and then resets the connection, which may overtake the alert.
    let wants_tls = matches!(&*error, ConnectError::WantsTls | ConnectError::ClosedEarly);
    assert!(wants_tls && error.to_string().contains("use rediss://"), "{error}");
}
