//! Work that is due by time: feeds that expire, orders to be removed, records whose retention is over.
//!
//! The engine publishes when the next removal and the next pruning are due. At or after that time the receiver records
//! an update or a Tick, so that a replay does the same at the same place. Of each kind, one is under way at a time.

use std::time::{Duration, Instant};

use ordo_core::proto::ConnectionStatus;

use super::Receiver;
use super::pending::Pending;

/// Interval at which due work is looked for.
pub(super) const EVERY: Duration = Duration::from_millis(20);
/// Work that is still due after it was published is recorded again after this time.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// One kind of due work.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// The due time that was recorded last, and when that was.
    asked: Option<(u64, Instant)>,
    /// Number of tasks that must be published before anything is recorded again.
    until: u64,
}

impl Due {
    /// Whether to record work that is due at `due_ns`; `published` is the number of tasks published.
    pub(super) fn is_to_be_asked(&self, due_ns: u64, wall_ns: u64, now: Instant, published: u64) -> bool {
        let is_again = |(asked_ns, at): (u64, Instant)| asked_ns == due_ns && now.duration_since(at) < AGAIN_AFTER;
        due_ns <= wall_ns && published >= self.until && !self.asked.is_some_and(is_again)
    }

    /// Notes that work was recorded with a task before number `until`.
    pub(super) fn ask(&mut self, due_ns: u64, now: Instant, until: u64) {
        self.asked = Some((due_ns, now));
        self.until = until;
    }
}

impl Receiver {
    /// Makes pending slots of all work that is due.
    pub(super) fn run_due(&mut self, now: Instant) {
        let wall_ns = self.clock.wall_ns();
        while let Some(feed) = self.feeds.take_expired(wall_ns) {
            let status = ConnectionStatus::Disconnected;
            self.pending.push_back(Pending::Status { feed, status, supplier: None });
        }
        let (due_ns, published) = (self.progress.next_removal_ns(), self.progress.published.load_acquire());
        if self.removals.is_to_be_asked(due_ns, wall_ns, now, published) {
            // `until` is set to the slot's number once it is filled.
            self.removals.ask(due_ns, now, u64::MAX);
            self.pending.push_back(Pending::Removal { due_ns });
        }
        let due_ns = self.progress.next_prune_ns();
        if self.prunings.is_to_be_asked(due_ns, wall_ns, now, published) {
            self.prunings.ask(due_ns, now, u64::MAX);
            self.pending.push_back(Pending::Tick { due_ns });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_asked_for_once_and_again_only_if_it_stays_due() {
        let start = ordo_history::clock::Clock::system().now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut due = Due::default();
        assert!(!due.is_to_be_asked(1_000, 999, start, 0), "not yet");
        assert!(due.is_to_be_asked(1_000, 1_000, start, 0));
        due.ask(1_000, start, 8);
        assert!(!due.is_to_be_asked(1_000, 2_000, after(900), 7), "it is on its way");
        assert!(!due.is_to_be_asked(1_500, 2_000, after(900), 7), "the next one waits too");
        assert!(due.is_to_be_asked(1_500, 2_000, after(1), 8), "another one, once it was published");
        assert!(!due.is_to_be_asked(1_000, 2_000, after(499), 8), "it may not have been seen yet");
        assert!(due.is_to_be_asked(1_000, 2_000, after(500), 8), "another order of the same time");
        assert!(!due.is_to_be_asked(u64::MAX, u64::MAX - 1, after(500), 8), "there is none");
    }
}
