//! Reads the text of metrics as strictly as Prometheus's own checker does.

use std::collections::{BTreeMap, HashSet};

/// All metrics of a text, by name.
pub type Families = BTreeMap<String, Family>;

/// A metric with its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// What stands in its `# TYPE` line.
    pub kind: String,
    /// What stands in its `# HELP` line.
    pub help: String,
    /// Every line of numbers.
    pub samples: Vec<Sample>,
}

/// A line with a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The name at its beginning, which of a histogram is longer than the metric's.
    pub name: String,
    /// Its labels, sorted.
    pub labels: BTreeMap<String, String>,
    /// The number.
    pub value: f64,
}

impl Family {
    /// The sum of the samples that have these labels among theirs.
    pub fn sum(&self, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            labels
                .iter()
                .all(|(name, value)| sample.labels.get(*name).is_some_and(|own| own == value))
        };
        self.samples.iter().filter(has).map(|sample| sample.value).sum()
    }
}

/// What the text says, or the first thing that is wrong with it.
pub fn parse(text: &str) -> Result<Families, String> {
    if !text.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut families = Families::new();
    let mut current = String::new();
    let mut seen = HashSet::new();
    for line in text.lines() {
        let wrong = |what: &str| format!("{what}: {line}");
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').ok_or_else(|| wrong("no help"))?;
            let family = Family { help: help.to_owned(), ..Family::default() };
            if families.insert(name.to_owned(), family).is_some() {
                return Err(wrong("a metric comes twice"));
            }
            current = name.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let family = families.get_mut(&current).ok_or_else(|| wrong("a type without help"))?;
            let (name, kind) = kind.split_once(' ').ok_or_else(|| wrong("no type"))?;
            if name != current || !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(wrong("a wrong type"));
            }
            kind.clone_into(&mut family.kind);
        } else {
            let sample = sample(line).ok_or_else(|| wrong("no sample"))?;
            let family = families.get_mut(&current).ok_or_else(|| wrong("a sample of nothing"))?;
            if !belongs(&sample, &current, &family.kind) {
                return Err(wrong(&format!("a sample that is not of {current}")));
            }
            if !seen.insert((sample.name.clone(), sample.labels.clone())) {
                return Err(wrong("a sample comes twice"));
            }
            family.samples.push(sample);
        }
    }
    families.iter().try_for_each(|(name, family)| check(name, family))?;
    Ok(families)
}

fn belongs(sample: &Sample, family: &str, kind: &str) -> bool {
    match (kind, sample.name.strip_prefix(family)) {
        ("histogram", Some("_bucket")) => sample.labels.contains_key("le"),
        ("histogram", Some("_sum" | "_count")) | ("gauge", Some("")) => true,
        // OpenMetrics leaves the end of a counter's name out of its head.
        ("counter", Some(rest)) => {
            sample.name.ends_with("_total") && ["", "_total"].contains(&rest)
        }
        _ => false,
    }
}

fn check(name: &str, family: &Family) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {name}"));
    if family.samples.is_empty() || family.kind.is_empty() || family.help.is_empty() {
        return wrong("no samples, no type or no help");
    }
    let counts = family.kind != "gauge";
    if counts && family.samples.iter().any(|sample| sample.value.is_nan() || sample.value < 0.0) {
        return wrong("a count that is none");
    }
    if family.kind != "histogram" {
        return Ok(());
    }
    let (mut last, mut bound) = (0.0, f64::NEG_INFINITY);
    for sample in &family.samples {
        if let Some(le) = sample.labels.get("le") {
            let le: f64 = number(le).ok_or_else(|| format!("a bound that is none: {name}"))?;
            if le <= bound || sample.value < last {
                return wrong("buckets out of order");
            }
            (last, bound) = (sample.value, le);
        } else if sample.name.ends_with("_count") {
            if bound != f64::INFINITY || sample.value != last {
                return wrong("the last bucket is not the count");
            }
            (last, bound) = (0.0, f64::NEG_INFINITY);
        }
    }
    Ok(())
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|char: char| !(char.is_ascii_alphanumeric() || "_:".contains(char)))?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if labels.insert(label.to_owned(), value).is_some() || label.is_empty() {
                return None;
            }
            match after.split_at_checked(1)? {
                ("}", after) => {
                    rest = after;
                    break;
                }
                (",", after) => rest = after,
                _ => return None,
            }
        }
    }
    let value = number(rest.strip_prefix(' ')?)?;
    (!name.is_empty()).then(|| Sample { name: name.to_owned(), labels, value })
}

/// The text up to the closing quote, and what is behind that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            plain => value.push(plain),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, says: &str) {
        let error = parse(text).map(|families| families.len()).unwrap_err();
        assert!(error.contains(says), "{error} does not say {says}");
    }

    #[test]
    fn a_sound_text_is_read() {
        let text = "# HELP a_total All of a.\n# TYPE a_total counter\n\
                    a_total{x=\"1\",y=\"q\\\"\\\\\\n\"} 3\na_total{x=\"2\",y=\"\"} 4.5\n\
                    # HELP t Times.\n# TYPE t histogram\nt_bucket{le=\"1\"} 1\n\
                    t_bucket{le=\"+Inf\"} 2\nt_sum 7\nt_count 2\n";
        let families = parse(text).unwrap();
        assert_eq!(families["a_total"].sum(&[]), 7.5);
        assert_eq!(families["a_total"].sum(&[("y", "q\"\\\n")]), 3.0);
        assert_eq!(families["t"].samples.len(), 4);
    }

    #[test]
    fn what_a_checker_refuses_is_found() {
        let head = "# HELP a_total A.\n# TYPE a_total counter\n";
        check(&format!("{head}a_total 1"), "no end");
        check(&format!("{head}a_total 1\na_total 1\n"), "comes twice");
        check(&format!("{head}{head}a_total 1\n"), "comes twice");
        check(&format!("{head}b_total 1\n"), "not of a_total");
        check(&format!("{head}a_total{{x=1}} 1\n"), "no sample");
        check(&format!("{head}a_total one\n"), "no sample");
        check(&format!("{head}a_total -1\n"), "a count that is none");
        check(head, "no samples");
        check("a_total 1\n", "a sample of nothing");
        let head = "# HELP t T.\n# TYPE t histogram\n";
        check(
            &format!("{head}t_bucket{{le=\"1\"}} 2\nt_bucket{{le=\"+Inf\"}} 1\n"),
            "out of order",
        );
        check(&format!("{head}t_bucket{{le=\"+Inf\"}} 1\nt_sum 1\nt_count 2\n"), "not the count");
        check(&format!("{head}t 1\n"), "not of t");
    }
}
