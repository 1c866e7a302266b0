use slotway_protocol::{Channel, ChannelKind};
use tokio::io::{DuplexStream, duplex};

use super::*;
use crate::{
    Config, Credentials, CredentialsProvider, Secret,
    subscribe::{Event, inbox::Inbox},
};

/// A line that is connected to the test, and one who listens to some channels over it.
struct Stage {
    cluster: Arc<Cluster>,
    inbox: Arc<Inbox>,
    bell: Arc<Notify>,
    node: NodeAddr,
}

impl Stage {
    fn new(channels: &[String]) -> Self {
        Self::with(Config::new([NodeAddr::new("a", 7000)]), channels)
    }

    fn with(config: Config, channels: &[String]) -> Self {
        let node = NodeAddr::new("a", 7000);
        let cluster = Arc::new(Cluster::new(Arc::new(config), None));
        let inbox = Arc::new(Inbox::new(&cluster.config.limits));
        let bell = cluster.hub.line(|registry| {
            for channel in channels {
                let topic = topic(channel);
                assert!(inbox.add(&topic));
                registry.join(&topic, &inbox, || vec![Source::Anywhere]);
            }
            registry.connected(&Source::Anywhere, &node);
            registry.started().remove(0).1
        });
        Self { cluster, inbox, bell, node }
    }

    /// Runs a session until it ends, beside whoever plays the node.
    async fn run<F>(&self, room: usize, node: impl FnOnce(DuplexStream) -> F) -> (End, F::Output)
    where
        F: Future,
    {
        let (ours, theirs) = duplex(room);
        let session = Session::new(ours, &self.cluster, &Source::Anywhere, &self.node);
        let known = self.cluster.stranger(&self.node);
        let mut login = Login::new(&known);
        tokio::join!(session.run(&self.bell, &mut login), node(theirs))
    }

    async fn next(&self) -> Option<Event> {
        std::future::poll_fn(|cx| self.inbox.poll_next(cx)).await
    }
}

fn topic(channel: &str) -> Channel {
    Channel { kind: ChannelKind::Plain, name: Bytes::copy_from_slice(channel.as_bytes()) }
}

async fn read_until(stream: &mut DuplexStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "{read:?}");
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn frames_that_come_byte_by_byte_are_taken_in() {
    let stage = Stage::new(&["news".to_owned()]);
    let frames = ">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n\
        >3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";
    let (end, ()) = stage
        .run(1 << 10, async |mut node| {
            read_until(&mut node, "SUBSCRIBE\r\n$4\r\nnews\r\n").await;
            for byte in frames.as_bytes() {
                node.write_all(&[*byte]).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
        .await;
    assert!(matches!(end, End::Closed), "{end}");
    stage.inbox.settle(&[topic("news")]).await.unwrap();
    let event = stage.next().await;
    assert!(
        matches!(&event, Some(Event::Message(message)) if message.payload == "hello"),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_stream_that_takes_little_at_a_time_gets_everything() {
    let channels: Vec<String> = (0..1_000).map(|n| format!("channel:{n:04}")).collect();
    let stage = Stage::new(&channels);
    let (_, read) = stage
        .run(7, async |mut node| {
            let mut read = String::new();
            while read.matches("channel:").count() < 1_000 {
                read += &read_until(&mut node, "\r\n").await;
            }
            read
        })
        .await;
    assert!(channels.iter().all(|channel| read.contains(channel)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_tried_once_and_then_left() {
    let stage = Stage::new(&["news".to_owned()]);
    let silence_max = stage.cluster.config.limits.silence_max;
    let began = Instant::now();
    let (end, ()) = stage
        .run(1 << 10, async |mut node| {
            read_until(&mut node, "news\r\n").await;
            node.write_all(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await.unwrap();
            for _ in 0..3 {
                read_until(&mut node, "*1\r\n$4\r\nPING\r\n").await;
                node.write_all(b"+PONG\r\n").await.unwrap();
            }
            read_until(&mut node, "*1\r\n$4\r\nPING\r\n").await;
            // It stays open, and nothing comes any more.
            assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
        })
        .await;
    assert!(matches!(end, End::Silent), "{end}");
    assert!(began.elapsed() >= silence_max * 5 && began.elapsed() < silence_max * 6);
}

#[tokio::test]
async fn an_answer_to_nothing_ends_the_connection() {
    for answer in
        ["+PONG\r\n", ">3\r\n$9\r\nsubscribe\r\n$5\r\nother\r\n:1\r\n", "+OK\r\n", "?\r\n"]
    {
        let stage = Stage::new(&["news".to_owned()]);
        let (end, ()) = stage
            .run(1 << 10, async |mut node| {
                read_until(&mut node, "news\r\n").await;
                node.write_all(answer.as_bytes()).await.unwrap();
                assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
            })
            .await;
        assert!(matches!(end, End::Unexpected(_) | End::Reply(_)), "{end} after {answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_needs_is_closed() {
    let stage = Stage::new(&["news".to_owned()]);
    let (end, ()) = stage
        .run(1 << 10, async |mut node| {
            read_until(&mut node, "SUBSCRIBE\r\n$4\r\nnews\r\n").await;
            node.write_all(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await.unwrap();
            stage.inbox.settle(&[topic("news")]).await.unwrap();
            stage.cluster.hub.leave(&stage.inbox, &[topic("news")]);
            read_until(&mut node, "UNSUBSCRIBE\r\n$4\r\nnews\r\n").await;
            node.write_all(b">3\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n:0\r\n").await.unwrap();
            assert_eq!(node.read(&mut [0]).await.unwrap(), 0);
        })
        .await;
    assert!(matches!(end, End::Unneeded), "{end}");
    assert!(stage.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_logs_in_again_until_the_node_accepts_it() {
    let provider = CredentialsProvider::new(|| async {
        Ok::<_, String>(Credentials { user: None, password: Secret::new("second") })
    });
    let config = Config::new([NodeAddr::new("a", 7000)]);
    let stage =
        Stage::with(config.with_credentials_provider(provider.clone()), &["news".to_owned()]);
    let (end, ()) = stage
        .run(1 << 10, async |mut node| {
            read_until(&mut node, "news\r\n").await;
            node.write_all(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n").await.unwrap();
            provider.changed();
            for answer in ["-WRONGPASS not yet\r\n", "+OK\r\n"] {
                read_until(&mut node, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecond\r\n").await;
                node.write_all(answer.as_bytes()).await.unwrap();
            }
            // All is as it was.
            read_until(&mut node, "PING\r\n").await;
        })
        .await;
    assert!(matches!(end, End::Closed), "{end}");
}
