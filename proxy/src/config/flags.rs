//! The flags of `slotway proxy`: each key has one.

use std::{fmt, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, builder::PathBufValueParser};

use super::{
    environment::{FILE, read},
    keys::{Id, KEYS, Key, Section},
    kind::Kind,
    problem::{Origin, Problem},
    said::{Given, Part},
};

/// The argument that names the file.
const CONFIG: &str = "config";
/// Seeds that stand alone.
const SEED: &str = "seed";
/// A file that stands alone.
const PLAIN_FILE: &str = "file";

/// What was typed.
#[derive(Clone, Default)]
pub(crate) struct Flags {
    /// The file that was named.
    pub(crate) file: Option<PathBuf>,
    /// Each flag that was given, and what it was given.
    given: Vec<(Id, String, Vec<String>)>,
}

/// What may stand alone, without a flag.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Alone {
    /// Seeds.
    Seeds,
    /// The file.
    File,
}

/// Which flags were given, without what they say: it may be a password.
impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.given.iter().map(|(_, flag, _)| flag);
        f.debug_struct("Flags")
            .field("file", &self.file)
            .field("given", &flags.collect::<Vec<_>>())
            .finish()
    }
}

impl Flags {
    /// Adds every flag to a command.
    pub(crate) fn augment(command: Command, alone: Alone) -> Command {
        let file = |id| Arg::new(id).value_parser(PathBufValueParser::new());
        let plain = match alone {
            Alone::Seeds => Arg::new(SEED)
                .value_name("SEED")
                .action(ArgAction::Append)
                .help("Nodes to ask first; one that answers is enough")
                .long_help(
                    "Nodes to ask first; one that answers is enough: host:port, a port of this \
                     machine, or a URL such as redis://user:password@host:port",
                ),
            Alone::File => file(PLAIN_FILE)
                .value_name("FILE")
                .conflicts_with(CONFIG)
                .help("The configuration file"),
        };
        let config = file(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .help(format!("A configuration file [or ${FILE}]"));
        KEYS.iter().map(flag).fold(command.arg(plain).arg(config), Command::arg)
    }

    /// What was typed.
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let path = |id| matches.try_get_one::<PathBuf>(id).ok().flatten().cloned();
        let texts = |id| -> Option<Vec<String>> {
            let values = matches.try_get_many::<String>(id).ok().flatten()?;
            Some(values.cloned().collect())
        };
        let flag = |key: &Key| Some((key.id, format!("--{}", key.flag), texts(key.flag)?));
        let mut given: Vec<_> = KEYS.iter().filter_map(flag).collect();
        if let Some(seeds) = texts(SEED) {
            match given.iter_mut().find(|(id, ..)| *id == Id::Seeds) {
                Some((.., all)) => all.splice(..0, seeds).for_each(drop),
                None => given.push((Id::Seeds, "SEED".into(), seeds)),
            }
        }
        Self { file: path(CONFIG).or_else(|| path(PLAIN_FILE)), given }
    }

    /// What they say, and what is wrong with it.
    pub(crate) fn read(&self) -> (Part, Vec<Problem>) {
        let mut part = Part::new();
        let mut problems = Vec::new();
        for (id, flag, texts) in &self.given {
            let origin = Origin::Flag(flag.clone());
            match read(id.key().kind, texts.iter().map(String::as_str)) {
                Ok(value) => drop(part.insert(*id, Given { value, origin })),
                Err(wrong) => problems.push(Problem::of_value(&origin, id.key(), wrong)),
            }
        }
        (part, problems)
    }

    /// A warning for each password that others on this machine can see.
    pub(crate) fn visible(&self) -> Vec<String> {
        let secrets = self.given.iter().filter(|(id, ..)| id.key().kind == Kind::Secret);
        let visible = secrets.map(|(id, flag, _)| {
            format!(
                "others on this machine can see the password of {flag}; \
                 use {flag}-file or ${}",
                id.key().variable()
            )
        });
        visible.collect()
    }
}

fn flag(key: &'static Key) -> Arg {
    let also = format!("{} of the file, ${}", key.shown(), key.variable());
    let default = match key.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let arg = Arg::new(key.flag)
        .long(key.flag)
        .value_name(key.kind.placeholder())
        .help(format!("{}{default}", key.help))
        .long_help(format!("{}{default}\n[{also}]", key.help))
        .help_heading(heading(key.section))
        .action(if key.kind.is_list() { ArgAction::Append } else { ArgAction::Set });
    if key.kind == Kind::Switch {
        // Alone it is a yes.
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    if key.id == Id::Password { arg.short('a') } else { arg }
}

fn heading(section: Section) -> &'static str {
    match section {
        Section::Top => "Process",
        Section::Cluster => "Cluster",
        Section::Listen => "Listeners (for all of them)",
        Section::Admin => "Admin port",
        Section::Limits => "Limits",
        Section::Commands => "Commands",
        Section::Log => "Log",
    }
}
