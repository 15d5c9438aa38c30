//! `Gate`: which tasks may be published. Publisher and views ask it, and nothing else decides.
//!
//! A task may be published once its update is as durable as configured: what leaves the hub survives a crash. Further
//! conditions (that followers hold the update) belong here, as counters of which the least decides.

use super::progress::Counter;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Tasks that are as durable as configured. The journal stage alone raises it.
    durable: Counter,
}

impl Gate {
    /// Tasks before this one are as durable as configured.
    #[inline]
    pub(crate) fn set_durable(&self, tasks: u64) {
        self.durable.store_release(tasks);
    }

    /// How many tasks may be published after the first `done`.
    #[inline]
    pub(crate) fn beyond(&self, done: u64) -> u64 {
        self.durable.load_acquire() - done
    }
}
