//! How fast a client may connect, over all nodes.

use std::time::Duration;

use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use crate::{
    Limits,
    stats::{Counted, Counters},
};

/// Gives turns to those who want to connect: some at once, and then one after another.
///
/// Nodes that come back find all of their clients at the door, and a handshake costs a server a
/// hundred times what a command does, with TLS a thousand times. Whoever stops waiting leaves the
/// queue, and its turn to the next.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The time between two turns.
    gap: Duration,
    /// So far the turns that were given may be ahead of time.
    ahead_max: Duration,
    /// When the next would be due if all were spread evenly. Waited for in order, by one at a time
    /// who holds it.
    due: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Self {
        let gap = Duration::from_secs(1) / limits.connects_per_second.max(1);
        let ahead_max = gap.saturating_mul(limits.connects_burst.saturating_sub(1));
        Self { gap, ahead_max, due: Mutex::new(Instant::now()) }
    }

    /// Waits for a turn, which is taken with that.
    pub(crate) async fn turn(&self, counters: &Counters) {
        let at_once = self.due.try_lock().ok().filter(|due| self.begins(**due) <= Instant::now());
        let mut due = match at_once {
            Some(due) => due,
            None => {
                counters.count(Counted::ConnectDelayed);
                let due = self.due.lock().await;
                sleep_until(self.begins(*due)).await;
                due
            }
        };
        *due = Instant::now().max(*due) + self.gap;
    }

    fn begins(&self, due: Instant) -> Instant {
        due.checked_sub(self.ahead_max).unwrap_or_else(Instant::now)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::*;

    fn pace(connects_per_second: u32, connects_burst: u32) -> Pace {
        Pace::new(&Limits { connects_per_second, connects_burst, ..Limits::default() })
    }

    /// When so many who come at once have their turns, in milliseconds from now.
    async fn turns(pace: &Pace, count: usize) -> Vec<u128> {
        let (start, counters) = (Instant::now(), Counters::default());
        let turn = || async {
            pace.turn(&counters).await;
            start.elapsed().as_millis()
        };
        join_all((0..count).map(|_| turn())).await
    }

    #[tokio::test(start_paused = true)]
    async fn some_connect_at_once_and_the_others_one_after_another() {
        let pace = pace(10, 3);
        let near = |turns: &[u128], expected: &[u128]| {
            let close = turns.iter().zip(expected).all(|(turn, at)| turn.abs_diff(*at) <= 2);
            assert!(close && turns.len() == expected.len(), "{turns:?}");
        };
        near(&turns(&pace, 5).await, &[0, 0, 0, 100, 200]);
        near(&turns(&pace, 2).await, &[100, 200]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        near(&turns(&pace, 4).await, &[0, 0, 0, 100]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_waiting_takes_no_turn() {
        let (pace, counters) = (pace(1, 1), Counters::default());
        pace.turn(&counters).await;
        for _ in 0..50 {
            assert!(timeout(Duration::from_millis(10), pace.turn(&counters)).await.is_err());
        }
        let turns = turns(&pace, 1).await;
        assert!(turns[0].abs_diff(500) <= 50, "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_whatever_the_limits_are() {
        for pace in [pace(0, 0), pace(u32::MAX, u32::MAX), pace(1, u32::MAX)] {
            let turns = turns(&pace, 2).await;
            assert!(turns[1] <= 1_001, "{turns:?}");
        }
    }
}
