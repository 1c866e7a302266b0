//! A client that subscribes: over a wire, or at a session of its own.

use std::{future::poll_fn, time::Duration};

use slotway::{Client, CommandBuf, Error, NodeAddr, Protocol};
use slotway_protocol::{ReplyLimits, ReplyScan, ReplyScanner};
use slotway_proxy::subscribe::{Listened, Listening, SubscribeVerb};
use slotway_tests::wire::Wire;
use tokio::time::timeout;

use crate::PATIENCE;

/// A client of a server, or of the proxy.
pub(crate) struct Ears(Wire);

impl Ears {
    pub(crate) async fn connect(addr: &NodeAddr, protocol: Protocol) -> Self {
        let mut wire = Wire::connect(addr).await.unwrap();
        if protocol == Protocol::Resp3 {
            wire.ask(&["HELLO", "3"]).await;
        }
        Self(wire)
    }

    pub(crate) async fn say(&mut self, words: &[&str]) {
        self.0.send(words).await;
    }

    /// The next frames, so many.
    pub(crate) async fn hear(&mut self, frames: usize) -> String {
        let mut heard = Vec::new();
        for _ in 0..frames {
            heard.extend(self.0.reply().await);
        }
        text(&heard)
    }

    /// The next frame, if there is one before so much time has passed.
    pub(crate) async fn hears_already(&mut self, patience: Duration) -> Option<String> {
        let frame = timeout(patience, self.0.try_reply()).await.ok()?;
        Some(text(&frame.unwrap()))
    }

    /// Everything until the connection is closed.
    pub(crate) async fn rest(self) -> String {
        text(&self.0.rest().await)
    }
}

/// What a session has for its client, which speaks RESP2.
pub(crate) struct Session {
    pub(crate) listening: Listening,
    unread: Vec<u8>,
}

impl Session {
    pub(crate) fn new(client: &Client, subscriptions_max: usize) -> Self {
        let listening = Listening::new(client.clone(), subscriptions_max, error_reply);
        Self { listening, unread: Vec::new() }
    }

    pub(crate) fn say(&mut self, words: &[&str]) {
        let command = CommandBuf::new(words).unwrap();
        let verb = SubscribeVerb::of(&command.as_command()).unwrap();
        self.listening.request(verb, &command.as_command());
    }

    /// What the session has to do next.
    pub(crate) async fn listened(&mut self) -> Listened {
        let Self { listening, unread } = self;
        let out_max = unread.len() + 4096;
        let listened = poll_fn(|cx| listening.poll_output(cx, Protocol::Resp2, unread, out_max));
        let listened = timeout(PATIENCE, listened).await;
        listened.unwrap_or_else(|_| panic!("no more than {:?}", text(unread)))
    }

    /// The next frames, so many, when all that was asked for is answered.
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
