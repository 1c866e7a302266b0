//! From an address to a connection that is ready for commands.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use slotway_protocol::{
    Access, Greeting, Handshake, HandshakeStep, Negotiated, NodeAddr, ReplyError, ReplyScan,
    ReplyScanner, Value,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{Config, connection::Connection, error::ConnectError};

/// Connects and shakes hands, all within the time that the limits allow.
pub(crate) async fn connect(
    addr: &NodeAddr,
    config: &Config,
) -> Result<(Connection, Negotiated), Arc<ConnectError>> {
    let (stream, negotiated) = open(addr, addr, config).await?;
    Ok((Connection::start(stream, &config.limits), negotiated))
}

/// A stream on which the next bytes are those of the first command.
pub(crate) async fn open(
    _: &NodeAddr,
    at: &NodeAddr,
    config: &Config,
) -> Result<(TcpStream, Negotiated), ConnectError> {
    let within = config.limits.connect_timeout;
    let connected = timeout(within, dial(at, config)).await;
    connected.map_err(|_| ConnectError::Slow(within))?
}

async fn dial(addr: &NodeAddr, config: &Config) -> Result<(TcpStream, Negotiated), ConnectError> {
    let mut stream = TcpStream::connect((addr.host(), addr.port())).await?;
    stream.set_nodelay(true)?;
    let greeting = Greeting {
        protocol: config.protocol,
        login: config.credentials.clone(),
        name: config.name.clone(),
        library: Some(("slotway".to_owned(), env!("CARGO_PKG_VERSION").to_owned())),
        database: 0,
        access: Access::ReadWrite,
    };
    let (mut handshake, first) = Handshake::new(greeting);
    stream.write_all(first.expose()).await?;
    let mut replies = Replies::new(config);
    loop {
        let reply = replies.next(&mut stream).await?;
        match handshake.handle_reply(&reply) {
            HandshakeStep::Wait => {}
            HandshakeStep::Send(more) => stream.write_all(more.expose()).await?,
            HandshakeStep::Done(negotiated) if replies.is_drained() => {
                return Ok((stream, negotiated));
            }
            // What follows the last reply belongs to no request of ours.
            HandshakeStep::Done(_) => return Err(ReplyError::NotOneReply.into()),
            HandshakeStep::Failed(error) => return Err(error.into()),
        }
    }
}

/// The replies of the handshake, one after another.
struct Replies {
    unread: BytesMut,
    scanner: ReplyScanner,
    limits: slotway_protocol::ReplyLimits,
}

impl Replies {
    fn new(config: &Config) -> Self {
        let limits = config.limits.reply;
        Self { unread: BytesMut::new(), scanner: ReplyScanner::new(limits), limits }
    }

    async fn next(&mut self, stream: &mut TcpStream) -> Result<Value, ConnectError> {
        loop {
            if let ReplyScan::Complete(reply) = self.scanner.scan(&self.unread)? {
                let frame = self.unread.split_to(reply.len).freeze();
                return Ok(Value::decode(&frame, &self.limits)?);
            }
            if stream.read_buf(&mut self.unread).await? == 0 {
                return Err(ConnectError::Closed);
            }
        }
    }

    fn is_drained(&self) -> bool {
        !self.unread.has_remaining()
    }
}
