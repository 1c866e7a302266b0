//! What a client says, and what is published meanwhile.

use slotway::{Client, Config, Protocol};
use slotway_cluster::{Standalone, TestServer};

use crate::{ears::Ears, start};

/// One step, and how many frames the client hears then.
enum Step {
    Say(&'static [&'static str], usize),
    Publish(&'static str, &'static str, usize),
    Spublish(&'static str, &'static str, usize),
    Set(&'static str, usize),
}

use Step::{Publish, Say, Set, Spublish};

/// Scripts for both protocols.
const SCRIPTS: &[&[Step]] = &[
    &[
        Say(&["SUBSCRIBE", "a", "b", "a"], 3),
        Publish("a", "1", 1),
        Say(&["UNSUBSCRIBE", "b", "never"], 2),
        Publish("b", "2", 0),
        Publish("a", "3", 1),
        Say(&["subscribe", "a"], 1),
        Publish("a", "4", 1),
        Say(&["UNSUBSCRIBE"], 1),
        Say(&["UNSUBSCRIBE"], 1),
        Publish("a", "5", 0),
        Say(&["SUBSCRIBE", "a"], 1),
        Publish("a", "6", 1),
    ],
    &[
        Say(&["PSUBSCRIBE", "n.*"], 1),
        Say(&["SUBSCRIBE", "n.1"], 1),
        Publish("n.1", "both", 2),
        Publish("n.2", "the pattern", 1),
        Say(&["PUNSUBSCRIBE"], 1),
        Say(&["PUNSUBSCRIBE"], 1),
        Say(&["PUNSUBSCRIBE", "n.*"], 1),
        Publish("n.1", "the channel", 1),
        Say(&["PSUBSCRIBE", "n.?", "[m-o].1"], 2),
        Say(&["PUNSUBSCRIBE", "n.?"], 1),
        Publish("n.1", "both again", 2),
    ],
    &[
        Say(&["SSUBSCRIBE", "s1", "s2", "s3", "s4"], 4),
        Spublish("s1", "1", 1),
        Spublish("s2", "2", 1),
        Spublish("s4", "4", 1),
        Publish("s1", "of another sort", 0),
        Say(&["SUNSUBSCRIBE", "s2", "s3", "s4"], 3),
        Spublish("s2", "3", 0),
        Spublish("s1", "4", 1),
        Say(&["SUNSUBSCRIBE"], 1),
        Say(&["SUNSUBSCRIBE"], 1),
    ],
    &[
        Say(&["SUBSCRIBE", "a"], 1),
        Say(&["PSUBSCRIBE", "b*"], 1),
        Say(&["SSUBSCRIBE", "c"], 1),
        Say(&["SUNSUBSCRIBE"], 1),
        Say(&["UNSUBSCRIBE"], 1),
        Say(&["SUBSCRIBE", "d", "e"], 2),
        Say(&["UNSUBSCRIBE", "d"], 1),
        Say(&["PUNSUBSCRIBE"], 1),
        Say(&["UNSUBSCRIBE"], 1),
    ],
    &[
        Say(&["SUBSCRIBE", "", "two words", "\r\n"], 3),
        Publish("", "", 1),
        Publish("two words", "a\r\nb", 1),
        Publish("\r\n", "\u{0}\u{7f}\u{ff}", 1),
    ],
    &[
        Say(&["SUBSCRIBE", "__keyevent@0__:set"], 1),
        Set("one", 1),
        Set("two", 1),
        Set("three", 1),
        Set("four", 1),
        Say(&["PSUBSCRIBE", "__keyspace@0__:t*"], 1),
        Set("one", 1),
        Set("two", 2),
        Set("three", 2),
        Say(&["UNSUBSCRIBE"], 1),
        Set("two", 1),
        Say(&["PUNSUBSCRIBE"], 1),
        Set("two", 0),
    ],
    &[
        Say(&["PSUBSCRIBE", "*"], 1),
        Publish("a", "1", 1),
        Set("one", 2),
        Set("two", 2),
        Publish("__key", "2", 1),
        Set("three", 2),
        Say(&["PSUBSCRIBE", "__key*__:*"], 1),
        Say(&["PUNSUBSCRIBE", "*"], 1),
        Set("four", 2),
        Publish("a", "3", 0),
    ],
];

/// Scripts for RESP2, in which a subscriber may not do much.
const SUBSCRIBERS: &[&[Step]] = &[&[
    Say(&["SUBSCRIBE", "a"], 1),
    Say(&["PING"], 1),
    Say(&["PING", "words"], 1),
    Say(&["GET", "a"], 1),
    Say(&["Publish", "a", "b"], 1),
    Say(&["CLIENT", "SETNAME", "me"], 1),
    Say(&["client", "id"], 1),
    Say(&["HELLO", "3"], 1),
    Say(&["MULTI"], 1),
    Say(&["XINFO", "STREAM", "a"], 1),
    Say(&["UNSUBSCRIBE"], 1),
    Say(&["SSUBSCRIBE", "a"], 1),
    Say(&["SELECT", "0"], 1),
    Say(&["ECHO", "words"], 1),
]];

pub(crate) async fn frames_are_those_of_one_server(server: TestServer) {
    let config = [("notify-keyspace-events", "KEA")];
    let alone = Standalone::start(server.binary(), &config).await.unwrap();
    let beside = Client::connect(Config::new([alone.addr().clone()])).await.unwrap();
    let (_cluster, proxy) = start(server).await;
    let client = Client::connect(Config::new([proxy.addr().clone()])).await.unwrap();
    let mut witness = Ears::connect(proxy.addr(), Protocol::Resp2).await;
    witness.say(&["PSUBSCRIBE", "**"]).await;
    witness.hear(1).await;
    let both = [Protocol::Resp2, Protocol::Resp3].into_iter();
    let scripts = both.flat_map(|protocol| SCRIPTS.iter().map(move |script| (protocol, script)));
    let scripts = scripts.chain(SUBSCRIBERS.iter().map(|script| (Protocol::Resp2, script)));
    for (protocol, script) in scripts {
        let mut plain = Ears::connect(alone.addr(), protocol).await;
        let mut session = Ears::connect(proxy.addr(), protocol).await;
        // What comes last shows that nothing came before it that should not have.
        for step in script.iter().chain([&Say(&["SUBSCRIBE", "the end"], 1)]) {
            let frames = match *step {
                Say(words, frames) => {
                    plain.say(words).await;
                    session.say(words).await;
                    frames
                }
                Publish(..) | Spublish(..) | Set(..) => {
                    act(&beside, step).await;
                    // What one node says, another hears a little later, maybe with the next script.
                    let (frames, witnessed) = act(&client, step).await;
                    witness.hear(witnessed).await;
                    frames
                }
            };
            let expected = plain.hear(frames).await;
            assert_eq!(session.hear(frames).await, expected, "{protocol:?}");
        }
    }
}

/// Does what somebody else does, and returns how many frames the subscriber hears then, and one who
/// listens to everything.
async fn act(client: &Client, step: &Step) -> (usize, usize) {
    match *step {
        Say(..) => unreachable!("the subscriber says it"),
        Publish(channel, payload, frames) => {
            client.publish(channel, payload).await.unwrap();
            // No pattern fits an empty name.
            (frames, usize::from(!channel.is_empty()))
        }
        Spublish(channel, payload, frames) => {
            client.spublish(channel, payload).await.unwrap();
            (frames, 0)
        }
        Set(key, frames) => {
            client.set(key, "value").await.unwrap();
            (frames, 2)
        }
    }
}
