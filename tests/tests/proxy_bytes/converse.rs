//! One connection on which everything is sent while everything is read.

use std::time::Duration;

use fastrand::Rng;
use slotway_protocol::NodeAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than any server takes, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// No piece is longer.
const PIECE_MAX: usize = 3000;

/// Sends the pieces one by one, the last of which asks the server to close, and returns all that
/// comes back until it closes, or closes not at all.
pub(crate) async fn converse(addr: &NodeAddr, pieces: Vec<Vec<u8>>) -> Vec<u8> {
    let stream = TcpStream::connect((addr.host(), addr.port())).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut from, mut to) = stream.into_split();
    let send = async {
        for piece in pieces {
            // A server that closes early leaves bytes unsent; what it said before is what counts.
            if to.write_all(&piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut answer = Vec::new();
    // A connection that is reset has ended; and of what does not end, the replies so far tell why.
    let _ = timeout(PATIENCE, async { tokio::join!(send, from.read_to_end(&mut answer)) }).await;
    answer
}

/// `bytes`, cut anywhere.
pub(crate) fn pieces(mut bytes: &[u8], rng: &mut Rng) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        // Short ones too, so that cuts fall into every part of a request.
        let most = if rng.bool() { PIECE_MAX } else { 20 };
        let (piece, rest) = bytes.split_at(rng.usize(1..=most).min(bytes.len()));
        pieces.push(piece.to_vec());
        bytes = rest;
    }
    pieces
}
