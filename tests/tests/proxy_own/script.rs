//! Commands as they are written down here, and what of their replies may differ.

/// Fields of a line of `CLIENT LIST` that are another connection's, or that tell of memory which
/// only a server has in that way.
const OWN_FIELDS: [&str; 21] = [
    "id",
    "addr",
    "laddr",
    "fd",
    "age",
    "idle",
    "qbuf",
    "qbuf-free",
    "argv-mem",
    "multi-mem",
    "rbs",
    "rbp",
    "obl",
    "oll",
    "omem",
    "tot-mem",
    "events",
    "tot-net-in",
    "tot-net-out",
    "tot-cmds",
    "redir",
];

/// The words of a command: `_` is an empty one, `~` a space, `^` a line end.
pub(crate) fn words(line: &str) -> Vec<Vec<u8>> {
    let word = |word: &str| match word {
        "_" => Vec::new(),
        word => word.replace('~', " ").replace('^', "\n").into_bytes(),
    };
    line.split(' ').map(word).collect()
}

/// A reply without what may differ: the numbers of connections, what a line of `CLIENT LIST` says
/// of the connection itself, and so how long that text is.
pub(crate) fn comparable(line: &str, reply: &[u8]) -> String {
    let text = String::from_utf8_lossy(reply).into_owned();
    let upper = line.to_uppercase();
    if reply.starts_with(b"-") {
        return text;
    }
    if upper.starts_with("CLIENT ID") || upper.starts_with("LASTSAVE") {
        return text[..1].to_owned();
    }
    if upper.starts_with("HELLO") {
        return masked_line(&text.replace("id\r\n:", "id="), &["id"]);
    }
    if upper.starts_with("CLIENT LIST") || upper.starts_with("CLIENT INFO") {
        // The fields that only ever name connections; the length goes with them.
        let (mark, body) = text.split_once("\r\n").unwrap();
        return format!("{}{}", &mark[..1], masked_line(body, &OWN_FIELDS));
    }
    text
}

fn masked_line(text: &str, fields: &[&str]) -> String {
    let masked = text.split_inclusive([' ', '\n']).map(|part| {
        let end = part.trim_end();
        match end.split_once('=') {
            Some((name, _)) if fields.contains(&name.trim_start_matches("txt:")) => {
                format!("{name}=*{}", &part[end.len()..])
            }
            _ => part.to_owned(),
        }
    });
    masked.collect()
}
