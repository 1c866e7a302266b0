//! What must hold once a run is over.

use std::collections::BTreeMap;

use crate::{
    cluster::Key,
    session::{Kind, Outcome, Request},
    world::World,
};

impl World {
    pub(crate) fn check(&self) -> Result<(), String> {
        for (number, session) in self.sessions.iter().enumerate() {
            let delivered: Vec<_> =
                session.delivered.iter().map(|&(sequence, _)| sequence).collect();
            if !session.ring.is_empty() || delivered != (0..session.next).collect::<Vec<_>>() {
                return Err(format!(
                    "session {number} was answered {delivered:?} of {}",
                    session.next
                ));
            }
            if !session.order.is_idle() {
                return Err(format!("session {number} still keeps a slot in order"));
            }
        }
        self.requests.iter().try_for_each(|request| self.check_request(request))?;
        self.check_order()
    }

    fn check_request(&self, request: &Request) -> Result<(), String> {
        let token = &request.token;
        if request.sent > SENT_MAX {
            return Err(format!("{token} was sent {} times", request.sent));
        }
        if let Some(Outcome::Refused(text)) = &request.outcome
            && text.contains("redirects")
        {
            return Err(format!("{token} went in circles: {text}"));
        }
        let outcome = request.outcome.as_ref().ok_or_else(|| format!("{token} never ended"))?;
        for &key in &request.keys {
            let list = self.cluster.data(key);
            let count = list.iter().filter(|written| *written == token).count();
            match (request.kind, outcome) {
                (_, _) if count > 1 => return Err(format!("{token} ran {count} times")),
                (Kind::Append | Kind::AppendAll | Kind::Script, Outcome::Reply(reply)) => {
                    let place = list.iter().position(|written| written == token);
                    let expected = place.map(|place| format!(":{}\r\n", place + 1));
                    let reply = String::from_utf8_lossy(reply);
                    let fits = match request.kind {
                        Kind::Append | Kind::Script => expected.as_deref() == Some(&*reply),
                        Kind::AppendAll | Kind::Forgery | Kind::Read => {
                            reply == "+OK\r\n" && count == 1
                        }
                    };
                    if !fits {
                        return Err(format!(
                            "{token} was acknowledged by {reply:?}, but {expected:?}"
                        ));
                    }
                }
                (Kind::Append | Kind::AppendAll | Kind::Script, Outcome::Refused(text))
                    if count == 1 =>
                {
                    return Err(format!("{token} was refused ({text}) and ran"));
                }
                (Kind::Read, Outcome::Reply(reply)) => self.check_read(request, key, reply)?,
                (Kind::Read, Outcome::Unknown) => return Err(format!("read {token} is unknown")),
                _ => {}
            }
        }
        Ok(())
    }

    /// A read saw its own key, a state that the key once had, and what its session wrote before.
    fn check_read(&self, request: &Request, key: Key, reply: &[u8]) -> Result<(), String> {
        let token = &request.token;
        let text = String::from_utf8_lossy(reply);
        let name = self.cluster.key_name(key);
        let body =
            text.split("\r\n").nth(1).and_then(|body| body.strip_prefix(&format!("{name}=")));
        let body = body.ok_or_else(|| format!("read {token} of {name} got {text:?}"))?;
        let seen: Vec<&str> = body.split(',').filter(|written| !written.is_empty()).collect();
        if !self
            .cluster
            .data(key)
            .iter()
            .map(String::as_str)
            .take(seen.len())
            .eq(seen.iter().copied())
        {
            return Err(format!("read {token} saw {seen:?}, which {name} never was"));
        }
        let session = &self.sessions[request.session];
        let missed =
            session.delivered.iter().map(|&(_, ticket)| &self.requests[ticket]).find(|other| {
                other.sequence < request.sequence
                    && other.kind != Kind::Read
                    && other.keys.contains(&key)
                    && matches!(other.outcome, Some(Outcome::Reply(_)))
                    && !seen.contains(&other.token.as_str())
            });
        missed.map_or(Ok(()), |other| Err(format!("read {token} ran before {}", other.token)))
    }

    /// What one session wrote to a key, and was told of, stands there in the order it was sent.
    fn check_order(&self) -> Result<(), String> {
        for key in self.cluster.keys_in_use() {
            let written = self.cluster.data(key);
            let acknowledged = written.iter().filter_map(|token| {
                let request = self.requests.iter().find(|request| request.token == *token)?;
                let told = matches!(request.outcome, Some(Outcome::Reply(_)));
                told.then_some((request.session, request.sequence))
            });
            let mut last = BTreeMap::new();
            for (session, sequence) in acknowledged {
                if last.insert(session, sequence).is_some_and(|before| before > sequence) {
                    return Err(format!("s{session}n{sequence} was overtaken"));
                }
            }
        }
        Ok(())
    }
}

/// Redirects are few, and waits end with the deadline: no request needs more attempts.
const SENT_MAX: u32 = 60;
