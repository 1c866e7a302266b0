//! A connection to one node for the launcher's own commands: one at a time, each with a deadline.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use slotway_protocol::{NodeAddr, ReplyLimits, ReplyScan, ReplyScanner, Value, encode_command};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use crate::{Access, Error};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// How to get at a node: as whom, and whether by TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door {
    pub(crate) access: Access,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// A connection to one node, for commands that manage it.
///
/// It is made for tests and tools: one command at a time, and after an error of the connection a
/// new one is needed.
pub struct Admin {
    node: NodeAddr,
    /// Gone while a command is under way, so that one that was given up takes its connection
    /// with it: its answer could be taken for the next one's.
    stream: Option<Box<dyn Stream>>,
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Admin {
    /// How long a node may take to answer.
    pub const DEADLINE: Duration = Duration::from_secs(5);

    /// Connects and logs in.
    pub(crate) async fn connect(
        node: &NodeAddr,
        door: &Door,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let opened = timeout(deadline, open(node, door)).await;
        let stream =
            flatten(opened).map_err(|source| Error::Unreachable { node: node.clone(), source })?;
        let mut admin = Self { node: node.clone(), stream: Some(stream) };
        if let Some(password) = &door.access.password {
            let login = ["AUTH", door.access.user_name(), password];
            admin.ask_within(&login, deadline).await?;
        }
        Ok(admin)
    }

    /// The node that it leads to.
    pub(crate) fn node(&self) -> &NodeAddr {
        &self.node
    }

    /// The node's answer to a command, also when that is an error.
    pub async fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value, Error> {
        self.call_within(args, Self::DEADLINE).await
    }

    /// The node's answer to a command; its errors become [`Error::Refused`].
    pub async fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<Value, Error> {
        self.ask_within(args, Self::DEADLINE).await
    }

    /// The node's answer as text, such as that of `CLUSTER INFO`.
    pub async fn ask_text<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Result<String, Error> {
        let reply = self.ask(args).await?;
        let text = reply.as_bytes().unwrap_or_default();
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    pub(crate) async fn ask_within<A: AsRef<[u8]>>(
        &mut self,
        args: &[A],
        deadline: Duration,
    ) -> Result<Value, Error> {
        let reply = self.call_within(args, deadline).await?;
        match reply.as_error() {
            Some(text) => Err(Error::Refused {
                node: self.node.clone(),
                command: command_name(args),
                text: String::from_utf8_lossy(text).into_owned(),
            }),
            None => Ok(reply),
        }
    }

    pub(crate) async fn call_within<A: AsRef<[u8]>>(
        &mut self,
        args: &[A],
        deadline: Duration,
    ) -> Result<Value, Error> {
        let answered = timeout(deadline, self.exchange(args)).await;
        flatten(answered).map_err(|source| Error::Unreachable { node: self.node.clone(), source })
    }

    async fn exchange<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        let mut stream = self.stream.take().ok_or(io::ErrorKind::NotConnected)?;
        let mut request = Vec::new();
        encode_command(&mut request, args);
        stream.write_all(&request).await?;
        stream.flush().await?;
        let reply = read_reply(&mut stream).await?;
        self.stream = Some(stream);
        Ok(reply)
    }
}

async fn read_reply(stream: &mut Box<dyn Stream>) -> io::Result<Value> {
    let limits = ReplyLimits::default();
    let mut scanner = ReplyScanner::new(limits);
    let mut unread = BytesMut::new();
    loop {
        if stream.read_buf(&mut unread).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let ReplyScan::Complete(reply) = scanner.scan(&unread).map_err(io::Error::other)? {
            let frame = unread.split_to(reply.len).freeze();
            // Nobody asked for more than one reply.
            if !unread.is_empty() {
                return Err(io::Error::other("more bytes than one reply"));
            }
            return Value::decode(&frame, &limits).map_err(io::Error::other);
        }
    }
}

async fn open(node: &NodeAddr, door: &Door) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((node.host(), node.port())).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &door.tls else { return Ok(Box::new(stream)) };
    let name = ServerName::try_from(node.host().to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}

fn flatten<T>(result: Result<io::Result<T>, tokio::time::error::Elapsed>) -> io::Result<T> {
    result.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")))
}

/// What may be shown of a command: its name and subcommand, but no argument.
fn command_name<A: AsRef<[u8]>>(args: &[A]) -> String {
    let word = |index: usize| {
        let word = args.get(index).map(AsRef::as_ref).unwrap_or_default();
        String::from_utf8_lossy(word).to_ascii_uppercase()
    };
    match word(0).as_str() {
        name @ ("CLUSTER" | "CONFIG" | "CLIENT" | "INFO") => format!("{name} {}", word(1)),
        name => name.to_owned(),
    }
}
