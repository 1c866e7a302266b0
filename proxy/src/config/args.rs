//! What can be typed after `slotway proxy` and `slotway config`.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand, ValueEnum};

use super::{
    ProxyConfig,
    environment::Environment,
    flags::{Alone, Flags},
    load::load,
    problem::Problems,
};

/// What was typed after `slotway proxy`.
#[derive(Clone, Debug, Default)]
pub struct ProxyArgs(Flags);

/// Check, show and explain configurations of the proxy
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  slotway config schema > slotway.toml    a file to start from
  slotway config check slotway.toml       before a restart
  slotway config print slotway.toml       what holds, and who said it")]
pub struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What to do with a configuration.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    Check(CheckArgs),
    Print(PrintArgs),
    /// Print every key with its default, as a file to start from
    Schema {
        /// `text` for a commented file, `json` for the JSON schema that editors read
        #[arg(long, value_name = "FORM", value_enum, default_value_t = Output::Text)]
        #[arg(hide_possible_values = true)]
        output: Output,
    },
}

/// What was typed after `slotway config check`.
#[derive(Clone, Debug)]
pub(crate) struct CheckArgs(pub(crate) ReadArgs);

/// What was typed after `slotway config print`.
#[derive(Clone, Debug)]
pub(crate) struct PrintArgs(pub(crate) ReadArgs);

/// A configuration to read, in all the ways in which the proxy would, and how to report.
#[derive(Clone, Debug)]
pub(crate) struct ReadArgs {
    flags: Flags,
    pub(crate) output: Output,
}

/// How to report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How to report, as clap reads it.
#[derive(Args)]
struct OutputArgs {
    /// How to report: `text` for people, or `json`
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Output::Text)]
    #[arg(hide_possible_values = true)]
    output: Output,
}

impl ProxyArgs {
    /// What they say, together with the file that they name and the environment of this process:
    /// all of it checked, or everything that is wrong.
    pub fn load(&self) -> Result<ProxyConfig, Problems> {
        load(&self.0, &Environment::of_process())
    }

    /// What they say, whatever the environment of this process is.
    pub fn load_alone(&self) -> Result<ProxyConfig, Problems> {
        load(&self.0, &Environment::default())
    }
}

impl ReadArgs {
    pub(crate) fn load(&self) -> Result<ProxyConfig, Problems> {
        load(&self.flags, &Environment::of_process())
    }

    fn augment(command: Command) -> Command {
        OutputArgs::augment_args(Flags::augment(command, Alone::File))
    }

    fn of(matches: &ArgMatches) -> Result<Self, Error> {
        let OutputArgs { output } = OutputArgs::from_arg_matches(matches)?;
        Ok(Self { flags: Flags::of(matches), output })
    }
}

/// Types whose flags come from the table of keys.
macro_rules! args {
    ($($type:ident: $augment:expr, $of:expr;)+) => {
        $(
            impl Args for $type {
                fn augment_args(command: Command) -> Command {
                    let augment: fn(Command) -> Command = $augment;
                    augment(command)
                }

                fn augment_args_for_update(command: Command) -> Command {
                    Self::augment_args(command)
                }
            }

            impl FromArgMatches for $type {
                fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                    let of: fn(&ArgMatches) -> Result<Self, Error> = $of;
                    of(matches)
                }

                fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                    *self = Self::from_arg_matches(matches)?;
                    Ok(())
                }
            }
        )+
    };
}

args! {
    ProxyArgs: |command| proxy(Flags::augment(command, Alone::Seeds)),
        |matches| Ok(Self(Flags::of(matches)));
    CheckArgs: |command| ReadArgs::augment(command).about("Say whether the proxy would start with it"),
        |matches| ReadArgs::of(matches).map(Self);
    PrintArgs: |command| ReadArgs::augment(command).about("Print every value that holds, and who said it"),
        |matches| ReadArgs::of(matches).map(Self);
}

fn proxy(command: Command) -> Command {
    command
        .about("Run one endpoint in front of a cluster")
        .long_about(
            "Run one endpoint in front of a cluster\n\nClients connect to it as to one standalone \
             server. What no flag says, an environment variable may, or else a file, or else the \
             default holds; `slotway config print` shows who said what.",
        )
        .after_help(
            "\
Examples:
  slotway proxy 10.0.0.1:6379                          on port 6379, no file needed
  slotway proxy redis://app@10.0.0.1 --password-file pw
  slotway proxy --config slotway.toml                  see `slotway config schema`",
        )
}
