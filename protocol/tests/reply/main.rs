//! What the reply scanner and the decoder promise, for any reply and any split of its bytes.

mod oracle;
mod samples;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::select};
use samples::{blob, sample};
use slotway_protocol::{
    Reply, ReplyError, ReplyKind, ReplyLimits, ReplyScan, ReplyScanner, Value, encode_command,
};

/// Bytes that are nearly a reply.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    vec(select(b"$*~%>|+-:_#,(!=;.?0123\r\n\r\n\r\n\r\n\r\nat".to_vec()), 0..60)
}

/// Cuts a stream that arrives in pieces of these sizes, over and over.
fn cut(bytes: &[u8], sizes: &[usize]) -> (Vec<Vec<u8>>, Option<ReplyError>) {
    let mut scanner = ReplyScanner::new(ReplyLimits::default());
    let (mut start, mut read, mut frames) = (0, 0, Vec::new());
    let mut sizes = sizes.iter().cycle();
    while read < bytes.len() {
        read = (read + sizes.next().copied().unwrap_or(1).max(1)).min(bytes.len());
        loop {
            match scanner.scan(&bytes[start..read]) {
                Ok(ReplyScan::Complete(reply)) => {
                    frames.push(bytes[start..start + reply.len].to_vec());
                    start += reply.len;
                }
                Ok(ReplyScan::Partial) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn decode(bytes: &[u8]) -> Result<Value, ReplyError> {
    Value::decode(&Bytes::copy_from_slice(bytes), &ReplyLimits::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_replies(
        samples in vec(sample(), 1..5),
        sizes in vec(1usize..30, 1..8),
    ) {
        let stream = samples.iter().flat_map(|s| s.bytes.clone()).collect::<Vec<_>>();
        let expected = (samples.into_iter().map(|s| s.bytes).collect::<Vec<_>>(), None);
        prop_assert_eq!(&cut(&stream, &[stream.len()]), &expected);
        prop_assert_eq!(&cut(&stream, &[1]), &expected);
        prop_assert_eq!(&cut(&stream, &sizes), &expected);
    }

    #[test]
    fn a_reply_decodes_to_what_was_encoded(sample in sample()) {
        prop_assert_eq!(decode(&sample.bytes), Ok(sample.value));
    }

    #[test]
    fn any_bytes_are_cut_the_same_whole_and_split(stream in noise(), sizes in vec(1usize..9, 1..8)) {
        let whole = cut(&stream, &[stream.len().max(1)]);
        prop_assert_eq!(&whole, &cut(&stream, &[1]));
        prop_assert_eq!(&whole, &cut(&stream, &sizes));
    }

    #[test]
    fn what_the_scanner_cuts_the_decoder_reads_and_nothing_else(stream in noise()) {
        match ReplyScanner::new(ReplyLimits::default()).scan(&stream) {
            Ok(ReplyScan::Complete(reply)) => {
                prop_assert!(decode(&stream[..reply.len]).is_ok());
                prop_assert_eq!(decode(&stream[..reply.len - 1]), Err(ReplyError::NotOneReply));
            }
            Ok(ReplyScan::Partial) => prop_assert_eq!(decode(&stream), Err(ReplyError::NotOneReply)),
            Err(error) => prop_assert_eq!(decode(&stream), Err(error)),
        }
    }

    #[test]
    fn a_big_bulk_can_be_handed_on_in_pieces(
        body in vec(any::<u8>(), 0..2000),
        sizes in vec(1usize..300, 1..8),
        take in 1usize..400,
    ) {
        let stream = blob('$', &body);
        let mut scanner = ReplyScanner::new(ReplyLimits::default());
        let (mut buffer, mut passed) = (Vec::new(), Vec::new());
        let (mut rest, mut sizes) = (&stream[..], sizes.iter().cycle());
        loop {
            let (piece, later) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            rest = later;
            buffer.extend_from_slice(piece);
            if let ReplyScan::Complete(reply) = scanner.scan(&buffer).unwrap() {
                passed.extend_from_slice(&buffer[..reply.len]);
                break;
            }
            let count = scanner.examined(&buffer).min(take);
            passed.extend(buffer.drain(..count));
            scanner.taken(count);
        }
        prop_assert_eq!(passed, stream);
    }
}

#[track_caller]
fn check(bytes: &str, expected: Result<ReplyScan, ReplyError>) {
    let got = ReplyScanner::new(ReplyLimits::default()).scan(bytes.as_bytes());
    assert_eq!(got, expected, "scan of {:.80?}", bytes);
}

fn whole(len: usize, kind: ReplyKind) -> Result<ReplyScan, ReplyError> {
    Ok(ReplyScan::Complete(Reply { len, kind }))
}

#[test]
fn a_reply_is_known_by_its_first_byte() {
    check("+OK\r\n+NEXT", whole(5, ReplyKind::Answer));
    check("-MOVED 1 a:1\r\n", whole(14, ReplyKind::Error));
    check("!5\r\nERR x\r\n", whole(11, ReplyKind::Error));
    check(">1\r\n+invalidate\r\n", whole(17, ReplyKind::Push));
    check("|1\r\n+ttl\r\n:1\r\n-ERR\r\n", whole(20, ReplyKind::Error));
    check("*1\r\n-ERR\r\n", whole(10, ReplyKind::Answer));
}

#[test]
fn what_is_not_a_reply_is_named() {
    check("+OK\n", Err(ReplyError::BadLineEnd));
    check("+OK\rX", Err(ReplyError::BadLineEnd));
    check("$3\r\nabcXX", Err(ReplyError::BadBulkEnd));
    check("$3\r\nabcX", Err(ReplyError::BadBulkEnd));
    check("$03\r\nabc\r\n", Err(ReplyError::BadLength));
    check("$-2\r\n", Err(ReplyError::BadLength));
    check("$+3\r\nabc\r\n", Err(ReplyError::BadLength));
    check("*1\r\n>0\r\n", Err(ReplyError::NestedPush));
    check(".\r\n", Err(ReplyError::BadStream));
    check(";0\r\n", Err(ReplyError::BadStream));
    check("%?\r\n+a\r\n.\r\n", Err(ReplyError::BadStream));
    check("$?\r\n+a\r\n", Err(ReplyError::BadStream));
    check(":1x\r\n", Err(ReplyError::BadScalar));
    check("#x\r\n", Err(ReplyError::BadScalar));
    check("=3\r\ntxt\r\n", Err(ReplyError::BadVerbatim));
    check("GET", Ok(ReplyScan::Partial));
    check("GET\r\n", Err(ReplyError::UnknownType(b'G')));
}

#[test]
fn every_limit_is_checked_at_the_header() {
    check("$536870913\r\n", Err(ReplyError::BulkTooLong));
    check("$536870912\r\n", Ok(ReplyScan::Partial));
    check("*134217729\r\n", Err(ReplyError::TooManyElements));
    check("*99999999999999999999\r\n", Err(ReplyError::BadLength));
    check(&"*1\r\n".repeat(128), Ok(ReplyScan::Partial));
    check(&"*1\r\n".repeat(129), Err(ReplyError::TooDeep));
    check(&"|1\r\n+a\r\n+b\r\n".repeat(129), Err(ReplyError::TooDeep));
    check(&format!("+{}", "x".repeat((1 << 20) + 1)), Err(ReplyError::LineTooLong));
    check(&format!("+{}\r\n", "x".repeat((1 << 20) + 1)), Err(ReplyError::LineTooLong));
}

#[test]
fn a_hostile_nesting_costs_no_stack() {
    let mut bytes = "*1\r\n".repeat(100_000).into_bytes();
    bytes.extend(b"_\r\n");
    assert_eq!(decode(&bytes), Err(ReplyError::TooDeep));
    let limits = ReplyLimits { depth_max: 1_000_000, ..ReplyLimits::default() };
    assert_eq!(ReplyScanner::new(limits).scan(&bytes), whole(400_003, ReplyKind::Answer));
}

#[test]
fn an_announced_length_allocates_nothing() {
    // 2^27 elements announced, two bytes sent: the decoder may reserve for no more than those.
    assert_eq!(decode(b"*134217728\r\n:1"), Err(ReplyError::NotOneReply));
}

#[test]
fn a_command_is_a_reply_too() {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, &["SET", "k", "v"]);
    let bulk = |text: &'static str| Value::Bulk(text.into());
    assert_eq!(decode(&bytes), Ok(Value::Array(vec![bulk("SET"), bulk("k"), bulk("v")])));
}
