//! From an order's id to its slot: open addressing, linear probing, no tombstones; of entries that want the same place
//! those farther from home go first, so that a gap is closed as soon as an entry at home follows.
//!
//! Eight entries fill a cache line, and eight consecutive ids have their homes in one: orders that come one after
//! another, and are cancelled one after another, find their line in cache. Blocks of ids are scattered by a fixed
//! hash, so that no stride of ids piles up. At most half of the entries are in use.

use super::arena::NONE;

const EMPTY: u64 = u64::MAX;
const SCATTER: u64 = 0x9e37_79b9_7f4a_7c15;
const FOLD: u64 = 0xd6e8_feb8_6659_fd93;

/// Entries are `tag << 32 | slot`; the low bits of the tag are the entry's home.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    entries: Box<[u64]>,
    used: usize,
}

impl Ids {
    pub(super) fn new() -> Ids {
        Ids { entries: vec![EMPTY; 64].into(), used: 0 }
    }

    pub(super) fn reserve(&mut self, ids: usize) {
        let entries = (ids * 2).next_power_of_two();
        if entries > self.entries.len() {
            self.grow_to(entries);
        }
    }

    /// The slot of this id and where its entry is; `id_at` gives the id of a slot.
    #[inline]
    pub(super) fn find(&self, id: u64, id_at: impl Fn(u32) -> u64) -> Option<(u32, usize)> {
        let tag = tag(id);
        let mut at = self.home(tag);
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return None;
            }
            if entry >> 32 == tag && id_at(entry as u32) == id {
                return Some((entry as u32, at));
            }
            at = self.after(at);
        }
    }

    /// The id is not there yet.
    #[inline]
    pub(super) fn insert(&mut self, id: u64, slot: u32) {
        debug_assert!(slot != NONE);
        if (self.used + 1) * 2 > self.entries.len() {
            self.grow_to(self.entries.len() * 2);
        }
        self.used += 1;
        self.put(tag(id) << 32 | u64::from(slot));
    }

    /// Where the entry of an id is that is there, with this slot.
    #[inline]
    pub(super) fn entry_of(&self, id: u64, slot: u32) -> usize {
        let entry = tag(id) << 32 | u64::from(slot);
        let mut at = self.home(entry >> 32);
        while self.entries[at] != entry {
            at = self.after(at);
        }
        at
    }

    /// Takes an entry out.
    #[inline]
    pub(super) fn remove(&mut self, entry: usize) {
        self.used -= 1;
        self.close_gap(entry);
    }

    /// Moves later entries up, each nearer to its home, up to the first that is at home.
    #[inline]
    fn close_gap(&mut self, mut gap: usize) {
        loop {
            let at = self.after(gap);
            let entry = self.entries[at];
            if entry == EMPTY || self.home(entry >> 32) == at {
                self.entries[gap] = EMPTY;
                return;
            }
            self.entries[gap] = entry;
            gap = at;
        }
    }

    /// Those farther from home go first.
    #[inline]
    fn put(&mut self, mut entry: u64) {
        let mut at = self.home(entry >> 32);
        loop {
            let there = self.entries[at];
            if there == EMPTY {
                self.entries[at] = entry;
                return;
            }
            if self.distance(there, at) < self.distance(entry, at) {
                self.entries[at] = entry;
                entry = there;
            }
            at = self.after(at);
        }
    }

    fn distance(&self, entry: u64, at: usize) -> usize {
        at.wrapping_sub(self.home(entry >> 32)) & (self.entries.len() - 1)
    }

    #[cold]
    fn grow_to(&mut self, entries: usize) {
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; entries].into());
        old.iter().filter(|entry| **entry != EMPTY).for_each(|entry| self.put(*entry));
    }

    #[inline]
    fn home(&self, tag: u64) -> usize {
        tag as usize & (self.entries.len() - 1)
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }
}

/// 32 bits: the place within a block of eight, below the hash of the block.
#[inline]
fn tag(id: u64) -> u64 {
    let product = u128::from((id >> 3) ^ SCATTER) * u128::from(FOLD);
    let hash = product as u64 ^ (product >> 64) as u64;
    (hash << 3 | id & 7) & 0xffff_ffff
}

#[cfg(test)]
mod tests;
