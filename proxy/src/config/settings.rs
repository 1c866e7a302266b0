//! The configuration that holds, value by value, with who said each.

use std::fmt::Write as _;

use serde_json::json;

use super::{
    build::fill,
    keys::{Key, Section},
    kind::{Value, quoted},
    problem::Origin,
    said::{Part, Said},
};

/// Every value that holds, in the order of a file. Passwords are not in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings(Vec<Setting>);

/// One value that holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    key: &'static Key,
    /// Which listener, counted from 0.
    listener: usize,
    value: String,
    origin: Origin,
    secret: bool,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Key {}

impl Settings {
    pub(crate) fn of(said: &Said) -> Self {
        let mut settings = Vec::new();
        for section in Section::ALL {
            let parts = match section {
                Section::Listen => &said.listeners[..],
                Section::Top
                | Section::Cluster
                | Section::Admin
                | Section::Limits
                | Section::Commands
                | Section::Log => std::slice::from_ref(&said.plain),
            };
            for (index, part) in parts.iter().enumerate() {
                settings.extend(of_part(section, index, part));
            }
        }
        Self(settings)
    }

    /// What holds if nobody says anything, in front of these seeds.
    pub(crate) fn of_defaults() -> Self {
        let mut said = Said { listeners: vec![Part::new()], ..Said::default() };
        fill(&mut said.plain, |section| section != Section::Listen);
        fill(&mut said.listeners[0], |section| section == Section::Listen);
        Self::of(&said)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// As a file that says the same, without passwords.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        let mut last = (Section::Top, 0);
        for setting in &self.0 {
            let part = (setting.key.section, setting.listener);
            if part != last {
                text += &format!("\n{}\n", part.0.header());
                last = part;
            }
            // With a password that is none, nobody could log in.
            let start = if setting.secret { "# " } else { "" };
            let line = format!("{start}{} = {}", setting.key.name, setting.value);
            let _ = writeln!(text, "{line:<40}  # {}", setting.origin());
        }
        text
    }

    /// As one object a value: `key`, `value`, `origin`.
    pub fn to_json(&self) -> serde_json::Value {
        let object = |setting: &Setting| {
            json!({
                "key": setting.path(),
                "value": setting.json(),
                "origin": setting.origin(),
            })
        };
        self.iter().map(object).collect()
    }
}

impl Setting {
    /// `limits.deadline`, `listen.0.address`
    pub fn path(&self) -> String {
        if self.key.section == Section::Listen {
            return format!("listen.{}.{}", self.listener, self.key.name);
        }
        self.key.path()
    }

    /// The value, as a file has it; `"***"` for a password.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Who said it: `default`, a place in a file, a variable, a flag.
    pub fn origin(&self) -> String {
        match &self.origin {
            Origin::Default => "default".into(),
            Origin::File(spot) => format!("file {}:{}", spot.path.display(), spot.line),
            Origin::Variable(name) => format!("environment {name}"),
            Origin::Flag(flag) => format!("flag {flag}"),
        }
    }

    fn json(&self) -> serde_json::Value {
        // What a file has of strings, numbers, words and lists of strings is JSON as well.
        serde_json::from_str(&self.value).unwrap_or_else(|_| json!(self.value))
    }
}

fn of_part(section: Section, listener: usize, part: &Part) -> Vec<Setting> {
    let setting = |key: &'static Key| {
        let given = part.get(&key.id)?;
        let secret = matches!(given.value, Value::Secret(_));
        let value = if secret { quoted("***") } else { key.kind.shown(&given.value) };
        Some(Setting { key, listener, value, origin: given.origin.clone(), secret })
    };
    section.keys().filter_map(setting).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::file::read_text;

    #[test]
    fn what_is_printed_can_be_read_again_and_has_no_password() {
        let file = "workers = 3\n[cluster]\nseeds = ['a:1', 'b:2']\npassword = 'hush'\n\
                    address_map = ['1:1 -> 2:2', '*:1 -> \"x\":2']\n\
                    [[listen]]\naddress = '1'\nkeepalive = 0\n[[listen]]\npassword = 'hush'\n";
        let (said, problems) = read_text(Path::new("slotway.toml"), file);
        assert!(problems.is_empty(), "{problems:?}");
        let settings = Settings::of(&said);
        let toml = settings.to_toml();
        assert!(!format!("{toml}{:?}{}", settings, settings.to_json()).contains("hush"));
        assert!(toml.contains("\n# password = \"***\"  "), "{toml}");
        let (again, problems) = read_text(Path::new("slotway.toml"), &toml);
        assert!(problems.is_empty(), "{problems:?}");
        let open = |said: &Said| -> Vec<_> {
            let settings = Settings::of(said);
            let open = settings.iter().filter(|setting| !setting.secret);
            open.map(|setting| (setting.path(), setting.value.clone())).collect()
        };
        assert_eq!(open(&said), open(&again));
    }
}
