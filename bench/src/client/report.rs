//! Figures as a table for people, with the goals they are held against.

use std::fmt::{self, Write as _};

use super::{Cell, Operation};
use crate::Row;

/// The name of this project's client among the subjects.
const OURS: &str = "slotway";
/// The part of a peer's processor time that a call may cost when many tasks call.
const CPU_MANY: f64 = 0.35;
/// The same for one task: most of it is the kernel's then, for everybody.
const CPU_ONE: f64 = 0.8;
/// Allocations of a GET: the reply's bytes, and one more. Buffers that many replies share do not
/// count.
const GET_ALLOCATIONS: f64 = 2.05;

/// The rows of each cell, and which goals they meet.
pub fn report(cells: &[Cell], rows: &[Row]) -> String {
    let mut text = String::new();
    let mut goals = Goals::default();
    for cell in cells {
        let name = cell.name();
        let rows: Vec<&Row> = rows.iter().filter(|row| row.case == name).collect();
        // Nothing is written to but a string, which takes all.
        let _ = write_cell(&mut text, &mut goals, *cell, &rows);
    }
    let Goals { met, missed } = goals;
    let _ = writeln!(text, "goals: {met} met, {missed} not");
    text
}

#[derive(Default)]
struct Goals {
    met: usize,
    missed: usize,
}

impl Goals {
    /// Notes whether a figure is at most what it may be, and says so.
    fn hold(&mut self, figure: f64, most: f64) -> &'static str {
        if figure <= most {
            self.met += 1;
            "met"
        } else {
            self.missed += 1;
            "NOT met"
        }
    }
}

fn write_cell(text: &mut String, goals: &mut Goals, cell: Cell, rows: &[&Row]) -> fmt::Result {
    let columns = ["CPU us", "calls/s", "p50 us", "p99 us", "allocations"];
    let [cpu, calls, p50, p99, allocations] = columns;
    let name = cell.name();
    writeln!(text, "{name:<18}{cpu:>10}{calls:>12}{p50:>10}{p99:>10}{allocations:>14}")?;
    for row in rows {
        let figures = [row.cpu_us_per_op, row.ops_per_s, row.p50_us, row.p99_us, row.allocs_per_op];
        let [cpu, calls, p50, p99, allocations] = figures.map(Option::unwrap_or_default);
        let subject = &row.subject;
        let start = format!("  {subject:<16}{cpu:>10.2}{calls:>12.0}{p50:>10.0}{p99:>10.0}");
        writeln!(text, "{start}{allocations:>14.2}")?;
    }
    let Some(ours) = rows.iter().find(|row| row.subject == OURS) else { return writeln!(text) };
    let most = if cell.tasks == 1 { CPU_ONE } else { CPU_MANY };
    if let Some((ratio, peer)) = against(ours, rows, |row| row.cpu_us_per_op) {
        let met = goals.hold(ratio, most);
        writeln!(text, "  CPU {ratio:.2} x {peer}: goal {most} {met}")?;
    }
    if let Some((ratio, peer)) = against(ours, rows, |row| row.p99_us) {
        let met = goals.hold(ratio, 1.0);
        writeln!(text, "  p99 {ratio:.2} x {peer}: goal 1 {met}")?;
    }
    if let (Operation::Get, Some(count)) = (cell.operation, ours.allocs_per_op) {
        let met = goals.hold(count, GET_ALLOCATIONS);
        writeln!(text, "  allocations {count:.2}: goal 1 and the reply's bytes {met}")?;
    }
    writeln!(text)
}

/// How many times the figure of the better peer is ours, and who that is.
fn against<'a>(
    ours: &Row,
    rows: &[&'a Row],
    figure: impl Fn(&Row) -> Option<f64>,
) -> Option<(f64, &'a str)> {
    let peers = rows.iter().filter(|row| row.subject != OURS);
    let figures = peers.filter_map(|row| Some((figure(row)?, row.subject.as_str())));
    let (best, peer) = figures.min_by(|one, other| one.0.total_cmp(&other.0))?;
    Some((figure(ours)? / best, peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(subject: &str, cpu: f64, p99: f64, allocations: f64) -> Row {
        Row {
            case: "get-64B-64".to_owned(),
            subject: subject.to_owned(),
            cpu_us_per_op: Some(cpu),
            ops_per_s: Some(1e5),
            p50_us: Some(p99),
            p99_us: Some(p99),
            allocs_per_op: Some(allocations),
            rss_mib: None,
        }
    }

    #[test]
    fn goals_are_held_against_the_better_peer() {
        let cell = Cell { operation: Operation::Get, value_len: 64, tasks: 64 };
        let rows = [
            row(OURS, 1.0, 90.0, 1.0),
            row("slower", 4.0, 80.0, 16.0),
            row("other", 2.5, 100.0, 9.0),
        ];
        let text = report(&[cell], &rows);
        for line in [
            "CPU 0.40 x other: goal 0.35 NOT met",
            "p99 1.12 x slower: goal 1 NOT met",
            "1 met, 2 not",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
