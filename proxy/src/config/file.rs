//! Reads a configuration file: every value with its place, and everything that is wrong with it.

use std::{fs::File, io::Read as _, path::Path, sync::Arc};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    keys::{Key, Section},
    kind::{Kind, Value},
    nearest::nearest,
    problem::{Origin, Problem, Spot, Wrong},
    said::{Given, Part, Said},
};

/// A larger file is none that a person wrote.
const BYTES_MAX: u64 = 1 << 20;
/// More listeners than this are a mistake.
const LISTENERS_MAX: usize = 1024;

/// A file while it is read.
struct Reader<'a> {
    path: Arc<Path>,
    text: &'a str,
    said: Said,
    /// Problems, and the byte that each is at.
    problems: Vec<(usize, Problem)>,
}

/// What a file says, and what is wrong with it, in the order in which it is written there.
pub(crate) fn read(path: &Path) -> (Said, Vec<Problem>) {
    match text(path) {
        Ok(text) => read_text(path, &text),
        Err(problem) => (Said::default(), vec![problem]),
    }
}

fn text(path: &Path) -> Result<String, Problem> {
    let shown = path.display();
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > BYTES_MAX => Err(Problem::of_all(
            format!("{shown} is larger than {BYTES_MAX} bytes"),
            "name a configuration file, as `slotway config schema` prints one",
        )),
        Ok(_) => Ok(text),
        Err(error) => Err(Problem::of_all(
            format!("cannot read {shown}: {error}"),
            "name a file that you may read; `slotway config schema` prints one to start from",
        )),
    }
}

pub(crate) fn read_text(path: &Path, text: &str) -> (Said, Vec<Problem>) {
    let mut reader =
        Reader { path: path.into(), text, said: Said::default(), problems: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        // Its text names what was expected, and quotes at most a sign or a key.
        let at = error.span().map_or(0, |span| span.start);
        reader.syntax(at, error.message());
    }
    // What follows from a syntax error is no problem of its own.
    if reader.problems.is_empty() {
        reader.top(table.get_ref());
    }
    reader.problems.sort_by_key(|(at, _)| *at);
    (reader.said, reader.problems.into_iter().map(|(_, problem)| problem).collect())
}

impl Reader<'_> {
    fn top(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = name.span().start;
            let named = Section::ALL.into_iter().find(|section| section.name() == name.get_ref());
            match named.filter(|section| *section != Section::Top) {
                Some(Section::Listen) => self.listeners(at, value),
                Some(section) => match value.get_ref().as_table() {
                    Some(table) => {
                        let mut part = Part::new();
                        self.part(section, table, &mut part);
                        self.said.plain.extend(part);
                    }
                    None => self.not_a_part(at, section, value),
                },
                None => match key(Section::Top, name.get_ref()) {
                    Some(key) => {
                        if let Some(given) = self.value(key, value) {
                            self.said.plain.insert(key.id, given);
                        }
                    }
                    None => self.unknown_at_top(at, name.get_ref(), value.get_ref()),
                },
            }
        }
    }

    fn listeners(&mut self, at: usize, value: &Spanned<DeValue<'_>>) {
        let Some(array) = value.get_ref().as_array() else {
            return self.not_a_part(at, Section::Listen, value);
        };
        if array.len() > LISTENERS_MAX {
            let hint = format!("at most {LISTENERS_MAX} are taken");
            return self.problem(at, format!("there are {} listeners", array.len()), hint);
        }
        for item in array.iter() {
            let mut part = Part::new();
            match item.get_ref().as_table() {
                Some(table) => self.part(Section::Listen, table, &mut part),
                None => self.not_a_part(item.span().start, Section::Listen, item),
            }
            self.said.listeners.push(part);
        }
    }

    fn part(&mut self, section: Section, table: &DeTable<'_>, part: &mut Part) {
        for (name, value) in table {
            match key(section, name.get_ref()) {
                Some(key) => part.extend(self.value(key, value).map(|given| (key.id, given))),
                None => self.unknown(name.span().start, section, name.get_ref()),
            }
        }
    }

    fn value(&mut self, key: &'static Key, value: &Spanned<DeValue<'_>>) -> Option<Given> {
        let list = key.kind.is_list() && key.kind != Kind::ListenAddress;
        if list && let Some(items) = value.get_ref().as_array() {
            return self.list(key, value.span().start, items);
        }
        let read = match scalar(key.kind, value.get_ref()) {
            Ok(text) => key.kind.read(&text),
            Err(wrong) => Err(wrong),
        };
        self.given(key, value.span().start, read)
    }

    fn list(
        &mut self,
        key: &'static Key,
        at: usize,
        items: &[Spanned<DeValue<'_>>],
    ) -> Option<Given> {
        let mut texts = Vec::new();
        let before = self.problems.len();
        for item in items {
            let read = scalar(key.kind, item.get_ref()).and_then(|text| key.kind.read(&text));
            if let Some(Given { value: Value::List(text), .. }) =
                self.given(key, item.span().start, read)
            {
                texts.extend(text);
            }
        }
        if self.problems.len() > before {
            return None;
        }
        self.given(key, at, key.kind.list(texts))
    }

    fn given(&mut self, key: &'static Key, at: usize, read: Result<Value, Wrong>) -> Option<Given> {
        let origin = self.origin(at);
        match read {
            Ok(value) => Some(Given { value, origin }),
            Err(wrong) => {
                self.problems.push((at, Problem::of_value(&origin, key, wrong)));
                None
            }
        }
    }

    fn unknown(&mut self, at: usize, section: Section, name: &str) {
        let here: Vec<_> = section.keys().map(|key| key.name).collect();
        let hint = match (elsewhere(name), nearest(name, here.iter().copied())) {
            (Some(hint), _) => hint,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("known are {}", here.join(", ")),
        };
        self.unknown_name(at, name, format!("unknown key {}", section.shown(name)), hint);
    }

    fn unknown_at_top(&mut self, at: usize, name: &str, value: &DeValue<'_>) {
        let parts = Section::ALL.into_iter().filter(|section| *section != Section::Top);
        let part = nearest(name, parts.clone().map(Section::name));
        let part = parts.clone().find(|section| Some(section.name()) == part);
        let key = nearest(name, Section::Top.keys().map(|key| key.name));
        let is_part = value.is_table() || value.is_array();
        let says = if is_part {
            format!("unknown part [{name}]")
        } else {
            format!("unknown key `{name}`")
        };
        let hint = match (elsewhere(name).filter(|_| !is_part), key, part) {
            (Some(hint), ..) => hint,
            (None, Some(key), _) if !is_part => format!("did you mean `{key}`?"),
            (None, _, Some(part)) => format!("did you mean {}?", part.header()),
            (None, ..) => {
                format!("known are {}", parts.map(Section::header).collect::<Vec<_>>().join(", "))
            }
        };
        self.unknown_name(at, name, says, hint);
    }

    fn unknown_name(&mut self, at: usize, name: &str, says: String, hint: String) {
        let problem = Problem::at(&self.origin(at), says, hint);
        self.problems.push((at, Problem { key: Some(name.to_owned()), ..problem }));
    }

    fn not_a_part(&mut self, at: usize, section: Section, value: &Spanned<DeValue<'_>>) {
        let header = section.header();
        let says = match value.get_ref() {
            DeValue::Table(_) => format!("[{}] has single brackets", section.name()),
            DeValue::Array(_) => format!("[[{}]] has double brackets", section.name()),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => format!("`{}` is no key", section.name()),
        };
        self.problem(at, says, format!("write it as {header}, with its keys below"));
    }

    /// One for each line: the others follow from it.
    fn syntax(&mut self, at: usize, says: &str) {
        let line = |at: usize| self.text.get(..at).map(|before| before.matches('\n').count());
        if !self.problems.iter().any(|(other, _)| line(*other) == line(at)) {
            self.problem(at, says, "this is no TOML: https://toml.io shows how it looks");
        }
    }

    fn problem(&mut self, at: usize, says: impl Into<String>, hint: impl Into<String>) {
        let problem = Problem::at(&self.origin(at), says, hint);
        self.problems.push((at, problem));
    }

    fn origin(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Origin::File(Spot {
            path: Arc::clone(&self.path),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        })
    }
}

/// Where a key belongs that stands in another part than its own.
fn elsewhere(name: &str) -> Option<String> {
    let section = Section::ALL.into_iter().find(|section| key(*section, name).is_some())?;
    Some(match section {
        Section::Top => format!("`{name}` stands before the first [..]"),
        Section::Cluster
        | Section::Listen
        | Section::Admin
        | Section::Limits
        | Section::Commands
        | Section::Log => format!("`{name}` belongs in {}", section.header()),
    })
}

fn key(section: Section, name: &str) -> Option<&'static Key> {
    section.keys().find(|key| key.name == name)
}

/// A value as the text that a flag would have, if its type is the one for the key.
fn scalar(kind: Kind, value: &DeValue<'_>) -> Result<String, Wrong> {
    let number = matches!(kind, Kind::Count(..) | Kind::Workers | Kind::Bytes(..) | Kind::Time(..));
    let word = !matches!(kind, Kind::Count(..) | Kind::Switch);
    match value {
        DeValue::String(text) if word => Ok(text.clone().into_owned()),
        DeValue::Integer(integer) if number && integer.radix() == 10 => {
            Ok(integer.as_str().to_owned())
        }
        DeValue::Boolean(on) if kind == Kind::Switch => Ok(on.to_string()),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => Err(Wrong::new(
            // Never with the value: it may stand where a password should.
            format!("a value of type {} does not fit", value.type_str()),
            format!("write it as {}", example(kind)),
        )),
    }
}

/// A value as a file has it.
fn example(kind: Kind) -> String {
    match kind {
        Kind::Text(_) | Kind::Secret | Kind::Path => "\"text\", in quotes".into(),
        Kind::Switch => "true or false, without quotes".into(),
        Kind::Choice(words) => format!("\"{}\", in quotes", words.join("\" or \"")),
        Kind::Count(..) => "a number, without quotes".into(),
        Kind::Bytes(..) => "\"64MiB\", with a unit and in quotes".into(),
        Kind::Time(..) => "\"5s\", with a unit and in quotes".into(),
        Kind::Workers => "a number, or \"auto\"".into(),
        Kind::Seeds => "[\"10.0.0.1:6379\", \"10.0.0.2:6379\"]".into(),
        Kind::AddressMap => "\"by-node-id\", or [\"172.18.0.0/16:* -> 10.0.0.5:*\"]".into(),
        Kind::ListenAddress => "\"0.0.0.0:6379\", in quotes".into(),
        Kind::AdminAddress => "\"127.0.0.1:9379\" or \"off\", in quotes".into(),
        Kind::Commands => "[\"config|set\", \"debug\"]".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks everything that is wrong with a text, as people see it.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let (_, problems) = read_text(Path::new("slotway.toml"), text);
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.join("\n"), expected, "in {text:?}");
    }

    #[test]
    fn a_slip_is_named_with_its_line_and_the_nearest_name() {
        check(
            "[[listen]]\naddress = '1'\n  proxy_protocl = 'v2'\n",
            "error: slotway.toml:3:3: unknown key `proxy_protocl` in [[listen]]\n\
             hint:  did you mean `proxy_protocol`?",
        );
        check(
            "[limts]\n",
            "error: slotway.toml:1:2: unknown part [limts]\nhint:  did you mean [limits]?",
        );
        check(
            "wrkers = 1\n",
            "error: slotway.toml:1:1: unknown key `wrkers`\nhint:  did you mean `workers`?",
        );
        check(
            "[admin]\nxyz = 1\n",
            "error: slotway.toml:2:1: unknown key `xyz` in [admin]\nhint:  known are address, show_keys",
        );
        check(
            "[cluster]\ndeadline = '1s'\nworkers = 2\n",
            "error: slotway.toml:2:1: unknown key `deadline` in [cluster]\n\
             hint:  `deadline` belongs in [limits]\n\
             error: slotway.toml:3:1: unknown key `workers` in [cluster]\n\
             hint:  `workers` stands before the first [..]",
        );
    }

    #[test]
    fn everything_is_told_in_the_order_of_the_file() {
        check(
            "[log]\nlevel = 'inf'\n[limits]\ndeadline = 5\nbulk_max = 1.5\nclients_max = 0\n\
             [commands]\nallow = ['debug', 'confg|set']\n[admin]\naddress = 'nowhere'\n",
            "error: slotway.toml:2:9: `level` in [log]: `inf` is unknown\n\
             hint:  did you mean `info`? It is one of `error`, `warn`, `info`, `debug`, `trace`\n\
             error: slotway.toml:4:12: `deadline` in [limits]: `5` has no unit\n\
             hint:  write a time as 500ms, 5s, 2m or 1h\n\
             error: slotway.toml:5:12: `bulk_max` in [limits]: a value of type float does not fit\n\
             hint:  write it as \"64MiB\", with a unit and in quotes\n\
             error: slotway.toml:6:15: `clients_max` in [limits]: 0 is too little\n\
             hint:  it is from 1 to 10000000\n\
             error: slotway.toml:8:19: `allow` in [commands]: no command is called `confg|set`\n\
             hint:  did you mean `config|set`?\n\
             error: slotway.toml:10:11: `address` in [admin]: `nowhere` is no place to listen\n\
             hint:  write it as 127.0.0.1:9379, [::1]:9379, 9379, or off",
        );
    }

    #[test]
    fn the_brackets_of_a_part_are_as_they_are() {
        check(
            "[listen]\naddress = '1'\n[[admin]]\n",
            "error: slotway.toml:1:2: [listen] has single brackets\n\
             hint:  write it as [[listen]], with its keys below\n\
             error: slotway.toml:3:3: [[admin]] has double brackets\n\
             hint:  write it as [admin], with its keys below",
        );
        check(
            "log = 'json'\n",
            "error: slotway.toml:1:1: `log` is no key\nhint:  write it as [log], with its keys below",
        );
    }

    #[test]
    fn what_is_no_toml_is_told_once_a_line_and_hides_the_rest() {
        check(
            "[cluster]\nseeds = [\"ä\", b]\nxyz = 1\npassword = hush\n",
            "error: slotway.toml:2:15: string values must be quoted, expected literal string\n\
             hint:  this is no TOML: https://toml.io shows how it looks\n\
             error: slotway.toml:4:12: string values must be quoted, expected literal string\n\
             hint:  this is no TOML: https://toml.io shows how it looks",
        );
        check(
            "[log]\n[log]\n",
            "error: slotway.toml:2:2: duplicate key\n\
             hint:  this is no TOML: https://toml.io shows how it looks",
        );
    }

    #[test]
    fn no_text_makes_it_panic_or_say_a_password() {
        const PIECES: [&str; 18] = [
            "[cluster]\n",
            "[[listen]]\n",
            "password = \"hush\"",
            "password = 'hush",
            "password = ",
            "password = hush",
            "redis://:hush@a",
            "\n",
            "seeds = ",
            "[",
            "]",
            "\"",
            "'",
            "{",
            "}",
            "=",
            "é",
            ",",
        ];
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..20_000 {
            let pieces = (0..random.usize(..16)).map(|_| PIECES[random.usize(..PIECES.len())]);
            let text: String = pieces.collect();
            let (_, problems) = read_text(Path::new("x"), &text);
            // As a key it is no password.
            let keys = problems.iter().filter(|problem| !problem.message().contains("unknown"));
            let told: String = keys.map(ToString::to_string).collect();
            assert!(!told.contains("hush"), "{text:?} gave {told}");
        }
    }
}
