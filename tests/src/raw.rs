//! Bytes to a server and bytes back, with nothing in between.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use slotway_protocol::NodeAddr;

/// Longer than any server takes to answer, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends `bytes`, says that nothing will follow, and returns all that comes back until the server
/// closes. Nothing here waits for time to pass: a server answers what it has read, then sees the
/// end and closes.
pub fn exchange(addr: &NodeAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream =
        TcpStream::connect((addr.host(), addr.port())).expect("the server under test is up");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    // A server that closes early leaves bytes unsent; what it said before is what counts.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return answer,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return answer,
            Err(error) => panic!("the server at {addr} neither answered nor closed: {error}"),
        }
    }
}
