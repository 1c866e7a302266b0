use slotway_protocol::CommandBuf;

use super::*;

/// Runs commands in order; what each is answered with, `OK` or an error, or the words of
/// `TRACKINGINFO` after it.
#[track_caller]
fn check(steps: &[(&str, &str)]) {
    let mut tracking = Tracking::default();
    for (typed, expected) in steps {
        let words: Vec<&str> = ["CLIENT"].into_iter().chain(typed.split(' ')).collect();
        let command = CommandBuf::new(&words).unwrap();
        let command = command.as_command();
        let result = if words[1] == "CACHING" {
            tracking.caching(words[2].as_bytes()).map_err(|text| text.as_bytes().to_vec())
        } else {
            tracking.set(&command, |id| id == 7)
        };
        let found = match result {
            Ok(()) => {
                let prefixes = tracking.prefixes().map(String::from_utf8_lossy);
                let prefixes: Vec<_> = prefixes.map(|prefix| format!("[{prefix}]")).collect();
                format!("{}{}", tracking.words().join(" "), prefixes.concat())
            }
            Err(text) => String::from_utf8_lossy(&text).into_owned(),
        };
        assert!(found.contains(expected), "{typed}: {found}");
    }
}

#[test]
fn options_take_effect() {
    check(&[("TRACKING ON", "on"), ("TRACKING OFF OPTIN OPTOUT", "off")]);
    check(&[("TRACKING ON OPTOUT NOLOOP", "on optout noloop"), ("TRACKING ON", "on")]);
    check(&[("TRACKING on bcast prefix b PREFIX a", "on bcast[a][b]")]);
    check(&[
        ("TRACKING ON BCAST PREFIX a", "on bcast[a]"),
        ("TRACKING ON BCAST PREFIX b", "on bcast[a][b]"),
        ("TRACKING ON BCAST", "on bcast[][a][b]"),
    ]);
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    check(&[("TRACKING ON PREFIX a", PREFIX_ALONE), ("TRACKING ON OPTIN OPTOUT", BOTH_OPTS)]);
    check(&[("TRACKING ON BCAST OPTIN", OPT_WITH_BCAST), ("TRACKING MAYBE", SYNTAX)]);
    check(&[("TRACKING ON", "on"), ("TRACKING ON BCAST", BCAST_SWITCHED)]);
    check(&[("TRACKING ON BCAST", "on"), ("TRACKING ON", BCAST_SWITCHED)]);
    check(&[("TRACKING ON OPTIN", "on"), ("TRACKING ON OPTOUT", OPT_SWITCHED)]);
    check(&[("TRACKING ON FOO", SYNTAX), ("TRACKING ON BCAST PREFIX", SYNTAX)]);
}

#[test]
fn prefixes_may_not_overlap() {
    check(&[(
        "TRACKING ON BCAST PREFIX foo PREFIX bar PREFIX foobar",
        "ERR Prefix 'foo' overlaps with another provided prefix 'foobar'. Prefixes for a single",
    )]);
    check(&[
        ("TRACKING ON BCAST PREFIX a", "on bcast[a]"),
        ("TRACKING ON BCAST PREFIX ac", "ERR Prefix 'ac' overlaps with an existing prefix 'a'."),
    ]);
}

#[test]
fn another_session_can_hear_it_if_it_exists() {
    check(&[("TRACKING ON REDIRECT 7", "on"), ("TRACKING OFF REDIRECT 8", NO_SUCH_CLIENT)]);
    check(&[
        ("TRACKING ON REDIRECT 0", NO_SUCH_CLIENT),
        ("TRACKING ON REDIRECT -1", NO_SUCH_CLIENT),
    ]);
    check(&[("TRACKING ON REDIRECT x", "ERR value is not an integer or out of range")]);
    check(&[("TRACKING ON REDIRECT 7 REDIRECT 7", TWO_REDIRECTS)]);
}

#[test]
fn caching_is_for_the_modes_that_ask() {
    check(&[("CACHING YES", NOT_TRACKING), ("TRACKING ON", "on"), ("CACHING NO", NO_NEEDS_OPTOUT)]);
    check(&[("TRACKING ON OPTIN", "optin"), ("CACHING YES", "on optin caching-yes")]);
    check(&[("TRACKING ON OPTOUT", "optout"), ("CACHING NO", "on optout caching-no")]);
    check(&[("TRACKING ON OPTOUT", "optout"), ("CACHING YES", YES_NEEDS_OPTIN)]);
    check(&[("TRACKING ON OPTOUT", "optout"), ("CACHING X", SYNTAX)]);
}

#[test]
fn caching_is_for_one_command() {
    let mut tracking = Tracking::default();
    let command = CommandBuf::new(&["CLIENT", "TRACKING", "ON", "OPTIN"]).unwrap();
    tracking.set(&command.as_command(), |_| false).unwrap();
    assert!(!tracking.remembers());
    tracking.caching(b"yes").unwrap();
    assert!(tracking.remembers());
    tracking.forget_caching();
    assert!(!tracking.remembers());
    assert!(tracking.hears_itself());
}

#[test]
fn a_lost_redirect_is_news_once() {
    let mut tracking = Tracking::default();
    assert!(!tracking.lose_redirect(), "it does not track");
    let command = CommandBuf::new(&["CLIENT", "TRACKING", "ON", "REDIRECT", "7"]).unwrap();
    tracking.set(&command.as_command(), |_| true).unwrap();
    assert!(tracking.lose_redirect());
    assert!(!tracking.lose_redirect());
    assert_eq!(tracking.words(), ["on", "broken_redirect"]);
    assert_eq!(tracking.redirect(), 7);
}
