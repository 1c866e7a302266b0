//! Where reports go: bars and tables for people, lines for pipes, JSON for scripts.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{args::Output, event::Event};
use crate::{Error, progress::Progress};

/// Standard output, in one of three forms.
#[derive(Debug)]
pub(crate) struct Screen {
    output: Output,
    start: Instant,
    /// The bar of the step that is under way.
    step: Mutex<Option<(&'static str, ProgressBar)>>,
    closed: AtomicBool,
}

impl Screen {
    const BAR: &str = "  {prefix:<23} {bar:22.green/dim}  {pos}/{len}  {msg}";

    pub(crate) fn new(output: Output) -> Self {
        let (step, closed) = (Mutex::new(None), AtomicBool::new(false));
        Self { output, start: Instant::now(), step, closed }
    }

    /// Whether nobody reads any more, as after `| head`.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A line for people only.
    pub(crate) fn say(&self, text: &str) {
        if self.output == Output::Text {
            self.write(text);
        }
    }

    /// What happened, in the form that is read here.
    pub(crate) fn show(&self, event: &Event) {
        match self.output {
            Output::Text => event.text().iter().for_each(|text| self.write(text)),
            Output::Json => self.json(event),
        }
    }

    /// Any object, for scripts only.
    pub(crate) fn json(&self, object: &impl serde::Serialize) {
        if self.output == Output::Json {
            self.write(&serde_json::to_string(object).expect("it is made of names and numbers"));
        }
    }

    fn write(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        if self.step.lock().take().is_some() {
            // A bar leaves the cursor on its line; if that cannot be written, nor can the rest.
            let _ = writeln!(out);
        }
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    /// How far a start has come.
    pub(crate) fn progress(&self, progress: Progress) {
        if self.output == Output::Json {
            return;
        }
        let (name, done, of) = match progress {
            Progress::Nodes(done, of) => ("starting nodes", done, of),
            Progress::Slots(done, of) => ("assigning 16384 slots", done, of),
            Progress::Ready(done, of) => ("waiting for the cluster", done, of),
        };
        let seconds = seconds(self.start.elapsed());
        if !io::stdout().is_terminal() {
            // Nobody looks at a bar here: one line when the step is done.
            if done == of {
                self.write(&format!("  {name:<23} {done}/{of}  {seconds}"));
            }
            return;
        }
        let mut step = self.step.lock();
        if step.as_ref().is_none_or(|(current, _)| *current != name) {
            *step = Some((name, bar(name)));
        }
        if let Some((_, bar)) = step.as_ref() {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message(seconds);
            if done == of {
                bar.abandon();
            }
        }
    }

    /// How long it took since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// A line on standard error.
    pub(crate) fn warn(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "warning: {text}");
    }

    /// Two lines on standard error, or one object on standard output.
    pub(crate) fn fail(&self, error: &Error) {
        *self.step.lock() = None;
        if self.output == Output::Json {
            return self.show(&Event::failed(error));
        }
        // With nobody reading there is nothing left to tell.
        let _ = writeln!(anstream::stderr(), "error: {error}");
        if let Some(hint) = error.hint() {
            let _ = writeln!(anstream::stderr(), "hint:  {hint}");
        }
    }
}

fn bar(name: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(Screen::BAR).expect("the template is a constant");
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stdout())
        .with_style(style.progress_chars("##-"))
        .with_prefix(name)
}

/// `2.3s`
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1}s", time.as_secs_f64())
}
