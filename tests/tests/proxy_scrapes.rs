//! Whoever scrapes for days leaves nothing behind. A process of its own, since it counts what is allocated.

#![expect(clippy::unwrap_used, reason = "all of it is a test")]

use std::{alloc::System, sync::Arc, time::SystemTime};

use slotway_protocol::CommandTable;
use slotway_proxy::{
    metrics::{Outcome, Scrape, SessionSums, WorkerMetrics},
    overview::Overview,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::time::Instant;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SCRAPES: usize = 1000;

/// One test, since another one beside it would be counted, too.
#[test]
fn counting_allocates_nothing_and_a_thousand_scrapes_leave_nothing_behind() {
    counting_allocates_nothing();
    a_thousand_scrapes_leave_no_memory_behind();
}

fn a_thousand_scrapes_leave_no_memory_behind() {
    let workers = [Arc::new(WorkerMetrics::new(1)), Arc::new(WorkerMetrics::new(1))];
    let table = CommandTable::builtin();
    let count = || {
        for spec in table.iter() {
            workers[0].answered(0, workers[0].ask(Some(spec)), Outcome::Ok);
        }
    };
    let scrape = || {
        let overview = Overview::of(&[]);
        let scrape = Scrape {
            workers: &workers,
            listeners: &["main".to_owned()],
            overview: &overview,
            sessions: SessionSums::default(),
            log_dropped: 0,
            started: SystemTime::now(),
        };
        scrape.text(Instant::now()).len()
    };
    count();
    let length = scrape();
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for _ in 0..SCRAPES {
        count();
        // Numbers grow by a digit or a few, and nothing else does.
        assert!(scrape() < length + length / 4);
    }
    let change = region.change();
    let left = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    assert!(left < 1024, "{left} bytes are left of {SCRAPES} scrapes");
    assert!(change.allocations > SCRAPES, "nothing was counted");
}

fn counting_allocates_nothing() {
    let (worker, table) = (WorkerMetrics::new(1), CommandTable::builtin());
    let get = table.named("get").unwrap();
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    for _ in 0..SCRAPES {
        worker.read_clock(Instant::now());
        worker.listener(0).unwrap().opened();
        worker.answered(0, worker.ask(Some(get)), Outcome::Ok);
        worker.erred(b"-ERR no");
        worker.fanout.were(3);
    }
    assert_eq!(region.change().allocations, 0);
}
