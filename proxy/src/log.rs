//! The log: who says what, written by a thread of its own.
//!
//! A worker never waits for whoever reads the log. It puts a line into a queue of bounded length; when that is full
//! the line is lost, and counted. Behind the queue repeated lines are folded, the newest are kept for
//! `PROXY LOG`, and all are written: as text to a terminal, as JSON to anything else.
//!
//! Whoever logs says neither keys nor values.

mod fold;
mod line;
mod ring;

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

pub use line::{Colour, Line, Repeated};
pub use ring::EventRing;
use tokio::time::Instant;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt as _},
    util::{SubscriberInitExt as _, TryInitError},
};

use fold::Fold;

/// What is logged, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogSettings {
    /// The least that slotway itself says.
    pub level: LevelFilter,
    /// How a line is written.
    pub form: LogForm,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogForm {
    /// For a person.
    Text(Colour),
    /// For a program: an object a line.
    Json,
}

/// The running log. When it is dropped, what is still in the queue is written.
#[derive(Debug)]
pub struct Log {
    ring: EventRing,
    queue: Queue,
    written: Receiver<()>,
}

/// Where lines go in.
#[derive(Clone, Debug)]
struct Queue {
    lines: SyncSender<Told>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Told {
    Line(Line),
    End,
}

/// As many lines wait to be written.
const QUEUE_MAX: usize = 4096;

/// As many lines are kept to be shown.
const SHOWN_MAX: usize = 256;

/// How long the end waits for a reader that does not read.
const LAST_WRITE_MAX: Duration = Duration::from_secs(2);

/// How often it is looked whether repeated lines are to be told.
const TICK: Duration = Duration::from_secs(1);

impl LogForm {
    /// Text on a terminal, with colours unless `NO_COLOR` is set to anything, and JSON elsewhere.
    pub fn for_terminal(is_terminal: bool, no_color: Option<&str>) -> Self {
        let plain = no_color.is_some_and(|set| !set.is_empty());
        match (is_terminal, plain) {
            (false, _) => Self::Json,
            (true, true) => Self::Text(Colour::Plain),
            (true, false) => Self::Text(Colour::Ansi),
        }
    }

    fn write(self, line: &Line) -> String {
        match self {
            Self::Text(colour) => line.text(colour),
            Self::Json => line.json(),
        }
    }
}

impl Log {
    /// Starts the log, and makes it the one of the whole process.
    ///
    /// There can be one such in a process: a second one is an error.
    pub fn install(settings: LogSettings, to: Box<dyn Write + Send>) -> Result<Self, TryInitError> {
        let (log, subscriber) = Self::start(settings, to);
        subscriber.try_init()?;
        Ok(log)
    }

    /// Starts the log, and returns what puts events into it.
    pub fn start(
        settings: LogSettings,
        to: Box<dyn Write + Send>,
    ) -> (Self, impl Subscriber + Send + Sync) {
        let (lines, told) = sync_channel(QUEUE_MAX);
        let (done, written) = sync_channel(1);
        let queue = Queue { lines, dropped: Arc::default() };
        let ring = EventRing::new(SHOWN_MAX);
        let writer = Writer { to, form: settings.form, ring: ring.clone(), fold: Fold::default() };
        let spawned = thread::Builder::new().name("slotway-log".into()).spawn(move || {
            writer.run(&told);
            // Nobody waits for it if the log was not dropped.
            let _ = done.send(());
        });
        // Without a thread nobody takes lines, and all are counted as lost.
        drop(spawned);
        let subscriber =
            Registry::default().with(queue.clone().with_filter(filter(settings.level)));
        (Self { ring, queue, written }, subscriber)
    }

    /// The newest lines.
    pub fn ring(&self) -> &EventRing {
        &self.ring
    }

    /// How many lines were lost since nobody took them fast enough.
    pub fn dropped(&self) -> &Arc<AtomicU64> {
        &self.queue.dropped
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Behind all lines of this thread; when the queue is full, its reader hangs.
        if self.queue.lines.try_send(Told::End).is_ok() {
            // If it takes longer, whoever reads it does not read any more.
            let _ = self.written.recv_timeout(LAST_WRITE_MAX);
        }
    }
}

/// Slotway's own lines from this level on; of what others say, only what a person should look at.
fn filter(level: LevelFilter) -> Targets {
    let others = level.min(LevelFilter::WARN);
    Targets::new().with_default(others).with_target("slotway", level)
}

impl<S: Subscriber> Layer<S> for Queue {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if self.lines.try_send(Told::Line(Line::of_event(event))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The end of the queue.
struct Writer {
    to: Box<dyn Write + Send>,
    form: LogForm,
    ring: EventRing,
    fold: Fold,
}

impl Writer {
    fn run(mut self, told: &Receiver<Told>) {
        loop {
            let lines = match told.recv_timeout(TICK) {
                Ok(Told::Line(line)) => self.fold.handle_line(line, Instant::now()),
                Err(RecvTimeoutError::Timeout) => self.fold.handle_time(Instant::now()),
                Ok(Told::End) | Err(RecvTimeoutError::Disconnected) => break,
            };
            self.write(lines);
        }
        let rest = self.fold.handle_end(Instant::now());
        self.write(rest);
    }

    fn write(&mut self, lines: Vec<Line>) {
        for line in lines {
            // Where a log that cannot be written could be complained about, nobody reads either.
            let _ = self.write_line(&line);
            self.ring.push(line);
        }
    }

    fn write_line(&mut self, line: &Line) -> io::Result<()> {
        let mut text = self.form.write(line);
        text.push('\n');
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}

/// The level of this name: `error`, `warn`, `info`, `debug`, `trace`, or `off`.
pub fn level_named(name: &str) -> Option<LevelFilter> {
    let levels = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
    if name.eq_ignore_ascii_case("off") {
        return Some(LevelFilter::OFF);
    }
    let known = levels.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name));
    known.map(LevelFilter::from_level)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of what `say` logs, without the time.
    fn written(level: LevelFilter, say: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        let settings = LogSettings { level, form: LogForm::Text(Colour::Plain) };
        let (log, subscriber) = Log::start(settings, Box::new(written.clone()));
        tracing::subscriber::with_default(subscriber, say);
        drop(log);
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        text.lines().map(|line| line[9..].to_owned()).collect()
    }

    #[test]
    fn what_is_logged_is_written_before_the_end() {
        let lines = written(LevelFilter::INFO, || {
            tracing::info!(node = %"10.0.0.1:7000", "a connection was lost");
            tracing::debug!("nobody wants to know");
            for attempt in 0..20 {
                tracing::warn!(attempt = attempt / 100, error = ?"no", "it failed");
            }
        });
        let expected = [
            "INFO  a connection was lost  node=10.0.0.1:7000",
            "WARN  it failed  attempt=0  error=\"\\\"no\\\"\"",
        ];
        assert_eq!(lines[..2], expected);
        let folded = format!("{}  ... 19 times in ", expected[1]);
        assert!(lines.len() == 3 && lines[2].starts_with(&folded), "{lines:?}");
    }

    #[test]
    fn others_are_heard_only_when_they_warn() {
        let lines = written(LevelFilter::TRACE, || {
            tracing::info!(target: "hyper", "a request");
            tracing::warn!(target: "hyper", "a problem");
            tracing::trace!(target: "slotway::node", "a detail");
        });
        assert_eq!(lines, ["WARN  a problem", "TRACE a detail"]);
        let quiet = written(LevelFilter::OFF, || tracing::error!(target: "hyper", "a problem"));
        assert_eq!(quiet, [""; 0]);
    }

    /// A terminal that nobody reads.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_log_that_nobody_reads() {
        let (read, stuck) = sync_channel(1);
        let settings = LogSettings { level: LevelFilter::INFO, form: LogForm::Json };
        let (log, subscriber) = Log::start(settings, Box::new(Stuck(stuck)));
        let said = 2 * QUEUE_MAX as u64;
        tracing::subscriber::with_default(subscriber, || {
            (0..said).for_each(|_| tracing::info!("again"));
        });
        // The queue is full, and the writer holds one line.
        let dropped = log.dropped().load(Ordering::Relaxed);
        assert!(
            (said - QUEUE_MAX as u64 - 1..=said - QUEUE_MAX as u64).contains(&dropped),
            "{dropped}"
        );
        drop(read);
    }

    #[test]
    fn a_terminal_gets_text_and_a_file_gets_json() {
        assert_eq!(LogForm::for_terminal(true, None), LogForm::Text(Colour::Ansi));
        assert_eq!(LogForm::for_terminal(true, Some("")), LogForm::Text(Colour::Ansi));
        assert_eq!(LogForm::for_terminal(true, Some("1")), LogForm::Text(Colour::Plain));
        assert_eq!(LogForm::for_terminal(false, None), LogForm::Json);
    }

    #[test]
    fn a_level_goes_by_its_name() {
        assert_eq!(level_named("Warn"), Some(LevelFilter::WARN));
        assert_eq!(level_named("off"), Some(LevelFilter::OFF));
        assert_eq!(level_named("loud"), None);
    }
}
