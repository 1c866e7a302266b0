//! Processor time, latency and allocations of a call of slotway's client, redis-rs and fred.
#![expect(clippy::print_stdout, reason = "a table for people")]

use std::{env, error::Error, process::Command, sync::Arc};

use clap::Parser;
use slotway_bench::{Cell, Data, Options, Peer, Round, Row, Session, report, round, save};
use tokio::runtime::Builder;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::parse();
    let mut builder = match options.workers {
        0 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = builder.worker_threads(options.workers.max(1)).enable_all().build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let cells = options.cells();
    let session = Session::start(options).await?;
    session.fill(&cells).await?;
    let counted = count_allocations(&session.seed)?;
    let mut rows = Vec::new();
    for cell in &cells {
        rows.extend(measure(*cell, &session.peers, options).await?);
    }
    for row in &mut rows {
        let same = |other: &&Row| other.case == row.case && other.subject == row.subject;
        row.allocs_per_op = counted.iter().find(same).and_then(|other| other.allocs_per_op);
    }
    let (count, seconds) = (options.rounds, options.seconds);
    println!("{}", report(&cells, &rows));
    println!(
        "median of {count} rounds of {seconds} s; written to {}",
        save("client", &rows)?.display()
    );
    Ok(())
}

/// Lets the clients take turns, a different one first in each round.
async fn measure(
    cell: Cell,
    peers: &[(&'static str, Peer)],
    options: &Options,
) -> Result<Vec<Row>, Box<dyn Error + Send + Sync>> {
    let data = Arc::new(Data::new(cell.value_len));
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); peers.len()];
    for (_, peer) in peers {
        // So that every connection and buffer is there.
        round(peer, cell, &data, options.length() / 5).await?;
    }
    for turn in 0..options.rounds {
        for index in (0..peers.len()).map(|index| (index + turn) % peers.len()) {
            rounds[index].push(round(&peers[index].1, cell, &data, options.length()).await?);
        }
    }
    let names = peers.iter().map(|(name, _)| *name);
    Ok(names.zip(&rounds).map(|(name, rounds)| row(cell, name, rounds)).collect())
}

fn row(cell: Cell, name: &str, rounds: &[Round]) -> Row {
    let median = |figure: &dyn Fn(&Round) -> f64| {
        let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    };
    Row {
        case: cell.name(),
        subject: name.to_owned(),
        cpu_us_per_op: median(&Round::cpu_us),
        ops_per_s: median(&Round::calls_per_s),
        p50_us: median(&|round| round.latency_us(0.5)),
        p99_us: median(&|round| round.latency_us(0.99)),
        allocs_per_op: None,
        rss_mib: None,
    }
}

/// Has allocations counted in a program of its own: the counting would cost those most who allocate
/// most.
fn count_allocations(seed: &str) -> Result<Vec<Row>, Box<dyn Error + Send + Sync>> {
    let program = env::current_exe()?.with_file_name("client-allocations");
    let mut command = Command::new(&program);
    command.args(env::args_os().skip(1)).args(["--seed", seed]);
    let output = command.output().map_err(|error| {
        format!("{} cannot be run: {error}; build all programs of slotway-bench", program.display())
    })?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
