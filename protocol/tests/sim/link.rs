//! A connection: the client's half, the server's half, and what is between.

use slotway_protocol::{
    Pipeline, PipelineLimits, ReplyLimits, ReplyScan, ReplyScanner, RequestLimits, RequestScan,
    RequestScanner, UnitId,
};

use crate::cluster::{Cluster, ConnectionState, NodeIndex};

/// The client's name for a request.
pub(crate) type Ticket = usize;

/// One connection at a time to one node. The generation tells what still belongs to an older one.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) node: NodeIndex,
    pub(crate) generation: u64,
    pub(crate) open: bool,
    pub(crate) pipeline: Pipeline<Ticket>,
    pub(crate) write_buffer: Vec<u8>,
    pub(crate) flushing: bool,
    read_buffer: Vec<u8>,
    replies: ReplyScanner,
    server: ServerHalf,
    /// Whether the server still reads.
    pub(crate) server_open: bool,
    pub(crate) last_unit: Option<UnitId>,
    /// When the last bytes arrive at the server and at the client.
    arrivals: [u64; 2],
}

#[derive(Debug)]
struct ServerHalf {
    unread: Vec<u8>,
    requests: RequestScanner,
    state: ConnectionState,
}

impl Link {
    pub(crate) fn new(node: NodeIndex) -> Self {
        Self {
            node,
            generation: 0,
            open: false,
            pipeline: Pipeline::new(PipelineLimits::default()),
            write_buffer: Vec::new(),
            flushing: false,
            read_buffer: Vec::new(),
            replies: ReplyScanner::new(ReplyLimits::default()),
            server: ServerHalf {
                unread: Vec::new(),
                requests: RequestScanner::new(RequestLimits::default()),
                state: ConnectionState::default(),
            },
            server_open: false,
            last_unit: None,
            arrivals: [0; 2],
        }
    }

    /// A fresh connection in place of the lost one.
    pub(crate) fn reopen(&mut self) {
        assert!(self.pipeline.is_empty(), "what a lost connection owed was settled");
        let generation = self.generation + 1;
        *self = Self { generation, open: true, server_open: true, ..Self::new(self.node) };
    }

    /// When bytes that would arrive at `time` do arrive: bytes do not overtake each other.
    pub(crate) fn arrival(&mut self, end: usize, time: u64) -> u64 {
        self.arrivals[end] = time.max(self.arrivals[end] + 1);
        self.arrivals[end]
    }

    /// The server reads bytes, runs the whole commands among them, and answers.
    pub(crate) fn serve(&mut self, cluster: &mut Cluster, bytes: &[u8]) -> Vec<u8> {
        let ServerHalf { unread, requests, state } = &mut self.server;
        unread.extend_from_slice(bytes);
        let (mut at, mut out) = (0, Vec::new());
        while let RequestScan::Command { command, consumed } =
            requests.scan(&unread[at..]).expect("the client sends whole commands")
        {
            cluster.run(self.node, state, command, &mut out);
            at += consumed;
        }
        unread.drain(..at);
        out
    }

    /// The client reads bytes: the whole replies among them.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.read_buffer.extend_from_slice(bytes);
        let (mut at, mut whole) = (0, Vec::new());
        while let ReplyScan::Complete(reply) =
            self.replies.scan(&self.read_buffer[at..]).expect("the server sends whole replies")
        {
            whole.push(self.read_buffer[at..at + reply.len].to_vec());
            at += reply.len;
        }
        self.read_buffer.drain(..at);
        whole
    }

    /// Whether a part of the next reply has come.
    pub(crate) fn reply_begun(&self) -> bool {
        !self.read_buffer.is_empty()
    }
}
