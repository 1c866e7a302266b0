//! From an address to a connection that is ready for commands.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
};

use bytes::{Buf, BytesMut};
#[cfg(unix)]
use slotway_protocol::Transport;
use slotway_protocol::{
    Access, Credentials, Greeting, Handshake, HandshakeStep, Negotiated, NodeAddr, Protocol,
    ReplyError, ReplyScan, ReplyScanner, Value,
};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};

use tracing::warn;

use crate::{
    Config,
    budget::Share,
    cache::Cache,
    connection::{Connection, Tracked},
    engine::Outlet,
    error::ConnectError,
    stream::Stream,
    tcp::dial,
};

const TRACKING: &[u8] = b"*4\r\n$6\r\nCLIENT\r\n$8\r\nTRACKING\r\n$2\r\nON\r\n$5\r\nOPTIN\r\n";

/// Connects and shakes hands, all within the time that the limits allow. `node` is what the node
/// calls itself, `at` where it is reached from here.
pub(crate) async fn connect(
    node: &NodeAddr,
    at: &NodeAddr,
    config: &Config,
    access: Access,
    cache: Option<&Arc<Cache>>,
    share: Share,
    outlet: Option<Outlet>,
) -> Result<(Connection, Negotiated), Arc<ConnectError>> {
    // What is waiting for the connection would otherwise wait for ever.
    let opened = caught(open(node, at, config, access)).await;
    let (mut stream, negotiated) = opened.unwrap_or(Err(ConnectError::Panicked))?;
    let tracked = match cache {
        Some(cache) if negotiated.protocol == Protocol::Resp3 => {
            let within = config.limits.connect_timeout;
            let asked = timeout(within, track(&mut stream, config)).await;
            asked.map_err(|_| ConnectError::Slow(within))??.then(|| Tracked::new(cache.clone()))
        }
        Some(_) | None => None,
    };
    Ok((Connection::start(stream, &config.limits, tracked, share, outlet), negotiated))
}

/// Asks the server to tell when keys change that were read for the cache. False if it cannot.
async fn track(stream: &mut Stream, config: &Config) -> Result<bool, ConnectError> {
    send(stream, TRACKING).await?;
    let reply = Replies::new(config).next(stream).await?;
    if let Some(text) = reply.as_error() {
        warn!(said = %String::from_utf8_lossy(text), "nothing is cached: the server cannot track keys");
    }
    Ok(reply.as_error().is_none())
}

/// What the future comes to; nothing if it panics, as a function of the application may.
pub(crate) async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        // It is not polled again.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

/// A stream on which the next bytes are those of the first command.
pub(crate) async fn open(
    node: &NodeAddr,
    at: &NodeAddr,
    config: &Config,
    access: Access,
) -> Result<(Stream, Negotiated), ConnectError> {
    let within = config.limits.connect_timeout;
    let login = match &config.credentials_provider {
        Some(provider) => Some(provider.ask(within).await?),
        None => config.credentials.clone(),
    };
    let end = Instant::now() + within;
    let late = |_| ConnectError::Slow(within);
    let mut stream = match local(at, config, end).await? {
        Some(stream) => stream,
        None => secured(dial(at, &config.limits, end).await?, node, at, config, end).await?,
    };
    let greeted = timeout_at(end, greet(&mut stream, login, config, access)).await.map_err(late)?;
    let negotiated = greeted.map_err(|error| explained(error, config))?;
    Ok((stream, negotiated))
}

/// The stream to a Unix socket, if that is what the address is. It is one that a person gave, and not
/// what a node said of another.
#[cfg(unix)]
async fn local(
    at: &NodeAddr,
    config: &Config,
    end: Instant,
) -> Result<Option<Stream>, ConnectError> {
    if !at.is_socket() || !config.seeds.contains(at) {
        return Ok(None);
    }
    if config.transport() == Transport::Tls {
        let why = "TLS is not spoken over a Unix socket: leave it out of the configuration";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why).into());
    }
    let connected = timeout_at(end, UnixStream::connect(at.host())).await;
    let unix = connected.map_err(|_| ConnectError::Slow(config.limits.connect_timeout))??;
    Ok(Some(Stream::Unix(unix)))
}

#[cfg(not(unix))]
async fn local(_: &NodeAddr, _: &Config, _: Instant) -> Result<Option<Stream>, ConnectError> {
    Ok(None)
}

#[cfg(feature = "tls")]
async fn secured(
    tcp: TcpStream,
    node: &NodeAddr,
    at: &NodeAddr,
    config: &Config,
    end: Instant,
) -> Result<Stream, ConnectError> {
    let Some(tls) = &config.tls else { return Ok(Stream::Tcp(tcp)) };
    // A server without TLS waits for the end of the line that it takes the first bytes for.
    let silent = |_| crate::TlsError::Silent(config.limits.connect_timeout);
    let stream = timeout_at(end, tls.secure(tcp, node, at)).await.map_err(silent)??;
    Ok(Stream::Tls(Box::new(stream)))
}

#[cfg(not(feature = "tls"))]
async fn secured(
    tcp: TcpStream,
    _: &NodeAddr,
    _: &NodeAddr,
    _: &Config,
    _: Instant,
) -> Result<Stream, ConnectError> {
    Ok(Stream::Tcp(tcp))
}

/// The same error, with what it means before the first command. A server closes connections that
/// do not speak TLS to it, and looks at a client's certificate when the client believes that all
/// is well.
#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "it is all about TLS"))]
fn explained(error: ConnectError, config: &Config) -> ConnectError {
    let error = if matches!(error, ConnectError::Closed) {
        io::ErrorKind::UnexpectedEof.into()
    } else if let ConnectError::Io(error) = error {
        error
    } else {
        return error;
    };
    #[cfg(feature = "tls")]
    if let Some(tls) = &config.tls {
        return tls.explain(error);
    }
    if is_closing(&error) { ConnectError::ClosedEarly } else { error.into() }
}

/// Whether the other end closed the connection, in good order or not.
pub(crate) fn is_closing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

async fn greet(
    stream: &mut Stream,
    login: Option<Credentials>,
    config: &Config,
    access: Access,
) -> Result<Negotiated, ConnectError> {
    let greeting = Greeting {
        protocol: config.protocol,
        login,
        name: config.name.clone(),
        library: Some(("slotway".to_owned(), env!("CARGO_PKG_VERSION").to_owned())),
        database: config.database,
        access,
    };
    let (mut handshake, first) = Handshake::new(greeting);
    send(stream, first.expose()).await?;
    let mut replies = Replies::new(config);
    loop {
        let reply = replies.next(stream).await?;
        match handshake.handle_reply(&reply) {
            HandshakeStep::Wait => {}
            HandshakeStep::Send(more) => send(stream, more.expose()).await?,
            HandshakeStep::Done(negotiated) if replies.is_drained() => return Ok(negotiated),
            // What follows the last reply belongs to no request of ours.
            HandshakeStep::Done(_) => return Err(ReplyError::NotOneReply.into()),
            HandshakeStep::Failed(error) => return Err(error.into()),
        }
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> Result<(), ConnectError> {
    stream.write_all(bytes).await?;
    Ok(stream.flush().await?)
}

/// The replies of the handshake, one after another.
struct Replies {
    unread: BytesMut,
    scanner: ReplyScanner,
    limits: slotway_protocol::ReplyLimits,
}

impl Replies {
    /// How an alert of TLS begins, which is how a server answers that expects TLS.
    const TLS_ALERT: &[u8] = &[0x15, 0x03];

    fn new(config: &Config) -> Self {
        let limits = config.limits.reply;
        Self { unread: BytesMut::new(), scanner: ReplyScanner::new(limits), limits }
    }

    async fn next(&mut self, stream: &mut Stream) -> Result<Value, ConnectError> {
        loop {
            if self.unread.starts_with(Self::TLS_ALERT) {
                return Err(ConnectError::WantsTls);
            }
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
