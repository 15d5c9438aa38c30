//! `Slab`: records by number, in chunks that never move.
//!
//! Hot path: engine thread. Growing adds a chunk and copies nothing, so that no insert stalls. A freed number is the
//! next to be used again.

const CHUNK: usize = 1024;

#[derive(Debug, Clone)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    /// Chunks made at the start, for the first records to come.
    spare: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    numbers: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab::new()
    }
}

impl<T> Slab<T> {
    /// A slab that allocates nothing before it holds more than `expected` records.
    pub(crate) fn with_capacity(expected: usize) -> Slab<T> {
        let spare = (0..expected.div_ceil(CHUNK)).map(|_| Vec::with_capacity(CHUNK)).collect();
        Slab {
            chunks: Vec::with_capacity(expected.div_ceil(CHUNK)),
            spare,
            free: Vec::with_capacity(expected),
            numbers: 0,
        }
    }

    pub(crate) fn new() -> Slab<T> {
        Slab::with_capacity(0)
    }

    pub(crate) fn insert(&mut self, record: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.chunks[number as usize / CHUNK][number as usize % CHUNK] = Some(record);
            return number;
        }
        self.push(Some(record))
    }

    /// Gives the next number, to a record or (when an image is loaded) to none.
    pub(crate) fn push(&mut self, record: Option<T>) -> u32 {
        let number = self.numbers;
        if (number as usize).is_multiple_of(CHUNK) {
            self.chunks.push(self.spare.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK)));
        }
        let chunk = self.chunks.last_mut().expect("a chunk was pushed with the first number");
        chunk.push(record);
        self.numbers += 1;
        number
    }

    /// The numbers to be used again, next first. An image keeps them, so that numbers go on as they would have.
    pub(crate) fn free_numbers(&self) -> &[u32] {
        &self.free
    }

    pub(crate) fn set_free_numbers(&mut self, free: Vec<u32>) {
        self.free = free;
    }

    /// The record of a number that may be free.
    pub(crate) fn find(&self, number: u32) -> Option<&T> {
        self.chunks[number as usize / CHUNK][number as usize % CHUNK].as_ref()
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> &T {
        let record = self.chunks[number as usize / CHUNK][number as usize % CHUNK].as_ref();
        record.expect("invariant: an indexed number has a record")
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> &mut T {
        let record = self.chunks[number as usize / CHUNK][number as usize % CHUNK].as_mut();
        record.expect("invariant: an indexed number has a record")
    }

    pub(crate) fn remove(&mut self, number: u32) -> T {
        let record = self.chunks[number as usize / CHUNK][number as usize % CHUNK].take();
        self.free.push(number);
        record.expect("invariant: an indexed number has a record")
    }

    /// All numbers ever given, in order, with their records.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Option<&T>)> {
        self.chunks.iter().flatten().enumerate().map(|(number, record)| (number as u32, record.as_ref()))
    }

    /// The records that there are, in order, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let numbered = self.chunks.iter_mut().flatten().enumerate();
        numbered.filter_map(|(number, record)| Some((number as u32, record.as_mut()?)))
    }

    pub(crate) fn live(&self) -> usize {
        self.numbers as usize - self.free.len()
    }

    pub(crate) fn numbers(&self) -> u32 {
        self.numbers
    }
}
