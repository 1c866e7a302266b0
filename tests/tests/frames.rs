//! Our request scanner and the servers' must see the same requests in the same bytes, or ours must
//! refuse: anything else lets a client smuggle a command past the one in front.

use slotway_cluster::{Spec, TestCluster, TestServer};
use slotway_protocol::{NodeAddr, RequestError, RequestLimits, RequestScan, RequestScanner};
use slotway_tests::raw::exchange;

/// Where a server and we may differ, and why that is safe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Agreement {
    /// Every server sees the same requests, and the same error.
    Exact,
    /// We refuse what some server takes.
    Stricter,
}

/// Requests are ECHO and PING only, so that every reply shows what the server took for arguments.
const CASES: &[(&[u8], Agreement)] = &[
    (b"PING\r\n*1\r\n$4\r\nPING\r\nPING\n", Agreement::Exact),
    (b"*2\r\n$4\r\nECHO\r\n$5\r\na\r\nb!\r\n", Agreement::Exact),
    (b"*0\r\n*-1\r\n*-7\r\n\r\n\n   \r\nPING\r\n", Agreement::Exact),
    (b"*x\r\n", Agreement::Exact),
    (b"*02\r\nPING", Agreement::Exact),
    (b"*-0\r\nPING\r\n", Agreement::Exact),
    (b"*+1\r\n", Agreement::Exact),
    (b"*\r\nPING\r\n", Agreement::Exact),
    (b"*2147483648\r\n", Agreement::Exact),
    (b"*1\r\n\r\n", Agreement::Exact),
    (b"*1\r\nPING\r\n", Agreement::Exact),
    (b"*1\r\n$x\r\n", Agreement::Exact),
    (b"*1\r\n$-1\r\n", Agreement::Exact),
    (b"*1\r\n$04\r\nPING\r\n", Agreement::Exact),
    (b"*1\r\n$+4\r\nPING\r\n", Agreement::Exact),
    (b"*1\r\n$\r\nPING\r\n", Agreement::Exact),
    (b"*1\r\n$536870913\r\n", Agreement::Exact),
    (b"*1\r\n$12345678901234567890\r\n", Agreement::Exact),
    (b"*1\n$4\nPING\n", Agreement::Exact),
    (b"ECHO 'a\r\n", Agreement::Exact),
    (b"ECHO a\"b c\"\r\n", Agreement::Exact),
    (b"ECHO 'a\\'b\\n'\r\n", Agreement::Exact),
    (b"ECHO \"\\x41\\xzz\\n\\q\"\r\n", Agreement::Exact),
    (b"ECHO a\x0bb\r\n", Agreement::Exact),
    (b"ECHO a\r\r\n", Agreement::Exact),
    (b"ECHO a\\nb\r\n", Agreement::Exact),
    (b"ECHO \"\"\r\n", Agreement::Exact),
    (b" ECHO\t 'x' \r\n", Agreement::Exact),
    // Redis 7.0 looks at neither byte where CRLF belongs.
    (b"*1\r\n$4\r\nPINGXX", Agreement::Stricter),
    (b"*1\rX$4\r\nPING\r\n", Agreement::Stricter),
    (b"*1\r\n$4\rXPING\r\n", Agreement::Stricter),
    (b"*2\r\n$4\r\nECHO\r\n$1\r\na\n\rPING\r\n", Agreement::Stricter),
    // Valkey 9.1 joins what stands behind a closing quote to the word.
    (b"ECHO \"a\"b\r\n", Agreement::Stricter),
    (b"ECHO 'a'b\r\n", Agreement::Stricter),
    // The servers search the line end only up to the NUL, and wait for one for ever.
    (b"PING\0\r\n", Agreement::Stricter),
    // The servers take up to 2^31 arguments, and wait for them.
    (b"*1048577\r\n", Agreement::Stricter),
];

/// The replies that a server owes for what our scanner finds.
fn expected(bytes: &[u8]) -> (Vec<u8>, Option<RequestError>) {
    let mut scanner = RequestScanner::new(RequestLimits::default());
    let (mut at, mut replies) = (0, Vec::new());
    loop {
        match scanner.scan(&bytes[at..]) {
            Ok(RequestScan::Command { command, consumed }) => {
                match command.arg(1) {
                    None => replies.extend_from_slice(b"+PONG\r\n"),
                    Some(text) => {
                        replies.extend_from_slice(format!("${}\r\n", text.len()).as_bytes());
                        replies.extend_from_slice(text);
                        replies.extend_from_slice(b"\r\n");
                    }
                }
                at += consumed;
            }
            Ok(RequestScan::Nothing { consumed }) => at += consumed,
            Ok(RequestScan::Partial) => return (replies, None),
            Err(error) => {
                replies.extend_from_slice(format!("-ERR {error}\r\n").as_bytes());
                return (replies, Some(error));
            }
        }
    }
}

fn hold_against(server: TestServer, addr: &NodeAddr) {
    for (bytes, agreement) in CASES {
        let (ours, refused) = expected(bytes);
        let theirs = exchange(addr, bytes);
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match agreement {
            Agreement::Exact => {
                assert_eq!(shown(&ours), shown(&theirs), "{server} on {:?}", shown(bytes));
            }
            Agreement::Stricter => {
                assert!(refused.is_some(), "{:?} is no longer refused", shown(bytes));
            }
        }
    }
}

async fn check(server: TestServer) {
    let cluster = TestCluster::start(Spec::on(server).shape(1, 0)).await;
    let cluster = cluster.expect("one node makes a cluster");
    let addr = cluster.node(0).addr().clone();
    let check = tokio::task::spawn_blocking(move || hold_against(server, &addr));
    check.await.expect("the server and we agree");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_7_0_sees_the_requests_that_we_see() {
    check(TestServer::Redis70).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_8_1_sees_the_requests_that_we_see() {
    check(TestServer::Valkey81).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_9_1_sees_the_requests_that_we_see() {
    check(TestServer::Valkey91).await;
}
