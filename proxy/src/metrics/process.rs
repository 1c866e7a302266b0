//! Of the process, as the operating system sees it.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Exposition;

/// Whatever the system tells; what it does not is left out.
pub(super) fn write(text: &mut Exposition, started: SystemTime) {
    text.numbers(&super::BUILD_INFO, [([env!("CARGO_PKG_VERSION")], 1.0)]);
    if let Some(time) = processor_time() {
        text.number(&super::PROCESS_CPU, time.as_secs_f64());
    }
    if let Some(bytes) = resident() {
        text.number(&super::PROCESS_MEMORY, bytes as f64);
    }
    // One of them is the folder that is being read.
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        text.number(&super::PROCESS_FDS, open.count().saturating_sub(1) as f64);
    }
    let started = started.duration_since(UNIX_EPOCH).unwrap_or_default();
    text.number(&super::PROCESS_START, started.as_secs_f64());
}

fn processor_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
}

fn resident() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}
