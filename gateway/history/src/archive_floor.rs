//! `ArchiveFloor`: the sequence up to which the record is archived, and the readers that hold it there.
//!
//! Segments are archived while readers are at work. A reader pins its first sequence before it reads, and nothing from
//! there on is archived until the pin is dropped. The archiver raises the floor before it moves a segment, and no
//! reader starts below the floor any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct ArchiveFloor(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Frames up to this sequence are archived, or are about to be.
    archived: u64,
    /// Number of readers by the sequence that they start after.
    readers: BTreeMap<u64, usize>,
}

/// Keeps every frame after a sequence in the folder until it is dropped.
#[derive(Debug)]
pub(crate) struct ReadPin {
    floor: Arc<ArchiveFloor>,
    after: u64,
}

impl ArchiveFloor {
    pub(crate) fn new(archived: u64) -> Arc<ArchiveFloor> {
        Arc::new(ArchiveFloor(Mutex::new(State { archived, readers: BTreeMap::new() })))
    }

    pub(crate) fn archived(&self) -> u64 {
        self.0.lock().archived
    }

    /// Pins the frames after a sequence.
    ///
    /// # Errors
    /// The floor, if it lies above that sequence.
    pub(crate) fn pin(self: &Arc<Self>, after: u64) -> Result<ReadPin, u64> {
        let mut state = self.0.lock();
        if after < state.archived {
            return Err(state.archived);
        }
        *state.readers.entry(after).or_default() += 1;
        Ok(ReadPin { floor: self.clone(), after })
    }

    /// The lowest pinned sequence: all frames after it are being read. `u64::MAX` without readers.
    pub(crate) fn read_after(&self) -> u64 {
        self.0.lock().read_after()
    }

    /// Raises the floor to the sequence that `choose` picks, given the lowest pinned one; returns that sequence.
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

impl Drop for ReadPin {
    fn drop(&mut self) {
        let mut state = self.floor.0.lock();
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
        let floor = ArchiveFloor::new(10);
        assert_eq!(floor.pin(9).err(), Some(10));
        let (first, second) = (floor.pin(20).expect("it is there"), floor.pin(20).expect("it is there"));
        let later = floor.pin(50).expect("it is there");
        assert_eq!(floor.give_up(|read| read.min(40)), 20);
        assert_eq!(floor.pin(19).err(), Some(20));
        drop(first);
        assert_eq!(floor.give_up(|read| read.min(40)), 20, "the second still reads there");
        drop(second);
        assert_eq!(floor.give_up(|read| read.min(40)), 40);
        assert_eq!(floor.pin(30).err(), Some(40));
        floor.give_up(|_| 30);
        assert_eq!(floor.archived(), 40, "what is gone does not come back");
        drop(later);
    }
}
