//! What a worker counts.

use std::{sync::LazyLock, time::Duration};

use slotway_protocol::{CommandSpec, CommandTable, Protocol};
use tokio::time::Instant;

use super::{
    cells::{Buckets, Sizes, Tally, tallies},
    labels::{Closed, ERROR_PREFIXES, Group, Limit, OTHER, Outcome, error_place},
};

/// The counters of one worker.
///
/// Its own thread alone writes them, without any lock or locked instruction; the admin's thread reads them
/// and adds those of all workers up. Nothing is allocated after they were made, whatever clients do.
///
/// Gauges, which are fields of their own, are [`set`](Tally::set) or added to by the worker.
#[derive(Debug)]
#[repr(align(128))]
pub struct WorkerMetrics {
    listeners: Box<[ListenerMetrics]>,
    errors: [Tally; ERROR_PREFIXES.len() + 1],
    limits: [Tally; Limit::ALL.len()],
    /// Into how many parts a request was split that had keys of several slots.
    pub fanout: Sizes,
    /// Bytes that came from clients.
    pub received_bytes: Tally,
    /// Bytes that went to clients.
    pub sent_bytes: Tally,
    /// Requests that wait now for a slot to be served again.
    pub held_requests: Tally,
    /// Bytes of replies that wait now for clients to read.
    pub output_bytes: Tally,
    /// The time of the batch that is being worked on, in nanoseconds since this was made.
    time: Tally,
    /// When it last said that it is alive, in milliseconds since it was made.
    beat: Tally,
    made: Instant,
}

/// What a worker counts for each listener.
#[derive(Debug)]
pub struct ListenerMetrics {
    accepted: Tally,
    open: Tally,
    closed: [Tally; Closed::ALL.len()],
    handshakes: [Tally; PROTOCOLS.len()],
    /// Of each built-in command, and behind them of all others together.
    commands: Box<[[Tally; Outcome::ALL.len()]]>,
    durations: [Buckets; Group::ALL.len()],
}

/// A request of which it is known what it is, and when it came.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    command: u16,
    group: Group,
    at: u64,
}

/// The names of the built-in commands, at their places, and a last one for all others.
static COMMANDS: LazyLock<Box<[String]>> = LazyLock::new(|| {
    let table = CommandTable::builtin();
    table.iter().map(CommandSpec::name).chain([OTHER]).map(str::to_owned).collect()
});

const PROTOCOLS: [(Protocol, &str); 2] = [(Protocol::Resp2, "2"), (Protocol::Resp3, "3")];

impl WorkerMetrics {
    /// All zero, for as many listeners as there are.
    pub fn new(listeners: usize) -> Self {
        Self {
            listeners: (0..listeners).map(|_| ListenerMetrics::new()).collect(),
            errors: tallies(),
            limits: tallies(),
            fanout: Sizes::default(),
            received_bytes: Tally::default(),
            sent_bytes: Tally::default(),
            held_requests: Tally::default(),
            output_bytes: Tally::default(),
            time: Tally::default(),
            beat: Tally::default(),
            made: Instant::now(),
        }
    }

    /// What is counted for the listener of this number, if there is one.
    #[inline]
    pub fn listener(&self, number: usize) -> Option<&ListenerMetrics> {
        self.listeners.get(number)
    }

    /// A request of a client of this listener was answered.
    #[inline]
    pub fn answered(&self, listener: usize, asked: Asked, outcome: Outcome) {
        if let Some(listener) = self.listeners.get(listener) {
            let took = Duration::from_nanos(self.time.read().saturating_sub(asked.at));
            listener.answered(asked, outcome, took);
        }
    }

    /// A client got this error; only its first word is looked at.
    pub fn erred(&self, error: &[u8]) {
        self.errors[error_place(error)].add(1);
    }

    /// A bound was met: something was refused, or had to wait, or was closed.
    pub fn limited(&self, limit: Limit) {
        self.limits[limit as usize].add_shared(1);
    }

    /// The clock was read: whatever is asked or answered until the next time is so now.
    #[inline]
    pub fn read_clock(&self, now: Instant) {
        let since = now.saturating_duration_since(self.made);
        self.time.set(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A client asks for this, if it is known what that is.
    #[inline]
    pub fn ask(&self, spec: Option<&CommandSpec>) -> Asked {
        let command = spec.map_or(usize::MAX, CommandSpec::index);
        let group = spec.map_or(Group::Admin, Group::of);
        Asked { command: u16::try_from(command).unwrap_or(u16::MAX), group, at: self.time.read() }
    }

    /// The worker is alive. It says so every second, also when it has nothing to do.
    pub fn beat(&self, now: Instant) {
        let since = now.saturating_duration_since(self.made);
        self.beat.set(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    }

    /// For how long it has not said that it is alive.
    pub fn silent(&self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.made);
        since.saturating_sub(Duration::from_millis(self.beat.read()))
    }

    /// How many clients are connected.
    pub fn clients(&self) -> u64 {
        self.listeners.iter().map(|listener| listener.open.read()).sum()
    }

    /// How often each error was given, by its first word.
    pub(super) fn errors(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let prefixes = ERROR_PREFIXES.into_iter().chain([OTHER]);
        prefixes.zip(self.errors.iter().map(Tally::read))
    }

    pub(super) fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.into_iter().map(|limit| (limit.name(), self.limits[limit as usize].read()))
    }
}

impl ListenerMetrics {
    fn new() -> Self {
        Self {
            accepted: Tally::default(),
            open: Tally::default(),
            closed: tallies(),
            handshakes: tallies(),
            commands: COMMANDS.iter().map(|_| tallies()).collect(),
            durations: std::array::from_fn(|_| Buckets::default()),
        }
    }

    /// A client connected.
    pub fn opened(&self) {
        self.accepted.add(1);
        self.open.add(1);
    }

    /// A client that had connected is gone.
    pub fn closed(&self, reason: Closed) {
        self.closed[reason as usize].add_shared(1);
        self.open.sub(1);
    }

    /// A client was turned away before it was one. Any thread may say so.
    pub fn turned_away(&self, reason: Closed) {
        self.closed[reason as usize].add_shared(1);
    }

    /// A client said HELLO, and speaks this from now on.
    pub fn greeted(&self, protocol: Protocol) {
        let place = PROTOCOLS.iter().position(|(known, _)| *known == protocol);
        if let Some(place) = place {
            self.handshakes[place].add(1);
        }
    }

    fn answered(&self, asked: Asked, outcome: Outcome, took: Duration) {
        let place = usize::from(asked.command).min(self.commands.len() - 1);
        self.commands[place][outcome as usize].add(1);
        // How long it takes to refuse something says nothing of what it is.
        if outcome != Outcome::Rejected {
            self.durations[asked.group as usize].took(took);
        }
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.read()
    }

    pub(super) fn open(&self) -> u64 {
        self.open.read()
    }

    pub(super) fn closures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Closed::ALL.into_iter().map(|reason| (reason.name(), self.closed[reason as usize].read()))
    }

    pub(super) fn handshakes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        PROTOCOLS.iter().map(|(_, name)| *name).zip(self.handshakes.iter().map(Tally::read))
    }

    /// How often each command had each outcome, if it ever did.
    pub(super) fn commands(&self) -> impl Iterator<Item = ((&'static str, &'static str), u64)> {
        let named = COMMANDS.iter().map(String::as_str).zip(&self.commands);
        let each = named.flat_map(|(command, tallies)| {
            let outcomes = Outcome::ALL.into_iter().map(Outcome::name);
            outcomes.zip(tallies).map(move |(outcome, tally)| ((command, outcome), tally.read()))
        });
        each.filter(|(_, count)| *count > 0)
    }

    pub(super) fn durations(&self) -> impl Iterator<Item = (&'static str, super::Distribution)> {
        Group::ALL.into_iter().map(|group| (group.name(), self.durations[group as usize].read()))
    }
}

#[cfg(test)]
mod tests {
    use slotway_protocol::Value;

    use super::*;

    #[track_caller]
    fn check_commands(worker: &WorkerMetrics, expected: &[(&str, &str, u64)]) {
        let counted = worker.listener(0).unwrap().commands();
        let counted: Vec<_> = counted.map(|((name, outcome), n)| (name, outcome, n)).collect();
        assert_eq!(counted, expected);
    }

    #[test]
    fn a_command_is_counted_by_its_name_and_outcome() {
        let (worker, table) = (WorkerMetrics::new(1), CommandTable::builtin());
        let ask = |name| worker.ask(Some(table.named(name).unwrap()));
        let start = Instant::now();
        worker.read_clock(start);
        let asked = [ask("get"), ask("get"), ask("get"), ask("client|kill")];
        worker.read_clock(start + Duration::from_micros(80));
        let outcomes = [Outcome::Ok, Outcome::Ok, Outcome::Error, Outcome::Rejected];
        for (asked, outcome) in asked.into_iter().zip(outcomes) {
            worker.answered(0, asked, outcome);
        }
        check_commands(
            &worker,
            &[("client|kill", "rejected", 1), ("get", "ok", 2), ("get", "error", 1)],
        );
        let durations: Vec<_> = worker.listener(0).unwrap().durations().collect();
        assert_eq!((durations[0].0, durations[0].1.counts[1]), ("read", 3));
        assert!(durations[1..].iter().all(|(_, times)| times.count() == 0));
    }

    #[test]
    fn whatever_is_not_built_in_counts_as_other() {
        let field = |text: &'static str| Value::Bulk(text.into());
        let module = [field("json.get"), Value::Integer(-2), Value::Array(Vec::new())];
        let places = (0..3).map(|_| Value::Integer(1));
        let row = Value::Array(module.into_iter().chain(places).collect());
        let table = CommandTable::of_server(&Value::Array(vec![row])).unwrap();
        let worker = WorkerMetrics::new(1);
        worker.answered(0, worker.ask(None), Outcome::Rejected);
        worker.answered(0, worker.ask(table.named("json.get")), Outcome::Ok);
        check_commands(&worker, &[("other", "ok", 1), ("other", "rejected", 1)]);
    }

    #[test]
    fn clients_come_and_go() {
        let worker = WorkerMetrics::new(2);
        worker.listener(0).unwrap().opened();
        worker.listener(1).unwrap().opened();
        worker.listener(1).unwrap().closed(Closed::Quit);
        worker.listener(1).unwrap().turned_away(Closed::ClientLimit);
        assert_eq!(worker.clients(), 1);
        assert_eq!(worker.listener(1).unwrap().closures().map(|(_, count)| count).sum::<u64>(), 2);
        assert!(worker.listener(2).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_does_not_beat_is_silent() {
        let worker = WorkerMetrics::new(0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(worker.silent(Instant::now()), Duration::from_secs(3));
        worker.beat(Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(worker.silent(Instant::now()), Duration::from_secs(1));
    }
}
