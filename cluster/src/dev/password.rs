//! Where the password of a new cluster comes from: the flag, a file, or the environment.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use super::args::StartArgs;
use crate::Error;

/// The environment variable with the password.
pub(crate) const VARIABLE: &str = "SLOTWAY_PASSWORD";
/// The longest password, which is longer than any that a person or a tool makes.
const BYTES_MAX: u64 = 4 << 10;

/// The password that is asked for, if any.
///
/// One that is given but empty or unreadable is a mistake: a cluster that anybody may use instead
/// of one with a password would be found out too late.
pub(crate) fn password(
    args: &StartArgs,
    variable: Option<OsString>,
) -> Result<Option<String>, Error> {
    if let Some(path) = &args.password_file {
        return from_file(path).map(Some);
    }
    match &args.password {
        Some(password) if password.is_empty() => Err(Error::misuse(
            "the password is empty",
            "leave --password out for a cluster that needs none",
        )),
        Some(password) => Ok(Some(password.clone())),
        None => match variable.unwrap_or_default().into_string() {
            Ok(password) => Ok(Some(password).filter(|password| !password.is_empty())),
            Err(_) => {
                let problem = format!("the password in {VARIABLE} is not UTF-8");
                Err(Error::misuse(problem, "choose another one"))
            }
        },
    }
}

fn from_file(path: &Path) -> Result<String, Error> {
    let read = || {
        let mut text = String::new();
        File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text).map(|_| text)
    };
    let text = read().map_err(|error: io::Error| {
        Error::misuse(
            format!("cannot read {}: {error}", path.display()),
            "name a file that you may read, with the password on its first line",
        )
    })?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Error::misuse(
            format!("{} has no password on its first line", path.display()),
            "write one into it, or leave --password-file out",
        ));
    }
    if line.len() as u64 > BYTES_MAX {
        return Err(Error::misuse(
            format!("the first line of {} is too long for a password", path.display()),
            format!("at most {BYTES_MAX} bytes are taken"),
        ));
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::ffi::OsStringExt as _};

    use super::*;

    #[track_caller]
    fn check(flag: Option<&str>, file: Option<&[u8]>, variable: Option<&[u8]>, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        if let Some(bytes) = file {
            fs::write(&path, bytes).unwrap();
        }
        let args = StartArgs {
            password: flag.map(str::to_owned),
            password_file: file.map(|_| path),
            ..StartArgs::default()
        };
        let variable = variable.map(|bytes| OsString::from_vec(bytes.to_vec()));
        let said = match password(&args, variable) {
            Ok(Some(password)) => password,
            Ok(None) => "none".into(),
            Err(error) => error.to_string(),
        };
        assert!(said.ends_with(expected), "{said:?} is not {expected:?}");
    }

    #[test]
    fn a_password_comes_from_the_nearest_place() {
        check(None, None, None, "none");
        check(None, None, Some(b"v"), "v");
        check(Some("f"), None, Some(b"v"), "f");
        check(None, Some(b" p w \nrest"), Some(b"v"), " p w ");
        check(None, None, Some(b""), "none");
    }

    #[test]
    fn a_password_that_is_meant_but_cannot_be_is_no_cluster_without_one() {
        check(Some(""), None, Some(b"v"), "the password is empty");
        check(None, Some(b""), Some(b"v"), "has no password on its first line");
        check(None, Some(b"\nx"), None, "has no password on its first line");
        check(None, Some(b"\xff"), None, "valid UTF-8");
        check(None, Some(&[b'x'; 5000]), None, "is too long for a password");
        check(None, None, Some(b"\xff"), "is not UTF-8");
    }

    #[test]
    fn an_unreadable_file_is_a_mistake_of_the_caller() {
        let args = StartArgs { password_file: Some("/nowhere/x".into()), ..StartArgs::default() };
        assert_eq!(password(&args, None).unwrap_err().exit_code(), 2);
    }
}
