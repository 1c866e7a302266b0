//! What the request scanner promises, for any request and any split of its bytes.

use proptest::{collection::vec, prelude::*, sample::select};
use slotway_protocol::{
    CommandBuf, LoginState, RequestError, RequestLimits, RequestScan, RequestScanner,
    encode_command,
};

/// What came out of a stream: the arguments of each command, and the error that ended it.
type Cut = (Vec<Vec<Vec<u8>>>, Option<RequestError>);

/// Cuts a stream that arrives in pieces of these sizes, over and over.
fn cut(stream: &[u8], sizes: &[usize], limits: RequestLimits) -> Cut {
    let mut scanner = RequestScanner::new(limits);
    let (mut start, mut read, mut commands) = (0, 0, Vec::new());
    let mut sizes = sizes.iter().cycle();
    while read < stream.len() {
        read = (read + sizes.next().copied().unwrap_or(1).max(1)).min(stream.len());
        loop {
            match scanner.scan(&stream[start..read]) {
                Ok(RequestScan::Command { command, consumed }) => {
                    let args = command.args().map(<[u8]>::to_vec).collect::<Vec<_>>();
                    assert_eq!(command.bytes(), encoded(&args), "the canonical encoding");
                    commands.push(args);
                    start += consumed;
                }
                Ok(RequestScan::Nothing { consumed }) => start += consumed,
                Ok(RequestScan::Partial) => break,
                Err(error) => return (commands, Some(error)),
            }
        }
    }
    (commands, None)
}

fn encoded<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_command(&mut bytes, args);
    bytes
}

/// Some client's bytes and the command in them, if any.
fn request() -> impl Strategy<Value = (Vec<u8>, Option<Vec<Vec<u8>>>)> {
    let args = vec(vec(any::<u8>(), 0..40), 1..6);
    let word = "[A-Za-z0-9:$*{}-]{1,12}";
    prop_oneof![
        8 => args.prop_map(|args| (encoded(&args), Some(args))),
        3 => (vec(word, 1..5), select(vec!["\r\n", "\n", " \r\n"])).prop_filter(
            "an inline request does not start as an array",
            |(words, _)| !words[0].starts_with('*'),
        ).prop_map(|(words, end)| {
            let line = [words.join(" "), end.to_owned()].concat();
            (line.into_bytes(), Some(words.into_iter().map(String::into_bytes).collect()))
        }),
        1 => select(vec!["*0\r\n", "*-1\r\n", "\r\n", "\n", "  \r\n"])
            .prop_map(|nothing| (nothing.as_bytes().to_vec(), None)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_split_of_the_bytes_gives_the_same_commands(
        requests in vec(request(), 1..6),
        sizes in vec(1usize..30, 1..8),
    ) {
        let stream: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let expected = (requests.into_iter().filter_map(|(_, args)| args).collect(), None);
        let limits = RequestLimits::default();
        prop_assert_eq!(&cut(&stream, &[stream.len()], limits), &expected);
        prop_assert_eq!(&cut(&stream, &[1], limits), &expected);
        prop_assert_eq!(&cut(&stream, &sizes, limits), &expected);
    }

    #[test]
    fn any_bytes_are_cut_the_same_whole_and_split(
        stream in vec(select(b"**$$1234-\r\n\r\n\r\n\r\nGET \"'\\\0x".to_vec()), 0..80),
        sizes in vec(1usize..9, 1..8),
    ) {
        let limits = RequestLimits { inline_max: 20, bulk_max: 40, ..RequestLimits::default() };
        let whole = cut(&stream, &[stream.len().max(1)], limits);
        prop_assert_eq!(&whole, &cut(&stream, &[1], limits));
        prop_assert_eq!(&whole, &cut(&stream, &sizes, limits));
    }

    #[test]
    fn what_was_seen_is_not_read_again(
        args in vec(vec(any::<u8>(), 0..300), 1..6),
        size in 1usize..50,
    ) {
        let stream = encoded(&args);
        let mut scanner = RequestScanner::new(RequestLimits::default());
        let mut unread = Vec::new();
        for piece in stream.chunks(size) {
            // All that earlier scans have seen is overwritten, but for a header that was cut.
            let header = unread.len().min(16);
            let seen = unread.len() - header;
            unread[..seen].fill(b'\n');
            unread.extend_from_slice(piece);
            if let RequestScan::Command { command, consumed } = scanner.scan(&unread).unwrap() {
                prop_assert_eq!(consumed, stream.len());
                let lens: Vec<_> = command.args().map(<[u8]>::len).collect();
                prop_assert_eq!(lens, args.iter().map(Vec::len).collect::<Vec<_>>());
                return Ok(());
            }
        }
        prop_assert!(false, "the command was not found");
    }
}

#[track_caller]
fn check(bytes: &str, expected: Result<&[&[&str]], &str>) {
    check_with(bytes, RequestLimits::default(), expected);
}

#[track_caller]
fn check_with(bytes: &str, limits: RequestLimits, expected: Result<&[&[&str]], &str>) {
    let (commands, error) = cut(bytes.as_bytes(), &[bytes.len()], limits);
    match (expected, error) {
        (Err(text), Some(error)) => assert_eq!(error.to_string(), text, "error of {bytes:.60?}"),
        (Ok(expected), None) => assert_eq!(commands, expected_bytes(expected), "of {bytes:.60?}"),
        (expected, got) => panic!("{bytes:.60?} gave {got:?}, not {expected:?}"),
    }
}

fn expected_bytes(commands: &[&[&str]]) -> Vec<Vec<Vec<u8>>> {
    let words = |command: &&[&str]| command.iter().map(|word| word.as_bytes().to_vec()).collect();
    commands.iter().map(words).collect()
}

#[test]
fn requests_of_both_forms_may_be_mixed() {
    check("PING\r\n*1\r\n$4\r\nPING\r\nPING\n", Ok(&[&["PING"], &["PING"], &["PING"]]));
    check("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", Ok(&[&["ECHO", ""]]));
    check("*1\r\n$0\r\n\r\n", Ok(&[&[""]]));
}

#[test]
fn what_asks_for_nothing_is_stepped_over() {
    check("*0\r\n*-1\r\n*-7\r\n\r\n\n   \r\nPING\r\n", Ok(&[&["PING"]]));
}

#[test]
fn errors_are_in_the_words_of_a_server() {
    check("*x\r\n", Err("Protocol error: invalid multibulk length"));
    check("*02\r\nPING", Err("Protocol error: invalid multibulk length"));
    check("*-0\r\n", Err("Protocol error: invalid multibulk length"));
    check("*+1\r\n", Err("Protocol error: invalid multibulk length"));
    check("*\r\nPING\r\n", Err("Protocol error: invalid multibulk length"));
    check("*2147483648\r\n", Err("Protocol error: invalid multibulk length"));
    check("*1\r\n\r\n", Err("Protocol error: expected '$', got ' '"));
    check("*1\r\nPING\r\n", Err("Protocol error: expected '$', got 'P'"));
    check("*1\r\n$x\r\n", Err("Protocol error: invalid bulk length"));
    check("*1\r\n$-1\r\n", Err("Protocol error: invalid bulk length"));
    check("*1\r\n$04\r\nPING\r\n", Err("Protocol error: invalid bulk length"));
    check("*1\r\n$+4\r\nPING\r\n", Err("Protocol error: invalid bulk length"));
    check("*1\r\n$\r\nPING\r\n", Err("Protocol error: invalid bulk length"));
    check("*1\r\n$12345678901234567890\r\n", Err("Protocol error: invalid bulk length"));
    check("ECHO 'a\r\n", Err("Protocol error: unbalanced quotes in request"));
    check("*1\rX", Err("Protocol error: invalid CRLF in request"));
    check("*1\r\n$4\rX", Err("Protocol error: invalid CRLF in request"));
    check("*1\r\n$4\r\nPINGXX", Err("Protocol error: invalid CRLF in request"));
    check("*1\r\n$4\r\nPING\n\r", Err("Protocol error: invalid CRLF in request"));
    check("PING\0\r\n", Err("Protocol error: NUL in inline request"));
}

#[test]
fn a_bare_line_feed_does_not_end_a_header() {
    check("*1\n$4\nPING\n", Ok(&[]));
}

#[test]
fn every_limit_holds_at_its_edge() {
    let limits = RequestLimits {
        bulk_max: 5,
        args_max: 2,
        inline_max: 12,
        request_max: 40,
        login: LoginState::Done,
    };
    check_with("*2\r\n$4\r\nECHO\r\n$5\r\n12345\r\n", limits, Ok(&[&["ECHO", "12345"]]));
    check_with("*1\r\n$6\r\n", limits, Err("Protocol error: invalid bulk length"));
    check_with("*3\r\n", limits, Err("Protocol error: invalid multibulk length"));
    check_with("ECHO 1234567\n", limits, Ok(&[&["ECHO", "1234567"]]));
    check_with("ECHO 12345678\n", limits, Err("Protocol error: too big inline request"));
    check_with("ECHO 12345678", limits, Err("Protocol error: too big inline request"));
    let digits = "1".repeat(13);
    let line = format!("*{digits}");
    check_with(&line, limits, Err("Protocol error: too big mbulk count string"));
    let line = format!("*1\r\n${digits}");
    check_with(&line, limits, Err("Protocol error: too big bulk count string"));
    let limits = RequestLimits { request_max: 14, ..limits };
    check_with("*1\r\n$4\r\nPING\r\n", limits, Ok(&[&["PING"]]));
    check_with("*1\r\n$5\r\nPINGS\r\n", limits, Err("Protocol error: too big request"));
}

#[test]
fn a_client_that_has_not_logged_in_gets_less_and_is_told_so() {
    let limits = RequestLimits::before_login();
    check_with("*11\r\n", limits, Err("Protocol error: unauthenticated multibulk length"));
    check_with("*1\r\n$16385\r\n", limits, Err("Protocol error: unauthenticated bulk length"));
    check_with("*1\r\n$4\r\nPING\r\n", limits, Ok(&[&["PING"]]));
}

#[test]
fn a_large_value_says_how_much_it_wants() {
    let mut scanner = RequestScanner::new(RequestLimits::default());
    let start = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\nv";
    assert!(matches!(scanner.scan(start), Ok(RequestScan::Partial)));
    assert_eq!(scanner.wanted(), start.len() - 1 + (64 << 20) + 2);
}

#[test]
fn a_command_of_ours_scans_to_itself() {
    let owned = CommandBuf::new(&["SET", "key", "value"]).unwrap();
    let mut scanner = RequestScanner::new(RequestLimits::default());
    let Ok(RequestScan::Command { command, consumed }) = scanner.scan(owned.as_command().bytes())
    else {
        panic!("a whole command");
    };
    assert_eq!(consumed, owned.as_command().bytes().len());
    assert_eq!(command.to_buf(), owned);
}
