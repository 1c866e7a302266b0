//! A client's bytes give the same commands whole and split, and each command is the canonical
//! encoding of its arguments.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slotway_protocol::{
    LoginState, RequestError, RequestLimits, RequestScan, RequestScanner, encode_command,
};

/// Small, so that short inputs reach them.
const LIMITS: RequestLimits = RequestLimits {
    bulk_max: 300,
    args_max: 20,
    inline_max: 100,
    request_max: 1_000,
    login: LoginState::Done,
};

fuzz_target!(|input: &[u8]| {
    let Some((&[size, limited], stream)) = input.split_first_chunk() else { return };
    let limits = if limited % 2 == 0 { LIMITS } else { RequestLimits::default() };
    let whole = cut(stream, stream.len().max(1), limits);
    assert_eq!(whole, cut(stream, usize::from(size % 64) + 1, limits));
    assert_eq!(whole, cut(stream, 1, limits));
});

type Cut = (Vec<Vec<u8>>, usize, Option<RequestError>);

/// The commands of a stream that comes in pieces of this size, and where the last one ends.
fn cut(stream: &[u8], size: usize, limits: RequestLimits) -> Cut {
    let mut scanner = RequestScanner::new(limits);
    let (mut start, mut read, mut commands) = (0, 0, Vec::new());
    while read < stream.len() {
        read = (read + size).min(stream.len());
        loop {
            match scanner.scan(&stream[start..read]) {
                Ok(RequestScan::Command { command, consumed }) => {
                    let args: Vec<_> = command.args().collect();
                    let mut canonical = Vec::new();
                    encode_command(&mut canonical, &args);
                    assert_eq!(command.bytes(), canonical);
                    commands.push(canonical);
                    start += consumed;
                }
                Ok(RequestScan::Nothing { consumed }) => start += consumed,
                Ok(RequestScan::Partial) => break,
                Err(error) => return (commands, start, Some(error)),
            }
        }
    }
    (commands, start, None)
}
