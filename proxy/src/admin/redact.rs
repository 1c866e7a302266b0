//! Secrets are taken out of whatever is shown.

use serde_json::Value;

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// Words in the name of a setting that make its value a secret.
const SECRET_WORDS: [&str; 6] = ["password", "passwd", "secret", "token", "credential", "auth"];

/// The same value without passwords: of settings that are called so, and in URLs.
///
/// Where a secret is, such as in `password_file`, is none.
pub(super) fn redacted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let value = if is_secret(&name) { hidden(value) } else { redacted(value) };
                (name, value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        Value::String(text) => Value::String(without_password(&text)),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !name.ends_with("_file") && SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// Nothing but whether it is set.
fn hidden(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::String(text) if text.is_empty() => Value::String(text),
        Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => HIDDEN.into(),
    }
}

/// `redis://user:password@host` without the password, also if the text has many of them.
fn without_password(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        rest = after;
        let authority = &rest[..rest.find(['/', '?', '#', ' ', ',']).unwrap_or(rest.len())];
        // A password with a slash in it was not written as a URL wants it, but it was meant as one.
        let Some(end) = authority.rfind('@').or_else(|| rest.rfind('@')) else { continue };
        let user = rest[..end].split(':').next().unwrap_or_default();
        if user.len() < end {
            shown.push_str(user);
            shown.push(':');
            shown.push_str(HIDDEN);
        } else {
            shown.push_str(user);
        }
        rest = &rest[end..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: Value, expected: Value) {
        assert_eq!(redacted(value), expected);
    }

    #[test]
    fn passwords_are_hidden_wherever_they_are() {
        check(
            json!({"cluster": {"password": "p", "Auth_Token": 7, "password_file": "/run/p"}}),
            json!({"cluster": {"password": "(hidden)", "Auth_Token": "(hidden)", "password_file": "/run/p"}}),
        );
        check(
            json!([{"users": [{"name": "a", "passwords": ["x", "y"]}]}]),
            json!([{"users": [{"name": "a", "passwords": "(hidden)"}]}]),
        );
    }

    #[test]
    fn that_none_is_set_is_no_secret() {
        let plain = json!({"password": null, "requirepass_password": "", "auth": false, "port": 1});
        check(plain.clone(), plain);
    }

    #[test]
    fn a_url_keeps_everything_but_its_password() {
        check(json!("redis://h:1/0"), json!("redis://h:1/0"));
        check(json!("redis://user@h:1"), json!("redis://user@h:1"));
        check(json!("redis://:p@h:1"), json!("redis://:(hidden)@h:1"));
        check(json!("rediss://u:p@h:1?x"), json!("rediss://u:(hidden)@h:1?x"));
        check(json!("redis://u:p/q@h"), json!("redis://u:(hidden)@h"));
        check(
            json!("redis://u:p@a,redis://u:q@b"),
            json!("redis://u:(hidden)@a,redis://u:(hidden)@b"),
        );
        check(json!("no url: a@b"), json!("no url: a@b"));
    }
}
