//! Counts the allocations of a call, for the program `client`, which runs this.
#![expect(clippy::print_stdout, reason = "another program reads it")]

use std::{alloc::System, error::Error, sync::Arc, time::Duration};

use clap::Parser;
use slotway_bench::{Data, Options, Row, Session, round};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts do not need long.
const LENGTH: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::parse();
    let session = Session::start(&options).await?;
    let mut rows = Vec::new();
    for cell in options.cells() {
        let data = Arc::new(Data::new(cell.value_len));
        for (name, peer) in &session.peers {
            // So that every connection and buffer is there.
            round(peer, cell, &data, LENGTH).await?;
            let round = round(peer, cell, &data, LENGTH).await?;
            rows.push(Row {
                case: cell.name(),
                subject: (*name).to_owned(),
                cpu_us_per_op: None,
                ops_per_s: None,
                p50_us: None,
                p99_us: None,
                allocs_per_op: Some(round.allocations()),
                rss_mib: None,
            });
        }
    }
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}
