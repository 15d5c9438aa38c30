//! `Places`: as many as may do something at once; threads that come later wait for their turn.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Between looks at whether the one who waits is still wanted.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Given back when it is dropped.
pub struct Place(Arc<Places>);

impl Places {
    pub(super) fn new(count: usize) -> Arc<Places> {
        Arc::new(Places { free: Mutex::new(count), freed: Condvar::new() })
    }

    /// Blocks until there is one; none if nobody wants it any more.
    pub(super) fn take(self: &Arc<Self>, is_wanted: impl Fn() -> bool) -> Option<Place> {
        let mut free = self.free.lock();
        while *free == 0 {
            if !is_wanted() {
                return None;
            }
            self.freed.wait_for(&mut free, PAUSE);
        }
        *free -= 1;
        Some(Place(self.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
