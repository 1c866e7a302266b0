//! What becomes of each field of `INFO` when several nodes have it.

use super::merge::{Report, Section, sum};

/// How the values of several nodes become one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Rule {
    /// That of one node: what all say the same, or what has no meaning for all together.
    First,
    /// Their sum.
    Sum,
    /// Their sum, or 0, which means no limit, if one is.
    SumUnlessUnlimited,
    /// The largest number.
    Largest,
    /// The smallest number.
    Smallest,
    /// `ok` if all are, else what one says that is not.
    Worst,
    /// Pairs of `name=number`, each by itself.
    Counts,
}

/// Fields that are a quotient of two others: with two digits behind the point.
const QUOTIENTS: [(&str, &str, &str); 4] = [
    ("allocator_frag_ratio", "allocator_active", "allocator_allocated"),
    ("allocator_rss_ratio", "allocator_resident", "allocator_active"),
    ("rss_overhead_ratio", "used_memory_rss", "allocator_resident"),
    ("mem_fragmentation_ratio", "used_memory_rss", "used_memory"),
];

impl Rule {
    /// The rule for a field of a section.
    pub(super) fn of(section: &str, name: &str) -> Self {
        match section {
            "Keyspace" | "Commandstats" | "Errorstats" | "Latencystats" => Self::Counts,
            "Clients" if name.starts_with("client_recent_max") => Self::Largest,
            "Clients" | "CPU" => Self::Sum,
            "Memory" => Self::of_memory(name),
            "Persistence" => Self::of_persistence(name),
            "Stats" if name.ends_with("_perc") || name.contains("_duration_usec") => Self::Largest,
            "Stats" => match name {
                "latest_fork_usec" | "current_eviction_exceeded_time" => Self::Largest,
                _ => Self::Sum,
            },
            _ => Self::First,
        }
    }

    fn of_memory(name: &str) -> Self {
        let derived = ["_human", "_ratio", "_perc", "_policy"];
        match name {
            "maxmemory" => Self::SumUnlessUnlimited,
            "total_system_memory" | "mem_allocator" => Self::First,
            // Each primary has all scripts and functions.
            "number_of_cached_scripts"
            | "number_of_functions"
            | "number_of_libraries"
            | "active_defrag_running" => Self::Largest,
            _ if derived.iter().any(|end| name.ends_with(end)) => Self::First,
            _ => Self::Sum,
        }
    }

    fn of_persistence(name: &str) -> Self {
        match name {
            "rdb_last_save_time" => Self::Smallest,
            "loading" | "async_loading" | "aof_enabled" => Self::Largest,
            _ if name.ends_with("_status") => Self::Worst,
            _ if name.ends_with("_in_progress") || name.ends_with("_scheduled") => Self::Largest,
            _ if name.ends_with("_sec") || name.ends_with("_age") || name.ends_with("_perc") => {
                Self::Largest
            }
            _ => Self::Sum,
        }
    }
}

/// Works out again what follows from other fields.
pub(super) fn derive(report: &mut Report) {
    for section in report.sections.iter_mut().filter(|section| section.title == "Memory") {
        let number = |section: &Section, name: &str| section.value(name)?.parse::<f64>().ok();
        let derived: Vec<(usize, String)> = (section.fields.iter().enumerate())
            .filter_map(|(at, (name, _))| {
                let quotient = QUOTIENTS.iter().find(|(known, ..)| known == name);
                let value = if let Some(whole) = name.strip_suffix("_human") {
                    human(number(section, whole)?)
                } else if let Some((_, over, under)) = quotient {
                    let under = number(section, under).filter(|under| *under > 0.0)?;
                    format!("{:.2}", number(section, over)? / under)
                } else if name == "used_memory_peak_perc" {
                    percent(number(section, "used_memory")?, number(section, "used_memory_peak")?)
                } else if name == "used_memory_dataset_perc" {
                    let all =
                        number(section, "used_memory")? - number(section, "used_memory_startup")?;
                    percent(number(section, "used_memory_dataset")?, all)
                } else {
                    return None;
                };
                Some((at, value))
            })
            .collect();
        for (at, value) in derived {
            section.fields[at].1 = value;
        }
    }
}

/// Leaves out what a server says that is part of a cluster, or has replicas.
pub(super) fn stand_alone(report: &mut Report) {
    for section in &mut report.sections {
        match section.title.as_str() {
            "Cluster Info" => section.fields.clear(),
            "Server" => section.fields.retain(|(name, _)| !name.starts_with("listener")),
            "Replication" => section.fields.retain(|(name, _)| !is_of_replicas(name)),
            _ => {}
        }
    }
    for (name, value) in [
        ("redis_mode", "standalone"),
        ("server_mode", "standalone"),
        ("config_file", ""),
        ("availability_zone", ""),
        ("cluster_enabled", "0"),
        ("cluster_connections", "0"),
        ("mem_cluster_links", "0"),
        ("role", "master"),
        ("connected_slaves", "0"),
        ("replicas_waiting_psync", "0"),
        ("master_failover_state", "no-failover"),
        ("master_repl_offset", "0"),
        ("second_repl_offset", "-1"),
        ("repl_backlog_active", "0"),
        ("repl_backlog_first_byte_offset", "0"),
        ("repl_backlog_histlen", "0"),
    ] {
        report.replace(name, value);
    }
}

/// `slave0` and so on, and what is only there with replicas.
fn is_of_replicas(name: &str) -> bool {
    let number = name.strip_prefix("slave").or_else(|| name.strip_prefix("replica"));
    let numbered = number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    numbered || name == "min_slaves_good_slaves"
}

/// Adds up values such as `keys=3,expires=1,avg_ttl=100`. What is an average is weighted; of
/// percentiles the largest is taken, since the true one is not known.
pub(super) fn counts(values: &[&str]) -> String {
    let lists: Vec<Vec<(&str, &str)>> = values
        .iter()
        .map(|value| value.split(',').filter_map(|pair| pair.split_once('=')).collect())
        .collect();
    let Some(first) = lists.first() else { return String::new() };
    let of = |list: &[(&str, &str)], wanted: &str| -> f64 {
        let value = list.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.parse());
        value.and_then(Result::ok).unwrap_or(0.0)
    };
    let total = |wanted: &str| -> f64 { lists.iter().map(|list| of(list, wanted)).sum() };
    let pairs = first.iter().map(|&(name, _)| {
        let values: Vec<&str> = lists
            .iter()
            .filter_map(|list| list.iter().find(|(known, _)| *known == name))
            .map(|(_, value)| *value)
            .collect();
        let value = match name {
            "avg_ttl" => {
                let weighted: f64 =
                    lists.iter().map(|list| of(list, "avg_ttl") * of(list, "expires")).sum();
                format!("{:.0}", quotient(weighted, total("expires")))
            }
            "usec_per_call" => format!("{:.2}", quotient(total("usec"), total("calls"))),
            _ if name.starts_with('p') && name[1..].parse::<f64>().is_ok() => {
                let largest = values.iter().filter_map(|value| value.parse().ok());
                format!("{:.3}", largest.fold(0.0, f64::max))
            }
            _ => sum(&values).unwrap_or_else(|| values[0].to_owned()),
        };
        format!("{name}={value}")
    });
    pairs.collect::<Vec<_>>().join(",")
}

fn quotient(over: f64, under: f64) -> f64 {
    if under > 0.0 { over / under } else { 0.0 }
}

fn percent(part: f64, whole: f64) -> String {
    format!("{:.2}%", quotient(part * 100.0, whole))
}

/// A number of bytes as servers write it for people.
fn human(bytes: f64) -> String {
    let units = [("T", 40), ("G", 30), ("M", 20), ("K", 10)];
    let unit = units.iter().find(|(_, bits)| bytes >= 2_f64.powi(*bits));
    match unit {
        Some((letter, bits)) => format!("{:.2}{letter}", bytes / 2_f64.powi(*bits)),
        None => format!("{bytes:.0}B"),
    }
}
