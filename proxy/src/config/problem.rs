//! What is wrong with a configuration: where, what, and what to do about it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::keys::Key;

/// What is wrong with a value, wherever it came from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Wrong {
    /// A sentence without its place. It never quotes a password.
    pub(crate) says: String,
    /// What to do.
    pub(crate) hint: Option<String>,
}

impl Wrong {
    pub(crate) fn new(says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { says: says.into(), hint: Some(hint.into()) }
    }
}

/// Where a value was said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In a file.
    File(Spot),
    /// In an environment variable.
    Variable(String),
    /// On the command line, by this flag.
    Flag(String),
}

/// A place in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Spot {
    /// The file, as it was named.
    pub(crate) path: Arc<Path>,
    /// Its line, counted from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    /// The character in the line, counted from 1.
    pub(crate) column: usize,
}

impl Origin {
    /// Who says more loudly is believed.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Default => 0,
            Self::File(_) => 1,
            Self::Variable(_) => 2,
            Self::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File(spot) => write!(f, "{spot}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Spot {
    /// Where a path leads that stands in the file: it counts from the file's folder.
    pub(crate) fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match self.line {
            0 => Ok(()),
            line => write!(f, ":{line}:{}", self.column),
        }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    pub(crate) origin: Option<Origin>,
    pub(crate) key: Option<String>,
    pub(crate) says: String,
    pub(crate) hint: Option<String>,
}

impl Problem {
    /// Something that is wrong at one place.
    pub(crate) fn at(origin: &Origin, says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { origin: Some(origin.clone()), key: None, says: says.into(), hint: Some(hint.into()) }
    }

    /// Something that is wrong with all of it together.
    pub(crate) fn of_all(says: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { origin: None, key: None, says: says.into(), hint: Some(hint.into()) }
    }

    /// A value that cannot be used.
    pub(crate) fn of_value(origin: &Origin, key: &'static Key, wrong: Wrong) -> Self {
        // A flag and a variable say which key it is; in a file the reader wants its name.
        let says = match origin {
            Origin::File(_) => format!("{}: {}", key.shown(), wrong.says),
            Origin::Default | Origin::Variable(_) | Origin::Flag(_) => wrong.says,
        };
        Self {
            origin: Some(origin.clone()),
            key: Some(key.name.to_owned()),
            says,
            hint: wrong.hint,
        }
    }

    /// Where in a file it is: the line and the character in it, both counted from 1.
    pub fn place(&self) -> Option<(&Path, usize, usize)> {
        match &self.origin {
            Some(Origin::File(spot)) => Some((&spot.path, spot.line, spot.column)),
            _ => None,
        }
    }

    /// The key that it is about, as a file names it, if it is about one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// What is wrong, with its place.
    pub fn message(&self) -> String {
        match &self.origin {
            Some(origin) => format!("{origin}: {}", self.says),
            None => self.says.clone(),
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// As people see it, in two lines.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message())?;
        self.hint().map_or(Ok(()), |hint| write!(f, "\nhint:  {hint}"))
    }
}

/// Everything that is wrong with a configuration, in the order in which it was written; at least
/// one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line = if index == 0 { "" } else { "\n" };
            write!(f, "{line}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
