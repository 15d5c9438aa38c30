//! `Ended`: what is kept of requests that ended, so that a repetition is recognised.
//!
//! Hot path: engine thread. Entries stand in pages in the order of their ends, oldest first, and are forgotten from
//! there; a table of entry numbers finds them by key. An entry takes 40 bytes and its place in the table 5 to 11: a
//! million requests a day for 30 days take 1.5 GB at most. Pages that were emptied are filled again.

use std::collections::VecDeque;

use super::Phase;

const PAGE: usize = 1024;
const SHARDS: usize = 256;
const SHARD_SLOTS_MIN: usize = 16;
const EMPTY: u32 = u32::MAX;

/// One ended request: 40 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct EndedRequest {
    key: [u64; 2],
    /// The hash of what it asked for.
    pub(in crate::engine) content: u64,
    /// When it ended: its last state is in the record of that instant.
    pub(in crate::engine) at_ns: u64,
    /// Completed or Rejected.
    pub(in crate::engine) phase: Phase,
}

const _: () = assert!(size_of::<EndedRequest>() == 40);

impl EndedRequest {
    pub(in crate::engine) fn new(key: u128, content: u64, at_ns: u64, phase: Phase) -> EndedRequest {
        EndedRequest { key: [key as u64, (key >> 64) as u64], content, at_ns, phase }
    }

    pub(in crate::engine) fn key(&self) -> u128 {
        u128::from(self.key[1]) << 64 | u128::from(self.key[0])
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Ended {
    /// The oldest entry stands at `first_at` of the first page.
    pages: VecDeque<Vec<EndedRequest>>,
    first_at: usize,
    spare: Vec<Vec<EndedRequest>>,
    /// The number of the oldest entry. Numbers count up, modulo [`EMPTY`].
    first: u32,
    len: usize,
    shards: Box<[Shard]>,
}

impl Default for Ended {
    fn default() -> Ended {
        let shard = Shard { numbers: vec![EMPTY; SHARD_SLOTS_MIN].into(), used: 0 };
        let shards = vec![shard; SHARDS].into();
        Ended { pages: VecDeque::new(), first_at: 0, spare: Vec::new(), first: 0, len: 0, shards }
    }
}

impl Ended {
    pub(in crate::engine) fn len(&self) -> usize {
        self.len
    }

    /// All entries, oldest first.
    pub(in crate::engine) fn iter(&self) -> impl Iterator<Item = &EndedRequest> {
        self.pages.iter().flatten().skip(self.first_at)
    }

    pub(in crate::engine) fn oldest(&self) -> Option<&EndedRequest> {
        self.pages.front()?.get(self.first_at)
    }

    /// The newest entry of a key.
    pub(in crate::engine) fn get(&self, key: u128) -> Option<&EndedRequest> {
        let shard = &self.shards[shard_of(key)];
        let number = shard.numbers[shard.find(key, |number| self.entry(number).key())];
        (number != EMPTY).then(|| self.entry(number))
    }

    /// Adds an entry that is not older than any other.
    pub(in crate::engine) fn push(&mut self, entry: EndedRequest) {
        if self.pages.back().is_none_or(|page| page.len() == PAGE) {
            self.pages.push_back(self.spare.pop().unwrap_or_else(|| Vec::with_capacity(PAGE)));
        }
        self.pages.back_mut().expect("a page was pushed where there was none").push(entry);
        let number = numbered(self.first, self.len);
        self.len += 1;
        let (pages, first, first_at) = (&self.pages, self.first, self.first_at);
        self.shards[shard_of(entry.key())].insert(entry.key(), number, |n| entry_of(pages, first, first_at, n).key());
    }

    /// Forgets the oldest entry.
    pub(in crate::engine) fn pop(&mut self) -> Option<EndedRequest> {
        let entry = *self.oldest()?;
        let (pages, first, first_at) = (&self.pages, self.first, self.first_at);
        self.shards[shard_of(entry.key())].remove(entry.key(), first, |n| entry_of(pages, first, first_at, n).key());
        self.first = numbered(self.first, 1);
        self.len -= 1;
        self.first_at += 1;
        if self.first_at == PAGE {
            self.first_at = 0;
            let mut page = self.pages.pop_front().expect("the oldest entry stood in it");
            page.clear();
            self.spare.push(page);
        }
        Some(entry)
    }

    fn entry(&self, number: u32) -> &EndedRequest {
        entry_of(&self.pages, self.first, self.first_at, number)
    }
}

/// The number of the entry that stands so many after a numbered one.
fn numbered(first: u32, after: usize) -> u32 {
    ((u64::from(first) + after as u64) % u64::from(EMPTY)) as u32
}

fn entry_of(pages: &VecDeque<Vec<EndedRequest>>, first: u32, first_at: usize, number: u32) -> &EndedRequest {
    let after = (u64::from(number) + u64::from(EMPTY) - u64::from(first)) % u64::from(EMPTY);
    let at = first_at + after as usize;
    &pages[at / PAGE][at % PAGE]
}

fn shard_of(key: u128) -> usize {
    (key >> 120) as usize
}

/// Open addressing over numbers of entries; their keys stand in the entries.
#[derive(Debug, Clone)]
struct Shard {
    numbers: Box<[u32]>,
    used: usize,
}

impl Shard {
    /// Where a key's number stands, or the free place where it would.
    fn find(&self, key: u128, key_of: impl Fn(u32) -> u128) -> usize {
        let mask = self.numbers.len() - 1;
        let mut at = key as usize & mask;
        while self.numbers[at] != EMPTY && key_of(self.numbers[at]) != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn insert(&mut self, key: u128, number: u32, key_of: impl Fn(u32) -> u128) {
        if self.used * 4 >= self.numbers.len() * 3 {
            self.double(&key_of);
        }
        let at = self.find(key, key_of);
        self.used += usize::from(self.numbers[at] == EMPTY);
        self.numbers[at] = number;
    }

    /// Takes a key out, unless a newer entry has it by now. Closes the gap: no tombstones.
    fn remove(&mut self, key: u128, number: u32, key_of: impl Fn(u32) -> u128) {
        let mask = self.numbers.len() - 1;
        let mut gap = self.find(key, &key_of);
        if self.numbers[gap] != number {
            return;
        }
        self.used -= 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            if self.numbers[at] == EMPTY {
                break;
            }
            let home = key_of(self.numbers[at]) as usize & mask;
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(gap) & mask) {
                self.numbers[gap] = self.numbers[at];
                gap = at;
            }
        }
        self.numbers[gap] = EMPTY;
    }

    #[cold]
    fn double(&mut self, key_of: impl Fn(u32) -> u128) {
        let mut larger = Shard { numbers: vec![EMPTY; self.numbers.len() * 2].into(), used: self.used };
        for number in self.numbers.iter().filter(|number| **number != EMPTY) {
            let at = larger.find(key_of(*number), &key_of);
            larger.numbers[at] = *number;
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entry(key: u128, at_ns: u64) -> EndedRequest {
        EndedRequest::new(key, at_ns * 3, at_ns, Phase::Completed)
    }

    proptest! {
        #[test]
        fn agrees_with_a_queue_and_a_map(ops in prop::collection::vec((0u8..3, 0u64..90), 0..4000), first in 0u32..3) {
            let mut ended = Ended { first: EMPTY - 2000 + first, ..Ended::default() };
            let (mut queue, mut newest) = (VecDeque::new(), BTreeMap::new());
            for (at, (op, key)) in ops.into_iter().enumerate() {
                // Few homes and few shards, so that runs wrap, collide and double.
                let key = u128::from(key % 7) | u128::from(key) << 32;
                if op > 0 {
                    ended.push(entry(key, at as u64));
                    queue.push_back(entry(key, at as u64));
                    newest.insert(key, at as u64);
                } else {
                    let gone = queue.pop_front();
                    prop_assert_eq!(ended.pop(), gone);
                    if let Some(gone) = gone.filter(|gone| newest.get(&gone.key()) == Some(&gone.at_ns)) {
                        newest.remove(&gone.key());
                    }
                }
                prop_assert_eq!(ended.get(key).map(|entry| entry.at_ns), newest.get(&key).copied());
            }
            prop_assert!(ended.iter().eq(queue.iter()));
            prop_assert_eq!(ended.len(), queue.len());
        }
    }

    /// Bytes that the entries and their table take.
    fn bytes(ended: &Ended) -> usize {
        let pages = ended.pages.len() * PAGE * size_of::<EndedRequest>();
        let slots: usize = ended.shards.iter().map(|shard| shard.numbers.len()).sum();
        pages + slots * size_of::<u32>()
    }

    #[test]
    fn an_ended_request_takes_less_than_64_bytes() {
        let mut ended = Ended::default();
        for at in 0..1_000_000_u64 {
            let key = xxhash_rust::xxh3::xxh3_128(&at.to_le_bytes());
            ended.push(entry(key, at));
            if at > 200_000 && at.is_multiple_of(10_000) {
                assert!(bytes(&ended) < 64 * ended.len(), "{} bytes for {}", bytes(&ended), ended.len());
            }
        }
    }
}
