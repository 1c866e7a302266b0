//! What others see of a session: the line of it in `CLIENT LIST`.

use std::{fmt::Write as _, time::Duration};

use slotway_protocol::Protocol;

use super::{Tracking, Wording};

/// All that can be seen of a session from outside, as it was when the session last said.
#[derive(Clone, Debug)]
pub struct Face {
    /// What it called itself; empty if it did not.
    pub name: String,
    /// The library that it says to be.
    pub library: String,
    /// The version of the library.
    pub library_version: String,
    /// Who is logged in.
    pub user: String,
    /// The database that it selected.
    pub database: u32,
    /// How it is talked to.
    pub protocol: Protocol,
    /// Whether it said that it can be redirected (`CLIENT CAPA redirect`).
    pub redirectable: Switch,
    /// Whether it asked to be spared when memory is short.
    pub no_evict: Switch,
    /// Whether it asked that its reads leave no trace.
    pub no_touch: Switch,
    /// What it wants to hear about keys that change.
    pub tracking: Tracking,
    /// What it is in the middle of.
    pub standing: Standing,
    /// What it did.
    pub activity: Activity,
}

/// On or off.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    #[default]
    Off,
}

/// What a session is in the middle of. Whoever runs the session knows, and says so.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// How many commands wait for `EXEC`, after `MULTI`.
    pub queued: Option<u32>,
    /// How many keys it watches.
    pub watched: u32,
    /// How many channels it listens to.
    pub channels: u32,
    /// How many patterns it listens to.
    pub patterns: u32,
    /// How many sharded channels it listens to.
    pub shard_channels: u32,
    /// Whether it waits in a blocking command, from which `CLIENT UNBLOCK` can free it.
    pub blocked: Switch,
}

/// What a session did, as of the last time that it was noted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Activity {
    /// The name of its last command, `container|subcommand` for a subcommand; empty before the
    /// first.
    pub command: String,
    /// When that came, since the proxy started.
    pub at: Duration,
    /// How many commands it sent.
    pub commands: u64,
    /// How many bytes it sent.
    pub bytes_in: u64,
    /// How many bytes it was sent.
    pub bytes_out: u64,
    /// How many bytes of it are not read yet.
    pub unread: usize,
    /// How many bytes it has not taken yet.
    pub unsent: usize,
}

/// What about a session never changes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// The address of the client, as `CLIENT LIST` shows it: `127.0.0.1:50122`, or of a unix
    /// socket its path and `:0`.
    pub peer: String,
    /// The address that it connected to, in the same form.
    pub local: String,
    /// By what it came.
    pub via: Via,
    /// The number of its socket in the process.
    pub socket: i32,
    /// When it came, since the proxy started.
    pub at: Duration,
}

/// By what a client came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Via {
    /// Over the network.
    Tcp,
    /// By a socket in the file system.
    Unix,
}

impl Standing {
    /// Whether it listens to anything.
    pub fn is_subscribed(&self) -> bool {
        (self.channels, self.patterns, self.shard_channels) != (0, 0, 0)
    }
}

impl Face {
    /// A session that has said nothing yet.
    pub(super) fn new(user: &str, at: Duration) -> Self {
        Self {
            name: String::new(),
            library: String::new(),
            library_version: String::new(),
            user: user.to_owned(),
            database: 0,
            protocol: Protocol::Resp2,
            redirectable: Switch::Off,
            no_evict: Switch::Off,
            no_touch: Switch::Off,
            tracking: Tracking::default(),
            standing: Standing::default(),
            activity: Activity { at, ..Activity::default() },
        }
    }

    /// The letters that stand for what it is, `N` if none does.
    pub(super) fn flags(&self, via: Via) -> String {
        let tracks = self.tracking.is_on();
        let letters = [
            ('P', self.standing.is_subscribed()),
            ('x', self.standing.queued.is_some()),
            ('b', self.standing.blocked == Switch::On),
            ('t', tracks),
            ('R', self.tracking.has_lost_redirect()),
            ('B', tracks && self.tracking.is_broadcast()),
            ('U', via == Via::Unix),
            ('e', self.no_evict == Switch::On),
            ('T', self.no_touch == Switch::On),
        ];
        let flags: String =
            letters.iter().filter(|(_, is)| *is).map(|(letter, _)| letter).collect();
        if flags.is_empty() { "N".to_owned() } else { flags }
    }

    /// The letters that stand for what it can do.
    pub(super) fn capabilities(&self) -> &'static str {
        match self.redirectable {
            Switch::On => "r",
            Switch::Off => "",
        }
    }

    /// Its line in `CLIENT LIST`, with the fields that the servers behind have. Those about the
    /// memory of a server's client say what they can: nothing here is kept in that way.
    pub(super) fn line(
        &self,
        id: u64,
        arrival: &Arrival,
        now: Duration,
        wording: Wording,
    ) -> String {
        let mut line = String::with_capacity(400);
        // Writing into a string does not fail.
        let _ = self.write_line(&mut line, (id, arrival), now, wording);
        line
    }

    fn write_line(
        &self,
        line: &mut String,
        (id, arrival): (u64, &Arrival),
        now: Duration,
        wording: Wording,
    ) -> std::fmt::Result {
        let Activity { unread, unsent, .. } = self.activity;
        let age = now.saturating_sub(arrival.at).as_secs();
        let idle = now.saturating_sub(self.activity.at).as_secs();
        write!(line, "id={id} addr={} laddr={} ", arrival.peer, arrival.local)?;
        write!(line, "fd={} name={} age={age} idle={idle} ", arrival.socket, self.name)?;
        write!(line, "flags={} ", self.flags(arrival.via))?;
        if wording >= Wording::Valkey8 {
            write!(line, "capa={} ", self.capabilities())?;
        }
        let Standing { channels, patterns, shard_channels, queued, watched, .. } = self.standing;
        write!(line, "db={} sub={channels} psub={patterns} ssub={shard_channels} ", self.database)?;
        write!(line, "multi={} ", queued.map_or(-1, i64::from))?;
        if wording >= Wording::Valkey8 {
            write!(line, "watch={watched} ")?;
        }
        write!(line, "qbuf={unread} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 ")?;
        let memory = unread.saturating_add(unsent);
        let events = if unsent > 0 { "rw" } else { "r" };
        write!(line, "omem={unsent} tot-mem={memory} events={events} ")?;
        let command = Some(self.activity.command.as_str()).filter(|name| !name.is_empty());
        let resp = match self.protocol {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        };
        let redirect = self.tracking.redirect();
        write!(line, "cmd={} user={} ", command.unwrap_or("NULL"), self.user)?;
        write!(line, "redir={redirect} resp={resp}")?;
        if wording >= Wording::Redis72 {
            write!(line, " lib-name={} lib-ver={}", self.library, self.library_version)?;
        }
        if wording >= Wording::Valkey8 {
            let Activity { bytes_in, bytes_out, commands, .. } = self.activity;
            write!(line, " tot-net-in={bytes_in} tot-net-out={bytes_out} tot-cmds={commands}")?;
        }
        line.write_char('\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival() -> Arrival {
        Arrival {
            peer: "10.0.0.1:5000".to_owned(),
            local: "10.0.0.2:6379".to_owned(),
            via: Via::Tcp,
            socket: 9,
            at: Duration::from_secs(10),
        }
    }

    #[track_caller]
    fn check(wording: Wording, expected: &str) {
        let mut face = Face::new("default", Duration::from_secs(11));
        face.name = "app".to_owned();
        let line = face.line(7, &arrival(), Duration::from_secs(15), wording);
        assert_eq!(line, format!("{expected}\n"));
    }

    #[test]
    fn a_line_has_the_fields_of_its_server() {
        check(
            Wording::Redis70,
            "id=7 addr=10.0.0.1:5000 laddr=10.0.0.2:6379 fd=9 name=app age=5 idle=4 flags=N db=0 \
             sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 \
             obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=NULL user=default redir=-1 resp=2",
        );
        check(
            Wording::Valkey9,
            "id=7 addr=10.0.0.1:5000 laddr=10.0.0.2:6379 fd=9 name=app age=5 idle=4 flags=N \
             capa= db=0 sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=0 qbuf-free=0 argv-mem=0 \
             multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=NULL user=default \
             redir=-1 resp=2 lib-name= lib-ver= tot-net-in=0 tot-net-out=0 tot-cmds=0",
        );
    }

    #[test]
    fn flags_are_the_letters_of_what_it_is() {
        let mut face = Face::new("default", Duration::ZERO);
        assert_eq!(face.flags(Via::Tcp), "N");
        face.no_evict = Switch::On;
        face.no_touch = Switch::On;
        face.standing = Standing { queued: Some(0), channels: 1, ..Standing::default() };
        assert_eq!(face.flags(Via::Unix), "PxUeT");
    }
}
