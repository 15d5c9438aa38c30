//! `Cache`: past states that were asked for lately: views that answered a query, and engines to continue from.
//!
//! Bounded by number. Views hold every record of their time, an engine about as much again; both are freed when idle
//! for [`KEPT_IDLE`], so that an idle hub holds no second state. Evicted states are returned to the caller, because
//! freeing one takes long and the cache is behind a lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ordo_core::views::Views;

use crate::clock::Clock;
use crate::replay::Replay;

/// An entry that was not used for this long is freed.
const KEPT_IDLE: Duration = Duration::from_secs(60);

/// Views that hold between two updates.
struct Past {
    from_ns: u64,
    /// Time of the next update: exclusive.
    until_ns: u64,
    views: Arc<Views>,
    used: Instant,
}

/// See the module.
pub(super) struct Cache {
    pasts: Vec<Past>,
    parked: Vec<(Replay, Instant)>,
    count_max: usize,
    clock: Clock,
}

impl Cache {
    pub(super) fn new(count_max: usize, clock: Clock) -> Cache {
        Cache { pasts: Vec::new(), parked: Vec::new(), count_max, clock }
    }

    pub(super) fn get(&mut self, at_ns: u64) -> Option<Arc<Views>> {
        let is_then = |past: &&mut Past| (past.from_ns..past.until_ns).contains(&at_ns);
        let past = self.pasts.iter_mut().find(is_then)?;
        past.used = self.clock.now();
        Some(past.views.clone())
    }

    /// Adds views; returns the entry that is evicted for them.
    #[must_use]
    pub(super) fn put(&mut self, (from_ns, until_ns): (u64, u64), views: Arc<Views>) -> Option<Arc<Views>> {
        if self.count_max == 0 {
            return Some(views);
        }
        let gone = if self.pasts.len() >= self.count_max { oldest(&self.pasts, |past| past.used) } else { None };
        let gone = gone.map(|at| self.pasts.swap_remove(at).views);
        self.pasts.push(Past { from_ns, until_ns, views, used: self.clock.now() });
        gone
    }

    /// Takes the engine closest before an instant, if it has reached the sequence `beyond`.
    pub(super) fn take_parked(&mut self, at_ns: u64, beyond: u64) -> Option<Replay> {
        let stands = |at: &usize| {
            let engine = self.parked[*at].0.engine();
            engine.time_ns() <= at_ns && engine.sequence() >= beyond
        };
        let at = (0..self.parked.len()).filter(stands).max_by_key(|at| self.parked[*at].0.engine().sequence())?;
        Some(self.parked.swap_remove(at).0)
    }

    /// Adds an engine; returns the one that is evicted for it.
    #[must_use]
    pub(super) fn park(&mut self, replay: Replay) -> Option<Replay> {
        if self.count_max == 0 {
            return Some(replay);
        }
        // One engine for two views: most clients query instants in ascending order.
        let is_full = self.parked.len() >= self.count_max.div_ceil(2);
        let gone = if is_full { oldest(&self.parked, |(_, used)| *used) } else { None };
        let gone = gone.map(|at| self.parked.swap_remove(at).0);
        self.parked.push((replay, self.clock.now()));
        gone
    }

    /// Takes out all idle entries, for the caller to free.
    #[must_use]
    pub(super) fn take_idle(&mut self) -> impl Sized + use<> {
        let now = self.clock.now();
        let is_idle = |used: Instant| now.duration_since(used) >= KEPT_IDLE;
        let pasts: Vec<Past> = self.pasts.extract_if(.., |past| is_idle(past.used)).collect();
        let parked: Vec<(Replay, Instant)> = self.parked.extract_if(.., |(_, used)| is_idle(*used)).collect();
        (pasts, parked)
    }
}

fn oldest<T>(kept: &[T], used: impl Fn(&T) -> Instant) -> Option<usize> {
    (0..kept.len()).min_by_key(|at| used(&kept[*at]))
}
