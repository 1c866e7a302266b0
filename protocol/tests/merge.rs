//! What the replies of several nodes become.

use bytes::Bytes;
use slotway_protocol::{Merge, Merger};

#[track_caller]
fn check(merge: Merge, replies: &[&'static str], expected: &str) {
    let mut merger = Merger::new(merge, replies.len());
    for (part, reply) in replies.iter().enumerate() {
        merger.add(part, Bytes::from_static(reply.as_bytes()));
    }
    let mut out = b"before".to_vec();
    merger.finish(&mut out);
    assert_eq!(String::from_utf8_lossy(&out), format!("before{expected}"), "{merge:?} {replies:?}");
}

const MISFIT: &str = "-ERR the replies of the nodes do not fit together\r\n";

#[test]
fn numbers_are_combined() {
    check(Merge::Sum, &[":1\r\n", ":2\r\n", ":0\r\n"], ":3\r\n");
    check(Merge::Min, &[":1\r\n", ":-2\r\n"], ":-2\r\n");
    check(Merge::Max, &[":1\r\n", ":-2\r\n"], ":1\r\n");
    check(Merge::And, &[":1\r\n", ":0\r\n"], ":0\r\n");
    check(Merge::Or, &[":1\r\n", ":0\r\n"], ":1\r\n");
}

#[test]
fn lists_of_numbers_are_combined_place_by_place() {
    check(Merge::And, &["*2\r\n:1\r\n:0\r\n", "*2\r\n:1\r\n:1\r\n"], "*2\r\n:1\r\n:0\r\n");
    check(
        Merge::Sum,
        &["*2\r\n$1\r\na\r\n:1\r\n", "*2\r\n$1\r\na\r\n:4\r\n"],
        "*2\r\n$1\r\na\r\n:5\r\n",
    );
    check(Merge::Sum, &["*2\r\n$1\r\na\r\n:1\r\n", "*2\r\n$1\r\nb\r\n:4\r\n"], MISFIT);
    check(Merge::Sum, &["*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"], MISFIT);
}

#[test]
fn lists_are_joined() {
    check(
        Merge::Concat,
        &["*1\r\n$1\r\na\r\n", "*0\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"],
        "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\na\r\n",
    );
    check(
        Merge::Union,
        &["*1\r\n$1\r\na\r\n", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"],
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    );
    check(Merge::Concat, &["*0\r\n", "~0\r\n"], MISFIT);
}

#[test]
fn one_reply_may_stand_for_all() {
    check(Merge::AllOk, &["+OK\r\n", "+OK\r\n"], "+OK\r\n");
    check(Merge::FirstFound, &["$-1\r\n", "_\r\n", "$1\r\na\r\n"], "$1\r\na\r\n");
    check(Merge::FirstFound, &["$-1\r\n", "$-1\r\n"], "$-1\r\n");
    check(Merge::First, &["-NOTBUSY no\r\n", "+OK\r\n"], "+OK\r\n");
    check(Merge::First, &["-NOTBUSY a\r\n", "-NOTBUSY b\r\n"], "-NOTBUSY a\r\n");
}

#[test]
fn the_error_of_a_part_is_the_error_of_the_whole() {
    check(Merge::Sum, &[":1\r\n", "-ERR a\r\n", "-ERR b\r\n"], "-ERR a\r\n");
    check(Merge::AllOk, &["+OK\r\n", "-OOM c\r\n"], "-OOM c\r\n");
    check(Merge::Concat, &["!5\r\nERR d\r\n", "*0\r\n"], "!5\r\nERR d\r\n");
}

#[test]
fn what_does_not_fit_is_an_error_and_never_half_a_reply() {
    check(Merge::Sum, &[":1\r\n", "+OK\r\n"], MISFIT);
    check(Merge::Sum, &[":9223372036854775807\r\n", ":1\r\n"], MISFIT);
    check(Merge::Sum, &["*1\r\n:1\r\n:2\r\n", "*1\r\n:1\r\n"], MISFIT);
    check(Merge::Union, &["*2\r\n:1\r\n", "*0\r\n"], MISFIT);
    let mut out = Vec::new();
    Merger::new(Merge::Sum, 2).finish(&mut out);
    assert_eq!(out, b"-ERR a node did not answer its part of the command\r\n");
}
