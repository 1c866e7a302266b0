//! One who walks with SCAN.

use slotway::{Client, CommandBuf, Error, FromValue, ScanDesk, Value};
use slotway_protocol::ReplyLimits;

use crate::Names;

/// How far one has come, and what it found.
#[derive(Clone, Debug)]
pub(crate) struct Walker {
    pub(crate) cursor: String,
    pub(crate) found: Names,
    /// How many keys came, each as often as it came.
    pub(crate) came: usize,
    count: &'static str,
}

/// Whether there is more to find.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum More {
    Yes,
    No,
}

impl Walker {
    /// One who asks for about so many keys at a time.
    pub(crate) fn new(count: &'static str) -> Self {
        Self { cursor: "0".to_owned(), found: Names::new(), came: 0, count }
    }

    pub(crate) async fn page(&mut self, desk: &ScanDesk, client: &Client) -> Result<More, Error> {
        let words = ["SCAN", &self.cursor, "COUNT", self.count];
        let (cursor, keys) = page(desk, client, &words).await?;
        assert!(cursor.parse::<u64>().unwrap() < 1 << 53, "{cursor}");
        assert!(cursor == "0" || !cursor.starts_with('0'), "{cursor}");
        self.cursor = cursor;
        self.came += keys.len();
        self.found.extend(keys);
        Ok(if self.cursor == "0" { More::No } else { More::Yes })
    }

    /// Walks to the end.
    pub(crate) async fn finish(&mut self, desk: &ScanDesk, client: &Client) {
        while self.page(desk, client).await.unwrap() == More::Yes {}
    }

    #[track_caller]
    pub(crate) fn has_found(&self, names: &Names) {
        let missing: Vec<_> = names.difference(&self.found).collect();
        assert!(missing.is_empty(), "{} are missing, such as {}", missing.len(), missing[0]);
    }
}

/// One answer.
pub(crate) async fn page(
    desk: &ScanDesk,
    client: &Client,
    words: &[&str],
) -> Result<(String, Vec<String>), Error> {
    let command = CommandBuf::new(words).unwrap();
    let reply = desk.page(client, command.as_command()).await?;
    FromValue::from_value(Value::decode(&reply, &ReplyLimits::default()).unwrap())
}
