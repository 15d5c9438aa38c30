//! `Kept`: which part of the record is still in the folder, and from where on it is being read.
//!
//! Old segments are archived under readers that go on. Who reads says first from where, and nothing behind that goes
//! while he does; who archives says first up to where, and nobody begins before that any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Frames up to this sequence are archived, or are about to be.
    archived: u64,
    /// How many read from the frame after a sequence on.
    readers: BTreeMap<u64, usize>,
}

/// Somebody reads from the frame after a sequence on, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Held {
    kept: Arc<Kept>,
    after: u64,
}

impl Kept {
    pub(crate) fn new(archived: u64) -> Arc<Kept> {
        Arc::new(Kept(Mutex::new(State { archived, readers: BTreeMap::new() })))
    }

    pub(crate) fn archived(&self) -> u64 {
        self.0.lock().archived
    }

    /// For who reads from the frame after a sequence on.
    ///
    /// # Errors
    /// The last sequence that was archived, if that is not before it.
    pub(crate) fn hold(self: &Arc<Self>, after: u64) -> Result<Held, u64> {
        let mut state = self.0.lock();
        if after < state.archived {
            return Err(state.archived);
        }
        *state.readers.entry(after).or_default() += 1;
        Ok(Held { kept: self.clone(), after })
    }

    /// What the first of those who read needs is all after this sequence.
    pub(crate) fn read_after(&self) -> u64 {
        self.0.lock().read_after()
    }

    /// Gives up frames up to the sequence that is chosen, knowing what is read: from now on nobody begins there.
    pub(crate) fn give_up(&self, choose: impl FnOnce(u64) -> u64) -> u64 {
        let mut state = self.0.lock();
        let chosen = choose(state.read_after());
        state.archived = state.archived.max(chosen);
        chosen
    }
}

impl State {
    fn read_after(&self) -> u64 {
        self.readers.keys().next().copied().unwrap_or(u64::MAX)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.kept.0.lock();
        if let Some(count) = state.readers.get_mut(&self.after) {
            *count -= 1;
            if *count == 0 {
                state.readers.remove(&self.after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_stays_and_what_is_given_up_is_not_read_any_more() {
        let kept = Kept::new(10);
        assert_eq!(kept.hold(9).err(), Some(10));
        let (first, second) = (kept.hold(20).expect("it is there"), kept.hold(20).expect("it is there"));
        let later = kept.hold(50).expect("it is there");
        assert_eq!(kept.give_up(|read| read.min(40)), 20);
        assert_eq!(kept.hold(19).err(), Some(20));
        drop(first);
        assert_eq!(kept.give_up(|read| read.min(40)), 20, "the second still reads there");
        drop(second);
        assert_eq!(kept.give_up(|read| read.min(40)), 40);
        assert_eq!(kept.hold(30).err(), Some(40));
        kept.give_up(|_| 30);
        assert_eq!(kept.archived(), 40, "what is gone does not come back");
        drop(later);
    }
}
