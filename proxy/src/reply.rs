//! The only place where an error of the client becomes a reply.

use slotway::Error;
use slotway_protocol::{Command, Delivery, aborted, unknown_outcome};

/// What WAIT is answered with where a primary may have forgotten what it was sent.
pub(crate) const WRITES_LOST: &[u8] =
    b"-UNKNOWNOUTCOME slotway: a connection that carried writes of this client was lost; whether \
      replicas have them is not known\r\n";

/// The reply for a command that could not be carried out. No key or value is in it, but for what
/// the command's own sender is told of it.
pub(crate) fn of_error(error: &Error) -> Vec<u8> {
    of_text(&text_of(error))
}

/// An error with this text: its code comes first.
pub(crate) fn of_text(text: &str) -> Vec<u8> {
    of_bytes(text.as_bytes())
}

/// The same, for text that may repeat parts of a command.
pub(crate) fn of_bytes(text: &[u8]) -> Vec<u8> {
    let mut reply = Vec::with_capacity(text.len() + 3);
    reply.push(b'-');
    // A line is a line, whatever a client put into its command.
    reply.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    reply.extend_from_slice(b"\r\n");
    reply
}

/// Why a command cannot be part of a transaction here.
pub(crate) fn not_in_transaction(command: &Command<'_>) -> Vec<u8> {
    let name = String::from_utf8_lossy(command.name()).to_lowercase();
    let name: String = name.chars().take(64).collect();
    format!("ERR slotway: '{name}' is not for one node alone, and a transaction is").into()
}

fn text_of(error: &Error) -> String {
    match error {
        Error::Unknown { node } => unknown_outcome(node),
        Error::Aborted { node } => aborted(node),
        Error::Late { node, waited, delivery } => late(node, *waited, *delivery),
        Error::Partly { source } => format!(
            "UNKNOWNOUTCOME parts of the command may have been executed, another was not: {}",
            text_of(source)
        ),
        Error::GaveUp(reason) => reason.to_string(),
        Error::Unreachable { reason, .. } => reason.to_string(),
        Error::Overtaken => "TRYAGAIN slotway: not executed: a later command of this connection \
                             for the same key was, while its slot moved"
            .to_owned(),
        Error::Refused(text) if has_code(text) => text.clone(),
        Error::Refused(text) => format!("ERR slotway: {text}"),
        Error::Server { code, message } if message.is_empty() => code.clone(),
        Error::Server { code, message } => format!("{code} {message}"),
        other => format!("ERR slotway: {other}"),
    }
}

/// Whether it begins with the word by which programs tell errors apart.
fn has_code(text: &str) -> bool {
    let word = text.split(' ').next().unwrap_or_default();
    word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn late(node: &slotway::NodeAddr, waited: std::time::Duration, delivery: Delivery) -> String {
    let waited = waited.as_secs_f64();
    match delivery {
        Delivery::MaybeSent => format!(
            "UNKNOWNOUTCOME command may have been executed: no reply of {node} for {waited:.1}s"
        ),
        Delivery::NotSent => {
            format!("CLUSTERDOWN slotway: {node} took no command for {waited:.1}s")
        }
    }
}
