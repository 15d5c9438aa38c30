//! `ByteStore`: the encoded bytes of orders, in blocks of a few sizes.
//!
//! Hot path: engine thread. An order's bytes change with every update and keep about their size: a block is
//! overwritten in place or swapped for one of the next size, without the allocator. Blocks come in pages; a page
//! is the only thing allocated, and never freed.

/// Block sizes, 4 bytes of length included. What is larger than the last is kept on its own.
const SIZES: [usize; 12] = [128, 192, 256, 320, 384, 512, 640, 768, 1024, 1536, 2048, 4096];
const PAGE_BYTES: usize = 64 * 1024;
const LENGTH: usize = 4;
/// The class of handles to bytes on their own.
const LARGE: u32 = SIZES.len() as u32;
const CLASS_SHIFT: u32 = 28;

/// Where bytes are kept: class in the top four bits, block below. 2^28 blocks a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(u32);

#[derive(Debug, Clone, Default)]
struct Class {
    pages: Vec<Box<[u8]>>,
    free: Vec<u32>,
    blocks: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct ByteStore {
    classes: Vec<Class>,
    large: Vec<Box<[u8]>>,
    large_free: Vec<u32>,
}

impl ByteStore {
    pub(crate) fn new() -> ByteStore {
        ByteStore { classes: vec![Class::default(); SIZES.len()], large: Vec::new(), large_free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, bytes: &[u8]) -> Handle {
        let class = class_for(bytes.len());
        if class == LARGE {
            return self.insert_large(bytes);
        }
        let store = &mut self.classes[class as usize];
        let block = store.free.pop().unwrap_or_else(|| store.new_block(SIZES[class as usize]));
        write_block(store.block_mut(block, SIZES[class as usize]), bytes);
        Handle(class << CLASS_SHIFT | block)
    }

    /// Puts other bytes where the old ones were; the handle changes only with the size class.
    #[inline]
    pub(crate) fn replace(&mut self, handle: Handle, bytes: &[u8]) -> Handle {
        let (class, block) = handle.parts();
        if class != LARGE && class_for(bytes.len()) == class {
            write_block(self.classes[class as usize].block_mut(block, SIZES[class as usize]), bytes);
            return handle;
        }
        self.remove(handle);
        self.insert(bytes)
    }

    #[inline]
    pub(crate) fn get(&self, handle: Handle) -> &[u8] {
        let (class, block) = handle.parts();
        if class == LARGE {
            return &self.large[block as usize];
        }
        let block = self.classes[class as usize].block(block, SIZES[class as usize]);
        let len = u32::from_le_bytes([block[0], block[1], block[2], block[3]]) as usize;
        &block[LENGTH..LENGTH + len]
    }

    pub(crate) fn remove(&mut self, handle: Handle) {
        let (class, block) = handle.parts();
        if class == LARGE {
            self.large[block as usize] = Box::default();
            self.large_free.push(block);
        } else {
            self.classes[class as usize].free.push(block);
        }
    }

    #[cold]
    fn insert_large(&mut self, bytes: &[u8]) -> Handle {
        let block = self.large_free.pop().unwrap_or_else(|| {
            self.large.push(Box::default());
            self.large.len() as u32 - 1
        });
        self.large[block as usize] = bytes.into();
        Handle(LARGE << CLASS_SHIFT | block)
    }
}

impl Handle {
    /// Of nothing, until the bytes are put somewhere.
    pub(crate) const NONE: Handle = Handle(u32::MAX);

    #[inline]
    fn parts(self) -> (u32, u32) {
        (self.0 >> CLASS_SHIFT, self.0 & ((1 << CLASS_SHIFT) - 1))
    }
}

#[inline]
fn class_for(len: usize) -> u32 {
    SIZES.iter().position(|&size| len + LENGTH <= size).map_or(LARGE, |class| class as u32)
}

#[inline]
fn write_block(block: &mut [u8], bytes: &[u8]) {
    block[..LENGTH].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
    block[LENGTH..LENGTH + bytes.len()].copy_from_slice(bytes);
}

impl Class {
    fn new_block(&mut self, size: usize) -> u32 {
        let block = self.blocks;
        if (block as usize).is_multiple_of(PAGE_BYTES / size) {
            self.pages.push(vec![0; PAGE_BYTES].into());
        }
        self.blocks += 1;
        block
    }

    #[inline]
    fn block(&self, block: u32, size: usize) -> &[u8] {
        let a_page = PAGE_BYTES / size;
        let at = block as usize % a_page * size;
        &self.pages[block as usize / a_page][at..at + size]
    }

    #[inline]
    fn block_mut(&mut self, block: u32, size: usize) -> &mut [u8] {
        let a_page = PAGE_BYTES / size;
        let at = block as usize % a_page * size;
        &mut self.pages[block as usize / a_page][at..at + size]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were_put_at_every_size() {
        let mut store = ByteStore::new();
        let sizes: Vec<usize> = (0..5000).step_by(37).collect();
        let bytes = |len: usize, salt: usize| (0..len).map(|i| (i + salt) as u8).collect::<Vec<_>>();
        let handles: Vec<Handle> = sizes.iter().map(|&len| store.insert(&bytes(len, 1))).collect();
        let moved: Vec<Handle> =
            handles.iter().zip(&sizes).map(|(h, len)| store.replace(*h, &bytes(len / 2, 2))).collect();
        for (handle, len) in moved.iter().zip(&sizes) {
            assert_eq!(store.get(*handle), bytes(len / 2, 2));
        }
        let pages: usize = store.classes.iter().map(|c| c.pages.len()).sum();
        moved.iter().for_each(|h| store.remove(*h));
        let _again: Vec<Handle> = sizes.iter().map(|&len| store.insert(&bytes(len / 2, 3))).collect();
        assert_eq!(pages, store.classes.iter().map(|c| c.pages.len()).sum::<usize>(), "freed blocks are used again");
    }
}
