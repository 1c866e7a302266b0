//! The name that was probably meant.

/// More letters than any name has.
const LETTERS_MAX: usize = 64;

/// The one of `known` that is most like `name`, if one is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: String = name.chars().take(LETTERS_MAX).collect();
    let likeness = |known: &str| {
        let as_written = strsim::jaro_winkler(&letters(known), &letters(&name));
        // `max_clients` is `clients_max`.
        as_written.max(strsim::jaro_winkler(&sorted(known), &sorted(&name)))
    };
    let all = known.into_iter().map(|known| (likeness(known), known));
    let (likeness, known) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (likeness > 0.8).then_some(known)
}

/// A name without what is often written in another way.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(|char| !matches!(char, '_' | '-' | '|'));
    letters.map(|char| char.to_ascii_lowercase()).collect()
}

fn sorted(name: &str) -> String {
    let mut words: Vec<_> = name.split(['_', '-', '|']).map(str::to_ascii_lowercase).collect();
    words.sort();
    words.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        let known = ["deadline", "clients_max", "user", "password_file", "idle_timeout"];
        assert_eq!(nearest(name, known), expected, "{name:?}");
    }

    #[test]
    fn a_slip_of_the_hand_finds_its_name() {
        check("dedline", Some("deadline"));
        check("Deadline", Some("deadline"));
        check("max-clients", Some("clients_max"));
        check("username", Some("user"));
        check("passwordfile", Some("password_file"));
        check("", None);
        check("xyz", None);
        check(&"x".repeat(100_000), None);
    }
}
