//! A client that subscribes: at a plain server, or at a session of the proxy.

use std::{future::poll_fn, io, time::Duration};

use slotway::{Client, CommandBuf, Error, NodeAddr, Protocol};
use slotway_protocol::{CommandTable, ReplyLimits, ReplyScan, ReplyScanner, encode_command};
use slotway_proxy::subscribe::{
    Listened, Listening, SubscribeVerb, refused_to_subscriber, subscriber_pong,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::PATIENCE;

/// As many as no script has.
const SUBSCRIPTIONS_MAX: usize = 1_000;

/// Bytes to a plain server, and back.
pub(crate) struct Plain {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What the proxy has for one client.
pub(crate) struct Session {
    pub(crate) listening: Listening,
    protocol: Protocol,
    unread: Vec<u8>,
}

impl Plain {
    pub(crate) async fn connect(addr: &NodeAddr, protocol: Protocol) -> Self {
        let stream = TcpStream::connect((addr.host(), addr.port())).await.unwrap();
        let mut plain = Self { stream, unread: Vec::new() };
        if protocol == Protocol::Resp3 {
            plain.say(&["HELLO", "3"]).await;
            plain.hear(1).await;
        }
        plain
    }

    pub(crate) async fn say(&mut self, words: &[&str]) {
        let mut bytes = Vec::new();
        encode_command(&mut bytes, words);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// The next frames, so many.
    pub(crate) async fn hear(&mut self, frames: usize) -> String {
        let more = async |stream: &mut TcpStream, unread: &mut Vec<u8>| {
            assert_ne!(stream.read_buf(unread).await?, 0, "the server closed");
            Ok::<_, io::Error>(())
        };
        loop {
            if let Some(heard) = take_frames(&mut self.unread, frames) {
                return heard;
            }
            let read = timeout(PATIENCE, more(&mut self.stream, &mut self.unread)).await;
            read.unwrap_or_else(|_| panic!("{frames} frames in {:?}", text(&self.unread))).unwrap();
        }
    }
}

impl Session {
    pub(crate) fn new(client: &Client, protocol: Protocol) -> Self {
        let listening = Listening::new(client.clone(), SUBSCRIPTIONS_MAX, error_reply);
        Self { listening, protocol, unread: Vec::new() }
    }

    pub(crate) fn with_subscriptions_max(client: &Client, subscriptions_max: usize) -> Self {
        let listening = Listening::new(client.clone(), subscriptions_max, error_reply);
        Self { listening, protocol: Protocol::Resp2, unread: Vec::new() }
    }

    pub(crate) fn say(&mut self, words: &[&str]) {
        let command = CommandBuf::new(words).unwrap();
        let command = command.as_command();
        if let Some(verb) = SubscribeVerb::of(&command) {
            return self.listening.request(verb, &command);
        }
        let table = CommandTable::builtin();
        let spec = table.lookup(&command).unwrap();
        let subscribed = self.listening.is_subscribed();
        let refused = refused_to_subscriber(spec, self.protocol).filter(|_| subscribed);
        self.unread.extend(refused.unwrap_or_else(|| subscriber_pong(command.arg(1))));
    }

    /// What the session has to do next.
    pub(crate) async fn listened(&mut self) -> Listened {
        let Self { listening, protocol, unread } = self;
        let out_max = unread.len() + 4096;
        let listened = poll_fn(|cx| listening.poll_output(cx, *protocol, unread, out_max));
        let listened = timeout(PATIENCE, listened).await;
        listened.unwrap_or_else(|_| panic!("no more than {:?}", text(unread)))
    }

    /// The next frames, so many.
    pub(crate) async fn hear(&mut self, frames: usize) -> String {
        loop {
            if !self.listening.is_busy()
                && let Some(heard) = take_frames(&mut self.unread, frames)
            {
                return heard;
            }
            let listened = self.listened().await;
            assert!(matches!(listened, Listened::Output), "{listened:?}");
        }
    }
}

impl Session {
    /// The next frame, if there is one before so much time has passed.
    pub(crate) async fn hears_already(&mut self, patience: Duration) -> Option<String> {
        timeout(patience, self.hear(1)).await.ok()
    }
}

fn error_reply(error: &Error) -> Vec<u8> {
    format!("-{error}\r\n").into()
}

/// Takes so many frames away, if they have come.
fn take_frames(unread: &mut Vec<u8>, frames: usize) -> Option<String> {
    let mut len = 0;
    for _ in 0..frames {
        let mut scanner = ReplyScanner::new(ReplyLimits::default());
        let ReplyScan::Complete(reply) = scanner.scan(&unread[len..]).unwrap() else { return None };
        len += reply.len;
    }
    Some(text(&unread.drain(..len).collect::<Vec<_>>()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
