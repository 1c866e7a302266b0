//! A client whose nodes are played by a test, with nothing of the network in between.

use std::sync::Arc;

use bytes::BytesMut;
use slotway_protocol::{
    CommandTable, NodeAddr, PlanRules, ReplyLimits, ReplyScan, ReplyScanner, Value,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::{
    Client, Config, Limits, ReadFrom, Repeats, client::Commands, cluster::Cluster,
    connection::Connection, terms::Terms, view::Answer,
};

/// A node that says what the test wants.
pub(crate) struct Player {
    stream: DuplexStream,
    unread: BytesMut,
    scanner: ReplyScanner,
}

/// A client that knows nodes by these lines, as [`line`] writes them.
pub(crate) fn client(lines: &[String], limits: Limits) -> Client {
    let mut config = Config::new([addr(1)]);
    config.limits = limits;
    let cluster = Cluster::new(Arc::new(config), None);
    cluster.publish(view(lines).read().unwrap()).unwrap();
    let commands = Commands::new(CommandTable::builtin(), PlanRules::allowing_all());
    let terms = Terms {
        deadline: limits.deadline,
        read_from: ReadFrom::Primary,
        repeats: Repeats::default(),
        cached: false,
    };
    Client { cluster: Arc::new(cluster), commands: Arc::new(commands), terms }
}

/// What a node is called by its number.
pub(crate) fn addr(number: u16) -> NodeAddr {
    NodeAddr::new("10.0.0.1", number)
}

/// What CLUSTER NODES says of a primary with these slots, such as `0-99`.
pub(crate) fn line(number: u16, slots: &str, epoch: u64) -> String {
    format!("{number:0>40} 10.0.0.1:{number}@9 master - 0 0 {epoch} connected {slots}")
}

/// The answer of the first node that says so.
pub(crate) fn view(lines: &[String]) -> Answer {
    Answer::of_nodes(addr(1), &lines.join("\n"))
}

impl Player {
    /// Plays this node for a client from now on.
    pub(crate) fn of(client: &Client, number: u16) -> Self {
        let node = client.cluster.routes().node_at(&addr(number)).unwrap().clone();
        let (ours, stream) = duplex(1 << 20);
        node.attach(Connection::start(ours, &client.config().limits, None, node.share(), None));
        let scanner = ReplyScanner::new(ReplyLimits::default());
        Self { stream, unread: BytesMut::new(), scanner }
    }

    /// The next command, as one text; none when the client closes the connection.
    pub(crate) async fn hears(&mut self) -> Option<String> {
        loop {
            if let ReplyScan::Complete(frame) = self.scanner.scan(&self.unread).unwrap() {
                let frame = self.unread.split_to(frame.len).freeze();
                let words = Value::decode(&frame, &ReplyLimits::default()).unwrap();
                let words = words.as_elements().unwrap().iter();
                let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
                return Some(words.join(" "));
            }
            if self.stream.read_buf(&mut self.unread).await.unwrap() == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn says(&mut self, reply: &str) {
        self.stream.write_all(reply.as_bytes()).await.unwrap();
    }

    /// Waits for the two questions after the cluster, and answers them.
    pub(crate) async fn tells(&mut self, lines: &[String]) {
        assert_eq!(self.hears().await.as_deref(), Some("CLUSTER NODES"));
        assert_eq!(self.hears().await.as_deref(), Some("CLUSTER SHARDS"));
        let text = lines.join("\n");
        self.says(&format!("${}\r\n{text}\r\n-ERR unknown subcommand\r\n", text.len())).await;
    }
}
