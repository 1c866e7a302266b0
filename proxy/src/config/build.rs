//! Makes a configuration of what was said, and checks what fits together.

use std::{
    collections::BTreeMap,
    fs::File,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use slotway_protocol::{
    CommandTable, CrossSlot, LoginState, PipelineLimits, PlanRules, RequestLimits, Secret,
};

use super::{
    Admin, KeysShown, Log, LogFormat, LogLevel, ProxyConfig, ProxyLimits, address, cluster,
    keys::{Id, KEYS, Section},
    kind::{Value, cores},
    listener::{ListenAddress, ListenMode, Listener, ProxyProtocol},
    password,
    problem::{Origin, Problem, Wrong},
    said::{Given, Part, Said},
    settings::Settings,
};

/// One part, in which every key with a default has a value.
pub(crate) struct Values<'a> {
    part: &'a Part,
    problems: Vec<Problem>,
}

/// Makes a configuration, or tells everything that does not fit together.
pub(crate) fn build(mut said: Said) -> Result<ProxyConfig, Vec<Problem>> {
    fill(&mut said.plain, |section| section != Section::Listen);
    for listener in &mut said.listeners {
        fill(listener, |section| section == Section::Listen);
    }
    let mut values = Values { part: &said.plain, problems: Vec::new() };
    let cluster = cluster::build(&mut values);
    let listeners = listeners(&said.listeners, &mut values.problems);
    let admin = admin(&values);
    distinct(&said.listeners, admin, &mut values);
    let limits = limits(&mut values);
    let rules = rules(&mut values);
    let config = ProxyConfig {
        listeners,
        admin,
        limits,
        rules,
        workers: workers(&values),
        log: log(&values),
        settings: Settings::of(&said),
        warnings: Vec::new(),
        cluster: cluster.unwrap_or_else(|| slotway::Config::new([])),
    };
    // Only what has no problem leaves this place.
    if values.problems.is_empty() { Ok(config) } else { Err(values.problems) }
}

/// Gives every key its default that has one and was not said.
pub(crate) fn fill(part: &mut Part, wanted: impl Fn(Section) -> bool) {
    let keys = KEYS.iter().filter(|key| wanted(key.section) && !key.default.is_empty());
    for key in keys {
        let value = key.kind.read(key.default).expect("a test reads every default");
        part.entry(key.id).or_insert(Given { value, origin: Origin::Default });
    }
}

impl<'a> Values<'a> {
    pub(crate) fn given(&self, id: Id) -> Option<&'a Given> {
        self.part.get(&id)
    }

    pub(crate) fn text(&self, id: Id) -> Option<&'a str> {
        match &self.given(id)?.value {
            Value::Text(text) => Some(text),
            Value::Secret(_) | Value::List(_) | Value::Switch(_) | Value::Number(_) => None,
        }
    }

    pub(crate) fn list(&self, id: Id) -> &'a [String] {
        match self.given(id).map(|given| &given.value) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    pub(crate) fn is_on(&self, id: Id) -> bool {
        matches!(self.given(id).map(|given| &given.value), Some(Value::Switch(true)))
    }

    /// A number of a key that has a default.
    fn number(&self, id: Id) -> u64 {
        match self.given(id).map(|given| &given.value) {
            Some(Value::Number(number)) => *number,
            _ => 0,
        }
    }

    pub(crate) fn count(&self, id: Id) -> usize {
        usize::try_from(self.number(id)).unwrap_or(usize::MAX)
    }

    pub(crate) fn time(&self, id: Id) -> Duration {
        Duration::from_millis(self.number(id))
    }

    /// A time of which 0 is never.
    fn time_or_never(&self, id: Id) -> Option<Duration> {
        Some(self.time(id)).filter(|time| !time.is_zero())
    }

    /// A path; one in a file counts from the file's folder.
    pub(crate) fn path(&self, id: Id) -> Option<PathBuf> {
        let path = Path::new(self.text(id)?);
        match &self.given(id)?.origin {
            Origin::File(spot) => Some(spot.beside(path)),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => Some(path.to_owned()),
        }
    }

    /// The path of a file that can be read.
    pub(crate) fn readable(&mut self, id: Id) -> Option<PathBuf> {
        let path = self.path(id)?;
        if let Err(error) = File::open(&path) {
            let says = format!("cannot read {}: {error}", path.display());
            self.problem(id, says, "name a file that you may read");
        }
        Some(path)
    }

    /// A password that was said, or stands in a file.
    pub(crate) fn secret(&mut self, word: Id, file: Id) -> Option<Secret> {
        if let Some(Given { value: Value::Secret(secret), .. }) = self.given(word) {
            return Some(secret.clone());
        }
        match password::from_file(&self.path(file)?) {
            Ok(secret) => Some(secret),
            Err(Wrong { says, hint }) => {
                self.problem(file, says, hint.unwrap_or_default());
                None
            }
        }
    }

    /// Something is wrong with the value of this key.
    pub(crate) fn problem(&mut self, id: Id, says: impl Into<String>, hint: impl Into<String>) {
        let origin = self.given(id).map_or(&Origin::Default, |given| &given.origin);
        let wrong = Wrong::new(says, hint);
        self.problems.push(Problem::of_value(origin, id.key(), wrong));
    }

    /// Something is missing.
    pub(crate) fn missing(&mut self, says: &str, hint: &str) {
        self.problems.push(Problem::of_all(says, hint));
    }
}

fn listeners(parts: &[Part], problems: &mut Vec<Problem>) -> Vec<Listener> {
    let listener = |part| {
        let mut values = Values { part, problems: Vec::new() };
        let address = values.list(Id::ListenAddress).first()?;
        let listener = Listener {
            address: placed(&values, address::listen(address).ok()?),
            // There is one, so far.
            mode: ListenMode::Single,
            password: values.secret(Id::ListenPassword, Id::ListenPasswordFile),
            proxy_protocol: match values.text(Id::ProxyProtocol) {
                Some("v2") => ProxyProtocol::V2,
                _ => ProxyProtocol::Off,
            },
            keepalive: values.time_or_never(Id::TcpKeepalive),
            backlog: u32::try_from(values.number(Id::TcpBacklog)).unwrap_or(u32::MAX),
        };
        problems.append(&mut values.problems);
        Some(listener)
    };
    parts.iter().filter_map(listener).collect()
}

/// The path of a socket counts from the file's folder too.
fn placed(values: &Values<'_>, address: ListenAddress) -> ListenAddress {
    let origin = values.given(Id::ListenAddress).map(|given| &given.origin);
    match (address, origin) {
        (ListenAddress::Unix(path), Some(Origin::File(spot))) => {
            ListenAddress::Unix(spot.beside(&path))
        }
        (address, _) => address,
    }
}

/// No two of them listen at the same place.
fn distinct(parts: &[Part], admin: Option<Admin>, values: &mut Values<'_>) {
    let mut places: BTreeMap<String, &Origin> = BTreeMap::new();
    for part in parts {
        let Some(Given { value: Value::List(texts), origin }) = part.get(&Id::ListenAddress) else {
            continue;
        };
        let Some(Ok(address)) = texts.first().map(|text| address::listen(text)) else { continue };
        // Any number of sockets may ask for a port that is free.
        if matches!(address, ListenAddress::Tcp { port: 0, .. }) {
            continue;
        }
        let wrong = Wrong::new(
            format!("{address} has a listener already"),
            "give each listener an address of its own",
        );
        if places.insert(address.to_string(), origin).is_some() {
            values.problems.push(Problem::of_value(origin, Id::ListenAddress.key(), wrong));
        }
    }
    let admin = admin.map(|admin| admin.address).filter(|address| address.port() != 0);
    if admin.is_some_and(|address| places.contains_key(&address.to_string())) {
        let says = "a listener has this address";
        values.problem(Id::AdminAddress, says, "choose another port, or off");
    }
}

fn admin(values: &Values<'_>) -> Option<Admin> {
    let address = address::admin(values.text(Id::AdminAddress)?).ok().flatten()?;
    let keys =
        if values.is_on(Id::AdminShowKeys) { KeysShown::ToOperators } else { KeysShown::Never };
    Some(Admin { address, keys })
}

fn limits(values: &mut Values<'_>) -> ProxyLimits {
    for (small, large) in [
        (Id::BulkMax, Id::RequestMax),
        (Id::InlineMax, Id::RequestMax),
        (Id::OutputPause, Id::OutputMax),
    ] {
        if values.number(small) > values.number(large) {
            // Whoever said one of them more loudly is told.
            let rank = |id| values.given(id).map(|given| given.origin.rank());
            let at = if rank(small) >= rank(large) { small } else { large };
            let (small, large) = (small.key().name, large.key().name);
            values.problem(at, format!("`{small}` is more than `{large}`"), "change one of them");
        }
    }
    ProxyLimits {
        clients_max: values.count(Id::ClientsMax),
        request: RequestLimits {
            bulk_max: values.count(Id::BulkMax),
            args_max: values.count(Id::ArgsMax),
            inline_max: values.count(Id::InlineMax),
            request_max: values.count(Id::RequestMax),
            login: LoginState::Done,
        },
        pipeline_max: values.count(Id::PipelineMax),
        output_pause: values.count(Id::OutputPause),
        output_max: values.count(Id::OutputMax),
        subscriber_output_max: values.count(Id::SubscriberOutputMax),
        subscriptions_max: values.count(Id::SubscriptionsMax),
        idle_timeout: values.time_or_never(Id::IdleTimeout),
        handshake_timeout: values.time(Id::HandshakeTimeout),
        drain_deadline: values.time(Id::DrainDeadline),
    }
}

/// The bounds that are the client's.
pub(crate) fn client_limits(values: &Values<'_>) -> slotway::Limits {
    let mut limits = slotway::Limits::default();
    limits.deadline = values.time(Id::Deadline);
    limits.connect_timeout = values.time(Id::ConnectTimeout);
    limits.batch_max = values.count(Id::BatchMax);
    limits.leases_max = values.count(Id::LeasesMax);
    limits.pipeline = PipelineLimits {
        units_max: values.count(Id::NodePipelineMax),
        unsent_max: values.count(Id::NodeUnsentMax),
    };
    limits
}

fn rules(values: &mut Values<'_>) -> PlanRules {
    let table = CommandTable::builtin();
    let cross_slot = match values.text(Id::CrossSlot) {
        Some("reject") => CrossSlot::Reject,
        _ => CrossSlot::Split,
    };
    let mut rules = PlanRules::new(&table).with_cross_slot(cross_slot);
    let (allow, deny) = (values.list(Id::Allow), values.list(Id::Deny));
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    for name in deny.iter().filter(|name| allow.iter().any(|other| same(other, name))) {
        values.problem(
            Id::Deny,
            format!("`{name}` is allowed too"),
            "leave it out in one of the lists",
        );
    }
    // `config|set` is about less than `config`, so it is heard after it, whatever the lists.
    for part_of_another in [false, true] {
        let now = |name: &&String| name.contains('|') == part_of_another;
        // Each was looked up in the same table when it was read.
        allow.iter().filter(now).for_each(|name| drop(rules.allow(name, &table)));
        deny.iter().filter(now).for_each(|name| drop(rules.deny(name, &table)));
    }
    rules
}

fn workers(values: &Values<'_>) -> NonZeroUsize {
    NonZeroUsize::new(values.count(Id::Workers)).unwrap_or_else(cores)
}

fn log(values: &Values<'_>) -> Log {
    let format = match values.text(Id::LogFormat) {
        Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        _ => LogFormat::Auto,
    };
    let level = match values.text(Id::LogLevel) {
        Some("error") => LogLevel::Error,
        Some("warn") => LogLevel::Warn,
        Some("debug") => LogLevel::Debug,
        Some("trace") => LogLevel::Trace,
        _ => LogLevel::Info,
    };
    Log { format, level }
}
