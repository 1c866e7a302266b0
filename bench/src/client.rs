//! What a call costs the process that makes it, for slotway's client and its peers.
//!
//! All of them talk to the same servers, on the same runtime, in turns of a fraction of a second.

mod load;
mod peer;
mod report;

use std::time::Duration;

use clap::Parser;
pub use load::{Data, Round, Session, round};
pub use peer::Peer;
pub use report::report;

/// What is measured, and for how long.
#[derive(Clone, Debug, Parser)]
#[command(
    args_override_self = true,
    about = "CPU, latency and allocations of a call, beside redis-rs and fred"
)]
pub struct Options {
    /// How long one round of one subject takes
    #[arg(long, default_value_t = 0.5)]
    pub seconds: f64,
    /// How many rounds each subject has in each cell; the median counts
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Cells to measure, such as get-64B-64, set, or 16KiB-1024
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Subjects to measure
    #[arg(long, value_delimiter = ',')]
    pub subjects: Vec<String>,
    /// Threads of the runtime; 0 for one that runs all on the thread it is called from
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// A node of a cluster that runs, instead of one of this program's own
    #[arg(long, value_name = "HOST:PORT")]
    pub seed: Option<String>,
}

impl Options {
    /// The cells that were asked for.
    pub fn cells(&self) -> Vec<Cell> {
        let asked = |cell: &Cell| {
            let name = cell.name();
            let named =
                |only: &String| only.split('-').all(|part| name.split('-').any(|p| p == part));
            self.only.is_empty() || self.only.iter().any(named)
        };
        Cell::all().into_iter().filter(asked).collect()
    }

    /// The subjects that were asked for.
    pub fn names(&self) -> Vec<&'static str> {
        let asked =
            |name: &&str| self.subjects.is_empty() || self.subjects.iter().any(|s| s == name);
        Peer::NAMES.into_iter().filter(asked).collect()
    }

    /// How long a round takes.
    pub fn length(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(1))
    }
}

/// What a call does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Reads a value.
    Get,
    /// Writes one.
    Set,
}

/// One kind of load.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// What each call does.
    pub operation: Operation,
    /// How long the values are, in bytes.
    pub value_len: usize,
    /// How many tasks call, each one call after another.
    pub tasks: usize,
}

impl Cell {
    fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for value_len in [64, 16 << 10] {
            for operation in [Operation::Get, Operation::Set] {
                cells.extend([1, 64, 1024].map(|tasks| Self { operation, value_len, tasks }));
            }
        }
        cells
    }

    /// What it is called on a command line and in a file: `get-64B-1024`.
    pub fn name(&self) -> String {
        let operation = match self.operation {
            Operation::Get => "get",
            Operation::Set => "set",
        };
        let len = match self.value_len {
            len if len >= 1 << 10 => format!("{}KiB", len >> 10),
            len => format!("{len}B"),
        };
        format!("{operation}-{len}-{}", self.tasks)
    }
}
