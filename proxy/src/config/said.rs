//! What was said, by whom, and who is believed.

use std::collections::BTreeMap;

use super::{
    keys::{Id, Section},
    kind::Value,
    problem::{Origin, Problem},
    seeds,
};

/// A value, and where it was said.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// The values of one part.
pub(crate) type Part = BTreeMap<Id, Given>;

/// Everything that was said in one place, or in all of them together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// All but listeners; of flags and variables also what holds for all listeners.
    pub(crate) plain: Part,
    /// Each listener of a file.
    pub(crate) listeners: Vec<Part>,
}

impl Said {
    /// Believes `louder` wherever it says something.
    pub(crate) fn overridden_by(&mut self, louder: Part) {
        self.plain.extend(louder);
    }

    /// Moves what flags and variables say of listeners to the listeners, of which there is at least
    /// one then.
    pub(crate) fn place_listeners(&mut self) -> Result<(), Problem> {
        let of_listeners = |id: &Id| id.key().section == Section::Listen;
        let mut louder: Part = self.plain.extract_if(.., |id, _| of_listeners(id)).collect();
        if let Some(given) = louder.remove(&Id::ListenAddress) {
            self.listeners = self.at(&given)?;
        }
        if self.listeners.is_empty() {
            self.listeners.push(Part::new());
        }
        for listener in &mut self.listeners {
            listener.extend(louder.clone());
        }
        Ok(())
    }

    /// A listener at each of these addresses, with all else as the file has it for its only one:
    /// dropping that could open a port that should have a password.
    fn at(&self, given: &Given) -> Result<Vec<Part>, Problem> {
        let base = match &self.listeners[..] {
            [] => Part::new(),
            [only] => only.clone(),
            several => {
                return Err(Problem::at(
                    &given.origin,
                    format!("there are {} listeners in the file", several.len()),
                    "leave this out, and say in the file where each of them listens",
                ));
            }
        };
        let Value::List(addresses) = &given.value else { return Ok(vec![base]) };
        let listener = |address: &String| {
            let value = Value::List(vec![address.clone()]);
            let mut part = base.clone();
            part.insert(Id::ListenAddress, Given { value, origin: given.origin.clone() });
            part
        };
        Ok(addresses.iter().map(listener).collect())
    }

    /// Adds what URLs among the seeds say besides.
    pub(crate) fn unfold_urls(&mut self) -> Result<(), Problem> {
        let Some(Given { value: Value::List(texts), origin }) = self.plain.get(&Id::Seeds).cloned()
        else {
            return Ok(());
        };
        let mut besides: Option<Vec<(Id, Value)>> = None;
        let mut nodes = Vec::new();
        for text in &texts {
            let seed = seeds::read(text)
                .map_err(|wrong| Problem::of_value(&origin, Id::Seeds.key(), wrong))?;
            nodes.extend(seed.nodes.iter().map(ToString::to_string));
            if !text.contains("://") {
                continue;
            }
            if besides.as_ref().is_some_and(|besides| *besides != seed.besides) {
                return Err(Problem::at(
                    &origin,
                    "the URLs differ in more than hosts",
                    "give one with all of them: redis://user:password@host:port,host:port",
                ));
            }
            besides = Some(seed.besides);
        }
        // From here on nobody can show the password that was in a URL.
        self.plain.insert(Id::Seeds, Given { value: Value::List(nodes), origin: origin.clone() });
        besides
            .unwrap_or_default()
            .into_iter()
            .try_for_each(|(id, value)| self.besides(id, value, &origin))
    }

    fn besides(&mut self, id: Id, value: Value, origin: &Origin) -> Result<(), Problem> {
        let file = (id == Id::Password).then_some(Id::PasswordFile);
        for rival in [id].into_iter().chain(file) {
            let Some(said) = self.plain.get(&rival) else { continue };
            if said.origin.rank() > origin.rank() {
                return Ok(());
            }
            if said.origin.rank() == origin.rank() && said.value != value {
                return Err(Problem::at(
                    &said.origin,
                    format!("a URL among the seeds says `{}` too", id.key().name),
                    "say it in one of the two places",
                ));
            }
            self.plain.remove(&rival);
        }
        self.plain.insert(id, Given { value, origin: origin.clone() });
        Ok(())
    }

    /// Of a password and a file with one, keeps what was said more loudly.
    pub(crate) fn choose_passwords(&mut self) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(choose(&mut self.plain, Id::Password, Id::PasswordFile));
        for listener in &mut self.listeners {
            problems.extend(choose(listener, Id::ListenPassword, Id::ListenPasswordFile));
        }
        problems
    }
}

fn choose(part: &mut Part, password: Id, file: Id) -> Option<Problem> {
    let (Some(word), Some(path)) = (part.get(&password), part.get(&file)) else { return None };
    let problem = Problem::at(
        &path.origin,
        format!("a password is said by {} too", word.origin),
        "say it in one of the two places",
    );
    match word.origin.rank().cmp(&path.origin.rank()) {
        std::cmp::Ordering::Less => part.remove(&password).and(None),
        std::cmp::Ordering::Greater => part.remove(&file).and(None),
        std::cmp::Ordering::Equal => Some(problem),
    }
}
