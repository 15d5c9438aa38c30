//! `Clock`: the time of day, given to the `Registry` when it is built.

use std::fmt;
use std::sync::Arc;

pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// Nanoseconds since 1970 UTC. Clones read the same clock.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    pub fn new(now_ns: impl Fn() -> u64 + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now_ns))
    }

    pub fn now_ns(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
