//! A client without a library: commands out, whole replies in.

use std::{io, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use slotway_protocol::{CommandBuf, NodeAddr, ReplyLimits, ReplyScan, ReplyScanner};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than any reply takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection to a server.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: BytesMut,
    scanner: ReplyScanner,
}

impl Wire {
    /// Connects.
    pub async fn connect(addr: &NodeAddr) -> io::Result<Self> {
        let stream = TcpStream::connect((addr.host(), addr.port())).await?;
        stream.set_nodelay(true)?;
        let scanner = ReplyScanner::new(ReplyLimits::default());
        Ok(Self { stream, read: BytesMut::new(), scanner })
    }

    /// Sends a command and returns the reply, as it came.
    ///
    /// # Panics
    /// When none comes.
    pub async fn ask<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Bytes {
        self.try_ask(words).await.expect("the server answers")
    }

    /// The same, for whoever wants to know why none comes.
    pub async fn try_ask<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<Bytes> {
        self.try_send(words).await?;
        self.try_reply().await
    }

    /// Sends a command.
    ///
    /// # Panics
    /// When the connection is lost.
    pub async fn send<A: AsRef<[u8]>>(&mut self, words: &[A]) {
        self.try_send(words).await.expect("the server reads");
    }

    async fn try_send<A: AsRef<[u8]>>(&mut self, words: &[A]) -> io::Result<()> {
        let command = CommandBuf::new(words).map_err(io::Error::other)?;
        self.stream.write_all(command.as_command().bytes()).await
    }

    /// Sends bytes, whatever they are.
    ///
    /// # Panics
    /// When the connection is lost.
    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).await.expect("the server reads");
    }

    /// The same, for whoever wants to know why that fails.
    pub async fn try_send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    /// When the connection is lost.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.expect("the connection is open");
    }

    /// The next reply, or message, as it came.
    ///
    /// # Panics
    /// When none comes.
    pub async fn reply(&mut self) -> Bytes {
        self.try_reply().await.expect("the server answers")
    }

    /// The same, for whoever wants to know why none comes.
    pub async fn try_reply(&mut self) -> io::Result<Bytes> {
        loop {
            if let ReplyScan::Complete(reply) =
                self.scanner.scan(&self.read).map_err(io::Error::other)?
            {
                return Ok(self.read.split_to(reply.len).freeze());
            }
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
            if read.map_err(|_| io::ErrorKind::TimedOut)?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Everything until the server closes.
    ///
    /// # Panics
    /// When it does not.
    pub async fn rest(mut self) -> Bytes {
        let mut rest = self.read.copy_to_bytes(self.read.len()).to_vec();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        // A reset is an end too.
        let _ = read.expect("the server closes");
        rest.into()
    }
}
