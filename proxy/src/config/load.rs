//! From a command line, the environment and a file to a configuration.

use std::path::PathBuf;

use super::{
    ListenAddress, Listener, ProxyConfig,
    build::build,
    environment::{Environment, FILE},
    file,
    flags::Flags,
    problem::{Problem, Problems},
    said::Said,
};

/// The file that people are asked to call theirs.
const USUAL: &str = "slotway.toml";

/// Everything that was said, checked as a whole.
pub(crate) fn load(flags: &Flags, environment: &Environment) -> Result<ProxyConfig, Problems> {
    let path = flags.file.clone().or_else(|| environment.var(FILE).map(PathBuf::from));
    let (mut said, mut problems) =
        path.as_deref().map_or_else(|| (Said::default(), Vec::new()), file::read);
    let (variables, wrong_variables) = environment.read();
    let (flags_say, wrong_flags) = flags.read();
    said.overridden_by(variables);
    said.overridden_by(flags_say);
    problems.extend(wrong_variables);
    problems.extend(wrong_flags);
    if problems.is_empty() {
        problems.extend(said.unfold_urls().err());
        problems.extend(said.place_listeners().err());
        problems.extend(said.choose_passwords());
    }
    // What does not fit together is told once each value fits by itself.
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let mut config = build(said).map_err(|problems| {
        let problems = problems.into_iter();
        Problems(problems.map(|problem| pointing_to_the_usual(problem, path.is_some())).collect())
    })?;
    config.warnings = warnings(flags, environment, &config);
    Ok(config)
}

/// Who has a file at hand may have meant it.
fn pointing_to_the_usual(problem: Problem, named: bool) -> Problem {
    let nothing_said = problem.origin.is_none() && !named;
    if nothing_said && PathBuf::from(USUAL).is_file() {
        return Problem {
            hint: Some(format!("there is a {USUAL} here: read it with --config {USUAL}")),
            ..problem
        };
    }
    problem
}

fn warnings(flags: &Flags, environment: &Environment, config: &ProxyConfig) -> Vec<String> {
    let mut warnings = flags.visible();
    warnings.extend(environment.misspelt());
    if config.cluster.credentials.is_some() {
        warnings.extend(config.listeners.iter().filter(|listener| is_open(listener)).map(
            |listener| {
                format!(
                    "whoever reaches {} uses the cluster without a password; \
                     give it one with --listen-password-file",
                    listener.address
                )
            },
        ));
    }
    warnings
}

/// Whether others than this machine's users get in without a password.
fn is_open(listener: &Listener) -> bool {
    let local = match &listener.address {
        ListenAddress::Unix(_) => true,
        ListenAddress::Tcp { host, .. } => {
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
    };
    !local && listener.password.is_none()
}
