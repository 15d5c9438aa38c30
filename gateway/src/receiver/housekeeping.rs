//! What the passing of time makes due: feeds that expire, orders to be removed, what is kept to be forgotten.
//!
//! The engine says when the next of each is due; at or after that time the receiver puts a word of the hub's own into
//! the record, so that a replay does the same at the same place. One is on its way at a time.

use std::time::{Duration, Instant};

use ordo_core::proto::ConnectionStatus;
pub(crate) use ordo_core::record::removal_body;

use super::Receiver;
use super::owed::Owed;
use crate::slot::{ConnNo, Reply};

/// Between looks at the clock.
pub(super) const EVERY: Duration = Duration::from_millis(20);
/// What was due and is still due once it was answered is asked for again after this long.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// One kind of what becomes due.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// What was asked for last, and when.
    asked: Option<(u64, Instant)>,
    /// Tasks that must be told before anything is asked for again.
    until: u64,
}

impl Due {
    /// Whether to ask for what is due at `due_ns`. `told`: tasks told.
    pub(super) fn is_to_be_asked(&self, due_ns: u64, wall_ns: u64, now: Instant, told: u64) -> bool {
        let is_again = |(asked_ns, at): (u64, Instant)| asked_ns == due_ns && now.duration_since(at) < AGAIN_AFTER;
        due_ns <= wall_ns && told >= self.until && !self.asked.is_some_and(is_again)
    }

    /// It was asked for, to be a task before the one numbered `until`.
    pub(super) fn ask(&mut self, due_ns: u64, now: Instant, until: u64) {
        self.asked = Some((due_ns, now));
        self.until = until;
    }
}

impl Receiver {
    /// Sees to what the time of day has made due.
    pub(super) fn keep_house(&mut self, now: Instant) {
        let wall_ns = self.clock.now_ns();
        while let Some(feed) = self.feeds.take_expired(wall_ns) {
            let (status, conn, reply) = (ConnectionStatus::Disconnected, ConnNo::default(), Reply::Nothing);
            self.owed.push_back(Owed::Status { feed, status, conn, reply });
        }
        let (due_ns, told) = (self.progress.next_removal_ns(), self.progress.told.load_acquire());
        if self.removals.is_to_be_asked(due_ns, wall_ns, now, told) {
            // Counted as asked when it has its slot; until then it is owed.
            self.removals.ask(due_ns, now, u64::MAX);
            self.owed.push_back(Owed::Removal { due_ns });
        }
        let due_ns = self.progress.next_prune_ns();
        if self.prunings.is_to_be_asked(due_ns, wall_ns, now, told) {
            self.prunings.ask(due_ns, now, u64::MAX);
            self.owed.push_back(Owed::Tick { due_ns });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_asked_for_once_and_again_only_if_it_stays_due() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut due = Due::default();
        assert!(!due.is_to_be_asked(1_000, 999, start, 0), "not yet");
        assert!(due.is_to_be_asked(1_000, 1_000, start, 0));
        due.ask(1_000, start, 8);
        assert!(!due.is_to_be_asked(1_000, 2_000, after(900), 7), "it is on its way");
        assert!(!due.is_to_be_asked(1_500, 2_000, after(900), 7), "the next one waits too");
        assert!(due.is_to_be_asked(1_500, 2_000, after(1), 8), "another one, once it was told");
        assert!(!due.is_to_be_asked(1_000, 2_000, after(499), 8), "it may not have been seen yet");
        assert!(due.is_to_be_asked(1_000, 2_000, after(500), 8), "another order of the same time");
        assert!(!due.is_to_be_asked(u64::MAX, u64::MAX - 1, after(500), 8), "there is none");
    }
}
