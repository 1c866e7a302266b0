//! Rounds of work, timed beside each other and written down.
//!
//! The machines that run these are shared and noisy, so subjects take turns within one run, the
//! quietest rounds count, and what is worth quoting is the ratio between two subjects of one run.

mod client;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use client::{Cell, Data, Operation, Options, Peer, Round, Session, report, round};
use serde::{Deserialize, Serialize};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};

/// One line of a result file. What was not measured is null.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Row {
    /// What was done.
    pub case: String,
    /// By whom.
    pub subject: String,
    /// Processor time of one operation, in microseconds.
    pub cpu_us_per_op: Option<f64>,
    /// Operations in a second.
    pub ops_per_s: Option<f64>,
    /// Median latency, in microseconds.
    pub p50_us: Option<f64>,
    /// Latency that one in a hundred exceeds, in microseconds.
    pub p99_us: Option<f64>,
    /// Heap allocations of one operation.
    pub allocs_per_op: Option<f64>,
    /// Resident memory of the process, in MiB.
    pub rss_mib: Option<f64>,
}

/// A piece of work to time: `operations` of it at a call.
#[expect(missing_debug_implementations, reason = "the work is a closure")]
pub struct Subject<'a> {
    case: &'a str,
    name: &'a str,
    operations: u64,
    work: Box<dyn FnMut() + 'a>,
    best: Duration,
    allocations: u64,
}

impl<'a> Subject<'a> {
    /// `work` does `operations` of `case` in the way of `name`.
    pub fn new(case: &'a str, name: &'a str, operations: u64, work: impl FnMut() + 'a) -> Self {
        let work = Box::new(work);
        Self { case, name, operations, work, best: Duration::MAX, allocations: 0 }
    }

    fn round(&mut self) {
        let region = Region::new(&INSTRUMENTED_SYSTEM);
        let start = Instant::now();
        (self.work)();
        self.best = self.best.min(start.elapsed());
        self.allocations = region.change().allocations as u64;
    }

    fn row(&self) -> Row {
        let seconds = self.best.as_secs_f64() / self.operations as f64;
        Row {
            case: self.case.to_owned(),
            subject: self.name.to_owned(),
            cpu_us_per_op: Some(seconds * 1e6),
            ops_per_s: Some(1.0 / seconds),
            p50_us: None,
            p99_us: None,
            allocs_per_op: Some(self.allocations as f64 / self.operations as f64),
            rss_mib: None,
        }
    }
}

/// Lets the subjects take turns, `rounds` times, and returns the quietest round of each.
///
/// Allocations are those of a program whose global allocator is [`INSTRUMENTED_SYSTEM`].
pub fn measure(rounds: usize, subjects: &mut [Subject<'_>]) -> Vec<Row> {
    for _ in 0..rounds {
        subjects.iter_mut().for_each(Subject::round);
    }
    subjects.iter().map(Subject::row).collect()
}

/// Writes `target/bench/<name>.json` and returns where that is.
pub fn save(name: &str, rows: &[Row]) -> io::Result<PathBuf> {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    let folder = workspace.join("target/bench");
    fs::create_dir_all(&folder)?;
    let file = folder.join(name).with_extension("json");
    fs::write(&file, serde_json::to_string_pretty(rows)?)?;
    Ok(file)
}
