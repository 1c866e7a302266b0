//! How long to wait before the next attempt.

use std::time::Duration;

/// Waits that grow with every attempt, and differ between those who wait.
///
/// Each is drawn evenly from `floor` up to a bound that doubles from attempt to attempt until it
/// reaches `ceiling`. What was cut off together so does not come back together; and since no wait
/// is shorter than `floor`, a deadline also bounds the number of attempts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// The shortest wait.
    pub floor: Duration,
    /// The longest wait; where it is below `floor`, every wait is `ceiling`.
    pub ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { floor: Duration::from_millis(10), ceiling: Duration::from_secs(1) }
    }
}

impl Backoff {
    /// The wait after this many earlier ones. `random` is any number, drawn anew for each call.
    pub fn delay(&self, earlier: u32, random: u64) -> Duration {
        let factor = 2u32.saturating_pow(earlier.saturating_add(1));
        let bound = self.floor.saturating_mul(factor).min(self.ceiling);
        let spread = u64::try_from(bound.saturating_sub(self.floor).as_nanos()).unwrap_or(u64::MAX);
        let drawn = (u128::from(spread) * u128::from(random)) >> 64;
        self.floor.min(self.ceiling).saturating_add(Duration::from_nanos(drawn as u64))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(earlier: u32, least: u64, most: u64) {
        let (low, high) = (Duration::from_millis(least), Duration::from_millis(most));
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(earlier, 0), low, "shortest wait after {earlier}");
        let longest = backoff.delay(earlier, u64::MAX);
        assert!(longest <= high && high - longest < Duration::from_micros(1), "{longest:?}");
    }

    #[test]
    fn waits_double_up_to_the_ceiling() {
        check(0, 10, 20);
        check(1, 10, 40);
        check(2, 10, 80);
        check(5, 10, 640);
        check(6, 10, 1000);
        check(31, 10, 1000);
        check(u32::MAX, 10, 1000);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_outside_its_bounds(
            earlier: u32, random: u64, floor: Duration, ceiling: Duration,
        ) {
            let wait = Backoff { floor, ceiling }.delay(earlier, random);
            prop_assert!(wait >= floor.min(ceiling) && wait <= ceiling);
        }

        #[test]
        fn a_larger_draw_never_waits_less(earlier: u32, low: u64, high: u64) {
            let backoff = Backoff::default();
            let (low, high) = (low.min(high), low.max(high));
            prop_assert!(backoff.delay(earlier, low) <= backoff.delay(earlier, high));
        }
    }
}
