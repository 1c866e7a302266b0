//! What `slotway dev` does with whoever stands in front of its cluster.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{TcpListener, TcpStream};

use clap::Parser;
use parking_lot::Mutex;
use slotway_cluster::{DevArgs, Front, FrontError, PortPair, PortRange, Post, TestServer, dev};
use slotway_protocol::NodeAddr;
use tempfile::TempDir;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: DevArgs,
}

/// Whoever does not want to. It remembers what it was asked to stand in front of.
#[derive(Default)]
struct Unwilling(Mutex<Vec<NodeAddr>>);

impl Front for Unwilling {
    type Running = ();

    async fn start(&self, post: Post) -> Result<(), FrontError> {
        for node in &post.seeds {
            TcpStream::connect((node.host(), node.port())).unwrap();
        }
        *self.0.lock() = post.seeds;
        Err(FrontError { problem: "not today".into(), hint: "tomorrow".into() })
    }

    async fn stop(&self, (): ()) {
        panic!("it was never started");
    }
}

#[tokio::test]
async fn a_front_that_does_not_start_leaves_no_node_behind() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().to_str().unwrap();
    let base = || PortPair::find(PortRange::Any).unwrap().client().to_string();
    let binary = TestServer::Redis70.binary();
    let server = binary.path().to_str().unwrap();
    let (port, proxy, admin) = (base(), base(), base());
    let command = ["dev", "--dir", folder, "--server", server, "--port", &port];
    let ports = ["--proxy-port", &proxy, "--admin", &admin];
    let args = Cli::parse_from(command.into_iter().chain(ports)).args;
    let front = Unwilling::default();
    assert_eq!(dev(args, &front).await, 3);
    let nodes = front.0.into_inner();
    assert_eq!(nodes.len(), 6);
    for node in nodes {
        TcpListener::bind((node.host(), node.port())).unwrap();
    }
}
