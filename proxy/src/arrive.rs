//! How a client comes in: who it is, as far as sockets and balancers tell.

use std::{io, net::SocketAddr, os::fd::AsRawFd as _, time::Duration};

use tokio::{net, time::timeout};

use crate::{
    ProxyProtocol,
    own::{Arrival, Via},
    proxy_header::{HEADER_MAX, HeaderError, HeaderScan, Spoken, scan_header},
    stream::{self, Egress, Ingress},
};

/// The socket of a client.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A client that has come in.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) arrival: Arrival,
    pub(crate) ingress: Ingress,
    pub(crate) egress: Egress,
}

/// Why a client did not come in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArriveError {
    /// Its socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It did not begin as it has to.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It did not begin at all.
    #[error("no PROXY header within {0:?}")]
    Late(Duration),
}

impl Accepted {
    /// Lets a client in that came at this time, once it was said who it is, if that is to be said:
    /// as long as that may take.
    pub(crate) async fn arrive(
        self,
        header: ProxyProtocol,
        within: Duration,
        at: Duration,
    ) -> Result<Arrived, ArriveError> {
        let mut arrival = self.arrival(at);
        let socket = match self {
            Self::Tcp(stream) => Socket::Tcp(net::TcpStream::from_std(stream)?),
            Self::Unix(stream) => Socket::Unix(net::UnixStream::from_std(stream)?),
        };
        if header == ProxyProtocol::V2 {
            let spoken = timeout(within, socket.header()).await;
            let spoken = spoken.map_err(|_| ArriveError::Late(within))??;
            if let Spoken::For { peer, local } = spoken {
                (arrival.peer, arrival.local) = (peer.to_string(), local.to_string());
            }
        }
        let (ingress, egress) = match socket {
            Socket::Tcp(stream) => stream::of_tcp(stream),
            Socket::Unix(stream) => stream::of_unix(stream),
        };
        Ok(Arrived { arrival, ingress, egress })
    }

    /// Where a client comes from, as it is shown to others.
    fn arrival(&self, at: Duration) -> Arrival {
        let shown = |address: io::Result<SocketAddr>| {
            address.map_or_else(|_| "?:0".to_owned(), |address| address.to_string())
        };
        match self {
            Self::Tcp(stream) => Arrival {
                peer: shown(stream.peer_addr()),
                local: shown(stream.local_addr()),
                via: Via::Tcp,
                socket: stream.as_raw_fd(),
                at,
            },
            Self::Unix(stream) => {
                let path = stream.local_addr().ok();
                let path = path.as_ref().and_then(|address| address.as_pathname());
                let shown =
                    path.map_or_else(|| "?:0".to_owned(), |path| format!("{}:0", path.display()));
                Arrival {
                    peer: shown.clone(),
                    local: shown,
                    via: Via::Unix,
                    socket: stream.as_raw_fd(),
                    at,
                }
            }
        }
    }
}

/// The same socket, of a task.
enum Socket {
    Tcp(net::TcpStream),
    Unix(net::UnixStream),
}

impl Socket {
    /// Reads a header, and nothing of what follows it.
    async fn header(&self) -> Result<Spoken, ArriveError> {
        let mut bytes = [0; HEADER_MAX];
        let mut read = 0;
        loop {
            let wanted = match scan_header(&bytes[..read])? {
                HeaderScan::Whole(_, spoken) => return Ok(spoken),
                HeaderScan::Partial(wanted) => wanted,
            };
            read += match self.read(&mut bytes[read..wanted]).await? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => count,
            };
        }
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer)
                }
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_read(buffer)
                }
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }
}
