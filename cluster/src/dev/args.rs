//! What can be typed after `slotway dev`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};

/// Start a real cluster on this machine, and the proxy in front of it
///
/// Runs valkey-server or redis-server processes as one cluster, ready in about two seconds, without
/// Docker. The proxy makes it one server for any client, also one that knows nothing of clusters.
/// Ctrl-C stops everything; the data stays, and the next run goes on with it. No server is left
/// behind, however this ends.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  slotway dev                          three primaries with one replica each, and the proxy
  slotway dev --primaries 5 --fresh    another shape, starting empty
  slotway dev kill shard1              from a second terminal: watch a failover
  slotway dev status --output json     for scripts")]
pub struct DevArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,

    #[command(flatten)]
    pub(crate) start: StartArgs,

    /// Where the data is kept
    #[arg(long, global = true, value_name = "FOLDER", default_value = ".slotway/dev")]
    pub(crate) dir: PathBuf,

    /// How to report: `text` for people, or `json`, one object a line
    #[arg(long, global = true, value_name = "FORM", value_enum, default_value_t = Output::Text)]
    #[arg(hide_possible_values = true)]
    pub(crate) output: Output,
}

/// How to report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// The shape and the rules of the cluster to start.
#[derive(Args, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct StartArgs {
    /// How many shards [default: 3, or as the data]
    #[arg(long, value_name = "N")]
    pub(crate) primaries: Option<usize>,

    /// How many replicas of each [default: 1, or as the data]
    #[arg(long, value_name = "N")]
    pub(crate) replicas: Option<usize>,

    /// Spread the nodes over N host labels: no replica beside its primary
    #[arg(long, value_name = "N")]
    pub(crate) hosts: Option<usize>,

    /// The first port; the nodes take the next free ones [default: 17001]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,

    /// The cluster alone, without the proxy in front of it
    #[arg(long, conflicts_with_all = ["proxy_port", "admin"])]
    pub(crate) no_proxy: bool,

    /// The proxy's port, or the next free one [default: 6379]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) proxy_port: Option<u16>,

    /// The port of the proxy's health, metrics and API, or the next free one; or off [default: 9379]
    #[arg(long, value_name = "PORT", value_parser = parse_admin)]
    pub(crate) admin: Option<AdminPort>,

    /// The server to run [default: $SLOTWAY_SERVER, else valkey-server or redis-server on PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) server: Option<PathBuf>,

    /// Start empty: remove the data of the last run
    #[arg(long)]
    pub(crate) fresh: bool,

    /// A user that may do everything; without a login nobody may do anything
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// The password; others on this machine can see it, so better use a file or $SLOTWAY_PASSWORD
    #[arg(short = 'a', long, value_name = "PASSWORD", conflicts_with = "password_file")]
    pub(crate) password: Option<String>,

    /// A file with the password on its first line
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Encrypt what the nodes say, with certificates made for this cluster; to the proxy it is plain
    #[arg(long)]
    pub(crate) tls: bool,

    /// How long a node may be silent before it is suspected, such as 2s or 500ms [default: 2s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) node_timeout: Option<Duration>,
}

/// Where the proxy shows how it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AdminPort {
    /// Nowhere.
    Off,
    /// On the first free port from here on.
    From(u16),
}

/// What to do with the cluster that runs on the folder.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show shards, nodes, and how they are
    Status,
    /// Kill a node as a crash would, and show the failover as it happens
    Kill(TargetArgs),
    /// Stop a node in good order; without a target, stop everything
    Stop {
        /// shard1 (its primary), a port, or the start of a node id
        target: Option<String>,
    },
    /// Start a node that is down
    Start(TargetArgs),
    /// Freeze a node: its connections stay open, and nothing answers
    Pause(TargetArgs),
    /// Let a frozen node go on
    Resume(TargetArgs),
    /// Add a node: a replica of the shard that has fewest
    Add {
        /// Add a primary instead; it has no slots yet
        #[arg(long)]
        primary: bool,
    },
}

/// Which node.
#[derive(Args, Clone, Debug)]
pub(crate) struct TargetArgs {
    /// shard1 (its primary), a port, or the start of a node id
    pub(crate) target: String,
}

fn parse_admin(text: &str) -> Result<AdminPort, String> {
    if text == "off" {
        return Ok(AdminPort::Off);
    }
    let port = text.parse().ok().filter(|port| *port != 0);
    port.map(AdminPort::From).ok_or_else(|| "write a port from 1 to 65535, or off".to_owned())
}

/// Reads `2s`, `500ms`, `1.5s`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1_000.0),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds: f64 = number.parse().map_err(|_| "write it as 2s or 500ms".to_owned())?;
    let time = Duration::try_from_secs_f64(seconds / unit).ok();
    // Below, a busy machine is taken for a dead one; above, nobody waits for a failover.
    let sane = Duration::from_millis(100)..=Duration::from_secs(600);
    time.filter(|time| sane.contains(time)).ok_or_else(|| "from 100ms to 600s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, millis: Option<u64>) {
        let got = parse_duration(text).ok();
        assert_eq!(got, millis.map(Duration::from_millis), "{text:?}");
    }

    #[test]
    fn an_admin_port_is_a_port_or_off() {
        let read = |text| parse_admin(text).ok();
        assert_eq!(read("off"), Some(AdminPort::Off));
        assert_eq!(read("9379"), Some(AdminPort::From(9379)));
        for bad in ["", "0", "65536", "-1", "on", "127.0.0.1:9379"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        check("2s", Some(2000));
        check("2", Some(2000));
        check("1.5s", Some(1500));
        check("500ms", Some(500));
        for bad in ["", "s", "ms", "-1s", "0s", "nan", "inf", "1h", "1e9s"] {
            check(bad, None);
        }
    }
}
