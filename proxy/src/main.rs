//! The `slotway` command.

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};
use slotway_cluster::DevArgs;

/// One endpoint in front of a Redis or Valkey cluster, and real clusters to try it on
#[derive(Debug, Parser)]
#[command(name = "slotway", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(DevArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // With no standard error either, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = match cli.command {
        Command::Dev(args) => runtime.block_on(slotway_cluster::dev(args)),
    };
    ExitCode::from(code)
}
