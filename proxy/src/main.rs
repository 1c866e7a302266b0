//! The `slotway` command.

mod dev;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};
use slotway_cluster::DevArgs;
use slotway_proxy::{ConfigArgs, ProxyArgs};

/// One endpoint in front of a Redis or Valkey cluster, and real clusters to try it on
#[derive(Debug, Parser)]
#[command(name = "slotway", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Proxy(ProxyArgs),
    Dev(DevArgs),
    Config(ConfigArgs),
}

fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Proxy(args) => proxy(&args),
        Command::Dev(args) => dev(args),
        Command::Config(args) => slotway_proxy::config(&args),
    };
    ExitCode::from(code)
}

fn proxy(args: &ProxyArgs) -> u8 {
    match args.load() {
        Ok(config) => slotway_proxy::serve(&config),
        Err(problems) => {
            // With no standard error either, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "{problems}");
            2
        }
    }
}

fn dev(args: DevArgs) -> u8 {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(slotway_cluster::dev(args, &dev::OwnProxy)),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: cannot start: {error}");
            1
        }
    }
}
