//! What one task sent and what it was told.

use std::collections::HashMap;

use slotway::{Client, CommandBuf, Delivery, Error, Value};

use super::Report;

/// The book of one task. A task waits for both its writes before the next ones, so it knows what
/// every reply has to be.
pub(super) struct Account {
    number: usize,
    list: String,
    counter: String,
    /// How the write of each token ended, in the order in which they were sent.
    tokens: Vec<Entry>,
    /// What the counter said last, and how many increments may have been run.
    count: i64,
    counted: i64,
    /// How many increments were acknowledged.
    acknowledged: i64,
    report: Report,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Entry {
    /// It is in the list, so long was the list then.
    Acknowledged(i64),
    /// It is not in the list.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl Account {
    pub(super) fn new(number: usize) -> Self {
        let [list, counter] = Self::keys(number);
        Self {
            number,
            list,
            counter,
            tokens: Vec::new(),
            count: 0,
            counted: 0,
            acknowledged: 0,
            report: Report::default(),
        }
    }

    /// The list of tokens and the counter of a task.
    pub(super) fn keys(number: usize) -> [String; 2] {
        [format!("ledger:{number}"), format!("ledger:{number}:count")]
    }

    /// Writes under both keys at once and reads one of them. Whether the token was acknowledged.
    pub(super) async fn turn(&mut self, client: &Client) -> bool {
        let token = self.token(self.tokens.len());
        let push = command(&["RPUSH", &self.list, &token]);
        let count = command(&["INCR", &self.counter]);
        let (pushed, counted) = tokio::join!(client.call(&push), client.call(&count));
        let pushed = self.entry(&token, pushed);
        self.note_push(pushed);
        let counted = self.entry("INCR", counted);
        self.note_count(counted);
        let last = client.call(&command(&["LINDEX", &self.list, "-1"])).await;
        self.note_read(last);
        matches!(pushed, Entry::Acknowledged(_))
    }

    fn token(&self, sequence: usize) -> String {
        format!("{}:{sequence}", self.number)
    }

    fn entry(&mut self, what: &str, reply: Result<Value, Error>) -> Entry {
        match reply {
            Ok(Value::Integer(number)) => Entry::Acknowledged(number),
            Ok(other) => {
                match other.as_error() {
                    Some(text) => self.report.note_error(&String::from_utf8_lossy(text)),
                    None => self.report.wrong(format!("{what} was answered by {other:?}")),
                }
                Entry::Refused
            }
            Err(error) => {
                self.report.note_error(&error.to_string());
                match error.delivery() {
                    Delivery::NotSent => Entry::Refused,
                    Delivery::MaybeSent => Entry::Unknown,
                }
            }
        }
    }

    fn note_push(&mut self, entry: Entry) {
        self.tokens.push(entry);
        if let Entry::Acknowledged(length) = entry {
            let sent = self.tokens.iter().filter(|&&entry| entry != Entry::Refused).count() as i64;
            if length > sent {
                let list = &self.list;
                self.report.wrong(format!("{list} was {length} long after {sent} writes"));
            }
        }
    }

    fn note_count(&mut self, entry: Entry) {
        match entry {
            Entry::Refused => self.report.refused += 1,
            Entry::Unknown => {
                self.report.unknown += 1;
                self.counted += 1;
            }
            Entry::Acknowledged(count) => {
                self.report.acknowledged += 1;
                self.acknowledged += 1;
                self.counted += 1;
                if count > self.counted {
                    let (counter, counted) = (&self.counter, self.counted);
                    self.report.wrong(format!("{counter} was {count} after {counted} INCR"));
                }
                if count <= self.count {
                    self.report.rewound += 1;
                }
                self.count = count;
            }
        }
    }

    /// The last token is the one that was acknowledged last, or one of which nobody knows.
    fn note_read(&mut self, reply: Result<Value, Error>) {
        let acknowledged = |entry: &Entry| matches!(entry, Entry::Acknowledged(_));
        let expected = self.tokens.iter().rposition(acknowledged);
        let found = match reply {
            Ok(Value::Bulk(token)) => match self.sequence(&token) {
                Some(sequence) => Some(sequence),
                None => return self.report.wrong(format!("{} gave {token:?}", self.list)),
            },
            Ok(Value::Null) => None,
            Ok(other) => match other.as_error() {
                Some(text) => return self.report.note_failed_read(&String::from_utf8_lossy(text)),
                None => return self.report.wrong(format!("{} gave {other:?}", self.list)),
            },
            Err(error) => return self.report.note_failed_read(&error.to_string()),
        };
        match found.map(|sequence| self.tokens[sequence]) {
            Some(Entry::Unknown) => {}
            Some(Entry::Refused) => {
                self.report.wrong(format!("a refused token is in {}", self.list));
            }
            Some(Entry::Acknowledged(_)) | None if found == expected => {}
            Some(Entry::Acknowledged(_)) | None => self.report.rewound += 1,
        }
    }

    /// Which of its own tokens this is.
    fn sequence(&self, token: &[u8]) -> Option<usize> {
        let (number, sequence) = std::str::from_utf8(token).ok()?.split_once(':')?;
        let sequence = sequence.parse().ok().filter(|sequence| *sequence < self.tokens.len())?;
        (number.parse() == Ok(self.number)).then_some(sequence)
    }

    /// Holds it against what is there.
    pub(super) async fn close(mut self, client: &Client, report: &mut Report) {
        let list = client.call(&command(&["LRANGE", &self.list, "0", "-1"])).await;
        let list = list.expect("the cluster is well again");
        let mut places: HashMap<usize, usize> = HashMap::new();
        for (place, token) in list.as_elements().unwrap_or_default().iter().enumerate() {
            let own = token.as_bytes().and_then(|token| self.sequence(token));
            match own.map(|sequence| places.insert(sequence, place)) {
                Some(None) => {}
                Some(Some(_)) => self.report.wrong(format!("{token:?} was run twice")),
                None => self.report.wrong(format!("{token:?} is in {}", self.list)),
            }
        }
        self.check_list(&places);
        let count = client.call(&command(&["GET", &self.counter])).await;
        let count = count.expect("the cluster is well again");
        self.check_count(&count);
        report.add(self.report);
    }

    fn check_list(&mut self, places: &HashMap<usize, usize>) {
        let mut missing = 0;
        let mut last = None;
        for (sequence, entry) in self.tokens.iter().enumerate() {
            let place = places.get(&sequence);
            match (entry, place) {
                (Entry::Acknowledged(length), Some(&place)) => {
                    self.report.acknowledged += 1;
                    // Whatever was lost stood before it.
                    if place as i64 + 1 > *length || (missing == 0 && place as i64 + 1 != *length) {
                        let text =
                            format!("{sequence} was acknowledged at {length}, is at {place}");
                        self.report.wrong(format!("{}: {text}", self.list));
                    }
                    if last >= Some(place) {
                        self.report.wrong(format!("{} was written out of order", self.list));
                    }
                    last = Some(place);
                }
                (Entry::Acknowledged(_), None) => {
                    self.report.acknowledged += 1;
                    missing += 1;
                }
                (Entry::Refused, Some(_)) => {
                    self.report.wrong(format!("{}: {sequence} was refused, and run", self.list));
                }
                (Entry::Refused, None) => self.report.refused += 1,
                (Entry::Unknown, _) => self.report.unknown += 1,
            }
        }
        self.report.missing += missing;
    }

    fn check_count(&mut self, count: &Value) {
        let count = if *count == Value::Null {
            0
        } else {
            count.as_str().and_then(|text| text.parse().ok()).unwrap_or(-1)
        };
        let (counter, sent) = (&self.counter, self.counted);
        if !(0..=sent).contains(&count) {
            self.report.wrong(format!("{counter} is {count} after {sent} INCR"));
        }
        self.report.missing += usize::try_from(self.acknowledged - count).unwrap_or(0);
    }
}

fn command(words: &[&str]) -> CommandBuf {
    CommandBuf::new(words).expect("it is short")
}
