//! The hub's clock: the one place where it is asked for the time of day. Time-outs are measured by `Instant`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Says the time of day; another one can be put in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(fn() -> u64);

impl Clock {
    pub(crate) const WALL: Clock = Clock(wall_clock_ns);

    /// Nanoseconds since 1970 UTC.
    #[inline]
    pub(crate) fn now_ns(self) -> u64 {
        (self.0)()
    }
}

fn wall_clock_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
