//! The two that are compared: a real server, and what a proxied connection answers by itself.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use slotway_protocol::{
    CommandBuf, CommandTable, NodeAddr, Plan, PlanRules, ReplyLimits, ReplyScan, ReplyScanner,
    Secret, Value,
};
use slotway_proxy::log::EventRing;
use slotway_proxy::own::{
    Arrival, Ask, Backend, Errand, Hearing, Identity, Moment, Outcome, Settings, TrackingSupport,
    Via, World, answer, barred,
};

/// Longer than any server takes to answer, on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What takes the place of a reply when the connection is closed.
pub(crate) const CLOSED: &[u8] = b"<closed>";

/// A connection to a real server.
pub(crate) struct Real {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Real {
    pub(crate) fn connect(addr: &NodeAddr) -> Self {
        let stream = TcpStream::connect((addr.host(), addr.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub(crate) fn send(&mut self, words: &[Vec<u8>]) {
        // A server that has closed takes no more; the next reply tells.
        let _ = self.stream.write_all(CommandBuf::new(words).unwrap().as_command().bytes());
    }

    pub(crate) fn reply(&mut self) -> Vec<u8> {
        let mut scanner = ReplyScanner::new(ReplyLimits::default());
        loop {
            if let ReplyScan::Complete(reply) = scanner.scan(&self.unread).unwrap() {
                return self.unread.drain(..reply.len).collect();
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return CLOSED.to_vec(),
                Ok(count) => self.unread.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return CLOSED.to_vec();
                }
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    pub(crate) fn ask(&mut self, words: &[Vec<u8>]) -> Vec<u8> {
        self.send(words);
        self.reply()
    }

    pub(crate) fn value(&mut self, words: &[&str]) -> Value {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        decoded(&self.ask(&words))
    }
}

/// What all sessions of ours share, in front of servers that say they are as this one.
pub(crate) fn world(real: &mut Real) -> Arc<World> {
    let table = CommandTable::builtin();
    let rules = Arc::new(PlanRules::new(&table));
    let settings = Settings {
        table: Arc::new(table),
        rules,
        databases: 16,
        clients_max: 10_000,
        port: 6379,
        run_id: "a".repeat(40),
        tracking: TrackingSupport::Served,
        events: EventRing::new(10),
    };
    let info = real.value(&["INFO", "server"]);
    let backend = Backend::of_info(info.as_str().unwrap()).unwrap();
    Arc::new(World::new(settings, backend.with_modules(real.value(&["MODULE", "LIST"]))))
}

/// A session of ours, without a socket.
pub(crate) struct Ours<'a> {
    world: &'a World,
    pub(crate) me: Option<Identity>,
}

impl<'a> Ours<'a> {
    pub(crate) fn new(
        world: &'a World,
        (peer, local): (String, String),
        password: Option<&str>,
    ) -> Self {
        let password = password.map(|password| Arc::new(Secret::new(password)));
        let arrival = Arrival { peer, local, via: Via::Tcp, socket: 9, at: Duration::ZERO };
        Self { world, me: Some(Identity::new(world, arrival, password)) }
    }

    /// The reply to a command, as the client of the session would see it; none if it is muted.
    pub(crate) fn ask(&mut self, words: &[Vec<u8>]) -> Option<Vec<u8>> {
        let asked = self.me.as_ref().and_then(|me| me.card().take_ask());
        if asked == Some(Ask::Close) {
            self.me = None;
        }
        let Some(me) = &mut self.me else { return Some(CLOSED.to_vec()) };
        let (out, outcome) = run(words, me, self.world);
        if me.hearing() == Hearing::Muted {
            return None;
        }
        if let Outcome::Farewell = outcome {
            self.me = None;
        }
        Some(out)
    }
}

pub(crate) fn run(words: &[Vec<u8>], me: &mut Identity, world: &World) -> (Vec<u8>, Outcome) {
    let command = CommandBuf::new(words).unwrap();
    let command = command.as_command();
    let mut out = Vec::new();
    let now = Moment { run: Duration::from_secs(1), wall: Duration::from_secs(1_700_000_000) };
    let mut refuse = |text: &[u8]| out.extend([b"-", text, b"\r\n"].concat());
    if let Some(text) = barred(&command, me, world) {
        refuse(&text);
        return (out, Outcome::Answered);
    }
    match Plan::of(&command, &world.settings().table, &world.settings().rules) {
        Plan::Refused(refusal) => {
            refuse(&refusal.text(&command));
            (out, Outcome::Answered)
        }
        Plan::Answer(which) => {
            let outcome = answer(which, &command, me, world, now, &mut out);
            (out, outcome)
        }
        // The words of help are the same everywhere, and a session sends for them.
        Plan::AnyNode { .. } => (out, Outcome::Errand(Errand::Ask(command.to_buf()))),
        Plan::Single { .. }
        | Plan::Split(_)
        | Plan::Broadcast { .. }
        | Plan::Scan(_)
        | Plan::Pinned { .. } => panic!("{words:?} is not for the connection"),
    }
}

pub(crate) fn decoded(reply: &[u8]) -> Value {
    Value::decode(&Bytes::copy_from_slice(reply), &ReplyLimits::default()).unwrap()
}
