//! Reads environment variables: each key has one.

use std::ffi::OsString;

use super::{
    keys::{Id, KEYS, Key},
    kind::{Kind, Value},
    nearest::nearest,
    problem::{Origin, Problem, Wrong},
    said::{Given, Part},
};

/// The variable that names the file.
pub(crate) const FILE: &str = "SLOTWAY_CONFIG";
/// Where other tools keep the password of a cluster, in the order in which they are asked.
pub(crate) const PASSWORDS: [&str; 2] = ["REDISCLI_AUTH", "VALKEYCLI_AUTH"];
/// Variables of ours that are no keys.
const OTHERS: [&str; 3] = [FILE, "SLOTWAY_SERVER", "SLOTWAY_TEST_SERVERS"];

/// The variables of a process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        Self::of(std::env::vars_os())
    }

    /// These. An empty one counts as none, as compose files leave them.
    pub(crate) fn of(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().filter(|(_, value)| !value.is_empty()).collect())
    }

    /// One of them.
    pub(crate) fn var(&self, name: &str) -> Option<&OsString> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// What they say, and what is wrong with it.
    pub(crate) fn read(&self) -> (Part, Vec<Problem>) {
        let mut part = Part::new();
        let mut problems = Vec::new();
        for key in KEYS {
            let name = key.variable();
            let Some(value) = self.var(&name) else { continue };
            insert(&mut part, &mut problems, key, name, value);
        }
        let ours = [Id::Password, Id::PasswordFile];
        if !ours.iter().any(|id| self.var(&id.key().variable()).is_some())
            && let Some((name, value)) =
                PASSWORDS.iter().find_map(|name| Some((*name, self.var(name)?)))
        {
            insert(&mut part, &mut problems, Id::Password.key(), name.into(), value);
        }
        (part, problems)
    }

    /// A warning for each variable that looks like one of ours, but is none.
    pub(crate) fn misspelt(&self) -> Vec<String> {
        let known: Vec<_> = KEYS.iter().map(Key::variable).collect();
        let known = || known.iter().map(String::as_str).chain(OTHERS);
        let names = self.0.iter().filter_map(|(name, _)| name.to_str());
        // In a cluster of containers a service called slotway puts many a variable there.
        let alike = names.filter_map(|name| {
            let rest = name.strip_prefix("SLOTWAY_")?;
            let unknown = !known().any(|known| known == name);
            let short = known().filter_map(|name| name.strip_prefix("SLOTWAY_"));
            let near = nearest(rest, short).filter(|near| {
                unknown
                    && strsim::damerau_levenshtein(near, &rest.chars().take(64).collect::<String>())
                        <= 2
            })?;
            Some(format!("{name} is not known and was left aside; did you mean SLOTWAY_{near}?"))
        });
        alike.collect()
    }
}

fn insert(
    part: &mut Part,
    problems: &mut Vec<Problem>,
    key: &'static Key,
    name: String,
    value: &OsString,
) {
    let origin = Origin::Variable(name);
    let read = match value.to_str() {
        Some(text) => read(key.kind, [text]),
        None => Err(Wrong { says: "it is not UTF-8".into(), hint: None }),
    };
    match read {
        Ok(value) => drop(part.insert(key.id, Given { value, origin })),
        Err(wrong) => problems.push(Problem::of_value(&origin, key, wrong)),
    }
}

/// What the texts of a flag or a variable say together. In a list, commas separate items.
pub(crate) fn read<'a>(
    kind: Kind,
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<Value, Wrong> {
    if !kind.is_list() {
        return texts
            .into_iter()
            .map(|text| kind.read(text))
            .last()
            .unwrap_or_else(|| Err(Wrong { says: "it has no value".into(), hint: None }));
    }
    let mut items = Vec::new();
    for text in texts {
        for item in split(kind, text) {
            if let Value::List(item) = kind.read(item.trim())? {
                items.extend(item);
            }
        }
    }
    kind.list(items)
}

/// A URL has commas of its own, and stands alone.
fn split(kind: Kind, text: &str) -> Vec<&str> {
    if kind == Kind::Seeds && text.contains("://") {
        return vec![text];
    }
    text.split(',').collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &[u8])], expected: &[&str]) {
        let variable = |(name, value): &(&str, &[u8])| {
            (OsString::from(*name), OsString::from_vec(value.to_vec()))
        };
        let environment = Environment::of(variables.iter().map(variable));
        let (part, problems) = environment.read();
        let said = part.iter().map(|(id, given)| {
            let value = if let Value::Secret(secret) = &given.value {
                String::from_utf8_lossy(secret.expose()).into_owned()
            } else {
                id.key().kind.shown(&given.value)
            };
            format!("{}={value} {}", id.key().path(), given.origin)
        });
        let problems = problems.iter().map(Problem::message);
        let got: Vec<_> = said.chain(problems).chain(environment.misspelt()).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn a_variable_says_what_a_key_does() {
        check(&[("SLOTWAY_DEADLINE", b"2s")], &["limits.deadline=\"2s\" SLOTWAY_DEADLINE"]);
        check(&[("SLOTWAY_TLS", b"true")], &["cluster.tls=true SLOTWAY_TLS"]);
        check(
            &[("SLOTWAY_SEEDS", b"a:1, 7001")],
            &["cluster.seeds=[\"a:1\", \"7001\"] SLOTWAY_SEEDS"],
        );
        check(&[("SLOTWAY_DEADLINE", b""), ("HOME", b"/"), ("SLOTWAY_CONFIG", b"x")], &[]);
    }

    #[test]
    fn a_password_may_be_where_other_tools_have_it() {
        let all: [(&str, &[u8]); 3] =
            [("VALKEYCLI_AUTH", b"v"), ("REDISCLI_AUTH", b"r"), ("SLOTWAY_PASSWORD", b"s")];
        check(&all, &["cluster.password=s SLOTWAY_PASSWORD"]);
        check(&all[..2], &["cluster.password=r REDISCLI_AUTH"]);
        check(&all[..1], &["cluster.password=v VALKEYCLI_AUTH"]);
        let file: (&str, &[u8]) = ("SLOTWAY_PASSWORD_FILE", b"/f");
        check(&[file, all[0]], &["cluster.password_file=\"/f\" SLOTWAY_PASSWORD_FILE"]);
    }

    #[test]
    fn what_is_wrong_with_a_variable_names_it() {
        check(&[("SLOTWAY_DEADLINE", b"2")], &["SLOTWAY_DEADLINE: `2` has no unit"]);
        check(&[("SLOTWAY_TLS", b"yes")], &["SLOTWAY_TLS: `yes` is no answer"]);
        check(&[("SLOTWAY_PASSWORD", b"\xff")], &["SLOTWAY_PASSWORD: it is not UTF-8"]);
        check(&[("SLOTWAY_SEEDS", b"a,,b")], &["SLOTWAY_SEEDS: it is empty"]);
    }

    #[test]
    fn a_misspelt_variable_is_told_but_not_what_others_put_there() {
        check(
            &[("SLOTWAY_CLIENT_MAX", b"9")],
            &[
                "SLOTWAY_CLIENT_MAX is not known and was left aside; did you mean SLOTWAY_CLIENTS_MAX?",
            ],
        );
        check(&[("SLOTWAY_SERVICE_HOST", b"10.0.0.1"), ("SLOTWAY_PORT_6379_TCP", b"tcp://x")], &[]);
        check(&[("SLOTWAY_SERVER", b"/x"), ("SLOTWAY_TEST_SERVERS", b"/x")], &[]);
    }
}
