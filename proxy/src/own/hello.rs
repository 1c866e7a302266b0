//! `HELLO` and `AUTH`: how to talk, and to whom.

use slotway_protocol::{Command, LoginState, Protocol, Secret};

use super::{
    Identity, Wording, World,
    args::{integer, is, is_plain, quoting},
    identity::DEFAULT_USER,
};

/// What a client is told that has to log in before anything else.
pub const NOT_LOGGED_IN: &str = "NOAUTH Authentication required.";

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const NO_PASSWORD: &str = "ERR AUTH <password> called without any password configured for the \
    default user. Are you sure your configuration is correct?";
pub(super) const BAD_NAME: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";

/// `AUTH [user] password`.
pub(super) fn auth(command: &Command<'_>, me: &mut Identity) -> Result<(), Vec<u8>> {
    let (user, password) = match (command.arg(1), command.arg(2), command.len()) {
        (Some(password), None, _) => {
            if me.password().is_none() {
                return Err(NO_PASSWORD.into());
            }
            (DEFAULT_USER.as_bytes(), password)
        }
        (Some(user), Some(password), 3) => (user, password),
        _ => return Err("ERR syntax error".into()),
    };
    log_in(user, password, me)
}

/// `HELLO [version [AUTH user password] [SETNAME name]]`. What it says is not half believed,
/// except where the servers behind do.
pub(super) fn hello(
    command: &Command<'_>,
    me: &mut Identity,
    world: &World,
) -> Result<(), Vec<u8>> {
    let wording = world.backend().wording();
    let protocol = command.arg(1).map(version).transpose()?;
    let (mut login, mut name) = (None, None);
    let mut at = 2;
    while let Some(option) = command.arg(at) {
        if is(option, "auth")
            && let (Some(user), Some(password)) = (command.arg(at + 1), command.arg(at + 2))
        {
            at += 3;
            login = Some((user, password));
            // The oldest act on it before they have read the rest.
            if wording < Wording::Redis72 {
                log_in(user, password, me)?;
            }
        } else if is(option, "setname")
            && let Some(new) = command.arg(at + 1)
        {
            at += 2;
            name = Some(new);
            if !is_plain(new) {
                return Err(BAD_NAME.into());
            }
            if wording < Wording::Redis72 {
                me.rename(new);
            }
        } else {
            return Err(quoting("ERR Syntax error in HELLO option '", option, "'"));
        }
    }
    if let Some((user, password)) = login {
        log_in(user, password, me)?;
    }
    if me.login() == LoginState::Pending {
        return Err(login_first(wording));
    }
    if let Some(name) = name {
        me.rename(name);
    }
    if let Some(protocol) = protocol {
        me.speak(protocol);
    }
    Ok(())
}

/// What a client is told about the server that it talks to.
pub(super) fn introduction(me: &Identity, world: &World, out: &mut Vec<u8>) {
    let backend = world.backend();
    let mut reply = me.reply(out);
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(backend.name().as_bytes());
    reply.bulk(b"version");
    reply.bulk(backend.version().as_bytes());
    reply.bulk(b"proto");
    reply.integer(match me.protocol() {
        Protocol::Resp2 => 2,
        Protocol::Resp3 => 3,
    });
    reply.bulk(b"id");
    reply.integer(me.id().cast_signed());
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.value(backend.modules());
}

fn version(arg: &[u8]) -> Result<Protocol, &'static str> {
    match integer(arg) {
        Some(2) => Ok(Protocol::Resp2),
        Some(3) => Ok(Protocol::Resp3),
        Some(_) => Err("NOPROTO unsupported protocol version"),
        None => Err("ERR Protocol version is not an integer or out of range"),
    }
}

fn login_first(wording: Wording) -> Vec<u8> {
    let form = if wording < Wording::Redis72 { "HELLO AUTH" } else { "HELLO <proto> AUTH" };
    format!(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the {form} \
         <user> <pass> option can be used to authenticate the client and select the RESP protocol \
         version at the same time"
    )
    .into_bytes()
}

fn log_in(user: &[u8], password: &[u8], me: &mut Identity) -> Result<(), Vec<u8>> {
    // A user without a password is let in with any.
    let right = me.password().is_none_or(|known| matches(known, password));
    if user != DEFAULT_USER.as_bytes() || !right {
        return Err(WRONG_PASSWORD.into());
    }
    me.log_in();
    Ok(())
}

/// Compares all of it, so that the time tells nothing of where they differ.
fn matches(known: &Secret, given: &[u8]) -> bool {
    let known = known.expose();
    let differing = known.iter().zip(given).fold(0, |differing, (a, b)| differing | (a ^ b));
    differing == 0 && known.len() == given.len()
}
