//! All keys, for people and for editors.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{
    keys::{Key, Section},
    kind::{Kind, Zero},
};

/// A file with every key, its meaning, and its default.
pub(crate) fn reference() -> String {
    let mut text = String::from(
        "# Every key of slotway.toml, with its default. What is commented out has no default.\n\
         # Each may be said by a flag or a variable as well: file < variable < flag.\n\
         # Times have a unit: 500ms, 5s, 2m, 1h. So do sizes: 512B, 64KiB, 16MiB, 1GiB.\n",
    );
    for section in Section::ALL {
        if section != Section::Top {
            let _ = write!(text, "\n{}", section.header());
        }
        text.push('\n');
        for key in section.keys() {
            let _ = writeln!(text, "# {}. --{}, ${}", key.help, key.flag, key.variable());
            let _ = match shown_default(key) {
                Some(default) => writeln!(text, "{} = {default}", key.name),
                None => writeln!(text, "# {} = {}", key.name, example(key.kind)),
            };
        }
    }
    text
}

/// The same for editors.
pub(crate) fn json_schema() -> Value {
    let mut parts = properties(Section::Top);
    for section in Section::ALL.into_iter().filter(|section| *section != Section::Top) {
        let table = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": properties(section),
        });
        let part = if section == Section::Listen {
            json!({ "type": "array", "items": table })
        } else {
            table
        };
        parts.insert(section.name().to_owned(), part);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "slotway.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": parts,
    })
}

fn properties(section: Section) -> Map<String, Value> {
    section.keys().map(|key| (key.name.to_owned(), property(key))).collect()
}

fn property(key: &Key) -> Value {
    let mut property = match key.kind {
        Kind::Text(_) | Kind::Secret | Kind::Path | Kind::ListenAddress | Kind::AdminAddress => {
            json!({ "type": "string", "minLength": 1 })
        }
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Count(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Workers => {
            json!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1 }] })
        }
        Kind::Bytes(..) => json!({ "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$" }),
        Kind::Time(_, _, Zero::Time) => {
            json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|m|h)$" })
        }
        Kind::Time(_, _, Zero::Never) => json!({ "anyOf": [
            { "const": 0 },
            { "type": "string", "pattern": "^(0|[0-9]+ ?(ms|s|m|h))$" },
        ] }),
        Kind::Seeds | Kind::AddressMap | Kind::Commands => json!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ] }),
    };
    property["description"] = json!(key.help);
    if let Some(default) = shown_default(key) {
        property["default"] = serde_json::from_str(&default).unwrap_or_else(|_| json!(default));
    }
    property["x-flag"] = json!(format!("--{}", key.flag));
    property["x-variable"] = json!(key.variable());
    property
}

/// The default as a file has it.
fn shown_default(key: &Key) -> Option<String> {
    let value = key.kind.read(key.default).ok().filter(|_| !key.default.is_empty())?;
    Some(key.kind.shown(&value))
}

/// What stands in the place of a value that has no default.
fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Seeds => "[\"10.0.0.1:6379\", \"10.0.0.2:6379\"]",
        Kind::AddressMap | Kind::Commands => "[]",
        Kind::Text(_)
        | Kind::Secret
        | Kind::Path
        | Kind::Switch
        | Kind::Choice(_)
        | Kind::Count(..)
        | Kind::Bytes(..)
        | Kind::Time(..)
        | Kind::Workers
        | Kind::ListenAddress
        | Kind::AdminAddress => "\"\"",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{file::read_text, keys::KEYS, settings::Settings};

    #[test]
    fn the_reference_is_a_file_that_says_the_defaults() {
        let (said, problems) = read_text(Path::new("slotway.toml"), &reference());
        assert!(problems.is_empty(), "{problems:?}");
        let values = |settings: Settings| -> Vec<_> {
            settings.iter().map(|setting| (setting.path(), setting.value().to_owned())).collect()
        };
        assert_eq!(values(Settings::of(&said)), values(Settings::of_defaults()));
    }

    #[test]
    fn both_forms_name_every_key() {
        let (text, json) = (reference(), json_schema().to_string());
        for key in KEYS {
            assert!(text.contains(&format!("--{}, ${}\n", key.flag, key.variable())), "{key:?}");
            assert!(json.contains(&format!("\"--{}\"", key.flag)), "{key:?}");
        }
    }
}
