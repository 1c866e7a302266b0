//! What passes on one connection, command by command and reply by reply.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use slotway_protocol::{
    LoginState, ReplyKind, ReplyLimits, ReplyScan, ReplyScanner, RequestLimits, RequestScan,
    RequestScanner, encode_command,
};

use super::{Mischief, Orders};

/// Both directions of a connection.
pub(super) struct Wire {
    requests: RequestScanner,
    replies: ReplyScanner,
    owed: VecDeque<Owed>,
    /// A reply that goes out behind the next one.
    held: Option<Bytes>,
}

/// A reply that is to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owed {
    /// To a command of the load.
    Load,
    /// To something that the client needs, such as a view of the cluster.
    Other,
    /// To a command that the client did not send.
    Nobody,
}

/// How the replies were passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    Whole,
    /// The last of them by half.
    Half,
}

impl Default for Wire {
    fn default() -> Self {
        let limits = RequestLimits { login: LoginState::Done, ..RequestLimits::default() };
        Self {
            requests: RequestScanner::new(limits),
            replies: ReplyScanner::new(ReplyLimits::default()),
            owed: VecDeque::new(),
            held: None,
        }
    }
}

impl Wire {
    /// Passes the commands on that are whole.
    pub(super) fn requests(&mut self, unread: &mut BytesMut, orders: &Orders, out: &mut Vec<u8>) {
        loop {
            let scan = self.requests.scan(unread).expect("the client writes commands");
            let consumed = match scan {
                RequestScan::Partial => return,
                RequestScan::Nothing { consumed } => consumed,
                RequestScan::Command { command, consumed } => {
                    out.extend_from_slice(command.bytes());
                    let list = matches!(command.name(), b"RPUSH");
                    let load = list || matches!(command.name(), b"INCR" | b"LINDEX");
                    self.owed.push_back(if load { Owed::Load } else { Owed::Other });
                    if list && orders.take(Mischief::SendTwice) {
                        out.extend_from_slice(command.bytes());
                        self.owed.push_back(Owed::Nobody);
                    }
                    if let Some(key) = command.arg(1)
                        && list
                        && orders.take(Mischief::LoseWrite)
                    {
                        encode_command(out, &[&b"RPOP"[..], key]);
                        self.owed.push_back(Owed::Nobody);
                    }
                    consumed
                }
            };
            let _ = unread.split_to(consumed);
        }
    }

    /// Passes the replies on that are whole.
    pub(super) fn replies(
        &mut self,
        unread: &mut BytesMut,
        orders: &Orders,
        out: &mut Vec<u8>,
    ) -> Told {
        loop {
            let scan = self.replies.scan(unread).expect("the node writes replies");
            let ReplyScan::Complete(reply) = scan else { return Told::Whole };
            let frame = unread.split_to(reply.len).freeze();
            if reply.kind == ReplyKind::Push {
                out.extend_from_slice(&frame);
                continue;
            }
            let owed = self.owed.pop_front().expect("a node answers only what it was asked");
            let halved = [Mischief::HalfThenReset, Mischief::HalfThenClose];
            if owed == Owed::Load && halved.iter().any(|&mischief| orders.is_due(mischief)) {
                out.extend_from_slice(&frame[..frame.len() / 2]);
                return Told::Half;
            }
            self.reply(frame, owed, orders, out);
        }
    }

    fn reply(&mut self, frame: Bytes, owed: Owed, orders: &Orders, out: &mut Vec<u8>) {
        match (owed, self.held.take()) {
            (Owed::Nobody, held) => self.held = held,
            (Owed::Load, None)
                if self.owed.front() == Some(&Owed::Load)
                    && orders.is_due(Mischief::SwapReplies) =>
            {
                self.held = Some(frame);
            }
            (Owed::Load, Some(held)) if held != frame && orders.take(Mischief::SwapReplies) => {
                out.extend_from_slice(&frame);
                out.extend_from_slice(&held);
            }
            (Owed::Load | Owed::Other, held) => {
                out.extend_from_slice(&held.unwrap_or_default());
                out.extend_from_slice(&frame);
            }
        }
    }
}
