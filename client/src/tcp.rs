//! From a host and a port to a socket.

use std::{io, net::SocketAddr, time::Duration};

use slotway_protocol::NodeAddr;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};

use crate::{Limits, error::ConnectError};

/// A name with more addresses than this has enough of them tried.
const ADDRESSES_MAX: usize = 16;
/// After the first, so often is a silent node asked whether it is there.
const KEEPALIVE_RETRIES: u32 = 3;

/// Connects to the first of a host's addresses that answers. The name is looked up each time, so a
/// node that moved is found.
pub(crate) async fn dial(
    at: &NodeAddr,
    limits: &Limits,
    end: Instant,
) -> Result<TcpStream, ConnectError> {
    let slow = ConnectError::Slow(limits.connect_timeout);
    let Ok(found) = timeout_at(end, lookup_host((at.host(), at.port()))).await else {
        return Err(slow);
    };
    let addresses: Vec<_> = found?.take(ADDRESSES_MAX).collect();
    let tcp = first(&addresses, end).await.map_err(|error| error.map_or(slow, Into::into))?;
    prepare(&tcp, limits)?;
    Ok(tcp)
}

/// Tries one after another. Each has its share of the time that is left: one that does not answer
/// must not keep the next from being tried. No error means that the last one did not answer.
async fn first(addresses: &[SocketAddr], end: Instant) -> Result<TcpStream, Option<io::Error>> {
    let mut last = Some(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for (left, address) in (1..=addresses.len() as u32).rev().zip(addresses) {
        let now = Instant::now();
        let share = now + end.saturating_duration_since(now) / left;
        match timeout_at(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = None,
        }
    }
    Err(last)
}

/// Sends at once, and notices when the other end is gone without a word.
fn prepare(tcp: &TcpStream, limits: &Limits) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(tcp);
    if let Some(silence) = limits.keepalive {
        // The kernel counts in seconds.
        let silence = silence.max(Duration::from_secs(1));
        let interval = (silence / KEEPALIVE_RETRIES).max(Duration::from_secs(1));
        socket.set_tcp_keepalive(&keepalive(silence, interval))?;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(limits.unacknowledged_max)?;
    Ok(())
}

fn keepalive(silence: Duration, interval: Duration) -> TcpKeepalive {
    let keepalive = TcpKeepalive::new().with_time(silence);
    #[cfg(any(target_os = "linux", target_os = "macos", target_os = "windows"))]
    let keepalive = keepalive.with_interval(interval);
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_RETRIES);
    keepalive
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(4)
    }

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address where connections are taken by nobody, and not refused.
    fn silent() -> (Vec<Socket>, SocketAddr) {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut held = vec![listener];
        // Its queue is filled up.
        for _ in 0..4 {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            let _ = socket.connect(&address);
            held.push(socket);
        }
        (held, address.as_socket().unwrap())
    }

    #[tokio::test]
    async fn a_socket_sends_at_once_and_notices_a_silent_end() {
        let (_listener, address) = listen().await;
        let at = NodeAddr::new("localhost", address.port());
        let limits = Limits::default();
        let tcp = dial(&at, &limits, soon()).await.unwrap();
        assert!(tcp.nodelay().unwrap());
        let socket = SockRef::from(&tcp);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), limits.keepalive.unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), limits.unacknowledged_max);

        let limits = Limits { keepalive: None, unacknowledged_max: None, ..limits };
        let tcp = dial(&at, &limits, soon()).await.unwrap();
        assert!(!SockRef::from(&tcp).keepalive().unwrap());
    }

    #[tokio::test]
    async fn an_address_that_refuses_or_is_silent_leaves_time_for_the_next() {
        let (_listener, address) = listen().await;
        let (gone, refusing) = listen().await;
        drop(gone);
        let (_held, silent) = silent();
        let tcp = first(&[refusing, silent, address], soon()).await.unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn an_error_is_that_of_the_last_address() {
        let (gone, refusing) = listen().await;
        drop(gone);
        let error = first(&[refusing, refusing], soon()).await.unwrap_err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let (_held, silent) = silent();
        let brief = Instant::now() + Duration::from_millis(50);
        assert!(first(&[refusing, silent], brief).await.unwrap_err().is_none());
        let none = first(&[], brief).await.unwrap_err().unwrap();
        assert_eq!(none.to_string(), "the name has no address");
    }
}
