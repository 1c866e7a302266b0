//! All counters of all workers, added up for whoever looks.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use tokio::time::Instant;

use super::{Distribution, Exposition, ListenerMetrics, Metric, WorkerMetrics, process, upstream};
use crate::overview::Overview;

/// Where the numbers of one scrape come from.
#[derive(Debug)]
pub struct Scrape<'a> {
    /// Each worker's counters.
    pub workers: &'a [Arc<WorkerMetrics>],
    /// What the listeners are called, in the order of their numbers.
    pub listeners: &'a [String],
    /// The cluster, and the way to it.
    pub overview: &'a Overview,
    /// What clients are in the middle of.
    pub sessions: SessionSums,
    /// How many log lines were lost.
    pub log_dropped: u64,
    /// When the process began.
    pub started: SystemTime,
}

/// What all clients together are in the middle of.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SessionSums {
    /// Channels, patterns and sharded channels that they listen to.
    pub subscriptions: u64,
    /// Connections to nodes that are lent to one of them, since it waits or watches.
    pub leases: u64,
}

impl Scrape<'_> {
    /// The numbers as text.
    pub fn text(&self, now: Instant) -> String {
        let mut text = Exposition::default();
        process::write(&mut text, self.started);
        self.workers(&mut text, now);
        self.clients(&mut text);
        self.commands(&mut text);
        upstream::write(&mut text, self.overview);
        text.number(&super::LOG_DROPPED, self.log_dropped as f64);
        text.finish()
    }

    fn workers(&self, text: &mut Exposition, now: Instant) {
        text.number(&super::WORKERS, self.workers.len() as f64);
        let silent = self.workers.iter().enumerate();
        let silent: Vec<_> = silent
            .map(|(number, worker)| (number.to_string(), worker.silent(now).as_secs_f64()))
            .collect();
        let rows = silent.iter().map(|(worker, seconds)| ([worker.as_str()], *seconds));
        text.numbers(&super::WORKER_SILENT, rows);
    }

    fn clients(&self, text: &mut Exposition) {
        self.each_listener(text, &super::CLIENT_CONNECTIONS, ListenerMetrics::open);
        self.each_listener(text, &super::CLIENT_ACCEPTED, ListenerMetrics::accepted);
        let closures = self.by_label(|listener| listener.closures());
        text.numbers(&super::CLIENT_CLOSED, counts(&closures));
        let handshakes = self.by_label(|listener| listener.handshakes());
        text.numbers(&super::CLIENT_HANDSHAKES, counts(&handshakes));
        let totals: [(&Metric, OfWorker); 4] = [
            (&super::CLIENT_RECEIVED, |worker| worker.received_bytes.read()),
            (&super::CLIENT_SENT, |worker| worker.sent_bytes.read()),
            (&super::CLIENT_OUTPUT, |worker| worker.output_bytes.read()),
            (&super::HELD, |worker| worker.held_requests.read()),
        ];
        for (metric, of) in totals {
            text.number(metric, self.workers.iter().map(|worker| of(worker)).sum::<u64>() as f64);
        }
        text.number(&super::CLIENT_SUBSCRIPTIONS, self.sessions.subscriptions as f64);
        text.number(&super::UPSTREAM_LEASES, self.sessions.leases as f64);
    }

    fn commands(&self, text: &mut Exposition) {
        let commands = self.by_label(|listener| listener.commands());
        let rows = commands.iter().map(|((listener, (command, outcome)), count)| {
            ([*listener, *command, *outcome], *count as f64)
        });
        text.numbers(&super::COMMANDS, rows);
        text.distributions(&super::COMMAND_DURATION, self.durations());
        let fanout = self.workers.iter().map(|worker| worker.fanout.read());
        text.distributions(&super::COMMAND_FANOUT, sum(fanout).map(|sum| ([], sum)));
        let errors = self.of_workers(|worker| worker.errors());
        text.numbers(&super::ERRORS, errors.iter().map(|(prefix, n)| ([*prefix], *n as f64)));
        let limits = self.of_workers(|worker| worker.limits());
        text.numbers(&super::LIMITS, limits.iter().map(|(limit, n)| ([*limit], *n as f64)));
    }

    fn durations(&self) -> impl Iterator<Item = ([&str; 2], Distribution)> {
        let mut durations: BTreeMap<(&str, &str), Distribution> = BTreeMap::new();
        for (name, listener) in self.each() {
            for (group, times) in listener.durations().filter(|(_, times)| times.count() > 0) {
                let known = durations.entry((name, group));
                known.and_modify(|sum| sum.add(&times)).or_insert(times);
            }
        }
        durations.into_iter().map(|((listener, group), times)| ([listener, group], times))
    }

    /// Every worker's part of every listener, with the listener's name.
    fn each(&self) -> impl Iterator<Item = (&str, &ListenerMetrics)> {
        self.workers.iter().flat_map(|worker| {
            let named = self.listeners.iter().enumerate();
            named.filter_map(|(number, name)| Some((name.as_str(), worker.listener(number)?)))
        })
    }

    fn each_listener(
        &self,
        text: &mut Exposition,
        metric: &Metric,
        of: fn(&ListenerMetrics) -> u64,
    ) {
        let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
        self.each().for_each(|(name, listener)| *sums.entry(name).or_default() += of(listener));
        text.numbers(metric, sums.into_iter().map(|(name, sum)| ([name], sum as f64)));
    }

    /// The sums of what each listener counts by something of its own.
    fn by_label<'a, L: Ord, I: Iterator<Item = (L, u64)>>(
        &'a self,
        of: impl Fn(&'a ListenerMetrics) -> I,
    ) -> BTreeMap<(&'a str, L), u64> {
        let mut sums = BTreeMap::new();
        for (name, listener) in self.each() {
            for (label, count) in of(listener) {
                *sums.entry((name, label)).or_default() += count;
            }
        }
        sums
    }

    fn of_workers<'a, I: Iterator<Item = (&'static str, u64)>>(
        &'a self,
        of: impl Fn(&'a WorkerMetrics) -> I,
    ) -> BTreeMap<&'static str, u64> {
        let mut sums = BTreeMap::new();
        for (label, count) in self.workers.iter().flat_map(|worker| of(worker)) {
            *sums.entry(label).or_default() += count;
        }
        sums
    }
}

/// One number of a worker.
type OfWorker = fn(&WorkerMetrics) -> u64;

/// Counts with two labels, as rows.
fn counts<'a>(
    sums: &BTreeMap<(&'a str, &'static str), u64>,
) -> impl Iterator<Item = ([&'a str; 2], f64)> {
    sums.iter().map(|((listener, label), count)| ([*listener, *label], *count as f64))
}

fn sum(all: impl Iterator<Item = Distribution>) -> Option<Distribution> {
    all.reduce(|mut sum, other| {
        sum.add(&other);
        sum
    })
}
