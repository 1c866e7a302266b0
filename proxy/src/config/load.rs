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

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, path::Path};

    use clap::Command;

    use super::*;
    use crate::config::{
        Setting,
        flags::Alone,
        keys::{Id, KEYS},
    };

    /// What a command line, variables and a file give together.
    fn loaded(
        flags: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<ProxyConfig, Problems> {
        loaded_in(tempfile::tempdir().unwrap().path(), flags, variables, file)
    }

    /// The same with the file in this folder, beside one with a password.
    fn loaded_in(
        folder: &Path,
        flags: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<ProxyConfig, Problems> {
        let path = folder.join("slotway.toml");
        std::fs::write(&path, file).unwrap();
        std::fs::write(folder.join("pw"), "hush\n").unwrap();
        let command = Flags::augment(Command::new("proxy"), Alone::Seeds);
        let matches = command.try_get_matches_from(["proxy"].iter().chain(flags)).unwrap();
        let mut flags = Flags::of(&matches);
        flags.file = (!file.is_empty()).then_some(path);
        let variable = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
        load(&flags, &Environment::of(variables.iter().map(variable)))
    }

    /// Checks what was said by somebody, or everything that is wrong.
    #[track_caller]
    fn check(flags: &[&str], variables: &[(&str, &str)], file: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let got: Vec<_> = match loaded_in(folder.path(), flags, variables, file) {
            Ok(config) => {
                let said = config.settings.iter().filter(|setting| setting.origin() != "default");
                let line = |setting: &Setting| {
                    format!("{}={} {}", setting.path(), setting.value(), setting.origin())
                };
                said.map(line).collect()
            }
            Err(problems) => problems.iter().map(Problem::message).collect(),
        };
        let folder = format!("{}/", folder.path().display());
        let got: Vec<_> = got.iter().map(|line| line.replace(&folder, "")).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn a_flag_goes_before_a_variable_and_that_before_the_file() {
        let file = "[cluster]\nseeds = ['f:1']\n[limits]\ndeadline = '1s'\nclients_max = 1\nbatch_max = 1\n";
        let variables = [("SLOTWAY_CLIENTS_MAX", "2"), ("SLOTWAY_BATCH_MAX", "2")];
        check(
            &["--batch-max", "3"],
            &variables,
            file,
            &[
                "cluster.seeds=[\"f:1\"] file slotway.toml:2",
                "limits.deadline=\"1s\" file slotway.toml:4",
                "limits.clients_max=2 environment SLOTWAY_CLIENTS_MAX",
                "limits.batch_max=3 flag --batch-max",
            ],
        );
    }

    #[test]
    fn every_key_may_be_said_in_each_of_the_ways() {
        for key in KEYS {
            let (text, with) = sample(key.id);
            let with: Vec<_> =
                with.iter().map(|(flag, value)| format!("--{flag}={value}")).collect();
            let seeds = if key.id == Id::Seeds { None } else { Some("--seeds=a:1") };
            let others: Vec<_> = with.iter().map(String::as_str).chain(seeds).collect();
            let flag = format!("--{}={text}", key.flag);
            let by_flag = [&others[..], &[&flag]].concat();
            let variable = key.variable();
            let value = key.kind.read(text).unwrap();
            let line = match key.kind.shown(&value) {
                shown if shown.contains("***") => "\"hush\"".to_owned(),
                shown => shown,
            };
            let file = format!("{}\n{} = {line}\n", key.section.header(), key.name);
            let said = |origin: &str, result: Result<ProxyConfig, Problems>| {
                let config = result.unwrap_or_else(|problems| panic!("{key:?}: {problems}"));
                let mut said = config.settings.iter();
                assert!(
                    said.any(|setting| {
                        setting.origin().starts_with(origin) && setting.path().ends_with(key.name)
                    }),
                    "{key:?} by {origin}"
                );
            };
            said("flag", loaded(&by_flag, &[], ""));
            said("environment", loaded(&others, &[(&variable, text)], ""));
            said("file", loaded(&others, &[], &file));
        }
    }

    /// A value of a key, and the flags without which it means nothing.
    type Sample = (&'static str, &'static [(&'static str, &'static str)]);

    fn sample(id: Id) -> Sample {
        const SAMPLES: [(Id, Sample); 13] = [
            (Id::Seeds, ("a:1", &[])),
            (Id::User, ("some", &[])),
            (Id::Password, ("hush", &[])),
            (Id::PasswordFile, ("/proc/self/comm", &[])),
            (Id::CaFile, ("/dev/null", &[("tls", "true")])),
            (Id::CertFile, ("/dev/null", &[("tls", "true"), ("key-file", "/dev/null")])),
            (Id::KeyFile, ("/dev/null", &[("tls", "true"), ("cert-file", "/dev/null")])),
            (Id::ServerName, ("nodes", &[("tls", "true")])),
            (Id::Zone, ("some", &[])),
            (Id::ListenPassword, ("hush", &[])),
            (Id::ListenPasswordFile, ("/proc/self/comm", &[])),
            (Id::Allow, ("get", &[])),
            (Id::Deny, ("get", &[])),
        ];
        let found = SAMPLES.into_iter().find(|(known, _)| *known == id);
        found.map_or_else(|| (id.key().default, &[][..]), |(_, sample)| sample)
    }

    #[test]
    fn what_nobody_says_is_the_default_of_the_types() {
        let config = loaded(&["a:1"], &[], "").unwrap();
        let default = ProxyConfig::new(slotway::Config::new([slotway::NodeAddr::new("a", 1)]));
        assert_eq!(config.limits, default.limits);
        assert_eq!(config.listeners, default.listeners);
        assert_eq!(config.admin, default.admin);
        assert_eq!(config.log, default.log);
        assert_eq!(config.workers, default.workers);
        assert_eq!(config.cluster.limits, default.cluster.limits);
        assert_eq!(config.cluster.seeds, default.cluster.seeds);
        assert_eq!(config.cluster.read_from, default.cluster.read_from);
        let count = default.settings.iter().count();
        assert_eq!(config.settings.iter().count(), count + 1, "all but the seeds has a default");
    }

    #[test]
    fn a_url_says_what_keys_do_and_gives_way_to_louder_voices() {
        let url = "rediss://app:one@a:1?deadline=2s";
        check(
            &[url],
            &[("SLOTWAY_PASSWORD", "two"), ("SLOTWAY_USER", "me")],
            "",
            &[
                "cluster.seeds=[\"a:1\"] flag SEED",
                "cluster.user=\"app\" flag SEED",
                "cluster.password=\"***\" flag SEED",
                "cluster.tls=true flag SEED",
                "limits.deadline=\"2s\" flag SEED",
            ],
        );
        let config = loaded(&["--password", "two"], &[("SLOTWAY_SEEDS", url)], "").unwrap();
        let login = config.cluster.credentials.unwrap();
        assert_eq!((login.user.as_deref(), login.password.expose()), (Some("app"), &b"two"[..]));
        let both = "--password: a URL among the seeds says `password` too";
        check(&[url, "-a", "two"], &[], "", &[both]);
        let differ = "SEED: the URLs differ in more than hosts";
        check(&["redis://:x@a", "redis://:y@b"], &[], "", &[differ]);
        check(
            &["redis://a:1", "redis://b:2", "c"],
            &[],
            "",
            &["cluster.seeds=[\"a:1\", \"b:2\", \"c:6379\"] flag SEED"],
        );
    }

    #[test]
    fn a_password_is_the_one_that_was_said_loudest() {
        let file = "[cluster]\nseeds = ['a']\npassword_file = 'pw'\n";
        let password = |variables: &[(&str, &str)]| {
            let login = loaded(&[], variables, file).unwrap().cluster.credentials.unwrap();
            String::from_utf8(login.password.expose().to_owned()).unwrap()
        };
        assert_eq!(password(&[]), "hush");
        assert_eq!(password(&[("REDISCLI_AUTH", "louder")]), "louder");
        let twice = "--password-file: a password is said by --password too";
        check(&["a", "-a", "x", "--password-file", "pw"], &[], "", &[twice]);
        let none = "slotway.toml:3:17: `password_file` in [cluster]: cannot read ";
        let problems = loaded(&[], &[], &file.replace("'pw'", "'no'")).unwrap_err().to_string();
        assert!(problems.contains(&none[..20]) && problems.contains("cannot read "), "{problems}");
    }

    #[test]
    fn a_listener_keeps_its_password_when_it_is_moved() {
        let one = "[cluster]\nseeds = ['a']\n[[listen]]\naddress = '1'\npassword = 'hush'\n";
        let config = loaded(&["--listen", "2,3", "--tcp-keepalive=0"], &[], one).unwrap();
        let shown: Vec<_> = config
            .listeners
            .iter()
            .map(|listener| {
                assert_eq!(listener.keepalive, None);
                let password = listener.password.as_ref().unwrap().expose();
                format!("{} {}", listener.address, String::from_utf8_lossy(password))
            })
            .collect();
        assert_eq!(shown, ["0.0.0.0:2 hush", "0.0.0.0:3 hush"]);
        let two = format!("{one}[[listen]]\naddress = '4'\n");
        check(&["--listen", "2"], &[], &two, &["--listen: there are 2 listeners in the file"]);
        let same = format!("{one}[[listen]]\naddress = '*:1'\n");
        check(
            &[],
            &[],
            &same,
            &["slotway.toml:7:11: `address` in [[listen]]: 0.0.0.0:1 has a listener already"],
        );
        check(
            &["a", "--admin=9", "--listen=127.0.0.1:9"],
            &[],
            "",
            &["--admin: a listener has this address"],
        );
    }

    #[test]
    fn what_does_not_fit_together_is_told_of_the_louder_voice() {
        check(&["a", "--ca-file=/dev/null"], &[], "", &["--ca-file: it is for TLS only"]);
        check(
            &["a", "--tls", "--cert-file=/dev/null"],
            &[],
            "",
            &["--cert-file: it needs `key_file` too"],
        );
        check(
            &["a", "--bulk-max=2GiB"],
            &[],
            "",
            &["--bulk-max: `bulk_max` is more than `request_max`"],
        );
        check(
            &["a", "--request-max=1MiB"],
            &[],
            "",
            &["--request-max: `bulk_max` is more than `request_max`"],
        );
        check(&["a", "--read-from=same-zone"], &[], "", &["--read-from: same-zone needs a zone"]);
        check(
            &["a", "--allow=debug", "--deny=DEBUG,get"],
            &[],
            "",
            &["--deny: `DEBUG` is allowed too"],
        );
        check(
            &["a", "--address-map=announced,1:1->2:2"],
            &[],
            "",
            &["--address-map: a word does not go together with rules"],
        );
        check(&[], &[], "", &["no node of the cluster is named"]);
    }

    #[test]
    fn the_part_of_a_command_is_heard_after_the_whole() {
        let config = loaded(&["a", "--deny=config|get,get", "--allow=config"], &[], "").unwrap();
        let table = slotway_protocol::CommandTable::builtin();
        let denied = |name: &str| config.rules.denies(table.named(name).unwrap());
        let names = ["config|get", "get", "config|set", "set", "shutdown"];
        assert_eq!(names.map(denied), [true, true, false, false, true]);
    }

    #[test]
    fn an_operator_is_told_what_is_open_seen_or_misspelt() {
        let warnings = |flags: &[&str], variables: &[(&str, &str)]| {
            loaded(flags, variables, "").unwrap().warnings
        };
        assert!(warnings(&["a"], &[]).is_empty());
        let open =
            warnings(&["a", "-a", "hush", "--listen=localhost:1,2"], &[("SLOTWAY_DEDLINE", "1s")]);
        assert_eq!(open.len(), 3, "{open:?}");
        assert!(
            open[0].contains("--password-file") && open[1].contains("SLOTWAY_DEADLINE"),
            "{open:?}"
        );
        assert!(open[2].starts_with("whoever reaches 0.0.0.0:2 uses the cluster"), "{open:?}");
        assert!(!format!("{open:?}").contains("hush"));
    }
}
