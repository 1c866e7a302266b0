//! Thousands of seeded runs of the crate's parts against a model cluster that moves slots, fails
//! over, grows, and loses connections.
//!
//! What is checked: every request is answered exactly once and in the order of its session, what was
//! acknowledged is there once and what was refused is not, commands of a session for a slot run in
//! the order sent, no reply reaches another request, and nothing goes on for ever. Then the same with
//! mistakes planted on purpose, each of which these checks must find.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of it is a test")]

mod agenda;
mod check;
mod cluster;
mod event;
mod judge;
mod link;
mod random;
mod script;
mod session;
mod world;

use std::collections::BTreeMap;

use event::{Bug, Met};
use world::World;

const SEEDS: u64 = 20_000;
/// A planted mistake must show within this many runs.
const SEEDS_TO_CATCH: u64 = 2_000;

fn run(seed: u64, bug: Bug) -> Result<World, String> {
    let mut world = World::new(seed, bug);
    world.run()?;
    world.check()?;
    Ok(world)
}

#[test]
fn no_seed_breaks_a_promise() {
    let mut met = BTreeMap::new();
    for seed in 0..SEEDS {
        let world = run(seed, Bug::None).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        for (event, count) in world.met {
            *met.entry(event).or_insert(0u64) += count;
        }
    }
    eprintln!("met in {SEEDS} runs: {met:?}");
    // Runs in which a case never comes up prove nothing about it.
    for event in Met::ALL {
        assert!(
            met.get(&event).is_some_and(|&count| count > SEEDS / 1000),
            "{event:?} hardly occurs"
        );
    }
}

#[track_caller]
fn catches(bug: Bug) {
    let caught =
        (0..SEEDS_TO_CATCH).find_map(|seed| run(seed, bug).err().map(|fault| (seed, fault)));
    let (seed, fault) = caught.unwrap_or_else(|| panic!("{bug:?} was not caught"));
    eprintln!("{bug:?} is caught by seed {seed}: {fault}");
}

#[test]
fn asking_that_is_not_sent_is_caught() {
    catches(Bug::AskingNotSent);
}

#[test]
fn swapped_tickets_are_caught() {
    catches(Bug::TicketsSwapped);
}

#[test]
fn a_write_that_is_sent_twice_is_caught() {
    catches(Bug::ResentAfterMaybeSent);
}

#[test]
fn a_table_of_an_older_epoch_is_caught() {
    catches(Bug::OlderEpochTaken);
}
