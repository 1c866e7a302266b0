//! The two halves of a client's connection.

use std::{
    io,
    net::Shutdown,
    pin::Pin,
    task::{Context, Poll},
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::{TcpStream, UnixStream, tcp, unix},
};

use crate::own::Hangup;

/// What a client sends.
#[derive(Debug)]
pub(crate) enum Ingress {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

/// What a client is sent. Whoever has something for it writes: the task that read a reply, mostly.
#[derive(Debug)]
pub(crate) enum Egress {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
}

pub(crate) fn of_tcp(stream: TcpStream) -> (Ingress, Egress) {
    let (read, write) = stream.into_split();
    (Ingress::Tcp(read), Egress::Tcp(write))
}

pub(crate) fn of_unix(stream: UnixStream) -> (Ingress, Egress) {
    let (read, write) = stream.into_split();
    (Ingress::Unix(read), Egress::Unix(write))
}

impl Ingress {
    /// Reads once. A read that does not fill the buffer tells that there is no more, so that nobody
    /// asks again.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let read = match self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, &mut buffer),
            Self::Unix(half) => Pin::new(half).poll_read(cx, &mut buffer),
        };
        read.map_ok(|()| buffer.filled().len())
    }
}

impl Hangup for Egress {
    fn hang_up(&self) {
        // Whoever is no longer there needs no shutting.
        let _ = match self {
            Self::Tcp(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
            Self::Unix(half) => SockRef::from(half.as_ref()).shutdown(Shutdown::Both),
        };
    }
}

impl Egress {
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(half) => half.try_write(bytes),
            Self::Unix(half) => half.try_write(bytes),
        }
    }

    /// Whether it takes more. If not, the task is woken when it does.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(half) => half.as_ref().poll_write_ready(cx),
            Self::Unix(half) => half.as_ref().poll_write_ready(cx),
        }
    }
}
