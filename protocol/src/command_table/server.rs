//! Reads a server's answer to `COMMAND`, of RESP2 or RESP3.

use std::borrow::Cow;

use super::CommandTable;
use crate::{
    spec::{
        Arity, Categories, CommandFlags, CommandId, CommandSpec, Finder, KeyBegin, KeyFind,
        KeyFlags, KeySpec, RequestPolicy, ResponsePolicy, RetryRule, Route,
    },
    value::Value,
};

/// Why a server's answer to `COMMAND` cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandTableError {
    /// The server refused, with this text.
    #[error("the server refused COMMAND: {0}")]
    Refused(String),
    /// The answer does not look like one to `COMMAND`.
    #[error("the server's answer to COMMAND has no {0} where it belongs")]
    Malformed(&'static str),
    /// There are more commands than can be numbered.
    #[error("the server has too many commands")]
    TooMany,
}

/// Lays the commands of `reply` over those of the table.
pub(super) fn overlay(table: &mut CommandTable, reply: &Value) -> Result<(), CommandTableError> {
    if let Some(text) = reply.as_error() {
        return Err(CommandTableError::Refused(String::from_utf8_lossy(text).into_owned()));
    }
    for row in elements(reply, "list of commands")? {
        // A name that was asked for and is not known.
        if *row == Value::Null {
            continue;
        }
        add(table, row)?;
        if let Some(subcommands) = row.as_elements().and_then(|row| row.get(9)) {
            for row in elements(subcommands, "list of subcommands")? {
                add(table, row)?;
            }
        }
    }
    Ok(())
}

fn add(table: &mut CommandTable, row: &Value) -> Result<(), CommandTableError> {
    let fields = elements(row, "command")?;
    let name = fields.first().and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or(CommandTableError::Malformed("name"))?.to_ascii_lowercase();
    // A table is laid over another one once, so a search along it is no matter.
    let known = table.commands.iter().position(|spec| spec.name == name);
    let mut spec = known.map_or_else(|| unknown(&name), |known| table.commands[known].clone());
    read(&mut spec, fields)?;
    if let Some(known) = known {
        spec.retry = RetryRule::of(&spec.name, spec.flags);
        spec.route = Route::of(&spec);
        table.commands[known] = spec;
        return Ok(());
    }
    if table.commands.len() >= usize::from(u16::MAX) {
        return Err(CommandTableError::TooMany);
    }
    table.add(spec);
    Ok(())
}

/// A command of which nothing is built in.
fn unknown(name: &str) -> CommandSpec {
    CommandSpec {
        route: Route::AnyNode,
        id: CommandId(0),
        arity: Arity::new(-1),
        retry: RetryRule::Never,
        finder: Finder::Specs,
        flags: CommandFlags::EMPTY,
        keys: Cow::Borrowed(&[]),
        subcommands: Vec::new(),
        name: Cow::Owned(name.to_owned()),
        categories: Categories::EMPTY,
        request: RequestPolicy::default(),
        response: ResponsePolicy::default(),
        since: Cow::Borrowed(""),
        first_seen: "",
    }
}

/// Takes over what the server says.
fn read(spec: &mut CommandSpec, fields: &[Value]) -> Result<(), CommandTableError> {
    let arity = fields.get(1).and_then(Value::as_integer).and_then(|arity| arity.try_into().ok());
    spec.arity = arity.map(Arity::new).ok_or(CommandTableError::Malformed("arity"))?;
    let flags = fields.get(2).ok_or(CommandTableError::Malformed("list of flags"))?;
    spec.flags = words(flags, "list of flags")?
        .filter_map(CommandFlags::from_word)
        .fold(CommandFlags::EMPTY, CommandFlags::with);
    if let Some(categories) = fields.get(6) {
        spec.categories = words(categories, "list of categories")?
            .filter_map(|word| Categories::from_word(word.strip_prefix(b"@").unwrap_or(word)))
            .fold(Categories::EMPTY, Categories::with);
    }
    if let Some(tips) = fields.get(7) {
        read_tips(spec, tips)?;
    }
    if let Some(places) = fields.get(8) {
        let places = elements(places, "list of key specifications")?;
        let places = places.iter().map(key_spec).collect::<Result<Vec<_>, _>>()?;
        spec.keys = Cow::Owned(places);
    }
    let told = spec
        .keys
        .iter()
        .all(|place| place.begin != KeyBegin::Unknown && place.find != KeyFind::Unknown);
    if (spec.keys.is_empty() || !told) && spec.finder == Finder::Specs {
        spec.keys = first_last_step(fields).map_or_else(|| spec.keys.clone(), Cow::Owned);
    }
    Ok(())
}

fn read_tips(spec: &mut CommandSpec, tips: &Value) -> Result<(), CommandTableError> {
    spec.request = RequestPolicy::default();
    spec.response = ResponsePolicy::default();
    for tip in words(tips, "list of tips")? {
        if let Some(word) = tip.strip_prefix(b"request_policy:") {
            spec.request = RequestPolicy::from_word(word).unwrap_or_default();
        } else if let Some(word) = tip.strip_prefix(b"response_policy:") {
            spec.response = ResponsePolicy::from_word(word).unwrap_or_default();
        }
    }
    Ok(())
}

/// The old way to say where keys are, if the server uses it here: first, last, step.
fn first_last_step(fields: &[Value]) -> Option<Vec<KeySpec>> {
    let number = |at: usize| fields.get(at).and_then(Value::as_integer);
    let (first, last, step) = (number(3)?, number(4)?, number(5)?);
    let begin = KeyBegin::Index(u32::try_from(first).ok().filter(|&first| first > 0)?);
    let last = if last < 0 { last } else { last.checked_sub(first)?.max(0) };
    let step = u32::try_from(step).unwrap_or(1).max(1);
    let find = KeyFind::Range { last: last.try_into().ok()?, step, limit: 0 };
    Some(vec![KeySpec { flags: KeyFlags::RW, begin, find }])
}

fn key_spec(value: &Value) -> Result<KeySpec, CommandTableError> {
    let flags = words(field(value, "flags")?, "list of key flags")?
        .filter_map(KeyFlags::from_word)
        .fold(KeyFlags::EMPTY, KeyFlags::with);
    let begin = field(value, "begin_search")?;
    let begin = match kind(begin)? {
        b"index" => KeyBegin::Index(number(begin, "index")?),
        b"keyword" => {
            let word = field(field(begin, "spec")?, "keyword")?;
            let word = word.as_str().ok_or(CommandTableError::Malformed("keyword"))?;
            KeyBegin::Keyword {
                word: Cow::Owned(word.to_owned()),
                from: number(begin, "startfrom")?,
            }
        }
        _ => KeyBegin::Unknown,
    };
    let find = field(value, "find_keys")?;
    let find = match kind(find)? {
        b"range" => KeyFind::Range {
            last: number(find, "lastkey")?,
            step: number(find, "keystep")?,
            limit: number(find, "limit")?,
        },
        b"keynum" => KeyFind::Keynum {
            at: number(find, "keynumidx")?,
            first: number(find, "firstkey")?,
            step: number(find, "keystep")?,
        },
        _ => KeyFind::Unknown,
    };
    Ok(KeySpec { flags, begin, find })
}

fn kind(value: &Value) -> Result<&[u8], CommandTableError> {
    field(value, "type")?.as_bytes().ok_or(CommandTableError::Malformed("type"))
}

fn number<N: TryFrom<i64>>(value: &Value, name: &'static str) -> Result<N, CommandTableError> {
    let number = field(field(value, "spec")?, name)?.as_integer();
    number.and_then(|number| number.try_into().ok()).ok_or(CommandTableError::Malformed(name))
}

fn field<'v>(value: &'v Value, name: &'static str) -> Result<&'v Value, CommandTableError> {
    let mut pairs = value.as_pairs().ok_or(CommandTableError::Malformed("map"))?;
    let found = pairs.find(|(key, _)| key.as_bytes() == Some(name.as_bytes()));
    found.map(|(_, value)| value).ok_or(CommandTableError::Malformed(name))
}

fn elements<'v>(value: &'v Value, name: &'static str) -> Result<&'v [Value], CommandTableError> {
    value.as_elements().ok_or(CommandTableError::Malformed(name))
}

fn words<'v>(
    value: &'v Value,
    name: &'static str,
) -> Result<impl Iterator<Item = &'v [u8]>, CommandTableError> {
    Ok(elements(value, name)?.iter().filter_map(Value::as_bytes))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{CommandBuf, Plan, PlanRules, ReplyLimits};

    fn table(reply: &str) -> Result<CommandTable, CommandTableError> {
        let reply = Bytes::copy_from_slice(reply.replace(' ', "\r\n").as_bytes());
        CommandTable::of_server(&Value::decode(&reply, &ReplyLimits::default()).unwrap())
    }

    #[track_caller]
    fn check(reply: &str, command: &[&str], keys: &[usize]) {
        let table = table(reply).unwrap();
        let command = CommandBuf::new(command).unwrap();
        let spec = table.lookup(&command.as_command()).unwrap();
        let found = spec.keys(&command.as_command()).unwrap();
        assert_eq!(found.iter().map(|key| key.position).collect::<Vec<_>>(), keys, "{reply}");
    }

    #[test]
    fn a_command_that_only_the_server_knows_is_added() {
        let ten = "*1 *10 +js.get :-2 *2 +readonly +module :0 :0 :0 *1 +@read *0 \
             *1 *6 +flags *1 +RO +begin_search *4 +type +index +spec *2 +index :2 \
             +find_keys *4 +type +range +spec *6 +lastkey :0 +keystep :1 +limit :0 *0 ";
        check(ten, &["JS.GET", "x", "k"], &[2]);
        let maps = "*1 *10 +js.get :-2 ~2 +readonly +module :0 :0 :0 ~1 +@read *0 \
             *1 %3 +flags ~1 +RO +begin_search %2 +type +keyword +spec %2 +keyword +KEY +startfrom :1 \
             +find_keys %2 +type +keynum +spec %3 +keynumidx :0 +firstkey :1 +keystep :1 *0 ";
        check(maps, &["js.get", "key", "2", "a", "b"], &[3, 4]);
    }

    #[test]
    fn an_old_servers_first_last_and_step_will_do() {
        check("*1 *6 +js.mset :-3 *1 +write :1 :-1 :2 ", &["js.mset", "a", "1", "b", "2"], &[1, 3]);
        check("*1 *6 +js.two :3 *1 +write :1 :2 :1 ", &["js.two", "a", "b"], &[1, 2]);
        check("*1 *6 +js.none :1 *1 +fast :0 :0 :0 ", &["js.none"], &[]);
        // A command that is built in keeps the places that an old server does not tell.
        check("*1 *6 +get :2 *1 +readonly :1 :1 :1 ", &["get", "a"], &[1]);
    }

    #[test]
    fn what_slotway_decides_stays_with_the_name() {
        let table =
            table("*2 *6 +del :-2 *1 +write :1 :-1 :1 *6 +sort :-2 *1 +write :1 :1 :1 ").unwrap();
        let plan = |args: &[&str]| {
            let command = CommandBuf::new(args).unwrap();
            Plan::of(&command.as_command(), &table, &PlanRules::new(&table))
        };
        assert!(matches!(plan(&["DEL", "a", "b"]), Plan::Split(_)));
        assert!(matches!(plan(&["SORT", "a", "STORE", "b"]), Plan::Refused(_)));
    }

    #[test]
    fn a_subcommand_that_is_new_is_found_in_its_container() {
        let reply = "*1 *10 +config :-2 *0 :0 :0 :0 *0 *0 *0 \
             *1 *10 +config|tune :3 *1 +admin :0 :0 :0 *0 *0 *0 *0 ";
        check(reply, &["CONFIG", "TUNE", "x"], &[]);
        assert_eq!(table(reply).unwrap().named("config|tune").unwrap().arity().number(), 3);
    }

    #[test]
    fn an_answer_that_is_none_is_named() {
        use CommandTableError::{Malformed, Refused};
        let error = |reply| table(reply).err();
        assert_eq!(error("-NOPERM "), Some(Refused("NOPERM".to_owned())));
        assert_eq!(error(":1 "), Some(Malformed("list of commands")));
        assert_eq!(error("*1 :1 "), Some(Malformed("command")));
        assert_eq!(error("*1 *0 "), Some(Malformed("name")));
        assert_eq!(error("*1 *2 +x :99999 "), Some(Malformed("arity")));
        assert_eq!(error("*1 *2 +x :1 "), Some(Malformed("list of flags")));
        assert_eq!(error("*1 $-1 "), None);
    }
}
