//! `Turns`: who asks for the same instant waits for the one who folds it already.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

type Turn = tokio::sync::Mutex<()>;

/// See the module. Those who wait take no place among those who look at the past.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<u64, Weak<Turn>>>);

impl Turns {
    /// Held while an instant is looked for, in the cache first.
    pub(super) async fn of(&self, at_ns: u64) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock();
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(&at_ns).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let turn = Arc::new(Turn::default());
                turns.insert(at_ns, Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}
