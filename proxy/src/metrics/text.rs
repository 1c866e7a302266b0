//! The text that Prometheus reads.

use std::fmt::{self, Write as _};

use super::{Distribution, Metric};

/// The `Content-Type` of the text: Prometheus's own format.
///
/// OpenMetrics is not told, though some ask for it: there a gauge and a counter may not be called
/// `slotway_client_connections` and `slotway_client_connections_total`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics with their values, as text.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// A metric without labels.
    pub fn number(&mut self, metric: &Metric, value: f64) {
        self.numbers(metric, [([], value)]);
    }

    /// A metric with a sample for each row of label values. Without rows it is not there at all.
    pub fn numbers<'a, const N: usize>(
        &mut self,
        metric: &Metric,
        rows: impl IntoIterator<Item = ([&'a str; N], f64)>,
    ) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            self.head(metric);
        }
        for (values, value) in rows {
            self.sample(metric, "", &values, None, value);
        }
    }

    /// A metric with a distribution for each row of label values.
    pub fn distributions<'a, const N: usize>(
        &mut self,
        metric: &Metric,
        rows: impl IntoIterator<Item = ([&'a str; N], Distribution)>,
    ) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            self.head(metric);
        }
        for (values, distribution) in rows {
            self.distribution(metric, &values, &distribution);
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }

    fn head(&mut self, metric: &Metric) {
        let Metric { name, help, .. } = metric;
        let kind = metric.kind.name();
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn distribution(&mut self, metric: &Metric, values: &[&str], distribution: &Distribution) {
        let mut below = 0_u64;
        for (place, count) in distribution.counts.iter().enumerate() {
            below = below.wrapping_add(*count);
            let bound = distribution.bounds.get(place).copied().unwrap_or(f64::INFINITY);
            self.sample(metric, "_bucket", values, Some(bound), below as f64);
        }
        self.sample(metric, "_sum", values, None, distribution.sum);
        self.sample(metric, "_count", values, None, below as f64);
    }

    fn sample(
        &mut self,
        metric: &Metric,
        suffix: &str,
        values: &[&str],
        bound: Option<f64>,
        value: f64,
    ) {
        self.write(format_args!("{}{suffix}", metric.name));
        let mut opens = '{';
        for (label, value) in metric.labels.iter().zip(values) {
            self.write(format_args!("{opens}{label}=\"{}\"", Escaped(value)));
            opens = ',';
        }
        match bound {
            Some(bound) if bound.is_infinite() => {
                self.write(format_args!("{opens}le=\"+Inf\"}}"));
            }
            Some(bound) => self.write(format_args!("{opens}le=\"{bound}\"}}")),
            None if opens == ',' => self.text.push('}'),
            None => {}
        }
        self.write(format_args!(" {value}\n"));
    }

    fn write(&mut self, what: fmt::Arguments<'_>) {
        self.text.write_fmt(what).expect("a String takes whatever is written");
    }
}

/// A label's value as it may stand between quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::*, *};

    #[track_caller]
    fn check(fill: impl Fn(&mut Exposition), expected: &str) {
        let mut text = Exposition::default();
        fill(&mut text);
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn a_sample_has_its_labels_quoted() {
        let rows = [(["a\\b\"c\nd", "quit"], 3.0)];
        check(
            |text| text.numbers(&CLIENT_CLOSED, rows),
            "# HELP slotway_client_disconnects_total Clients that are no longer connected, or were turned \
             away, by reason.\n# TYPE slotway_client_disconnects_total counter\n\
             slotway_client_disconnects_total{listener=\"a\\\\b\\\"c\\nd\",reason=\"quit\"} 3\n",
        );
    }

    #[test]
    fn buckets_are_cumulative() {
        let sizes = Sizes::default();
        [1, 3, 1000].into_iter().for_each(|many| sizes.were(many));
        let mut text = Exposition::default();
        text.distributions(&COMMAND_FANOUT, [([], sizes.read())]);
        let text = text.finish();
        for line in [
            "slotway_command_fanout_bucket{le=\"1\"} 1",
            "slotway_command_fanout_bucket{le=\"4\"} 2",
            "slotway_command_fanout_bucket{le=\"256\"} 2",
            "slotway_command_fanout_bucket{le=\"+Inf\"} 3",
            "slotway_command_fanout_sum 1004",
            "slotway_command_fanout_count 3",
        ] {
            assert!(text.lines().any(|own| own == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_metric_without_a_sample_is_not_there() {
        let none: [([&str; 2], f64); 0] = [];
        check(|text| text.numbers(&CLIENT_CLOSED, none), "");
    }
}
