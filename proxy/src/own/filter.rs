//! Which sessions a `CLIENT LIST` or `CLIENT KILL` is about.

use std::{collections::BTreeSet, time::Duration};

use slotway_protocol::Command;

use super::{
    Wording, World,
    args::{integer, is, quoting},
    directory::Card,
    face::{Face, Switch},
    identity::DEFAULT_USER,
};

/// What a session has to be, and not to be.
#[derive(Debug, Default)]
pub(super) struct Filter {
    tests: Vec<(Sense, Test)>,
    /// Whether the session that asks is left out, if it said so.
    pub(super) skip_me: Option<Switch>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sense {
    Is,
    IsNot,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Test {
    Ids(BTreeSet<u64>),
    Kind(Kind),
    Addr(Vec<u8>),
    LocalAddr(Vec<u8>),
    Ip(Vec<u8>),
    User(Vec<u8>),
    Name(Vec<u8>),
    Library(Vec<u8>),
    LibraryVersion(Vec<u8>),
    Flags(Vec<u8>),
    Capabilities(Vec<u8>),
    Database(u32),
    Age(Duration),
    Idle(Duration),
}

/// The kinds of clients that a server tells apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Normal,
    Subscriber,
    /// Primaries and replicas: there are none here.
    Node,
}

const SYNTAX: &str = "ERR syntax error";
const ID_TOO_SMALL: &str = "ERR client-id should be greater than 0";
/// The letters that Valkey 9 knows.
const FLAGS: &[u8] = b"AbBcdDeiIMNOPrRStTuUx";

impl Filter {
    /// The options from this argument on, as servers of this generation read them.
    pub(super) fn read(command: &Command<'_>, from: usize, world: &World) -> Result<Self, Vec<u8>> {
        let wording = world.backend().wording();
        let (mut filter, mut at) = (Self::default(), from);
        while let Some(option) = command.arg(at) {
            let option = option.to_ascii_lowercase();
            let (sense, name) = sense(&option, wording);
            if name == b"id" && wording >= Wording::Valkey8 {
                at = filter.read_ids(command, at + 1, sense)?;
                continue;
            }
            let value = command.arg(at + 1).ok_or(SYNTAX)?;
            if name == b"skipme" && sense == Sense::Is {
                filter.skip_me = Some(yes_or_no(value)?);
            } else {
                let test = test(name, sense, value, world, wording)?;
                filter.put(sense, test);
            }
            at += 2;
        }
        Ok(filter)
    }

    /// Only this kind.
    pub(super) fn of_kind(kind: Kind) -> Self {
        Self { tests: vec![(Sense::Is, Test::Kind(kind))], skip_me: None }
    }

    /// Only the session from this address.
    pub(super) fn from_addr(addr: &[u8]) -> Self {
        Self { tests: vec![(Sense::Is, Test::Addr(addr.to_vec()))], skip_me: None }
    }

    /// Whether it is about this session.
    pub(super) fn admits(&self, card: &Card, now: Duration) -> bool {
        self.tests.iter().all(|(sense, test)| test.holds(card, now) == (*sense == Sense::Is))
    }

    /// As many ids as there are, and where the next option is.
    fn read_ids(
        &mut self,
        command: &Command<'_>,
        mut at: usize,
        sense: Sense,
    ) -> Result<usize, &'static str> {
        let known = self.tests.iter().find_map(|(known, test)| {
            let Test::Ids(ids) = test else { return None };
            (*known == sense).then(|| ids.clone())
        });
        let mut ids = known.unwrap_or_default();
        while let Some(id) = command.arg(at).and_then(integer) {
            ids.insert(u64::try_from(id).ok().filter(|&id| id > 0).ok_or(ID_TOO_SMALL)?);
            at += 1;
        }
        if ids.is_empty() {
            return Err(SYNTAX);
        }
        self.put(sense, Test::Ids(ids));
        Ok(at)
    }

    /// The last of each kind counts.
    fn put(&mut self, sense: Sense, test: Test) {
        let same = |(known, old): &(Sense, Test)| {
            *known == sense && std::mem::discriminant(old) == std::mem::discriminant(&test)
        };
        self.tests.retain(|known| !same(known));
        self.tests.push((sense, test));
    }
}

impl Test {
    fn holds(&self, card: &Card, now: Duration) -> bool {
        let arrival = card.arrival();
        match self {
            Self::Ids(ids) => ids.contains(&card.id()),
            Self::Kind(kind) => card.look(|face| Kind::of(face) == *kind),
            Self::Addr(addr) => arrival.peer.as_bytes() == addr,
            Self::LocalAddr(addr) => arrival.local.as_bytes() == addr,
            Self::Ip(ip) => {
                let peer = arrival.peer.rsplit_once(':').map_or("", |(ip, _)| ip);
                peer.trim_matches(['[', ']']).as_bytes() == ip
            }
            Self::User(user) => card.look(|face| face.user.as_bytes() == user),
            Self::Name(name) => card.look(|face| is_named(&face.name, name)),
            Self::Library(name) => card.look(|face| is_named(&face.library, name)),
            Self::LibraryVersion(name) => card.look(|face| is_named(&face.library_version, name)),
            Self::Flags(letters) => {
                let flags = card.look(|face| face.flags(arrival.via));
                letters.iter().all(|letter| flags.as_bytes().contains(letter))
            }
            Self::Capabilities(letters) => {
                let own = card.look(Face::capabilities).as_bytes();
                letters.iter().all(|letter| own.contains(letter))
            }
            Self::Database(database) => card.look(|face| face.database == *database),
            Self::Age(age) => now.saturating_sub(arrival.at).as_secs() >= age.as_secs(),
            Self::Idle(idle) => {
                let at = card.look(|face| face.activity.at);
                now.saturating_sub(at).as_secs() >= idle.as_secs()
            }
        }
    }
}

impl Kind {
    fn of(face: &Face) -> Self {
        if face.standing.is_subscribed() { Self::Subscriber } else { Self::Normal }
    }

    /// What servers of this generation call it.
    pub(super) fn named(arg: &[u8], wording: Wording) -> Result<Self, Vec<u8>> {
        match arg.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(Self::Normal),
            b"pubsub" => Ok(Self::Subscriber),
            b"master" | b"slave" | b"replica" => Ok(Self::Node),
            b"primary" if wording >= Wording::Valkey8 => Ok(Self::Node),
            _ => Err(quoting("ERR Unknown client type '", arg, "'")),
        }
    }
}

/// Whether an option is about what sessions are or about what they are not; the latter only the
/// newest have.
fn sense(option: &[u8], wording: Wording) -> (Sense, &[u8]) {
    match option.strip_prefix(b"not-") {
        Some(name) if wording >= Wording::Valkey9 => (Sense::IsNot, name),
        _ => (Sense::Is, option),
    }
}

fn test(
    name: &[u8],
    sense: Sense,
    value: &[u8],
    world: &World,
    wording: Wording,
) -> Result<Test, Vec<u8>> {
    let text = || value.to_vec();
    match name {
        // Redis reads one id, and finds the same fault with all that are none.
        b"id" => Ok(Test::Ids(BTreeSet::from([integer(value)
            .and_then(|id| u64::try_from(id).ok())
            .filter(|&id| id > 0)
            .ok_or(ID_TOO_SMALL)?]))),
        b"type" => Kind::named(value, wording).map(Test::Kind),
        b"addr" => Ok(Test::Addr(text())),
        b"laddr" => Ok(Test::LocalAddr(text())),
        b"user" if value == DEFAULT_USER.as_bytes() => Ok(Test::User(text())),
        b"user" => Err(quoting("ERR No such user '", value, "'")),
        b"maxage" if sense == Sense::Is && wording >= Wording::Valkey8 => {
            seconds("maxage", value).map(Test::Age)
        }
        _ if wording >= Wording::Valkey9 => newest_test(name, sense, value, world),
        _ => Err(SYNTAX.into()),
    }
}

/// What Valkey 9 brought.
fn newest_test(name: &[u8], sense: Sense, value: &[u8], world: &World) -> Result<Test, Vec<u8>> {
    let text = || value.to_vec();
    let unknown = |what: &str, not: &str| match sense {
        Sense::Is => {
            quoting(&format!("ERR Unknown {what} found in the provided filter: "), value, "")
        }
        Sense::IsNot => {
            quoting(&format!("ERR Unknown {what} found in the {not} filter: "), value, "")
        }
    };
    match name {
        b"name" => Ok(Test::Name(text())),
        b"lib-name" => Ok(Test::Library(text())),
        b"lib-ver" => Ok(Test::LibraryVersion(text())),
        b"ip" => Ok(Test::Ip(text())),
        b"idle" if sense == Sense::Is => seconds("idle", value).map(Test::Idle),
        b"db" => database(sense, value, world.settings().databases).map(Test::Database),
        b"flags" if value.iter().all(|letter| FLAGS.contains(letter)) => Ok(Test::Flags(text())),
        b"flags" => Err(unknown("flags", "NOT-FLAGS")),
        b"capa" if value.iter().all(|&letter| letter == b'r') => Ok(Test::Capabilities(text())),
        b"capa" => Err(unknown("capa", "NOT-CAPA")),
        _ => Err(SYNTAX.into()),
    }
}

fn seconds(name: &str, value: &[u8]) -> Result<Duration, Vec<u8>> {
    let seconds =
        integer(value).ok_or_else(|| format!("ERR {name} is not an integer or out of range"))?;
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0);
    Ok(Duration::from_secs(seconds.ok_or_else(|| format!("ERR {name} should be greater than 0"))?))
}

fn database(sense: Sense, value: &[u8], databases: u32) -> Result<u32, Vec<u8>> {
    let name = if sense == Sense::Is { "DB" } else { "NOT-DB" };
    let number =
        integer(value).ok_or_else(|| format!("ERR {name} is not an integer or out of range"))?;
    let number = u32::try_from(number).ok().filter(|&number| number < databases);
    let last = databases.saturating_sub(1);
    Ok(number.ok_or_else(|| format!("ERR {name} number should be between 0 and {last}"))?)
}

fn yes_or_no(value: &[u8]) -> Result<Switch, &'static str> {
    match (is(value, "yes"), is(value, "no")) {
        (true, _) => Ok(Switch::On),
        (_, true) => Ok(Switch::Off),
        _ => Err(SYNTAX),
    }
}

/// Who has no name is found by none.
fn is_named(own: &str, name: &[u8]) -> bool {
    !own.is_empty() && own.as_bytes() == name
}
