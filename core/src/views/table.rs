//! `Table`: the latest record by number, cheap to take as a whole.
//!
//! Records lie in shared chunks. A snapshot takes the chunks, not the records; whoever writes next copies the one
//! chunk it writes to, once. So a snapshot of a million records costs thousands of reference counts and nobody waits.

use std::sync::Arc;

const CHUNK: usize = 256;

/// See the module.
#[derive(Debug, Clone)]
pub struct Table<T> {
    chunks: Vec<Arc<Vec<Option<T>>>>,
    live: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { chunks: Vec::new(), live: 0 }
    }
}

impl<T: Clone> Table<T> {
    pub fn get(&self, number: u32) -> Option<&T> {
        self.chunks.get(number as usize / CHUNK)?[number as usize % CHUNK].as_ref()
    }

    /// Sets or clears the record of a number; what it was.
    pub(super) fn set(&mut self, number: u32, record: Option<T>) -> Option<T> {
        let (chunk, at) = (number as usize / CHUNK, number as usize % CHUNK);
        while self.chunks.len() <= chunk {
            self.chunks.push(Arc::new(vec![None; CHUNK]));
        }
        self.live += usize::from(record.is_some());
        let old = std::mem::replace(&mut Arc::make_mut(&mut self.chunks[chunk])[at], record);
        self.live -= usize::from(old.is_some());
        old
    }

    /// One more than the largest number that may have a record.
    pub fn numbers(&self) -> u32 {
        (self.chunks.len() * CHUNK) as u32
    }

    /// All records, by number.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).flatten()
    }

    pub fn len(&self) -> usize {
        self.live
    }

    pub fn is_empty(&self) -> bool {
        self.live == 0
    }
}
