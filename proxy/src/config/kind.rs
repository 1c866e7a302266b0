//! What a key takes, and how that is read and shown.

use std::num::NonZeroUsize;

use slotway::{AddressMap, AddressRule, AddressRules};
use slotway_protocol::{CommandTable, Secret};

use super::{address, nearest::nearest, problem::Wrong, seeds, units};

/// The longest text that is taken for a value.
const TEXT_MAX: usize = 4096;
/// More seeds, listeners, rules or commands than this are a mistake.
const LIST_MAX: usize = 1024;

/// What a key takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Any text; how help calls it.
    Text(&'static str),
    /// A text that nobody should see.
    Secret,
    /// The path of a file.
    Path,
    /// Yes or no.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A number, from one to the other.
    Count(u64, u64),
    /// A number of bytes, from one to the other.
    Bytes(u64, u64),
    /// A time in milliseconds, from one to the other, or 0 as well.
    Time(u64, u64, Zero),
    /// A number of threads, or `auto`.
    Workers,
    /// Nodes.
    Seeds,
    /// `announced`, `by-node-id` or rules.
    AddressMap,
    /// Where to listen for clients.
    ListenAddress,
    /// Where to listen for operators, or `off`.
    AdminAddress,
    /// Names of commands.
    Commands,
}

/// What a time of zero means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Zero {
    /// Nothing special.
    Time,
    /// Never, or for ever.
    Never,
}

/// What somebody said, read and found to be of its kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Value {
    /// A text, also one that means something.
    Text(String),
    /// A text that nobody should see.
    Secret(Secret),
    /// Several texts.
    List(Vec<String>),
    /// Yes or no.
    Switch(bool),
    /// A number: a count, bytes, or milliseconds.
    Number(u64),
}

impl Kind {
    pub(crate) const fn time(min: u64, max: u64) -> Self {
        Self::Time(min, max, Zero::Time)
    }

    pub(crate) const fn time_or_never(min: u64, max: u64) -> Self {
        Self::Time(min, max, Zero::Never)
    }

    /// Whether several values may be given.
    pub(crate) fn is_list(self) -> bool {
        matches!(self, Self::Seeds | Self::AddressMap | Self::ListenAddress | Self::Commands)
    }

    /// What help calls the value.
    pub(crate) fn placeholder(self) -> &'static str {
        match self {
            Self::Text(name) => name,
            Self::Secret => "PASSWORD",
            Self::Path => "FILE",
            Self::Switch => "true|false",
            Self::Choice(_) => "WORD",
            Self::Count(..) | Self::Workers => "N",
            Self::Bytes(..) => "SIZE",
            Self::Time(..) => "TIME",
            Self::Seeds => "SEED",
            Self::AddressMap => "RULE",
            Self::ListenAddress | Self::AdminAddress => "ADDRESS",
            Self::Commands => "COMMAND",
        }
    }

    /// What one text says, of a list one of its items.
    pub(crate) fn read(self, text: &str) -> Result<Value, Wrong> {
        if text.is_empty() {
            return Err(Wrong::new("it is empty", "leave it out, or give it a value"));
        }
        if text.len() > TEXT_MAX || text.contains(|char: char| char.is_control()) {
            let says = format!("it has a control character, or more than {TEXT_MAX} bytes");
            return Err(Wrong { says, hint: None });
        }
        match self {
            Self::Text(_) | Self::Path => Ok(Value::Text(text.to_owned())),
            Self::Secret => Ok(Value::Secret(Secret::new(text))),
            Self::Switch => match text {
                "true" => Ok(Value::Switch(true)),
                "false" => Ok(Value::Switch(false)),
                _ => Err(Wrong::new(format!("`{text}` is no answer"), "say true or false")),
            },
            Self::Choice(words) => choice(text, words),
            Self::Count(min, max) => count(text).and_then(|count| within(count, min, max, self)),
            Self::Bytes(min, max) => units::size(text).and_then(|n| within(n, min, max, self)),
            Self::Time(_, _, Zero::Never) if text == "0" => Ok(Value::Number(0)),
            Self::Time(min, max, zero) => match units::time(text)? {
                0 if zero == Zero::Never => Ok(Value::Number(0)),
                time => within(time, min, max, self),
            },
            Self::Workers if text == "auto" => Ok(Value::Text("auto".into())),
            Self::Workers => count(text).and_then(|count| within(count, 1, 1024, self)),
            Self::Seeds => seeds::read(text).map(|_| Value::List(vec![text.to_owned()])),
            Self::AddressMap => address_map(text).map(|()| Value::List(vec![text.to_owned()])),
            Self::ListenAddress => {
                address::listen(text).map(|_| Value::List(vec![text.to_owned()]))
            }
            Self::AdminAddress => address::admin(text).map(|_| Value::Text(text.to_owned())),
            Self::Commands => command(text).map(|()| Value::List(vec![text.to_owned()])),
        }
    }

    /// The items of a list as one value.
    pub(crate) fn list(self, items: Vec<String>) -> Result<Value, Wrong> {
        if items.len() > LIST_MAX {
            return Err(Wrong::new(
                format!("it has {} items", items.len()),
                format!("at most {LIST_MAX} are taken"),
            ));
        }
        let word = |item: &String| matches!(item.as_str(), "announced" | "by-node-id");
        if self == Self::AddressMap && items.len() > 1 && items.iter().any(word) {
            return Err(Wrong::new(
                "a word does not go together with rules",
                "write `announced`, `by-node-id`, or rules",
            ));
        }
        Ok(Value::List(items))
    }

    /// The value as a file has it.
    pub(crate) fn shown(self, value: &Value) -> String {
        match (self, value) {
            (_, Value::Secret(_)) => quoted("***"),
            (_, Value::Switch(on)) => on.to_string(),
            (Self::Bytes(..), Value::Number(number)) => quoted(&units::shown_size(*number)),
            (Self::Time(..), Value::Number(number)) => quoted(&units::shown_time(*number)),
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Text(text)) => quoted(text),
            (Self::AddressMap | Self::ListenAddress, Value::List(items)) if items.len() == 1 => {
                quoted(&items[0])
            }
            (_, Value::List(items)) => {
                let items: Vec<_> = items.iter().map(|item| quoted(item)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

/// The text as a string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => quoted += &format!("\\u{:04X}", u32::from(char)),
            char => quoted.push(char),
        }
    }
    quoted + "\""
}

/// What the texts of an address map mean together.
pub(crate) fn map_of(items: &[String]) -> Result<AddressMap, Wrong> {
    match items {
        [word] if word == "announced" => Ok(AddressMap::Announced),
        [word] if word == "by-node-id" => Ok(AddressMap::ByNodeId),
        rules => {
            let rules: Result<Vec<_>, _> = rules.iter().map(|rule| address_rule(rule)).collect();
            rules.map(|rules| AddressMap::Rules(AddressRules::new(rules)))
        }
    }
}

fn address_map(text: &str) -> Result<(), Wrong> {
    match text {
        "announced" | "by-node-id" => Ok(()),
        rule => address_rule(rule).map(|_| ()),
    }
}

fn address_rule(text: &str) -> Result<AddressRule, Wrong> {
    let hint = "write `announced`, `by-node-id`, or rules such as 172.18.0.0/16:* -> 10.0.0.5:*";
    text.parse().map_err(|error: slotway::AddressRuleError| Wrong::new(error.to_string(), hint))
}

fn command(text: &str) -> Result<(), Wrong> {
    let table = CommandTable::builtin();
    if table.named(text).is_some() {
        return Ok(());
    }
    let near = nearest(text, table.iter().map(|spec| spec.name()));
    let hint = near.map_or_else(
        || "docs/commands.md lists all, as in `config` or `config|set`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Err(Wrong::new(format!("no command is called `{text}`"), hint))
}

fn choice(text: &str, words: &[&str]) -> Result<Value, Wrong> {
    if words.contains(&text) {
        return Ok(Value::Text(text.to_owned()));
    }
    let known: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    let known = known.join(", ");
    let hint = match nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? It is one of {known}"),
        None if words.len() == 1 => format!("it can only be {known}"),
        None => format!("it is one of {known}"),
    };
    Err(Wrong::new(format!("`{text}` is unknown"), hint))
}

fn count(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| digits);
    number.ok_or_else(|| Wrong::new(format!("`{text}` is no number"), "write digits only"))
}

fn within(number: u64, min: u64, max: u64, kind: Kind) -> Result<Value, Wrong> {
    if (min..=max).contains(&number) {
        return Ok(Value::Number(number));
    }
    let bare = |number| kind.shown(&Value::Number(number)).replace('"', "");
    let says = format!("{} is too {}", bare(number), if number < min { "little" } else { "much" });
    Err(Wrong::new(says, format!("it is from {} to {}", bare(min), bare(max))))
}

/// How many threads `auto` is here.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
