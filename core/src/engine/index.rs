//! `Index`: from a 128-bit key to a record's number.
//!
//! Hot path: engine thread. Open addressing, keys inline, linear probing. Many small tables instead of a large one:
//! a table that doubles moves only its own few thousand entries, so that no insert stalls the pipeline (one hash map
//! of 1.8 M entries takes tens of milliseconds to double).
//!
//! Keys are hashes already; their bits are used as they are. Never iterated into anything that shows.

const SHARDS: usize = 256;
const EMPTY: u32 = u32::MAX;
const SHARD_SLOTS_MIN: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Entry {
    low: u64,
    high: u64,
    number: u32,
}

const FREE: Entry = Entry { low: 0, high: 0, number: EMPTY };

#[derive(Debug, Clone)]
struct Shard {
    entries: Box<[Entry]>,
    used: usize,
}

/// See the module. Holds up to `u32::MAX - 1` numbers.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    shards: Box<[Shard]>,
}

impl Index {
    /// An index that holds `expected` keys before any of its tables doubles.
    pub(crate) fn with_capacity(expected: usize) -> Index {
        let slots = (expected / SHARDS * 3 / 2).next_power_of_two().max(SHARD_SLOTS_MIN);
        Index { shards: vec![Shard { entries: vec![FREE; slots].into(), used: 0 }; SHARDS].into() }
    }

    /// An index of these keys, about `expected` of them, none twice. Table by table: each is filled while it is in the
    /// processor's cache, where a million inserts in any order would wait for memory a million times.
    pub(crate) fn of(keys: impl Iterator<Item = (u128, u32)>, expected: usize) -> Index {
        let room = expected / SHARDS * 9 / 8;
        let mut of_shards: Vec<Vec<(u128, u32)>> = (0..SHARDS).map(|_| Vec::with_capacity(room)).collect();
        keys.for_each(|(key, number)| of_shards[shard_of(key)].push((key, number)));
        let mut index = Index::with_capacity(expected);
        of_shards.into_iter().flatten().for_each(|(key, number)| index.insert(key, number));
        index
    }

    /// Keys that have a number.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.used).sum()
    }

    #[inline]
    pub(crate) fn get(&self, key: u128) -> Option<u32> {
        let shard = &self.shards[shard_of(key)];
        let entry = shard.entries[shard.find(key)];
        (entry.number != EMPTY).then_some(entry.number)
    }

    /// Sets the number of a key, new or not.
    #[inline]
    pub(crate) fn insert(&mut self, key: u128, number: u32) {
        debug_assert!(number != EMPTY, "the empty mark is no number");
        let shard = &mut self.shards[shard_of(key)];
        if shard.used * 4 >= shard.entries.len() * 3 {
            shard.double();
        }
        let at = shard.find(key);
        shard.used += usize::from(shard.entries[at].number == EMPTY);
        shard.entries[at] = Entry { low: key as u64, high: (key >> 64) as u64, number };
    }

    pub(crate) fn remove(&mut self, key: u128) {
        let shard = &mut self.shards[shard_of(key)];
        let at = shard.find(key);
        if shard.entries[at].number != EMPTY {
            shard.close_gap(at);
            shard.used -= 1;
        }
    }
}

#[inline]
fn shard_of(key: u128) -> usize {
    (key >> 120) as usize
}

impl Shard {
    /// Where `key` stands, or the free entry where it would.
    #[inline]
    fn find(&self, key: u128) -> usize {
        let (low, high) = (key as u64, (key >> 64) as u64);
        let mask = self.entries.len() - 1;
        let mut at = low as usize & mask;
        loop {
            let entry = &self.entries[at];
            if entry.number == EMPTY || (entry.low == low && entry.high == high) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    /// Frees an entry and moves up those behind it that would no longer be found: no tombstones to wade through.
    fn close_gap(&mut self, mut gap: usize) {
        let mask = self.entries.len() - 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry.number == EMPTY {
                break;
            }
            let home = entry.low as usize & mask;
            let reaches_gap = (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask);
            if reaches_gap {
                self.entries[gap] = entry;
                gap = at;
            }
        }
        self.entries[gap] = FREE;
    }

    #[cold]
    fn double(&mut self) {
        let mut larger = Shard { entries: vec![FREE; self.entries.len() * 2].into(), used: self.used };
        for entry in self.entries.iter().filter(|e| e.number != EMPTY) {
            let at = larger.find(u128::from(entry.high) << 64 | u128::from(entry.low));
            larger.entries[at] = *entry;
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_map(ops in prop::collection::vec((any::<bool>(), 0u64..60, 0u32..9), 0..600)) {
            let (mut index, mut twin) = (Index::with_capacity(0), BTreeMap::new());
            for (insert, key, number) in ops {
                // Few homes and few shards, so that runs wrap, collide and double.
                let key = u128::from(key % 7) | u128::from(key) << 32;
                if insert {
                    index.insert(key, number);
                    twin.insert(key, number);
                } else {
                    index.remove(key);
                    twin.remove(&key);
                }
                for key in twin.keys().chain(&[key]) {
                    prop_assert_eq!(index.get(*key), twin.get(key).copied());
                }
            }
        }
    }
}
