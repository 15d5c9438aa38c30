//! `Permits`: a counting semaphore for threads.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Interval at which a waiting thread checks whether it is still wanted.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Permits {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Returned on drop.
pub struct Permit(Arc<Permits>);

impl Permits {
    pub(super) fn new(count: usize) -> Arc<Permits> {
        Arc::new(Permits { free: Mutex::new(count), freed: Condvar::new() })
    }

    /// Blocks until a permit is free; none once `is_wanted` is false.
    pub(super) fn take(self: &Arc<Self>, is_wanted: impl Fn() -> bool) -> Option<Permit> {
        let mut free = self.free.lock();
        while *free == 0 {
            if !is_wanted() {
                return None;
            }
            self.freed.wait_for(&mut free, PAUSE);
        }
        *free -= 1;
        Some(Permit(self.clone()))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}
