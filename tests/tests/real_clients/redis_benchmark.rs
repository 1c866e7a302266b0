//! Sessions of redis-benchmark. Nothing here looks at how fast anything was.

use crate::{
    client::{Stage, Steps},
    shell::{Output, Shell},
};

/// All that it offers.
pub(crate) fn session(stage: Stage) -> Steps {
    Box::pin(async move {
        let benchmark = Shell::new("redis-benchmark", &stage);
        benchmark.names_itself().await;
        let cli = Shell::new("redis-cli", &stage);
        cli.line("flushall", &["flushall"]).await;
        all_tests(&benchmark, &cli).await;
        some_tests(&benchmark, &cli).await;
        stage.transcript.line("end", "yes");
    })
}

/// All its tests: as they are, in pipelines from two threads, and on random keys.
async fn all_tests(benchmark: &Shell<'_>, cli: &Shell<'_>) {
    let runs: [(&str, &[&str]); 3] = [
        ("as it is", &["-n", "960"]),
        ("-P 16 --threads 2", &["-n", "960", "-P", "16", "--threads", "2"]),
        ("-r 100000 -P 8", &["-n", "960", "-P", "8", "-r", "100000"]),
    ];
    for (name, words) in runs {
        let words = [words, &["-c", "20", "--csv"]].concat();
        benchmark.line_of(&format!("all tests, {name}"), &words, b"", tests).await;
        if words.contains(&"-r") {
            cli.line("flushall of random keys", &["flushall"]).await;
        } else {
            state(cli, name).await;
        }
    }
}

/// What such a run leaves.
async fn state(cli: &Shell<'_>, name: &str) {
    cli.line_of(&format!("keys, {name}"), &["keys", "*"], b"", |keys| {
        format!("{:?}", keys.sorted())
    })
    .await;
    let looks = "get counter:__rand_int__\nllen mylist\nhlen myhash\nstrlen key:__rand_int__\n";
    cli.line_on(&format!("counts, {name}"), &[], looks).await;
    cli.line(&format!("flushall, {name}"), &["flushall"]).await;
}

async fn some_tests(benchmark: &Shell<'_>, cli: &Shell<'_>) {
    let runs: [(&str, &[&str]); 6] = [
        ("big values", &["-n", "40", "-c", "4", "-d", "300000", "-t", "set,get"]),
        ("a connection each", &["-n", "200", "-c", "5", "-k", "0", "-t", "ping,set"]),
        ("many connections", &["-n", "1000", "-c", "300", "-t", "set,get"]),
        ("a database", &["-n", "200", "--dbnum", "0", "-t", "set"]),
        ("a command", &["-n", "500", "-c", "10", "rpush", "mine", "x"]),
        (
            "a script",
            &["-n", "500", "-P", "5", "eval", "return redis.call('incr', KEYS[1])", "1", "own"],
        ),
    ];
    for (name, words) in runs {
        let words = [&["--csv"], words].concat();
        benchmark.line_of(name, &words, b"", tests).await;
    }
    cli.line_on("what they left", &[], "llen mine\nget own\ndbsize\n").await;
    let wrong = ["--csv", "-n", "10", "-c", "2", "lpush", "own", "x"];
    benchmark.line_of("an error", &wrong, b"", |output| format!("{output:?}")).await;
}

/// The names of its tests without the figures.
fn tests(output: &Output) -> String {
    let names = |text: &str| {
        let names = text.lines().map(|line| line.split("\",").next().unwrap_or_default());
        names.map(|name| name.trim_start_matches('"')).collect::<Vec<_>>().join(", ")
    };
    format!("{:?}", output.only(names))
}
