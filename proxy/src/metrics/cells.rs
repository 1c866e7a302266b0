//! Numbers that one thread writes and any thread reads.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// A number that its worker changes and a scrape reads.
///
/// Only one thread may change it. That is what makes it cheap: no instruction locks the bus, and no
/// cache line travels until somebody looks. A second writer would lose counts, nothing worse.
#[derive(Debug, Default)]
pub struct Tally(AtomicU64);

/// How long something took, as a count for each of [`Buckets::BOUNDS`], with one writer as in
/// [`Tally`]. Nothing is kept for a single measurement.
#[derive(Debug, Default)]
pub struct Buckets {
    counts: [Tally; Self::BOUNDS.len() + 1],
    nanos: Tally,
}

/// How many of something there were, as a count for each of [`Sizes::BOUNDS`].
#[derive(Debug, Default)]
pub struct Sizes {
    counts: [Tally; Self::BOUNDS.len() + 1],
    sum: Tally,
}

/// A distribution as it was when it was looked at; several add up to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// The upper bounds, in the unit of the metric; a last bucket takes what is above them.
    pub bounds: &'static [f64],
    /// How many fell into each bucket, and not into one before it.
    pub counts: Vec<u64>,
    /// All values together, in the unit of the metric.
    pub sum: f64,
}

impl Tally {
    /// Adds to it.
    #[inline]
    pub fn add(&self, more: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// Adds to it, whoever else may do so at the same time. For what happens rarely: it costs more.
    ///
    /// A tally is either always added to this way, or by one thread alone.
    pub fn add_shared(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// Takes away from it, down to zero.
    #[inline]
    pub fn sub(&self, less: u64) {
        self.0.store(self.0.load(Relaxed).saturating_sub(less), Relaxed);
    }

    /// Says what it is now.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// What it is.
    #[inline]
    pub fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Buckets {
    /// The upper bounds in seconds. Below a millisecond is where a healthy cluster answers.
    pub const BOUNDS: [f64; 14] =
        [5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

    /// The same in nanoseconds.
    const NANOS: [u64; 14] = [
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        1_000_000_000,
        5_000_000_000,
    ];

    /// Something took this long.
    #[inline]
    pub fn took(&self, time: Duration) {
        self.took_each(time, 1);
    }

    /// This many things of one batch took this long each: the clock is read once for all of them.
    #[inline]
    pub fn took_each(&self, time: Duration, many: u64) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let place = Self::NANOS.partition_point(|bound| *bound < nanos);
        self.counts[place].add(many);
        self.nanos.add(nanos.saturating_mul(many));
    }

    /// How it is distributed so far.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().map(Tally::read).collect();
        let sum = Duration::from_nanos(self.nanos.read()).as_secs_f64();
        Distribution { bounds: &Self::BOUNDS, counts, sum }
    }
}

impl Sizes {
    /// The upper bounds: powers of two, since what is counted here doubles with a cluster's size.
    pub const BOUNDS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

    /// There were this many.
    #[inline]
    pub fn were(&self, many: usize) {
        let many = many as u64;
        let place = many.max(1).next_power_of_two().trailing_zeros() as usize;
        self.counts[place.min(Self::BOUNDS.len())].add(1);
        self.sum.add(many);
    }

    /// How it is distributed so far.
    pub fn read(&self) -> Distribution {
        let counts = self.counts.iter().map(Tally::read).collect();
        Distribution { bounds: &Self::BOUNDS, counts, sum: self.sum.read() as f64 }
    }
}

impl Distribution {
    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds another worker's. Both have the same bounds.
    pub fn add(&mut self, other: &Self) {
        for (own, other) in self.counts.iter_mut().zip(&other.counts) {
            *own = own.wrapping_add(*other);
        }
        self.sum += other.sum;
    }
}

/// As many tallies as there are members of an enum.
pub(super) fn tallies<const N: usize>() -> [Tally; N] {
    array::from_fn(|_| Tally::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(nanos: u64, place: usize) {
        let buckets = Buckets::default();
        buckets.took(Duration::from_nanos(nanos));
        let read = buckets.read();
        assert_eq!(read.counts.iter().position(|count| *count == 1), Some(place), "{nanos} ns");
        assert_eq!((read.count(), read.sum), (1, nanos as f64 / 1e9));
    }

    #[test]
    fn a_time_falls_into_the_first_bucket_that_is_not_below_it() {
        check(0, 0);
        check(50_000, 0);
        check(50_001, 1);
        check(1_000_000, 4);
        check(5_000_000_000, 13);
        check(5_000_000_001, 14);
    }

    #[test]
    fn bounds_are_the_same_in_both_units() {
        for (seconds, nanos) in Buckets::BOUNDS.into_iter().zip(Buckets::NANOS) {
            assert_eq!((seconds * 1e9).round() as u64, nanos);
        }
    }

    #[track_caller]
    fn check_size(many: usize, place: usize) {
        let sizes = Sizes::default();
        sizes.were(many);
        assert_eq!(sizes.read().counts.iter().position(|count| *count == 1), Some(place), "{many}");
    }

    #[test]
    fn a_size_falls_into_the_first_bucket_that_is_not_below_it() {
        check_size(0, 0);
        check_size(1, 0);
        check_size(2, 1);
        check_size(3, 2);
        check_size(256, 8);
        check_size(257, 9);
        check_size(1 << 40, 9);
    }

    #[test]
    fn a_tally_never_goes_below_zero() {
        let tally = Tally::default();
        tally.add(2);
        tally.sub(3);
        assert_eq!(tally.read(), 0);
    }

    #[test]
    fn distributions_of_workers_add_up() {
        let (one, two) = (Buckets::default(), Buckets::default());
        one.took(Duration::from_millis(1));
        two.took_each(Duration::from_millis(1), 3);
        two.took(Duration::from_secs(60));
        let mut both = one.read();
        both.add(&two.read());
        assert_eq!((both.count(), both.counts[4], both.counts[14]), (5, 4, 1));
        assert!((both.sum - 60.004).abs() < 1e-9, "{}", both.sum);
    }
}
