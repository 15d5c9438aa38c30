//! Backpressure: when adapters are sent Suspend, and when Resume.
//!
//! The receiver decides. Suspend: the disk is full, or the ring is full and no slot was released for [`STANDS_STILL`],
//! as behind a slow disk. A full ring that moves is a hub at its limit; TCP holds its senders back, and no Suspend is
//! sent. Resume: the disk has room, and half of the ring is free.

use std::time::{Duration, Instant};

use super::Receiver;
use super::pending::Pending;

/// A full ring from which nothing was released for this long is under pressure.
const STANDS_STILL: Duration = Duration::from_millis(100);

/// The load of ring and disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) slots: u64,
    pub(super) filled: u64,
    /// Of the filled slots, those that all stages have released.
    pub(super) done: u64,
    pub(super) has_room: bool,
    pub(super) storage_full: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Suspend,
    Resume,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backpressure {
    is_on: bool,
    /// When the ring was first seen full, and how many slots had been released by then.
    full_since: Option<(Instant, u64)>,
}

impl Backpressure {
    /// The change that adapters are to be sent, if there is one.
    pub(super) fn look(&mut self, now: Instant, load: Load) -> Option<Change> {
        self.full_since = match self.full_since {
            _ if load.has_room => None,
            Some((since, done)) if done == load.done => Some((since, done)),
            _ => Some((now, load.done)),
        };
        let stands_still = self.full_since.is_some_and(|(since, _)| now.duration_since(since) >= STANDS_STILL);
        let is_eased = !load.storage_full && load.filled - load.done <= load.slots / 2;
        if !self.is_on && (load.storage_full || stands_still) {
            self.is_on = true;
            return Some(Change::Suspend);
        }
        if self.is_on && is_eased {
            self.is_on = false;
            return Some(Change::Resume);
        }
        None
    }
}

impl Receiver {
    /// The publisher sends Suspend directly, because the ring may be full; Resume goes through the ring.
    pub(super) fn check_backpressure(&mut self, now: Instant) {
        let load = Load {
            slots: self.ring_slots,
            filled: self.filled,
            done: self.done(),
            has_room: self.has_room(),
            storage_full: self.feeds.is_storage_full,
        };
        match self.backpressure.look(now, load) {
            None => {}
            Some(Change::Suspend) => {
                tracing::warn!(storage_full = load.storage_full, "backpressure: suppliers are sent Suspend");
                self.progress.set_holding_feeds(true);
            }
            Some(Change::Resume) => {
                tracing::info!("backpressure ended: suppliers are sent Resume");
                self.progress.set_holding_feeds(false);
                self.pending.append(&mut self.unrecorded);
                self.pending.extend(self.feeds.supplied().map(|(feed, conn)| Pending::Resume { conn, feed }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ordo_history::clock::Clock;

    use super::*;

    const SLOTS: u64 = 64;

    fn load(filled: u64, done: u64) -> Load {
        Load { slots: SLOTS, filled, done, has_room: filled - done < SLOTS, storage_full: false }
    }

    #[test]
    fn a_full_ring_that_moves_is_no_pressure() {
        let (mut backpressure, start) = (Backpressure::default(), Clock::system().now());
        for step in 0..100 {
            let now = start + STANDS_STILL * step / 2;
            assert_eq!(backpressure.look(now, load(SLOTS + u64::from(step), u64::from(step))), None);
        }
    }

    #[test]
    fn a_full_ring_that_stands_still_is_and_half_of_it_free_ends_it() {
        let (mut backpressure, start) = (Backpressure::default(), Clock::system().now());
        assert_eq!(backpressure.look(start, load(SLOTS, 0)), None);
        assert_eq!(backpressure.look(start + STANDS_STILL, load(SLOTS, 0)), Some(Change::Suspend));
        assert_eq!(backpressure.look(start + STANDS_STILL * 2, load(SLOTS, 0)), None, "reported once");
        assert_eq!(backpressure.look(start + STANDS_STILL * 2, load(SLOTS, SLOTS / 2 - 1)), None, "not yet");
        assert_eq!(backpressure.look(start + STANDS_STILL * 2, load(SLOTS, SLOTS / 2)), Some(Change::Resume));
    }

    #[test]
    fn a_full_disk_is_pressure_at_once_and_for_as_long_as_it_is_full() {
        let (mut backpressure, now) = (Backpressure::default(), Clock::system().now());
        let full = Load { storage_full: true, ..load(1, 1) };
        assert_eq!(backpressure.look(now, full), Some(Change::Suspend));
        assert_eq!(backpressure.look(now, full), None);
        assert_eq!(backpressure.look(now, load(1, 1)), Some(Change::Resume));
    }
}
