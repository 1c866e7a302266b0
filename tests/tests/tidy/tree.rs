//! The repository's files, as the rules see them.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// Every text file of the repository, by its path from the root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
}

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/` between folders.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// Lines and their numbers.
pub(crate) type Lines<'a> = Vec<(usize, &'a str)>;

/// One thing that breaks a rule.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// Where.
    pub(crate) path: String,
    /// Which line, if it is about one.
    pub(crate) line: Option<usize>,
    /// What is wrong, and what to do.
    pub(crate) says: String,
}

impl Tree {
    /// The tree that this test was built from.
    pub(crate) fn here() -> Self {
        let root = root();
        let mut files = Vec::new();
        collect(&root, &root, &mut files).expect("the repository can be read");
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// A tree of a test's own making.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.into(), text: text.into() };
        Self { files: files.iter().map(file).collect() }
    }

    /// All files, by path.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// All Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with(".rs"))
    }

    /// The manifests of all crates; the workspace's own is none.
    pub(crate) fn manifests(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.path.ends_with("/Cargo.toml"))
    }

    /// The text of one file, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files().find(|file| file.path == path).map(|file| file.text.as_str())
    }
}

impl File {
    /// Its name without the folders.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether it is a test as a whole, by its place.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/")
    }

    /// Its lines, counted from one.
    pub(crate) fn lines(&self) -> Lines<'_> {
        (1..).zip(self.text.lines()).collect()
    }

    /// Its lines up to its unit tests.
    pub(crate) fn lines_without_tests(&self) -> Lines<'_> {
        let mut lines = self.lines();
        let tests = lines
            .windows(2)
            .position(|pair| pair[0].1 == "#[cfg(test)]" && pair[1].1.starts_with("mod "));
        lines.truncate(tests.unwrap_or(lines.len()));
        lines
    }

    /// A finding about this file as a whole.
    pub(crate) fn finding(&self, says: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line: None, says: says.into() }
    }

    /// A finding about one of its lines.
    pub(crate) fn finding_at(&self, line: usize, says: impl Into<String>) -> Finding {
        Finding { line: Some(line), ..self.finding(says) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.says),
            None => write!(f, "{}: {}", self.path, self.says),
        }
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this crate is a folder of the workspace").to_owned()
}

/// Adds the text files below `folder`. What is built, found or kept for one machine is left out,
/// and so is what is no text, such as a fuzzer's corpus.
fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && name != ".ci";
        let left_out = ["target", "corpus", "artifacts", "node_modules"].contains(&name.as_str());
        let kind = entry?;
        if hidden || left_out || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).expect("it is below the root");
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            files.push(File { path: parts.join("/"), text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_tree_is_seen() {
        let tree = Tree::here();
        for path in ["Makefile", ".ci/run", "protocol/src/slot.rs", "tests/tests/tidy/tree.rs"] {
            assert!(tree.text(path).is_some(), "{path} is in the tree");
        }
        assert!(!tree.files().any(|file| file.path.starts_with("target/")));
        assert!(tree.rust().count() > 20 && tree.manifests().count() > 3);
    }

    #[test]
    fn unit_tests_are_cut_off_and_nothing_else_is() {
        let text = "use a;\n#[cfg(test)]\nuse b;\nfn c() {}\n#[cfg(test)]\nmod tests {\n}\n";
        let tree = Tree::of(&[("x/src/lib.rs", text)]);
        let file = tree.files().next().expect("one file");
        let lines = file.lines_without_tests();
        assert_eq!(lines, [(1, "use a;"), (2, "#[cfg(test)]"), (3, "use b;"), (4, "fn c() {}")]);
    }
}
