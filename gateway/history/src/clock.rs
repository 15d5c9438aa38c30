//! `Clock`: the only door to time for the stages of a hub and for its history. Nothing else asks the time or sleeps, so
//! that a simulator can put its own time behind it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time.
pub trait TimeSource: fmt::Debug + Send + Sync {
    /// The time of day, in nanoseconds since 1970 UTC. It may jump.
    fn wall_ns(&self) -> u64;

    /// A time that never goes back, for time-outs.
    fn now(&self) -> Instant;

    /// Blocks the calling thread.
    fn sleep(&self, duration: Duration);
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// The machine's time.
    pub fn system() -> Clock {
        Clock(Arc::new(System))
    }

    pub fn of(source: Arc<dyn TimeSource>) -> Clock {
        Clock(source)
    }

    /// As [`TimeSource::wall_ns`].
    #[inline]
    pub fn wall_ns(&self) -> u64 {
        self.0.wall_ns()
    }

    /// As [`TimeSource::now`].
    #[inline]
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// The time since an instant of this clock.
    #[inline]
    pub fn since(&self, instant: Instant) -> Duration {
        self.now().saturating_duration_since(instant)
    }

    /// As [`TimeSource::sleep`].
    pub fn sleep(&self, duration: Duration) {
        self.0.sleep(duration);
    }
}

#[derive(Debug)]
struct System;

#[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
impl TimeSource for System {
    fn wall_ns(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
