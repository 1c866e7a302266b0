//! Reports of several nodes, put together line by line.

use std::fmt;

use super::rules::{self, Rule};

/// The text of an `INFO`, read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) sections: Vec<Section>,
}

/// One of its sections.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) fields: Vec<(String, String)>,
}

impl Report {
    /// Reads the text of a server. What is no line of a report is left out.
    pub(super) fn read(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("# ") {
                report.sections.push(Section { title: title.to_owned(), fields: Vec::new() });
            } else if let (Some((name, value)), Some(section)) =
                (line.split_once(':'), report.sections.last_mut())
            {
                section.fields.push((name.to_owned(), value.to_owned()));
            }
        }
        report
    }

    /// Gives a field another value, where it is there.
    pub(super) fn replace(&mut self, name: &str, value: &str) {
        let fields = self.sections.iter_mut().flat_map(|section| &mut section.fields);
        for (_, old) in fields.filter(|(known, _)| known == name) {
            value.clone_into(old);
        }
    }

    fn section(&self, title: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.title == title)
    }
}

impl Section {
    /// The value of a field.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Report {
    /// As a server writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, section) in self.sections.iter().enumerate() {
            if nth > 0 {
                f.write_str("\r\n")?;
            }
            write!(f, "# {}\r\n", section.title)?;
            for (name, value) in &section.fields {
                write!(f, "{name}:{value}\r\n")?;
            }
        }
        Ok(())
    }
}

/// One report for all: each field by its rule, in the order in which nodes name them.
pub(super) fn merged(reports: &[Report]) -> Report {
    let mut merged = Report::default();
    for report in reports {
        for section in &report.sections {
            if merged.section(&section.title).is_none() {
                merged.sections.push(together(&section.title, reports));
            }
        }
    }
    merged
}

fn together(title: &str, reports: &[Report]) -> Section {
    let sections: Vec<&Section> =
        reports.iter().filter_map(|report| report.section(title)).collect();
    let mut names: Vec<&str> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (name, _) in sections.iter().flat_map(|section| &section.fields) {
        if seen.insert(name.as_str()) {
            names.push(name);
        }
    }
    let by_name: Vec<std::collections::HashMap<&str, &str>> = sections
        .iter()
        .map(|section| section.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect())
        .collect();
    let fields = names.into_iter().map(|name| {
        let values: Vec<&str> =
            by_name.iter().filter_map(|fields| fields.get(name).copied()).collect();
        (name.to_owned(), one(Rule::of(title, name), &values))
    });
    Section { title: title.to_owned(), fields: fields.collect() }
}

/// The value that stands for all.
fn one(rule: Rule, values: &[&str]) -> String {
    let first = values.first().copied().unwrap_or_default();
    let value = match rule {
        Rule::First => None,
        Rule::Sum => sum(values),
        Rule::SumUnlessUnlimited if values.contains(&"0") => Some("0".to_owned()),
        Rule::SumUnlessUnlimited => sum(values),
        Rule::Largest => number_by(values, f64::max),
        Rule::Smallest => number_by(values, f64::min),
        Rule::Worst => values.iter().find(|&&value| value != "ok").map(|&value| value.to_owned()),
        Rule::Counts => Some(rules::counts(values)),
    };
    value.unwrap_or_else(|| first.to_owned())
}

/// The sum of whole numbers, or of such with as many digits behind the point as the first has;
/// none if one is no number.
pub(super) fn sum(values: &[&str]) -> Option<String> {
    let whole: Option<Vec<i128>> =
        values.iter().map(|value| value.parse::<i64>().ok().map(i128::from)).collect();
    if let Some(numbers) = whole {
        return Some(numbers.iter().sum::<i128>().to_string());
    }
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.parse().ok()).collect();
    let digits = values.first()?.split_once('.').map_or(0, |(_, digits)| digits.len());
    Some(format!("{:.digits$}", numbers?.iter().sum::<f64>()))
}

/// The value, as it was written, of the number that is chosen before all others.
fn number_by(values: &[&str], choose: fn(f64, f64) -> f64) -> Option<String> {
    let numbers: Option<Vec<f64>> = values.iter().map(|value| value.parse().ok()).collect();
    let numbers = numbers?;
    let chosen = numbers.iter().copied().reduce(choose)?;
    let at = numbers.iter().position(|number| *number == chosen)?;
    values.get(at).map(|&value| value.to_owned())
}
