//! Reads a password from a file.

use std::{fs::File, io::Read as _, path::Path};

use slotway_protocol::Secret;

use super::problem::Wrong;

/// The longest password, which is longer than any that a person or a tool makes.
const BYTES_MAX: u64 = 4 << 10;

/// What stands on the file's first line.
pub(crate) fn from_file(path: &Path) -> Result<Secret, Wrong> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        let hint = "name a file that you may read, with the password on its first line";
        Wrong::new(format!("cannot read {shown}: {error}"), hint)
    })?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(Wrong::new(
            format!("{shown} has no password on its first line"),
            "write one into it, or name no file",
        ));
    }
    if line.len() as u64 > BYTES_MAX {
        return Err(Wrong::new(
            format!("the first line of {shown} is too long for a password"),
            format!("at most {BYTES_MAX} bytes are taken"),
        ));
    }
    Ok(Secret::new(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        match (from_file(&path), expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.expose(), expected.as_bytes()),
            (Err(wrong), Err(end)) => assert!(wrong.says.ends_with(end), "{}", wrong.says),
            (got, _) => panic!("{got:?}"),
        }
    }

    #[test]
    fn a_password_is_the_first_line() {
        check(b" p w \nrest", Ok(" p w "));
        check(b"pw\r\n", Ok("pw"));
        check(b"pw", Ok("pw"));
        check(b"", Err("has no password on its first line"));
        check(b"\npw", Err("has no password on its first line"));
        check(&[b'x'; 5000], Err("is too long for a password"));
    }
}
