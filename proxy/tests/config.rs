//! The configuration of `slotway proxy` as people use it: the real command, its words and its exit
//! codes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// How a command ended, and what it said.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `slotway` in a folder with a `slotway.toml`, with these variables and no others of ours.
fn slotway(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slotway"));
    command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear();
    let output = command.envs(variables.iter().copied()).output().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn folder(file: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("slotway.toml"), file).unwrap();
    folder
}

/// Checks how a command ends that cannot go on, and all of what it says.
#[track_caller]
fn check(file: &str, args: &[&str], code: i32, stderr: &str) {
    let ended = slotway(folder(file).path(), args, &[]);
    assert_eq!(ended.stderr, stderr);
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""));
}

const PROXY: [&str; 3] = ["proxy", "--config", "slotway.toml"];

#[test]
fn a_slip_in_a_file_is_told_with_its_line_and_what_was_meant() {
    check(
        "[cluster]\nseeds = [\"127.0.0.1:1\"]\n\n[[listen]]\nadress = \"127.0.0.1:0\"\n",
        &PROXY,
        2,
        "error: slotway.toml:5:1: unknown key `adress` in [[listen]]\n\
         hint:  did you mean `address`?\n",
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_wherever_it_was_said() {
    let folder = folder("[limits]\ndeadline = 5\n[log]\nlevel = \"loud\"\n");
    let variables = [("SLOTWAY_CONFIG", "slotway.toml"), ("SLOTWAY_TLS", "yes")];
    let ended = slotway(folder.path(), &["proxy", "a:b", "--clients-max=many"], &variables);
    assert_eq!(
        ended.stderr,
        "error: slotway.toml:2:12: `deadline` in [limits]: `5` has no unit\n\
         hint:  write a time as 500ms, 5s, 2m or 1h\n\
         error: slotway.toml:4:9: `level` in [log]: `loud` is unknown\n\
         hint:  it is one of `error`, `warn`, `info`, `debug`, `trace`\n\
         error: SLOTWAY_TLS: `yes` is no answer\n\
         hint:  say true or false\n\
         error: --clients-max: `many` is no number\n\
         hint:  write digits only\n\
         error: SEED: `a:b` is no node: a port is a number from 1 to 65535\n\
         hint:  write it as host:port, [IPv6]:port, a port, or redis://host:port\n"
    );
    assert_eq!(ended.code, 2);
}

#[test]
fn without_a_node_it_says_how_to_name_one() {
    let folder = tempfile::tempdir().unwrap();
    let ended = slotway(folder.path(), &["proxy"], &[]);
    assert_eq!(
        ended.stderr,
        "error: no node of the cluster is named\n\
         hint:  name one: slotway proxy 10.0.0.1:6379, or `seeds` in [cluster] of a file that \
         --config names\n"
    );
    assert_eq!(ended.code, 2);
    let hint = "error: no node of the cluster is named\n\
                hint:  there is a slotway.toml here: read it with --config slotway.toml\n";
    check("[cluster]\nseeds = []\n", &["proxy"], 2, hint);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    check(
        "",
        &["proxy", "--config", "no.toml"],
        2,
        "error: cannot read no.toml: No such file or directory (os error 2)\n\
         hint:  name a file that you may read; `slotway config schema` prints one to start from\n",
    );
}

#[test]
fn a_slip_on_the_command_line_is_told_with_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["prxy"][..], "a similar subcommand exists: 'proxy'"),
        (&["config", "chck"], "a similar subcommand exists: 'check'"),
        (&["proxy", "--dedline", "5s"], "a similar argument exists: '--deadline'"),
    ] {
        let ended = slotway(folder.path(), args, &[]);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
        assert_eq!(ended.code, 2);
    }
}

#[test]
fn help_says_what_each_verb_is_for() {
    let folder = tempfile::tempdir().unwrap();
    for (args, says) in [
        (&["--help"][..], "  proxy   Run one endpoint in front of a cluster\n"),
        (&["config", "--help"], "  check   Say whether the proxy would start with it\n"),
        (&["config", "--help"], "  print   Print every value that holds, and who said it\n"),
        (&["proxy", "-h"], "--deadline <TIME> "),
        (&["proxy", "--help"], "[`deadline` in [limits] of the file, $SLOTWAY_DEADLINE]"),
        (&["proxy", "--help"], "slotway proxy --config slotway.toml "),
    ] {
        let ended = slotway(folder.path(), args, &[]);
        assert!(ended.code == 0 && ended.stdout.contains(says), "{args:?}: {}", ended.stdout);
    }
}

#[test]
fn a_flag_goes_before_a_variable_and_that_before_the_file_and_the_default() {
    let folder = folder(
        "[cluster]\nseeds = [\"f:1\"]\n[limits]\ndeadline = \"1s\"\nclients_max = 1\nbatch_max = 1\n",
    );
    let variables = [("SLOTWAY_CLIENTS_MAX", "2"), ("SLOTWAY_BATCH_MAX", "2")];
    let args = ["config", "print", "slotway.toml", "--batch-max", "3"];
    let text = slotway(folder.path(), &args, &variables);
    assert_eq!((text.code, text.stderr.as_str()), (0, ""));
    let lines = [
        "seeds = [\"f:1\"]                           # file slotway.toml:2",
        "deadline = \"1s\"                           # file slotway.toml:4",
        "connect_timeout = \"1s\"                    # default",
        "clients_max = 2                           # environment SLOTWAY_CLIENTS_MAX",
        "batch_max = 3                             # flag --batch-max",
    ];
    for line in lines {
        assert!(text.stdout.lines().any(|printed| printed == line), "{}", text.stdout);
    }
    let json = slotway(folder.path(), &[&args[..], &["--output", "json"]].concat(), &variables);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let batch = json.as_array().unwrap().iter().find(|value| value["key"] == "limits.batch_max");
    assert_eq!(
        (&batch.unwrap()["value"], &batch.unwrap()["origin"]),
        (&3.into(), &"flag --batch-max".into())
    );
}

#[test]
fn a_password_is_taken_but_neither_printed_nor_silent() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["config", "print", "--seeds", "a:1", "-a", "hush", "--listen", "127.0.0.1:0"];
    let ended = slotway(folder.path(), &args, &[("REDISCLI_AUTH", "hushed")]);
    assert_eq!(
        ended.stderr,
        "warning: others on this machine can see the password of --password; \
         use --password-file or $SLOTWAY_PASSWORD\n"
    );
    assert!(ended.stdout.contains("# password = \"***\""), "{}", ended.stdout);
    assert!(!ended.stdout.contains("hush"), "{}", ended.stdout);
    let url = ["config", "print", "--seeds", "redis://app:hush@a:1", "--output=json"];
    let ended = slotway(folder.path(), &url, &[]);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hush"), "{}", ended.stdout);
}

#[test]
fn a_check_says_whether_the_proxy_would_start() {
    let folder = folder("[cluster]\nseeds = [\"a:1\"]\n");
    fs::write(folder.path().join("bad.toml"), "[cluster]\nseed = [\"a:1\"]\n").unwrap();
    let good = slotway(folder.path(), &["config", "check", "slotway.toml"], &[]);
    assert_eq!((good.code, good.stdout.as_str(), good.stderr.as_str()), (0, "OK\n", ""));
    let bad = slotway(folder.path(), &["config", "check", "bad.toml"], &[]);
    let says =
        "error: bad.toml:2:1: unknown key `seed` in [cluster]\nhint:  did you mean `seeds`?\n";
    assert_eq!((bad.code, bad.stdout.as_str(), bad.stderr.as_str()), (1, "", says));
    let json = slotway(folder.path(), &["config", "check", "bad.toml", "--output", "json"], &[]);
    let object: Value = serde_json::from_str(&json.stdout).unwrap();
    let problem = &object["problems"][0];
    assert_eq!((json.code, &object["ok"]), (1, &false.into()));
    assert_eq!((&problem["file"], &problem["line"]), (&"bad.toml".into(), &2.into()));
    assert_eq!((&problem["key"], &problem["column"]), (&"seed".into(), &1.into()));
}

#[test]
fn the_schema_is_a_file_to_start_from() {
    let folder = tempfile::tempdir().unwrap();
    let schema = slotway(folder.path(), &["config", "schema"], &[]);
    fs::write(folder.path().join("slotway.toml"), schema.stdout).unwrap();
    let args = ["config", "check", "slotway.toml", "--seeds", "a:1"];
    let checked = slotway(folder.path(), &args, &[]);
    assert_eq!((checked.code, checked.stderr.as_str()), (0, ""));
}

#[test]
fn a_port_that_is_taken_is_told_with_who_knows_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let ask = if cfg!(target_os = "linux") {
        format!("`ss -ltnp 'sport = :{port}'` shows who has it")
    } else {
        format!("`lsof -nP -iTCP:{port} -sTCP:LISTEN` shows who has it")
    };
    let ended = slotway(folder.path(), &["proxy", "1", "--admin=off", "--listen", &address], &[]);
    let says = format!(
        "error: cannot listen on {address}: the port is taken\n\
         hint:  {ask}; choose another with --listen ADDRESS:PORT\n"
    );
    assert_eq!((ended.code, ended.stderr), (3, says));
    let args = ["proxy", "1", "--listen=127.0.0.1:0", "--admin", &address];
    let ended = slotway(folder.path(), &args, &[]);
    let says = format!(
        "error: cannot listen on {address} for operators: the port is taken\n\
         hint:  {ask}; choose another with --admin ADDRESS:PORT, or none with --admin off\n"
    );
    assert_eq!((ended.code, ended.stderr), (3, says));
    // What is wrong with the configuration is told before anything is bound.
    let args = ["proxy", "1", "--listen", &address, "--deadline=5"];
    assert_eq!(slotway(folder.path(), &args, &[]).code, 2);
}
