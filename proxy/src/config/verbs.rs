//! `slotway config`: whether a configuration can be used, what holds, and what there is to say.

use std::io::Write as _;

use serde_json::json;

use super::{
    ProxyConfig,
    args::{CheckArgs, ConfigArgs, Output, PrintArgs, Verb},
    problem::{Problem, Problems},
    schema,
};

/// Does what `slotway config` was told, and returns the exit code: 0 ok, 1 problems found by
/// `check`, 2 problems that keep `print` from printing.
pub fn config(args: &ConfigArgs) -> u8 {
    match &args.verb {
        Verb::Check(CheckArgs(args)) => check(args.load(), args.output),
        Verb::Print(PrintArgs(args)) => print(args.load(), args.output),
        Verb::Schema { output: Output::Text } => say(&schema::reference()),
        Verb::Schema { output: Output::Json } => say_json(&schema::json_schema()),
    }
}

fn check(loaded: Result<ProxyConfig, Problems>, output: Output) -> u8 {
    let (problems, warnings) = match loaded {
        Ok(config) => (Vec::new(), config.warnings),
        Err(Problems(problems)) => (problems, Vec::new()),
    };
    match output {
        Output::Text => {
            warn(&warnings);
            problems.iter().for_each(|problem| complain(&problem.to_string()));
            if problems.is_empty() {
                say("OK\n");
            }
        }
        Output::Json => {
            let objects: Vec<_> = problems.iter().map(object).collect();
            say_json(&json!({
                "ok": problems.is_empty(),
                "problems": objects,
                "warnings": warnings,
            }));
        }
    }
    u8::from(!problems.is_empty())
}

fn print(loaded: Result<ProxyConfig, Problems>, output: Output) -> u8 {
    match loaded {
        Ok(config) => {
            warn(&config.warnings);
            match output {
                Output::Text => say(&config.settings.to_toml()),
                Output::Json => say_json(&config.settings.to_json()),
            }
        }
        Err(problems) => {
            complain(&problems.to_string());
            2
        }
    }
}

/// A problem for programs.
fn object(problem: &Problem) -> serde_json::Value {
    let place = problem.place();
    json!({
        "file": place.map(|(path, ..)| path.display().to_string()),
        "line": place.map(|(_, line, _)| line),
        "column": place.map(|(_, _, column)| column),
        "key": problem.key(),
        "error": problem.message(),
        "hint": problem.hint(),
    })
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
}

/// On standard error. With nobody reading there is nothing left to tell.
fn complain(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

fn say_json(value: &serde_json::Value) -> u8 {
    say(&format!("{value:#}\n"))
}

/// On standard output; whoever closes it has seen enough.
fn say(text: &str) -> u8 {
    let _ = anstream::stdout().write_all(text.as_bytes());
    0
}
