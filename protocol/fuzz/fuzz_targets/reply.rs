//! A server's bytes give the same replies whole and split, handed on in pieces or not, and the
//! decoder reads exactly what the scanner cuts.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use slotway_protocol::{ReplyError, ReplyKind, ReplyLimits, ReplyScan, ReplyScanner, Value};

/// Small, so that short inputs reach them.
const LIMITS: ReplyLimits =
    ReplyLimits { bulk_max: 300, line_max: 100, elements_max: 50, depth_max: 6 };

fuzz_target!(|input: &[u8]| {
    let Some((&[size, limited], stream)) = input.split_first_chunk() else { return };
    let limits = if limited % 2 == 0 { LIMITS } else { ReplyLimits::default() };
    let whole = cut(stream, stream.len().max(1), limits, false);
    assert_eq!(whole, cut(stream, usize::from(size % 64) + 1, limits, false));
    assert_eq!(whole, cut(stream, usize::from(size % 64) + 1, limits, true));
    let (frames, error) = whole;
    let mut at = 0;
    for (frame, _) in &frames {
        let decoded = Value::decode(&Bytes::copy_from_slice(frame), &limits);
        assert!(decoded.is_ok(), "{decoded:?}");
        at += frame.len();
    }
    // What is left is refused for the same reason by both, or is the start of a reply.
    let rest = Value::decode(&Bytes::copy_from_slice(&stream[at..]), &limits);
    assert_eq!(rest.err(), Some(error.unwrap_or(ReplyError::NotOneReply)));
});

type Cut = (Vec<(Vec<u8>, ReplyKind)>, Option<ReplyError>);

/// The replies of a stream that comes in pieces of this size.
fn cut(stream: &[u8], size: usize, limits: ReplyLimits, hand_on: bool) -> Cut {
    let mut scanner = ReplyScanner::new(limits);
    let (mut frames, mut buffer, mut handed) = (Vec::new(), Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            match scanner.scan(&buffer) {
                Ok(ReplyScan::Complete(reply)) => {
                    handed.extend(buffer.drain(..reply.len));
                    frames.push((std::mem::take(&mut handed), reply.kind));
                }
                Ok(ReplyScan::Partial) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        if hand_on {
            let count = scanner.examined(&buffer);
            handed.extend(buffer.drain(..count));
            scanner.taken(count);
        }
    }
    (frames, None)
}
