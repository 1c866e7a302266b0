//! Which channels a pattern is for.

/// Whether a server would say that `text` matches `pattern`: with `*`, `?`, `[a-z]`, `[^a-z]` and `\`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // After the last star: where the pattern goes on, and how much of the text the star has.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            star = Some((at, in_text));
            continue;
        }
        match (text.get(in_text), one(&pattern[at..])) {
            (None, None) => return true,
            (Some(&byte), Some((item, length))) if item.takes(byte) => {
                at += length;
                in_text += 1;
                continue;
            }
            (None, Some(_)) => return false,
            _ => {}
        }
        // The star takes one more, and the rest begins anew.
        let Some((after, taken)) = star else { return false };
        star = Some((after, taken + 1));
        (at, in_text) = (after, taken + 1);
    }
}

/// What one byte is matched with.
#[derive(Debug)]
enum Item<'a> {
    Any,
    Byte(u8),
    /// The inside of brackets, without the `^` of one that takes what is not in it.
    Class {
        inside: &'a [u8],
        inverted: bool,
    },
}

impl Item<'_> {
    fn takes(&self, byte: u8) -> bool {
        match *self {
            Self::Any => true,
            Self::Byte(own) => own == byte,
            Self::Class { inside, inverted } => in_class(inside, byte) != inverted,
        }
    }
}

/// The first item of a pattern that does not begin with a star, and how long it is.
fn one(pattern: &[u8]) -> Option<(Item<'_>, usize)> {
    let (&first, rest) = pattern.split_first()?;
    Some(match (first, rest.first()) {
        (b'?', _) => (Item::Any, 1),
        (b'\\', Some(&escaped)) => (Item::Byte(escaped), 2),
        (b'[', _) => {
            let inverted = rest.first() == Some(&b'^');
            let inside = &rest[usize::from(inverted)..];
            let end = class_end(inside);
            let closed = usize::from(end < inside.len());
            let length = 1 + usize::from(inverted) + end + closed;
            (Item::Class { inside: &inside[..end], inverted }, length)
        }
        (byte, _) => (Item::Byte(byte), 1),
    })
}

/// Where the brackets close; an open class is as long as the pattern.
fn class_end(inside: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = inside.get(at) {
        match byte {
            b']' => return at,
            b'\\' if at + 1 < inside.len() => at += 2,
            _ => at += 1,
        }
    }
    inside.len()
}

fn in_class(mut inside: &[u8], byte: u8) -> bool {
    loop {
        inside = match *inside {
            [] => return false,
            [b'\\', own, ref rest @ ..] if own == byte || rest.is_empty() => return own == byte,
            [b'\\', _, ref rest @ ..] => rest,
            [from, b'-', to, ref rest @ ..] => {
                if (from.min(to)..=from.max(to)).contains(&byte) {
                    return true;
                }
                rest
            }
            [own, ..] if own == byte => return true,
            [_, ref rest @ ..] => rest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for text in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} is for {text}");
        }
        for text in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} is not for {text}");
        }
    }

    #[test]
    fn stars_and_question_marks_match_as_in_a_server() {
        check("news", &["news"], &["new", "newss", ""]);
        check("", &[""], &["a"]);
        check("*", &["", "a", "abc"], &[]);
        check("a*c", &["ac", "abc", "acc"], &["ab", "bc"]);
        check("a*b*c", &["abc", "axbxbxc"], &["acb", "ab"]);
        check("h?llo", &["hello", "hallo"], &["hllo", "heello"]);
        check("a**b", &["ab", "axb"], &["a"]);
    }

    #[test]
    fn classes_and_escapes_match_as_in_a_server() {
        check("h[ae]llo", &["hello", "hallo"], &["hillo", "hllo"]);
        check("h[^e]llo", &["hallo", "hbllo"], &["hello"]);
        check("h[a-c]llo", &["hallo", "hcllo"], &["hdllo"]);
        check("h[c-a]llo", &["hbllo"], &["hdllo"]);
        check("c:[34]", &["c:3", "c:4"], &["c:5", "c:34"]);
        check(r"a\*", &["a*"], &["ab", r"a\*"]);
        check(r"[\]]x", &["]x"], &["\\x", "x"]);
        check("[abc", &["a", "c"], &["d", "[abc"]);
        check("\\", &["\\"], &[""]);
    }

    #[test]
    fn a_pattern_of_many_stars_ends_in_time() {
        check(&"a*".repeat(50), &[&"a".repeat(1000)], &[&format!("b{}", "a".repeat(1000))]);
        check(&format!("{}b", "*a".repeat(200)), &[], &[&"a".repeat(5000)]);
    }
}
