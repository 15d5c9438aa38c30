//! `Turns`: concurrent queries of one instant run one after another, so that the first one fills the cache for the
//! others.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

type Turn = tokio::sync::Mutex<()>;

/// See the module. A waiting query holds no permit.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<u64, Weak<Turn>>>);

impl Turns {
    /// Held from the look into the cache until the answer is in it.
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
