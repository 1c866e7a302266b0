//! Nothing is longer than a reader can hold.

use crate::tree::{File, Finding, Tree};

/// Lines of a file, without its tests.
const FILE_MAX: usize = 400;

/// Lines of a function that hold code. Clippy counts the same way, but only where it runs.
const FUNCTION_MAX: usize = 50;

/// Tables that a program writes: nobody reads them from end to end.
const WRITTEN_BY_A_PROGRAM: &[&str] = &["protocol/src/spec/builtin.rs"];

/// A file that is no table and no test has fewer lines than [`FILE_MAX`].
pub(crate) fn files_are_short(tree: &Tree) -> Vec<Finding> {
    let long = read_by_people(tree).filter_map(|file| {
        let lines = file.lines_without_tests().len();
        let says = format!("{lines} lines without tests: split it, below {FILE_MAX}");
        (lines >= FILE_MAX).then(|| file.finding(says))
    });
    long.collect()
}

/// A function, tests included, has no more lines of code than [`FUNCTION_MAX`].
pub(crate) fn functions_are_short(tree: &Tree) -> Vec<Finding> {
    read_by_people(tree).chain(tests(tree)).flat_map(long_functions).collect()
}

/// A listed table tells its reader that a program wrote it, and which.
pub(crate) fn tables_say_that_they_are_written_by_a_program(tree: &Tree) -> Vec<Finding> {
    let tables = tree.rust().filter(|file| WRITTEN_BY_A_PROGRAM.contains(&file.path.as_str()));
    let silent = tables.filter(|file| {
        let mut head = file.text.lines().take_while(|line| line.starts_with("//!"));
        !head.any(|line| line.contains("scripts/"))
    });
    silent.map(|file| file.finding("its module doc names no program in scripts/")).collect()
}

fn read_by_people(tree: &Tree) -> impl Iterator<Item = &File> {
    let listed = |file: &&File| WRITTEN_BY_A_PROGRAM.contains(&file.path.as_str());
    tree.rust().filter(move |file| !file.is_test() && !listed(file))
}

fn tests(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.rust().filter(|file| file.is_test())
}

/// rustfmt opens a body at the end of a line, and closes it with a brace as deep as the function's
/// first line: that is all it takes to find it.
fn long_functions(file: &File) -> Vec<Finding> {
    let lines: Vec<_> = file.text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line.trim_start()) else { continue };
        let opens_or_ends = |line: &&str| line.ends_with(['{', ';', '}']);
        let Some(signature) = lines[start..].iter().position(opens_or_ends) else { continue };
        if !lines[start + signature].ends_with('{') {
            continue;
        }
        let closing = format!("{}}}", " ".repeat(line.len() - line.trim_start().len()));
        let body =
            lines[start + signature + 1..].iter().take_while(|line| !line.starts_with(&closing));
        let code = body.filter(|line| is_code(line)).count();
        if code > FUNCTION_MAX {
            let says = format!("`{name}` has {code} lines of code, more than {FUNCTION_MAX}");
            found.push(file.finding_at(start + 1, says));
        }
    }
    found
}

/// The name of the function that a line begins, if it begins one.
fn function_name(line: &str) -> Option<&str> {
    let words = ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "extern \"C\" "];
    let mut line = line;
    while let Some(rest) = words.iter().find_map(|word| line.strip_prefix(word)) {
        line = rest;
    }
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

fn is_code(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, says: &[&str]) {
        let found = rule(&Tree::of(&[(path, text)]));
        assert_eq!(found.len(), says.len(), "{found:?}");
        for (finding, says) in found.iter().zip(says) {
            assert!(finding.to_string().contains(says), "{finding} does not say {says}");
        }
    }

    #[test]
    fn a_long_file_is_found_by_its_lines_before_the_tests() {
        let code = "// a line\n".repeat(FILE_MAX);
        check(files_are_short, "client/src/a.rs", &code, &["client/src/a.rs: 400 lines"]);
        check(files_are_short, "client/tests/a.rs", &code, &[]);
        check(files_are_short, WRITTEN_BY_A_PROGRAM[0], &code, &[]);
        let tests = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{code}}}\n");
        check(files_are_short, "client/src/a.rs", &tests, &[]);
    }

    #[test]
    fn a_long_function_is_found_by_its_lines_of_code() {
        let head = "impl A {\n    pub async fn b(\n        &self,\n    ) -> C\n    where\n        D: E,\n    {\n";
        let function = |lines: &str| format!("{head}{lines}    }}\n}}\n");
        let code = "        go();\n";
        let long = function(&code.repeat(FUNCTION_MAX + 1));
        check(functions_are_short, "client/src/a.rs", &long, &["a.rs:2: `b` has 51 lines"]);
        check(functions_are_short, "client/tests/a.rs", &long, &["`b`"]);
        check(functions_are_short, "client/src/a.rs", &function(&code.repeat(FUNCTION_MAX)), &[]);
        let words = function(&"        // why\n\n".repeat(FUNCTION_MAX));
        check(functions_are_short, "client/src/a.rs", &words, &[]);
    }

    #[test]
    fn a_function_ends_in_a_macro_too() {
        let template = "m! {\n    $(async fn $name() {\n        go();\n    })+\n}\n";
        let text = format!("{template}{}", "go();\n".repeat(FUNCTION_MAX));
        check(functions_are_short, "a/src/b.rs", &text, &[]);
        check(functions_are_short, "a/src/b.rs", &text.replace("$(a", "a"), &[]);
    }

    #[test]
    fn a_promise_without_a_body_is_no_function() {
        let promises = "    fn a(&self);\n    fn b(&self) {}\n".repeat(FUNCTION_MAX);
        check(functions_are_short, "a/src/b.rs", &format!("trait A {{\n{promises}}}\n"), &[]);
    }

    #[test]
    fn a_table_without_an_author_is_found() {
        let rule = tables_say_that_they_are_written_by_a_program;
        check(rule, WRITTEN_BY_A_PROGRAM[0], "//! Commands.\n", &["names no program"]);
        check(rule, WRITTEN_BY_A_PROGRAM[0], "//! Made by `scripts/a.py`.\n", &[]);
    }
}
