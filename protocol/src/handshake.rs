//! The first words on a connection: protocol, login, name, database.

use std::collections::VecDeque;

use memchr::memmem;

use crate::{Secret, Value, encode_command, quote::quoted};

/// What a connection should be before the first request goes over it.
#[derive(Clone, Debug, Default)]
pub struct Greeting {
    /// The protocol to ask for. A server that does not know HELLO talks RESP2.
    pub protocol: Protocol,
    /// Who logs in; nobody, if nothing is given.
    pub login: Option<Credentials>,
    /// What CLIENT LIST shows as the connection's name. A server may refuse it; that is no failure.
    pub name: Option<String>,
    /// What CLIENT LIST shows as the library, and its version. As with the name.
    pub library: Option<(String, String)>,
    /// The database; 0 is where every connection starts.
    pub database: u32,
    /// What the connection is for.
    pub access: Access,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Protocol {
    /// The second version, which every server talks.
    Resp2,
    /// The third version, with maps and pushes.
    #[default]
    Resp3,
}

/// A user and a password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user; without one, the password is that of the user `default`.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
}

impl Credentials {
    /// The command that logs a connection in.
    pub fn auth(&self) -> Secret {
        let user = self.user.as_deref().map(str::as_bytes);
        let words = [&b"AUTH"[..]].into_iter().chain(user).chain([self.password.expose()]);
        let mut bytes = Vec::new();
        encode_command(&mut bytes, &words.collect::<Vec<_>>());
        Secret::new(bytes)
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Access {
    /// Everything, at a primary.
    #[default]
    ReadWrite,
    /// Reads at a replica: READONLY is sent, so that the replica does not redirect them.
    ReadOnly,
}

/// What came of it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Negotiated {
    /// The protocol that both talk from now on.
    pub protocol: Protocol,
    /// The server's name for itself, such as `redis` or `valkey`.
    pub server: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it is part of: `standalone`, `cluster` or `sentinel`.
    pub mode: Option<String>,
    /// The connection's number at the server.
    pub id: Option<i64>,
}

/// What to do next on the connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HandshakeStep {
    /// Wait for the next reply.
    Wait,
    /// Send these bytes; the server did not know the first ones.
    Send(Secret),
    /// The connection is ready.
    Done(Negotiated),
    /// Close the connection.
    Failed(HandshakeError),
}

/// Why a connection cannot be used. None of the texts has the password in it, although some
/// servers quote it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// User or password are wrong.
    #[error("the server does not accept this user and password")]
    WrongPassword,
    /// The server wants a login, and none was given.
    #[error("the server wants a password")]
    PasswordNeeded,
    /// The user may not do what the handshake needs.
    #[error("the user lacks a permission: {0}")]
    NotPermitted(String),
    /// The server is not ready; later it will be.
    #[error("the server is loading its data set")]
    Loading,
    /// The server takes no more connections; later it may.
    #[error("the server takes no more connections")]
    TooManyClients,
    /// The server has no such database for its clients.
    #[error(
        "database {database} cannot be used: {said} (a cluster has database 0 only, unless its \
         servers are Valkey 9 or later and `cluster-databases` allows for more; a single server \
         has as many as its `databases` says)"
    )]
    Database {
        /// The one that was asked for.
        database: u32,
        /// What the server said.
        said: String,
    },
    /// The server refused for a reason of its own.
    #[error("the server refused the connection: {0}")]
    Refused(String),
    /// The server answered with something that is no answer to this.
    #[error("the server's answer is not that of a Redis or Valkey server")]
    Unexpected,
}

/// A command whose reply is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    Hello,
    Auth,
    /// A command whose failure does no harm.
    Courtesy,
    Select,
    ReadOnly,
}

/// Leads a connection from its first byte to where requests can go over it.
///
/// Everything is sent at once. A server that does not know HELLO gets a second batch without it,
/// so a handshake takes one round trip, or two.
#[derive(Debug)]
pub struct Handshake {
    greeting: Greeting,
    due: VecDeque<Due>,
    phase: Phase,
    negotiated: Negotiated,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// The replies count.
    Normal,
    /// The server did not know HELLO. What else was in its batch does not count.
    FallingBack,
}

impl Handshake {
    /// Starts; the bytes are to be sent first.
    pub fn new(greeting: Greeting) -> (Self, Secret) {
        let mut handshake = Self {
            greeting,
            due: VecDeque::new(),
            phase: Phase::Normal,
            negotiated: Negotiated::default(),
        };
        let bytes = handshake.batch(Due::Hello);
        (handshake, bytes)
    }

    /// Takes the next reply. After [`Done`](HandshakeStep::Done) and
    /// [`Failed`](HandshakeStep::Failed) there is none to take.
    pub fn handle_reply(&mut self, reply: &Value) -> HandshakeStep {
        // A RESP3 server may announce things at any time.
        if matches!(reply, Value::Push(_)) {
            return HandshakeStep::Wait;
        }
        let Some(due) = self.due.pop_front() else {
            return HandshakeStep::Failed(HandshakeError::Unexpected);
        };
        let judged = match self.phase {
            Phase::Normal => self.judge(due, reply),
            Phase::FallingBack => Ok(()),
        };
        match (judged, self.due.is_empty(), self.phase) {
            (Err(error), _, _) => HandshakeStep::Failed(error),
            (Ok(()), false, _) => HandshakeStep::Wait,
            (Ok(()), true, Phase::Normal) => HandshakeStep::Done(self.negotiated.clone()),
            (Ok(()), true, Phase::FallingBack) => {
                self.phase = Phase::Normal;
                self.negotiated = Negotiated { protocol: Protocol::Resp2, ..Negotiated::default() };
                match self.batch(Due::Auth) {
                    bytes if bytes.expose().is_empty() => {
                        HandshakeStep::Done(self.negotiated.clone())
                    }
                    bytes => HandshakeStep::Send(bytes),
                }
            }
        }
    }

    fn judge(&mut self, due: Due, reply: &Value) -> Result<(), HandshakeError> {
        let Some(error) = reply.as_error() else {
            return match due {
                Due::Hello => self.learn(reply),
                Due::Auth | Due::Courtesy | Due::Select | Due::ReadOnly => Ok(()),
            };
        };
        let code = error.split(|&byte| byte == b' ').next().unwrap_or_default();
        match (due, code) {
            (Due::Courtesy, _) => Ok(()),
            _ if error == b"ERR max number of clients reached" => {
                Err(HandshakeError::TooManyClients)
            }
            (_, b"LOADING") => Err(HandshakeError::Loading),
            (_, b"WRONGPASS") => Err(HandshakeError::WrongPassword),
            (Due::Auth, b"ERR") if error.starts_with(b"ERR invalid password") => {
                Err(HandshakeError::WrongPassword)
            }
            (_, b"NOPERM") => Err(HandshakeError::NotPermitted(self.quoted(error))),
            (_, b"NOAUTH") if self.greeting.login.is_none() => Err(HandshakeError::PasswordNeeded),
            // Servers without HELLO say `unknown command`, those without RESP3 NOPROTO, and some
            // that stand before a server want a login first.
            (Due::Hello, b"ERR" | b"NOPROTO" | b"NOAUTH") => {
                self.phase = Phase::FallingBack;
                Ok(())
            }
            (Due::Select, _) => Err(HandshakeError::Database {
                database: self.greeting.database,
                said: self.quoted(error),
            }),
            (Due::Hello | Due::Auth | Due::ReadOnly, _) => {
                Err(HandshakeError::Refused(self.quoted(error)))
            }
        }
    }

    /// Takes in what HELLO tells.
    fn learn(&mut self, reply: &Value) -> Result<(), HandshakeError> {
        let fields = reply.as_pairs().ok_or(HandshakeError::Unexpected)?;
        let mut protocol = None;
        for (name, value) in fields {
            let text = || value.as_bytes().map(quoted);
            match name.as_bytes().unwrap_or_default() {
                b"proto" => protocol = value.as_integer(),
                b"server" => self.negotiated.server = text(),
                b"version" => self.negotiated.version = text(),
                b"mode" => self.negotiated.mode = text(),
                b"id" => self.negotiated.id = value.as_integer(),
                _ => {}
            }
        }
        self.negotiated.protocol = match protocol {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            _ => return Err(HandshakeError::Unexpected),
        };
        Ok(())
    }

    /// All commands, beginning with HELLO or, where there is none, with AUTH.
    fn batch(&mut self, first: Due) -> Secret {
        let mut bytes = Vec::new();
        let mut send = |due: Due, args: &[&[u8]]| {
            encode_command(&mut bytes, args);
            self.due.push_back(due);
        };
        let greeting = &self.greeting;
        let login = greeting
            .login
            .as_ref()
            .map(|login| (login.user.as_deref().map(str::as_bytes), login.password.expose()));
        let name = greeting.name.as_deref().filter(|name| is_word(name)).map(str::as_bytes);
        if first == Due::Hello {
            let version: &[u8] = match greeting.protocol {
                Protocol::Resp2 => b"2",
                Protocol::Resp3 => b"3",
            };
            let mut hello: Vec<&[u8]> = vec![b"HELLO", version];
            if let Some((user, password)) = login {
                hello.extend([&b"AUTH"[..], user.unwrap_or(b"default"), password]);
            }
            hello.extend(name.into_iter().flat_map(|name| [&b"SETNAME"[..], name]));
            send(Due::Hello, &hello);
        } else {
            match login {
                Some((Some(user), password)) => send(Due::Auth, &[b"AUTH", user, password]),
                Some((None, password)) => send(Due::Auth, &[b"AUTH", password]),
                None => {}
            }
            if let Some(name) = name {
                send(Due::Courtesy, &[b"CLIENT", b"SETNAME", name]);
            }
        }
        if let Some((library, version)) = &greeting.library {
            for (attribute, value) in [("LIB-NAME", library), ("LIB-VER", version)] {
                let words = [attribute.as_bytes(), value.as_bytes()];
                send(Due::Courtesy, &[b"CLIENT", b"SETINFO", words[0], words[1]]);
            }
        }
        if greeting.database > 0 {
            send(Due::Select, &[b"SELECT", greeting.database.to_string().as_bytes()]);
        }
        if greeting.access == Access::ReadOnly {
            send(Due::ReadOnly, &[b"READONLY"]);
        }
        Secret::new(bytes)
    }

    /// What a server said, for a person to read. Some servers repeat the command that they did not
    /// understand, the password included.
    fn quoted(&self, error: &[u8]) -> String {
        let password = self.greeting.login.as_ref().map(|login| login.password.expose());
        let leaks =
            |password: &[u8]| !password.is_empty() && memmem::find(error, password).is_some();
        if password.is_some_and(leaks) {
            return "(not shown, since the server repeats the password)".into();
        }
        quoted(error)
    }
}

/// Whether servers take this for a name.
fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn full() -> Greeting {
        Greeting {
            login: Some(Credentials { user: Some("ann".into()), password: Secret::new("sesame") }),
            name: Some("slotway".into()),
            library: Some(("slotway".into(), "0.1.0".into())),
            database: 7,
            access: Access::ReadOnly,
            ..Greeting::default()
        }
    }

    fn error(text: &str) -> Value {
        Value::Error(text.to_owned().into())
    }

    fn ok() -> Value {
        Value::Simple("OK".into())
    }

    fn text(text: &str) -> Value {
        Value::Bulk(text.to_owned().into())
    }

    fn hello(proto: i64) -> Vec<(Value, Value)> {
        vec![
            (text("server"), text("valkey")),
            (text("version"), text("9.1.2")),
            (text("proto"), Value::Integer(proto)),
            (text("id"), Value::Integer(5)),
            (text("mode"), text("cluster")),
            (text("modules"), Value::Array(vec![])),
        ]
    }

    /// The commands in some bytes, one a line.
    fn commands(bytes: &Secret) -> Vec<String> {
        let text = std::str::from_utf8(bytes.expose()).unwrap();
        let command = |text: &str| -> String {
            let words: Vec<_> = text.split("\r\n").skip(2).step_by(2).collect();
            words.join(" ")
        };
        text.split('*').skip(1).map(command).map(|line| line.trim().to_owned()).collect()
    }

    /// Answers with `replies`; gives the last step, and what was sent on the way.
    fn run(greeting: Greeting, replies: &[Value]) -> (HandshakeStep, Vec<Vec<String>>) {
        let (mut handshake, first) = Handshake::new(greeting);
        let mut sent = vec![commands(&first)];
        let mut last = HandshakeStep::Wait;
        for reply in replies {
            last = handshake.handle_reply(reply);
            if let HandshakeStep::Send(bytes) = &last {
                sent.push(commands(bytes));
            }
        }
        (last, sent)
    }

    #[track_caller]
    fn check(greeting: Greeting, replies: &[Value], expected: HandshakeError) {
        let (last, _) = run(greeting, replies);
        let HandshakeStep::Failed(error) = &last else { panic!("{last:?}") };
        assert_eq!(*error, expected);
        assert!(!format!("{last:?} {error}").contains("sesame"), "the password is shown");
    }

    #[test]
    fn all_goes_in_one_round_trip() {
        let replies = [Value::Map(hello(3)), ok(), ok(), ok(), ok()];
        let (last, sent) = run(full(), &replies);
        assert_eq!(
            sent,
            [[
                "HELLO 3 AUTH ann sesame SETNAME slotway",
                "CLIENT SETINFO LIB-NAME slotway",
                "CLIENT SETINFO LIB-VER 0.1.0",
                "SELECT 7",
                "READONLY",
            ]]
        );
        let negotiated = Negotiated {
            protocol: Protocol::Resp3,
            server: Some("valkey".into()),
            version: Some("9.1.2".into()),
            mode: Some("cluster".into()),
            id: Some(5),
        };
        assert_eq!(last, HandshakeStep::Done(negotiated));
    }

    #[test]
    fn the_least_is_one_hello() {
        let (last, sent) = run(Greeting::default(), &[Value::Map(hello(3))]);
        assert_eq!(sent, [["HELLO 3"]]);
        assert!(matches!(last, HandshakeStep::Done(_)));
        let older = Greeting { protocol: Protocol::Resp2, ..Greeting::default() };
        let flat = hello(2).into_iter().flat_map(|(name, value)| [name, value]).collect();
        let (last, sent) = run(older, &[Value::Array(flat)]);
        assert_eq!(sent, [["HELLO 2"]]);
        let HandshakeStep::Done(negotiated) = last else { panic!("{last:?}") };
        assert_eq!((negotiated.protocol, negotiated.id), (Protocol::Resp2, Some(5)));
    }

    #[test]
    fn a_server_without_hello_is_talked_to_in_its_own_way() {
        for refusal in [
            "ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `ann`, `sesame`, ",
            "ERR unknown command 'HELLO'",
            "ERR unsupported command",
            "NOPROTO unsupported protocol version",
            "NOAUTH Authentication required.",
        ] {
            let denied = error("NOAUTH Authentication required.");
            let mut replies = vec![error(refusal)];
            replies.extend(std::iter::repeat_n(denied, 4));
            replies.extend([ok(), ok(), error("ERR no SETINFO"), error("ERR no SETINFO")]);
            replies.extend([ok(), ok()]);
            let (last, sent) = run(full(), &replies);
            assert_eq!(
                sent[1],
                [
                    "AUTH ann sesame",
                    "CLIENT SETNAME slotway",
                    "CLIENT SETINFO LIB-NAME slotway",
                    "CLIENT SETINFO LIB-VER 0.1.0",
                    "SELECT 7",
                    "READONLY",
                ]
            );
            let HandshakeStep::Done(negotiated) = last else { panic!("{last:?}") };
            assert_eq!(negotiated.protocol, Protocol::Resp2);
        }
        let (last, sent) = run(Greeting::default(), &[error("ERR unknown command 'HELLO'")]);
        assert!(matches!(last, HandshakeStep::Done(_)), "nothing else was wanted: {last:?}");
        assert_eq!(sent.len(), 1);
    }

    #[test]
    fn a_password_alone_is_that_of_the_default_user() {
        let login = Some(Credentials { user: None, password: Secret::new("sesame") });
        let greeting = Greeting { login, ..Greeting::default() };
        let (last, sent) = run(greeting, &[error("ERR unknown command"), ok()]);
        assert_eq!(sent, [["HELLO 3 AUTH default sesame"], ["AUTH sesame"]]);
        assert!(matches!(last, HandshakeStep::Done(_)));
    }

    #[test]
    fn courtesies_may_be_refused() {
        let refused = error("ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.");
        let replies = [Value::Map(hello(3)), refused.clone(), refused, ok(), ok()];
        assert!(matches!(run(full(), &replies).0, HandshakeStep::Done(_)));
        let named = |name: &str| Greeting { name: Some(name.into()), ..Greeting::default() };
        for name in ["", "a b", "a\nb", "é"] {
            assert_eq!(run(named(name), &[]).1, [["HELLO 3"]], "{name:?} is no name");
        }
    }

    #[test]
    fn a_failure_says_what_to_change() {
        use HandshakeError::{
            Database, Loading, NotPermitted, PasswordNeeded, Refused, TooManyClients, Unexpected,
            WrongPassword,
        };
        let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
        check(full(), &[error(wrong)], WrongPassword);
        check(Greeting::default(), &[error("NOAUTH HELLO must be called")], PasswordNeeded);
        check(full(), &[error("ERR max number of clients reached")], TooManyClients);
        check(full(), &[error("LOADING Redis is loading")], Loading);
        let noperm = "NOPERM User ann has no permissions to run the 'select' command";
        check(
            full(),
            &[Value::Map(hello(3)), ok(), ok(), error(noperm)],
            NotPermitted(noperm.into()),
        );
        let range = "ERR DB index is out of range";
        check(
            full(),
            &[Value::Map(hello(3)), ok(), ok(), error(range)],
            Database { database: 7, said: range.into() },
        );
        let denied = "DENIED Redis is running in protected mode";
        check(full(), &[error(denied)], Refused(denied.into()));
        check(full(), &[ok()], Unexpected);
        check(full(), &[Value::Map(vec![])], Unexpected);
        check(Greeting::default(), &[Value::Map(hello(3)), ok()], Unexpected);
    }

    #[test]
    fn a_server_that_repeats_the_password_is_not_quoted() {
        let hidden = "(not shown, since the server repeats the password)";
        check(
            full(),
            &[error("STRANGE args: 'AUTH' 'ann' 'sesame'")],
            HandshakeError::Refused(hidden.into()),
        );
        let shown = format!("{:?} {:?}", full(), Handshake::new(full()));
        assert!(!shown.contains("sesame"), "{shown}");
        assert!(!shown.contains("115, 101, 115"), "not as numbers either: {shown}");
    }

    #[test]
    fn a_push_between_the_replies_is_passed_over() {
        let push = Value::Push(vec![text("invalidate")]);
        let (last, _) = run(Greeting::default(), &[push, Value::Map(hello(3))]);
        assert!(matches!(last, HandshakeStep::Done(_)));
    }

    proptest! {
        #[test]
        fn any_replies_lead_to_an_end(kinds in prop::collection::vec((0..6u8, ".{0,40}"), 20)) {
            let (mut handshake, _) = Handshake::new(full());
            let mut ended = false;
            for (kind, words) in kinds {
                let reply = match kind {
                    0 => error(&words),
                    1 => error("ERR unknown command"),
                    2 => Value::Map(hello(3)),
                    3 => Value::Null,
                    4 => text(&words),
                    _ => ok(),
                };
                match handshake.handle_reply(&reply) {
                    HandshakeStep::Wait | HandshakeStep::Send(_) => {}
                    HandshakeStep::Done(_) | HandshakeStep::Failed(_) => {
                        ended = true;
                        break;
                    }
                }
            }
            prop_assert!(ended);
        }
    }
}
